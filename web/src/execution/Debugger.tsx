/** Stopped, looked at, changed, gone on with: the debugger of an execution, and its values at any moment of its history. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { ask } from "../api/client";
import { queries } from "../api/queries";
import { announce } from "../app/announcer";
import { addressIn, type Breakpoint, edgeAt, loopsAbove, nodeOf, type Stop } from "../model/breakpoints";
import type { Card, Plan } from "../model/drawing";
import { Button, Check, SelectField, TextField } from "../ui/controls";
import { FormDialog } from "../ui/dialogs";
import { Json } from "../ui/Json";
import { Loading, layout, messageOf, Refused, Wrong } from "../ui/layout";
import css from "./execution.module.css";

/** Between two looks at the values of an execution that changes all the time, in milliseconds. */
const LOOK_AGAIN_MS = 1_000;

/** A number that follows another one, but not more often than so. */
function useSlow(value: number): number {
  const [slow, setSlow] = useState(value);
  const last = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, last.current + LOOK_AGAIN_MS - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      setSlow(value);
    }, wait);
    return () => clearTimeout(timer);
  }, [value]);
  return slow;
}

/** Values of an execution: after an event, or now, which is read again when `stand` is another one. */
export function useValues(execution: string, event: number | undefined, stand: string | number, enabled: boolean) {
  return useQuery({
    queryKey: ["execution", execution, "values", event ?? "now", event === undefined ? stand : ""],
    queryFn: ({ signal }) =>
      ask("GET /api/v1/executions/{execution}/values", { path: { execution }, query: { event }, signal }),
    enabled,
    placeholderData: (before) => before,
    staleTime: event === undefined ? 500 : Number.POSITIVE_INFINITY,
  });
}

const MODES = [
  { mode: "continue", label: "Continue", icon: "play" },
  { mode: "over", label: "Step over", icon: "step" },
  { mode: "into", label: "Step into", icon: "into" },
  { mode: "out", label: "Step out", icon: "outOf" },
] as const;

export function Stepping({ execution }: { execution: string }) {
  const go = useMutation({
    mutationFn: (mode: (typeof MODES)[number]["mode"]) =>
      ask("POST /api/v1/executions/{execution}/go", { path: { execution }, body: { mode } }),
    onError: (error) => announce(messageOf(error), true),
    onSettled: () => queries.invalidateQueries({ queryKey: ["execution", execution] }),
  });
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would draw its own frame around a row of buttons.
    <div className={layout.row} role="group" aria-label="Debugger">
      {MODES.map((one) => (
        <Button key={one.mode} small icon={one.icon} disabled={go.isPending} onClick={() => go.mutate(one.mode)}>
          {one.label}
        </Button>
      ))}
    </div>
  );
}

/** Sets a breakpoint that stops always, or clears the one that is there. */
export function useBreakpoint(execution: string) {
  const path = { execution };
  return useMutation({
    mutationFn: ({ at, set }: { at: string; set: boolean }) =>
      set
        ? ask("POST /api/v1/executions/{execution}/breakpoints", { path, body: { at } })
        : ask("DELETE /api/v1/executions/{execution}/breakpoints", { path, query: { at } }),
    onSuccess: (_, { at, set }) => announce(set ? `It stops at ${at}.` : `It stops at ${at} no more.`),
    onError: (error) => announce(messageOf(error), true),
    onSettled: () => queries.invalidateQueries({ queryKey: ["execution", execution] }),
  });
}

export function BreakpointButton({
  execution,
  at,
  set,
  words = "Break here",
}: {
  execution: string;
  at: string;
  set: boolean;
  /** What setting it is called. */
  words?: string;
}) {
  const change = useBreakpoint(execution);
  return (
    <Button
      small
      icon="bug"
      aria-pressed={set}
      busy={change.isPending}
      onClick={() => change.mutate({ at, set: !set })}
    >
      {set ? "Clear breakpoint" : words}
    </Button>
  );
}

/** The ways on which a Graph comes to a node, each of which can be stopped on. */
export function Ways({
  execution,
  plan,
  card,
  stop,
}: {
  execution: string;
  plan: Plan;
  card: Card;
  stop: Stop | undefined;
}) {
  if (card.needs.length === 0) return null;
  return (
    <section className={css.section} style={{ flexBasis: "100%" }} aria-label={`Ways to ${card.title}`}>
      <h3>Ways to it</h3>
      {card.needs.map((from) => {
        const set = stop?.from.get(from);
        const at = set?.at ?? edgeAt(plan, from, card.place);
        const title = plan.cards.get(from)?.title ?? from;
        return (
          at !== undefined && (
            <div key={from} className={layout.row}>
              <span>from {title}</span>
              <BreakpointButton execution={execution} at={at} set={set !== undefined} words={`Break from ${title}`} />
            </div>
          )
        );
      })}
    </section>
  );
}

/** What is chosen where one run of a loop is meant that may not have begun. */
const ONE_RUN = "one run";

/** The number of a run, as it is typed. */
function runNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
}

/** The runs of loops that were typed, and the address that they lead to; none until every number is one. */
function useRuns(plan: Plan, card: Card) {
  const loops = useMemo(() => loopsAbove(plan, card.place), [plan, card.place]);
  const [typed, setTyped] = useState<Record<string, string>>({});
  const numbers = new Map(loops.map((loop) => [loop.place, runNumber(typed[loop.place] ?? "")]));
  const known = new Map([...numbers].flatMap(([place, number]) => (number === undefined ? [] : [[place, number]])));
  const address = known.size === loops.length ? addressIn(card.place, known) : undefined;
  const type = (place: string, text: string) => setTyped((before) => ({ ...before, [place]: text }));
  return { loops, typed, type, numbers, address };
}

/** Where a breakpoint of a node can stand: before every run, the run that is looked at, any run of a loop, on a way to it. */
function placesOf(plan: Plan, card: Card, address: string | undefined, loops: readonly Card[]) {
  const node = nodeOf(card);
  const ways = card.needs.flatMap((from) => {
    const at = edgeAt(plan, from, card.place);
    return at === undefined ? [] : [[at, `${node}, coming from ${plan.cards.get(from)?.title ?? from}`] as const];
  });
  return [
    [node, `${node}, every run`] as const,
    ...(address && address !== card.place ? [[address, `${address}, this run`] as const] : []),
    ...(loops.length > 0 ? [[ONE_RUN, "One run, also one to come"] as const] : []),
    ...ways,
  ];
}

/** A breakpoint that stops sometimes only: when something holds, in one run of a loop, on one way to a node, or once. */
export function ConditionDialog({
  execution,
  plan,
  card,
  address,
  onClose,
}: {
  execution: string;
  plan: Plan;
  /** The node, every run of which is meant at first. */
  card: Card;
  /** One run, where there are several. */
  address: string | undefined;
  onClose: () => void;
}) {
  const runs = useRuns(plan, card);
  const [place, setPlace] = useState(nodeOf(card));
  const [condition, setCondition] = useState("");
  const [once, setOnce] = useState(false);
  const [tried, setTried] = useState(false);
  const at = place === ONE_RUN ? runs.address : place;
  const set = useMutation({
    mutationFn: (at: string) =>
      ask("POST /api/v1/executions/{execution}/breakpoints", {
        path: { execution },
        body: { at, once, ...(condition.trim() ? { condition } : {}) },
      }),
    onSuccess: (_, at) => {
      announce(`It stops at ${at}.`);
      onClose();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["execution", execution] }),
  });
  const submit = () => {
    setTried(true);
    if (at !== undefined) set.mutate(at);
  };
  return (
    <FormDialog title="Break when" act="Set it" icon="bug" doing={set} onSubmit={submit} onClose={onClose}>
      <SelectField
        label="Where"
        value={place}
        onChange={setPlace}
        options={placesOf(plan, card, address, runs.loops)}
      />
      {place === ONE_RUN &&
        runs.loops.map((loop) => (
          <TextField
            key={loop.place}
            label={`Run of ${loop.title}`}
            hint="Its number, counted from 0 as in addresses."
            inputMode="numeric"
            value={runs.typed[loop.place] ?? ""}
            wrong={tried && runs.numbers.get(loop.place) === undefined ? "This must be a whole number." : undefined}
            onText={(text) => runs.type(loop.place, text)}
          />
        ))}
      <TextField
        label="Condition"
        optional
        placeholder="count > 4"
        hint="An expression over the values there, such as item.price > 100."
        value={condition}
        onText={setCondition}
      />
      <Check label="Only once" checked={once} onChange={setOnce} />
    </FormDialog>
  );
}

/** The breakpoints of an execution, each with a way to take it away. */
export function Breakpoints({ execution, all, may }: { execution: string; all: readonly Breakpoint[]; may: boolean }) {
  if (all.length === 0) return null;
  return (
    <section className={css.section}>
      <h3>Breakpoints</h3>
      {all.map((one) => (
        <div key={one.at} className={layout.row}>
          <code>{one.at}</code>
          <span className={css.dim}>
            {one.condition ? `when ${one.condition}` : "always"}
            {one.once ? ", once" : ""}
          </span>
          {may && <BreakpointButton execution={execution} at={one.at} set />}
        </div>
      ))}
    </section>
  );
}

export function ValuesView({
  execution,
  event,
  version,
  editable,
}: {
  execution: string;
  event: number | undefined;
  version: number;
  editable: boolean;
}) {
  const values = useValues(execution, event, useSlow(version), true);
  if (!values.data) return values.error ? <Wrong error={values.error} /> : <Loading />;
  return (
    <div className={css.box}>
      <div className={css.inspectorBody}>
        {editable && <SetValue execution={execution} />}
        {Object.entries(values.data.values).map(([name, value]) => (
          <section key={name} className={css.section}>
            <h2>{NAMES[name] ?? name}</h2>
            <Json value={value} label={NAMES[name] ?? name} />
          </section>
        ))}
      </div>
    </div>
  );
}

const NAMES: Record<string, string> = {
  input: "Input",
  bb: "Blackboard",
  steps: "What steps gave, where others name it",
  item: "Element",
  index: "Index",
  vars: "Variables",
};

function SetValue({ execution }: { execution: string }) {
  const [path, setPath] = useState("bb.");
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState<string>();
  const set = useMutation({
    mutationFn: (value: unknown) =>
      ask("POST /api/v1/executions/{execution}/values", { path: { execution }, body: { path, value } }),
    onSuccess: () => announce(`${path} was changed.`),
    onSettled: () => queries.invalidateQueries({ queryKey: ["execution", execution] }),
  });
  return (
    <form
      className={layout.stack}
      style={{ gap: 8 }}
      onSubmit={(event) => {
        event.preventDefault();
        try {
          setWrong(undefined);
          set.mutate(JSON.parse(text));
        } catch {
          setWrong("This is not JSON.");
        }
      }}
    >
      <Refused error={set.error} />
      <div className={css.edit}>
        <TextField label="Change the value" value={path} onText={setPath} required />
        <TextField label="to" value={text} wrong={wrong} onText={setText} required />
        <Button type="submit" busy={set.isPending}>
          Change
        </Button>
      </div>
    </form>
  );
}
