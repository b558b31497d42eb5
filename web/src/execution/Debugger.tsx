/** Stopped, looked at, changed, gone on with: the debugger of an execution, and its values at any moment of its history. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ask } from "../api/client";
import { queries } from "../api/queries";
import { announce } from "../app/announcer";
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

export function BreakpointButton({ execution, at, set }: { execution: string; at: string; set: boolean }) {
  const path = { execution };
  const change = useMutation({
    mutationFn: () =>
      set
        ? ask("DELETE /api/v1/executions/{execution}/breakpoints", { path, query: { at } })
        : ask("POST /api/v1/executions/{execution}/breakpoints", { path, body: { at } }),
    onSuccess: () => announce(set ? "It stops here no more." : "It stops before this step."),
    onError: (error) => announce(messageOf(error), true),
    onSettled: () => queries.invalidateQueries({ queryKey: ["execution", execution] }),
  });
  return (
    <Button small icon="bug" aria-pressed={set} busy={change.isPending} onClick={() => change.mutate()}>
      {set ? "Clear breakpoint" : "Break here"}
    </Button>
  );
}

/** A breakpoint that stops sometimes only: when something holds, in one run of a loop, or once. */
export function ConditionDialog({
  execution,
  node,
  address,
  onClose,
}: {
  execution: string;
  /** The node, every run of which is meant. */
  node: string;
  /** One run, where there are several. */
  address: string | undefined;
  onClose: () => void;
}) {
  const [at, setAt] = useState(node);
  const [condition, setCondition] = useState("");
  const [once, setOnce] = useState(false);
  const set = useMutation({
    mutationFn: () =>
      ask("POST /api/v1/executions/{execution}/breakpoints", {
        path: { execution },
        body: { at, once, ...(condition.trim() ? { condition } : {}) },
      }),
    onSuccess: () => {
      announce(`It stops at ${at}.`);
      onClose();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["execution", execution] }),
  });
  const places = [
    [node, `${node}, every run`] as const,
    ...(address && address !== node ? [[address, `${address}, this run`] as const] : []),
  ];
  return (
    <FormDialog title="Break when" act="Set it" icon="bug" doing={set} onSubmit={() => set.mutate()} onClose={onClose}>
      <SelectField label="Where" value={at} onChange={setAt} options={places} />
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
export function Breakpoints({
  execution,
  all,
  may,
}: {
  execution: string;
  all: ReadonlyArray<{ at: string; condition?: string; once?: boolean }>;
  may: boolean;
}) {
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
