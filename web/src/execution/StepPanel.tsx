/** One step with all that is known of it: what it was given, what it gave, why it failed, what it wrote. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../api/client";
import type { Step } from "../api/schema";
import { Rules } from "../drawing/Rules";
import { attemptsOf } from "../model/attempts";
import type { Card } from "../model/drawing";
import { type Past, stepAsItStood } from "../model/past";
import type { Run, StepRow } from "../model/run";
import { duration, moment } from "../model/time";
import { kindsOf } from "../model/value";
import { Badge, Button, CopyButton, Status } from "../ui/controls";
import { Json } from "../ui/Json";
import { Heads } from "../ui/Listing";
import { Empty, Facts, Loading, layout, Notice, sentence, Table, Wrong } from "../ui/layout";
import { useNow } from "../ui/time";
import css from "./execution.module.css";

export function StepPanel({
  execution,
  run,
  now,
  past,
  address,
  card,
  onSelect,
  onClose,
  actions,
}: {
  execution: string;
  /** The execution as it is shown. */
  run: Run;
  /** The same as it stands now. */
  now: Run;
  /** After how many changes it is shown; absent when that is now. */
  past: number | undefined;
  address: string | undefined;
  card: Card | undefined;
  onSelect: (address: string) => void;
  onClose: () => void;
  actions: React.ReactNode;
}) {
  const row = address === undefined ? undefined : run.steps.get(address);
  const step = useStep(execution, address, now);
  const shown =
    step.data && row && past !== undefined
      ? stepAsItStood(step.data, row, run, !now.beganAgain(row.address, past))
      : step.data && { step: step.data, isKept: true };
  const name = card?.title ?? row?.id ?? address ?? "";
  return (
    <section className={css.inspector} aria-label={`Step ${name}`}>
      <div className={css.inspectorHead}>
        <div>
          <div className={layout.row}>
            <h2>{name}</h2>
            <Status status={row?.status ?? "pending"} />
          </div>
          <span className={css.dim}>
            {card?.type ?? row?.type} at <code>{address ?? card?.place}</code>
          </span>
        </div>
        <Button look="quiet" icon="close" aria-label="Close the step" onClick={onClose} />
      </div>
      <div className={css.inspectorBody}>
        <div className={layout.row}>{actions}</div>
        {card && <Runs run={run} place={card.place} address={address} onSelect={onSelect} />}
        {address !== undefined && <Attempts run={run} address={address} onSelect={onSelect} />}
        {card && <Rules card={card} />}
        {!row ? (
          <Empty icon="clock" title={past === undefined ? "It has not begun" : "It had not begun"}>
            {card?.note || "What it is given is known when it begins."}
          </Empty>
        ) : shown ? (
          <Details shown={shown} note={row.note} isPast={past !== undefined} />
        ) : step.error ? (
          <Wrong error={step.error} again={() => void step.refetch()} />
        ) : (
          <Loading />
        )}
      </div>
    </section>
  );
}

/** All that is known of a step now; read again when its state is another one. */
function useStep(execution: string, address: string | undefined, now: Run) {
  const row = address === undefined ? undefined : now.steps.get(address);
  return useQuery({
    queryKey: ["execution", execution, "step", address, row?.status, row?.endedAt],
    queryFn: ({ signal }) =>
      ask("GET /api/v1/executions/{execution}/step", { path: { execution }, query: { at: address }, signal }),
    enabled: row !== undefined,
    staleTime: row?.endedAt === undefined ? 1_000 : Number.POSITIVE_INFINITY,
    placeholderData: (before) => (before?.address === address ? before : undefined),
  });
}

/** The runs of a node within loops. */
function Runs({
  run,
  place,
  address,
  onSelect,
}: {
  run: Run;
  place: string;
  address: string | undefined;
  onSelect: (address: string) => void;
}) {
  const [failed, setFailed] = useState(false);
  const state = run.places.get(place);
  if (!state || state.runs < 2) return null;
  const all = run.order.filter((row) => row.place === place && (!failed || row.status === "failure"));
  const at = all.findIndex((row) => row.address === address);
  const go = (to: number) => {
    const row = all[to];
    if (row) onSelect(row.address);
  };
  return (
    <div className={layout.row}>
      <Button
        small
        icon="chevron"
        aria-label="Run before"
        style={{ rotate: "180deg" }}
        onClick={() => go(at - 1)}
        disabled={at <= 0}
      />
      <span>
        Run {at + 1} of {all.length}
      </span>
      <Button small icon="chevron" aria-label="Next run" onClick={() => go(at + 1)} disabled={at >= all.length - 1} />
      {state.failures > 0 && (
        <Button small look="quiet" aria-pressed={failed} onClick={() => setFailed(!failed)}>
          {failed ? "All runs" : `${state.failures} failed`}
        </Button>
      )}
    </div>
  );
}

/** Attempts that are shown; of more the last ones. */
const ATTEMPTS_MAX = 20;

/** Each attempt below a `Retry`, with how it went; choosing one opens it. */
function Attempts({ run, address, onSelect }: { run: Run; address: string; onSelect: (address: string) => void }) {
  const all = attemptsOf(run, address);
  const now = useNow(1_000);
  if (all.length === 0) return null;
  const end = run.endedAt ?? now;
  const took = ({ startedAt, endedAt }: StepRow) => duration(Math.max(0, (endedAt ?? end) - startedAt));
  return (
    <section className={css.section}>
      <h3>Attempts</h3>
      {all.length > ATTEMPTS_MAX && (
        <p className={css.dim}>
          The last {ATTEMPTS_MAX} of {all.length}.
        </p>
      )}
      <Table label="Attempts" head={<Heads columns={["Attempt", "State", { numeric: "Took" }, "Why"]} />}>
        {all.slice(-ATTEMPTS_MAX).map(({ number, row }) => (
          <tr key={row.address}>
            <th scope="row">
              <Button
                small
                look="quiet"
                aria-label={`Attempt ${number}`}
                aria-pressed={row.address === address}
                onClick={() => onSelect(row.address)}
              >
                {number}
              </Button>
            </th>
            <td>
              <Status status={row.status} />
            </td>
            <td className={layout.numeric}>{took(row)}</td>
            <td>{row.error ? sentence(row.error.message) : <span className={css.dim}>{row.note ?? "–"}</span>}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function Details({
  shown: { step, isKept },
  note,
  isPast,
}: {
  shown: Past;
  note: string | undefined;
  isPast: boolean;
}) {
  return (
    <>
      {!isKept && (
        <Notice icon="info">
          It was started again later. What it was given and gave before is not kept beside the step; the values of this
          moment have what other steps name of it.
        </Notice>
      )}
      {step.held && (
        <Notice tone="waiting" icon="pause">
          Held: {step.held}
        </Notice>
      )}
      {step.error && <Failure error={step.error} />}
      <Facts
        items={[
          ["Started", moment(step.started_at)],
          ["Took", step.duration_ms === null ? (isPast ? "still ran" : "still runs") : duration(step.duration_ms)],
          step.attempts !== null && step.attempts > 1 && ["Tried", `${step.attempts} times`],
          step.waiting !== null && ["Waits for", step.waiting],
          note !== undefined && step.waiting === null && !step.held && step.duration_ms === null && ["Says", note],
          step.usage !== null && step.usage !== undefined && ["Used", <Usage key="used" usage={step.usage} />],
        ]}
      />
      <Tried step={step} />
      {step.props && Object.keys(step.props).length > 0 && (
        <section className={css.section}>
          <h3>Inputs</h3>
          <Json value={step.props} label="Inputs" />
        </section>
      )}
      {Object.keys(step.outputs).length > 0 && (
        <section className={css.section}>
          <h3>Outputs</h3>
          <Outputs outputs={step.outputs} />
        </section>
      )}
      {step.logs.length > 0 && (
        <section className={css.section}>
          <h3>Log</h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys. */}
          <pre className={layout.pre} style={{ maxHeight: 240 }} tabIndex={0}>
            {step.logs.map((line) => `${line.level.padEnd(5)} ${line.message}`).join("\n")}
          </pre>
        </section>
      )}
    </>
  );
}

/** The attempts by the step's own `retry:` that failed before the one that is shown. */
function Tried({ step }: { step: Step }) {
  if (step.earlier.length === 0) return null;
  return (
    <section className={css.section}>
      <h3>Attempts before</h3>
      {(step.attempts ?? 1) - 1 > step.earlier.length && (
        <p className={css.dim}>
          The last {step.earlier.length} of {(step.attempts ?? 1) - 1}.
        </p>
      )}
      <Table
        label="Attempts before"
        head={<Heads columns={["Attempt", "Began", { numeric: "Took" }, "Why it failed"]} />}
      >
        {step.earlier.map(({ attempt, started_at, duration_ms, error }) => (
          <tr key={attempt}>
            <th scope="row">{attempt}</th>
            <td>{moment(started_at)}</td>
            <td className={layout.numeric}>{duration(duration_ms)}</td>
            <td>
              {sentence(error.message)} <span className={css.dim}>{error.kind}</span>
            </td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

/** A single output that is more than a word is shown as the best that it can be; of several each has its own shape. */
function Outputs({ outputs }: { outputs: Record<string, unknown> }) {
  const names = Object.keys(outputs);
  const [only] = names;
  if (names.length === 1 && only !== undefined && kindsOf(outputs[only])[0] !== "text") {
    return <Json value={outputs[only]} label={only} />;
  }
  return <Json value={outputs} label="Outputs" />;
}

function Usage({ usage }: { usage: unknown }) {
  const entries = Object.entries((usage ?? {}) as Record<string, unknown>).filter(([, value]) => value !== null);
  return (
    <span className={layout.row}>
      {entries.map(([name, value]) => (
        <Badge key={name} tone="idle">
          {name.replaceAll("_", " ")}: {typeof value === "number" ? value.toLocaleString() : String(value)}
        </Badge>
      ))}
    </span>
  );
}

interface Told {
  kind: string;
  message: string;
  retryable?: boolean | undefined;
  detail?: unknown;
  cause?: unknown;
  suggestion?: unknown;
  step?: unknown;
}

/** The chain of what led to a failure, the nearest first. */
function causes(error: Told): Told[] {
  const chain: Told[] = [];
  let next: unknown = error.cause ?? (error.detail as { cause?: unknown } | null | undefined)?.cause;
  while (next && typeof next === "object" && chain.length < 16) {
    const told = next as Told;
    chain.push(told);
    next = told.cause;
  }
  return chain;
}

/** The address of the step at which a failure began, where it is told. */
function placeIn(error: Told): string | undefined {
  const step = error.step as { address?: unknown } | string | null | undefined;
  if (typeof step === "string") return step;
  return typeof step?.address === "string" ? step.address : undefined;
}

export function Failure({ error, onStep }: { error: Told; onStep?: (address: string) => void }) {
  const chain = causes(error);
  const at = placeIn(error);
  const suggestion = error.suggestion ?? (error.detail as { suggestion?: unknown } | null | undefined)?.suggestion;
  return (
    <Notice tone="failure" icon="cross">
      <div className={layout.row}>
        <strong style={{ overflowWrap: "anywhere" }}>{sentence(error.message)}</strong>
        <CopyButton text={JSON.stringify(error, undefined, 2)} label="Copy the error" />
      </div>
      <span className={css.dim}>
        {error.kind}
        {error.retryable ? ", may be tried again" : ""}
        {at !== undefined && (
          <>
            {" at "}
            {onStep ? (
              <Button look="quiet" small style={{ minHeight: 18, padding: "0 2px" }} onClick={() => onStep(at)}>
                step {at}
              </Button>
            ) : (
              at
            )}
          </>
        )}
      </span>
      {chain.length > 0 && (
        <ol>
          {chain.map((cause) => (
            <li key={cause.message}>caused by: {cause.message}</li>
          ))}
        </ol>
      )}
      {typeof suggestion === "string" && <p>{suggestion}</p>}
      {error.detail !== null && error.detail !== undefined && (
        <details>
          <summary>Details</summary>
          <Json value={error.detail} label="Details of the error" />
        </details>
      )}
    </Notice>
  );
}
