/** An execution as it goes on: its events, followed from the first one, and the state of the connection. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { address } from "../api/client";
import { type Connection, follow, type ServerEvent } from "../api/events";
import { queries } from "../api/queries";
import { Run } from "../model/run";

/** Follows an execution while the page is open. What comes at once is shown at once: one drawing for each frame of the screen. */
export function useRun(execution: string): { run: Run; version: number; connection: Connection } {
  const [run, setRun] = useState(() => new Run());
  const [connection, setConnection] = useState<Connection>("connecting");
  useEffect(() => {
    const fresh = new Run();
    setRun(fresh);
    let gathered: ServerEvent[] = [];
    let frame = 0;
    const flush = () => {
      frame = 0;
      const events = gathered;
      gathered = [];
      fresh.take(events);
      if (events.some((event) => event.name === "complete" || event.name === "error" || isOfExecution(event))) {
        void queries.invalidateQueries({ queryKey: ["execution", execution] });
      }
    };
    const stop = follow(
      address("GET /api/v1/executions/{execution}/events", { path: { execution }, query: { live: true } }),
      {
        onEvents: (events) => {
          for (const event of events) gathered.push(event);
          // A page in the background draws no frames; it is brought up to date when it is seen.
          frame ||= document.hidden ? window.setTimeout(flush, 250) : requestAnimationFrame(flush);
        },
        onConnection: (now) => {
          if (now === "ended") flush();
          setConnection(now);
        },
      },
    );
    return () => {
      stop();
      cancelAnimationFrame(frame);
      clearTimeout(frame);
    };
  }, [execution]);
  const version = useSyncExternalStore(run.subscribe, run.getVersion);
  return { run, version, connection };
}

function isOfExecution(event: ServerEvent): boolean {
  return event.name === "status" && (event.data as Record<string, unknown>)["step"] === undefined;
}
