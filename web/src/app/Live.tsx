/** Keeps lists up to date while somebody is signed in: by what the server tells, and by asking now and then where it does not. */
import { useEffect } from "react";
import { rememberedCsrf } from "../api/client";
import { isOf, type List, listen } from "../api/live";
import { hears, queries } from "../api/queries";
import { useMay } from "./session";

/** Between two readings of a list of which every change is told, in milliseconds. */
const AGAIN_MS = 1_000;

/** Reads a list at once, and again when more was told meanwhile. */
function reader(): { read: (list: List) => void; stop: () => void } {
  const timers = new Map<List, ReturnType<typeof setTimeout> | undefined>();
  const waiting = new Set<List>();
  const read = (list: List) => {
    if (timers.has(list)) {
      waiting.add(list);
      return;
    }
    void queries.invalidateQueries({ predicate: ({ queryKey }) => isOf(list, queryKey) });
    timers.set(
      list,
      setTimeout(() => {
        timers.delete(list);
        if (waiting.delete(list)) read(list);
      }, AGAIN_MS),
    );
  };
  return { read, stop: () => timers.forEach(clearTimeout) };
}

const LISTS: readonly List[] = ["executions", "queue", "tasks"];

export function Live() {
  const executions = useMay("executions.read");
  const tasks = useMay("tasks.read");
  useEffect(() => {
    const lists = LISTS.filter((list) => (list === "tasks" ? tasks : executions));
    if (lists.length === 0) return;
    const { read, stop } = reader();
    const end = listen({
      lists,
      csrf: rememberedCsrf,
      onChange: read,
      onOpen: (open) => {
        hears(open);
        // What changed while nothing was heard; and from now on each list is asked for as often as it has to be.
        for (const list of lists) read(list);
      },
    });
    return () => {
      end();
      stop();
      hears(false);
    };
  }, [executions, tasks]);
  return null;
}
