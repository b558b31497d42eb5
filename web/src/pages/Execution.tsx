/** One execution: drawn live, told in words, by time, by lines and by values; stepped through, and looked at as it was. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import type { Connection } from "../api/events";
import { execution as executionQuery } from "../api/queries";
import type { Execution as Row } from "../api/schema";
import { useMay } from "../app/session";
import { Drawing, type Overlay } from "../drawing/Drawing";
import { Outline } from "../drawing/Outline";
import { Actions, ForkDialog } from "../execution/Actions";
import {
  BreakpointButton,
  Breakpoints,
  ConditionDialog,
  Stepping,
  useBreakpoint,
  useValues,
  ValuesView,
  Ways,
} from "../execution/Debugger";
import css from "../execution/execution.module.css";
import { Logs } from "../execution/Logs";
import { Failure, StepPanel } from "../execution/StepPanel";
import { type Filter, Timeline } from "../execution/Timeline";
import { usePlan } from "../execution/usePlan";
import { useRun } from "../execution/useRun";
import { type Breakpoint, edgeAt, nodeOf, type Stops, stopsOf } from "../model/breakpoints";
import { placeOf } from "../model/definition";
import type { Plan } from "../model/drawing";
import { FINAL, type Run } from "../model/run";
import { moment } from "../model/time";
import { Badge, Button, CopyButton, Segments, Status } from "../ui/controls";
import { Json, ValuesOf } from "../ui/Json";
import { Facts, Loading, layout, Notice, Page, sentence, Wrong } from "../ui/layout";
import { Rest } from "../ui/More";
import { Took, When } from "../ui/time";

const VIEWS = [
  { id: "drawing", label: "Drawing", icon: "tree" },
  { id: "outline", label: "Outline", icon: "list" },
  { id: "timeline", label: "Timeline", icon: "timeline" },
  { id: "logs", label: "Logs", icon: "logs" },
  { id: "values", label: "Values", icon: "value" },
] as const;

type View = (typeof VIEWS)[number]["id"];

export function Execution() {
  const { execution } = useParams({ from: "/shell/executions/$execution" });
  const row = useQuery(executionQuery(execution));
  if (row.isPending) return <Loading />;
  if (!row.data) return <Wrong error={row.error} again={() => void row.refetch()} />;
  return (
    <ValuesOf execution={execution}>
      <Opened key={execution} row={row.data} />
    </ValuesOf>
  );
}

/** Where one is on this page; all of it stands in the address. */
function usePlace() {
  const search = useSearch({ from: "/shell/executions/$execution" });
  const navigate = useNavigate({ from: "/executions/$execution" });
  const go = (change: PlaceChange) =>
    void navigate({
      search: (before) =>
        Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined)),
      replace: !isPlaceOfItsOwn(search, change),
    });
  const view: View = VIEWS.find((one) => one.id === search.view)?.id ?? "drawing";
  const filter: Filter = { find: search.find ?? "", state: search.state ?? "", level: search.level ?? "" };
  return { selected: search.step, at: search.at, view, filter, go };
}

interface PlaceChange extends Partial<Record<keyof Filter, string | undefined>> {
  step?: string | undefined;
  view?: string;
  at?: number | undefined;
}

/**
 * Whether Back comes back to what one leaves: from one view to another, and from all of it to a step. Going from step to step,
 * along the history and letter by letter through a search leads nowhere else.
 */
function isPlaceOfItsOwn(before: { step?: string; view?: string }, change: PlaceChange): boolean {
  const otherView = change.view !== undefined && change.view !== (before.view ?? "drawing");
  return otherView || (change.step !== undefined && before.step === undefined);
}

type Place = ReturnType<typeof usePlace>;

/** The execution as it stands, or as it stood at the moment that the slider points to. */
function useOpened(row: Row, { selected, at }: Place) {
  const { run, version, connection } = useRun(row.execution);
  const drawn = usePlan(row.workflow, row.version);
  const status = run.status ?? row.status;
  const past = at !== undefined && at < run.changes.length ? at : undefined;
  const event = past === undefined ? undefined : (run.changes[Math.max(0, past - 1)]?.seq ?? 0);
  // What is behind it does not change any more, so that it is put together once.
  const shown = useMemo(() => (past === undefined ? run : run.asItStood(past)), [run, past]);
  // The history is replayed for it, so that it is read when the execution has come to another state, and not with each step.
  const live = useValues(row.execution, undefined, stand(run, status), status !== "queued");
  const over = FINAL.has(status) || status === "quarantined";
  const stops = useStops(over ? undefined : live.data?.breakpoints, drawn.data?.plan);
  const onWay = useWay(row.execution, over ? undefined : drawn.data?.plan, stops);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version says that the run has changed.
  const overlay: Overlay = useMemo(
    () => ({
      places: shown.places,
      selected: selected === undefined ? undefined : placeOf(selected),
      stops,
      onWay,
    }),
    [shown, version, selected, stops, onWay],
  );
  const card = selected === undefined ? undefined : drawn.data?.plan.cards.get(placeOf(selected));
  const address =
    selected !== undefined && run.steps.has(selected) ? selected : card && shown.places.get(card.place)?.last;
  return { run, shown, version, connection, drawn, status, over, past, event, live, overlay, card, address };
}

type Stand = ReturnType<typeof useOpened>;

const NOWHERE: Stops = new Map();

/** Where it stops, once the drawing is there. */
function useStops(breakpoints: readonly Breakpoint[] | undefined, plan: Plan | undefined): Stops {
  return useMemo(() => (plan && breakpoints ? stopsOf(plan, breakpoints) : NOWHERE), [plan, breakpoints]);
}

/** What sets and clears a breakpoint on the way from one node to another, for whoever may. */
function useWay(execution: string, plan: Plan | undefined, stops: Stops) {
  const steers = useMay("executions.steer");
  const { mutate } = useBreakpoint(execution);
  return useMemo(() => {
    if (!steers || !plan) return undefined;
    return (from: string, to: string) => {
      const set = stops.get(to)?.from.get(from);
      const at = set?.at ?? edgeAt(plan, from, to);
      if (at !== undefined) mutate({ at, set: set === undefined });
    };
  }, [steers, plan, stops, mutate]);
}

function Opened({ row }: { row: Row }) {
  const place = usePlace();
  const opened = useOpened(row, place);
  const steers = useMay("executions.steer");
  const { run, shown, status, past, live, over, card, address } = opened;
  return (
    <Page
      full
      title={row.workflow}
      heading={row.workflow}
      crumbs={[{ label: "Executions", to: "/executions" }]}
      status={<State row={row} opened={opened} />}
      about={<About row={row} moment={past === undefined ? undefined : (shown.endedAt ?? run.order[0]?.startedAt)} />}
      actions={
        <>
          {row.forked_from && (
            <Link to="/compare" search={{ left: row.forked_from, right: row.execution }}>
              Compare with its origin
            </Link>
          )}
          <Actions row={{ ...row, status: status as Row["status"] }} input={live.data?.values["input"] as undefined} />
        </>
      }
    >
      <div className={css.split}>
        <div className={css.view}>
          <div className={css.bar}>
            <Segments label="View" value={place.view} options={VIEWS} onChange={(view) => place.go({ view })} />
            {status === "paused" && steers && <Stepping execution={row.execution} />}
          </div>
          <Shown row={row} place={place} opened={opened} />
          <Travel run={run} past={past} onTravel={(at) => place.go({ at })} />
        </div>
        {place.selected === undefined ? (
          <Overview row={row} opened={opened} onStep={(step) => place.go({ step })}>
            <Breakpoints execution={row.execution} all={over ? [] : (live.data?.breakpoints ?? [])} may={steers} />
          </Overview>
        ) : (
          <StepPanel
            execution={row.execution}
            run={shown}
            now={run}
            past={past}
            address={address}
            card={card}
            onSelect={(step) => place.go({ step })}
            onClose={() => place.go({ step: undefined })}
            actions={<StepActions execution={row.execution} opened={opened} />}
          />
        )}
      </div>
    </Page>
  );
}

function State({ row, opened }: { row: Row; opened: Stand }) {
  const { run, shown, status, over, past, connection } = opened;
  return (
    <>
      <Status status={past === undefined ? status : (shown.status ?? "queued")} />
      {past !== undefined && (
        <Badge tone="idle" icon="clock">
          As it stood after {past} of {run.changes.length} changes
        </Badge>
      )}
      {row.waiting && !over && past === undefined && <span className={layout.dim}>{row.waiting}</span>}
      <Line connection={connection} />
    </>
  );
}

/** What is the matter with the connection on which it is told how the execution goes on. */
function Line({ connection }: { connection: Connection }) {
  switch (connection) {
    case "lost":
      return (
        <Badge tone="waiting" icon="offline">
          Connection lost, comes back
        </Badge>
      );
    case "forbidden":
      return (
        <Badge tone="failure" icon="lock">
          Not permitted to follow it: executions.read is missing
        </Badge>
      );
    case "refused":
      return (
        <Badge tone="failure" icon="warning">
          The server does not tell how it goes on
        </Badge>
      );
    default:
      return null;
  }
}

function About({ row, moment: shownAt }: { row: Row; moment: number | undefined }) {
  return (
    <span className={layout.row}>
      <span>
        Version{" "}
        <Link to="/workflows/$workflow" params={{ workflow: row.workflow }} search={{}}>
          {row.version}
        </Link>
      </span>
      <span>·</span>
      <span>
        started <When at={row.started_at} />
      </span>
      <span>·</span>
      <span>
        {shownAt === undefined ? (
          <>
            took <Took ms={row.duration_ms} since={row.started_at} />
          </>
        ) : (
          `as of ${moment(new Date(shownAt).toISOString())}`
        )}
      </span>
      <span>·</span>
      <code>{row.execution}</code>
      <CopyButton text={row.execution} label="Copy the id" />
    </span>
  );
}

/** The view that was chosen. */
function Shown({ row, place, opened }: { row: Row; place: Place; opened: Stand }) {
  const steers = useMay("executions.steer");
  const { shown, version, drawn, past, event, overlay } = opened;
  const status = past === undefined ? opened.status : (shown.status ?? "queued");
  const { selected, view, filter, go } = place;
  if (view === "timeline") {
    return (
      <Timeline
        run={shown}
        version={version}
        selected={selected}
        filter={filter}
        onFilter={go}
        onSelect={(step) => go({ step })}
      />
    );
  }
  if (view === "logs") {
    return <Logs run={shown} version={version} filter={filter} onFilter={go} onSelect={(step) => go({ step })} />;
  }
  if (view === "values") {
    const editable = steers && status === "paused" && past === undefined;
    return <ValuesView execution={row.execution} event={event} version={version} editable={editable} />;
  }
  if (drawn.error) {
    return (
      <Notice tone="waiting" icon="warning">
        The drawing cannot be made: {drawn.error.message}. The timeline, the logs and the values are there.
      </Notice>
    );
  }
  if (!drawn.data) return <Loading />;
  const select = (place: string) => go({ step: overlay.places?.get(place)?.last ?? place });
  const label = `${row.workflow}, ${status}`;
  return view === "outline" ? (
    <Outline plan={drawn.data.plan} overlay={overlay} label={`Outline of ${label}`} onSelect={select} />
  ) : (
    <Drawing plan={drawn.data.plan} overlay={overlay} label={`Drawing of ${label}`} onSelect={select} />
  );
}

/** What can be done at the step that is chosen: stopping there, going on from there in a fork. */
function StepActions({ execution, opened }: { execution: string; opened: Stand }) {
  const [forking, setForking] = useState(false);
  const [breaking, setBreaking] = useState(false);
  const steers = useMay("executions.steer");
  const starts = useMay("executions.start");
  const { card, address, over, overlay, drawn } = opened;
  const plan = drawn.data?.plan;
  if (!steers) return null;
  const stop = card && overlay.stops?.get(card.place);
  return (
    <>
      {!over && card && plan && (
        <>
          <BreakpointButton
            execution={execution}
            at={stop?.every?.at ?? nodeOf(card)}
            set={stop?.every !== undefined}
          />
          <Button small look="quiet" onClick={() => setBreaking(true)}>
            Break when…
          </Button>
        </>
      )}
      {starts && address && (
        <Button small icon="fork" onClick={() => setForking(true)}>
          Fork from here
        </Button>
      )}
      {!over && card && plan && <Ways execution={execution} plan={plan} card={card} stop={stop} />}
      {breaking && card && plan && (
        <ConditionDialog
          execution={execution}
          plan={plan}
          card={card}
          address={address}
          onClose={() => setBreaking(false)}
        />
      )}
      {forking && address && (
        <ForkDialog
          execution={execution}
          at={address}
          name={card?.title ?? address}
          onClose={() => setForking(false)}
        />
      )}
    </>
  );
}

/** What an execution is held by, with its state. */
function stand(run: Run, status: string): string {
  const held = status === "paused" ? run.changes.findLast((change) => change.status === "held") : undefined;
  return `${status} ${held?.address ?? ""} ${held?.seq ?? ""}`;
}

/** The slider over the history. */
function Travel({
  run,
  past,
  onTravel,
}: {
  run: Run;
  past: number | undefined;
  onTravel: (at: number | undefined) => void;
}) {
  const count = run.changes.length;
  if (count === 0) return null;
  const at = past ?? count;
  const change = run.changes[at - 1];
  const words = past === undefined ? "Now" : `${at} of ${count}`;
  return (
    <div className={css.travel}>
      <label htmlFor="history">History</label>
      <Button
        look="quiet"
        small
        icon="chevron"
        style={{ rotate: "180deg" }}
        aria-label="One change back"
        disabled={at <= 0}
        onClick={() => onTravel(at - 1)}
      />
      <input
        id="history"
        type="range"
        min={0}
        max={count}
        value={at}
        aria-valuetext={change ? `${words}: ${change.address} ${change.status}` : words}
        onChange={(event) => {
          const to = Number(event.target.value);
          onTravel(to >= count ? undefined : to);
        }}
      />
      <Button
        look="quiet"
        small
        icon="chevron"
        aria-label="One change on"
        disabled={past === undefined}
        onClick={() => onTravel(at + 1 >= count ? undefined : at + 1)}
      />
      <output htmlFor="history" title={change ? moment(new Date(change.at).toISOString()) : ""}>
        {words}
      </output>
      {past !== undefined && (
        <Button small onClick={() => onTravel(undefined)}>
          Back to now
        </Button>
      )}
    </div>
  );
}

/** What was warned of at the start: nothing that stops it today. */
function Warnings({ of }: { of: readonly string[] }) {
  return (
    <Notice tone="waiting" icon="warning">
      <strong>Its start was warned of:</strong>
      <ul>
        {of.map((warning) => (
          <li key={warning}>{sentence(warning)}</li>
        ))}
      </ul>
    </Notice>
  );
}

function Overview({
  row,
  opened: { run, shown, status, past },
  onStep,
  children,
}: {
  row: Row;
  opened: Stand;
  onStep: (step: string) => void;
  children: ReactNode;
}) {
  const [shownActive, setShownActive] = useState(10);
  const isNow = past === undefined;
  const failed = shown.order.filter((step) => step.status === "failure").length;
  const active = shown.order.filter((step) => step.status === "waiting" || step.status === "held");
  return (
    <section className={css.inspector} aria-label="This execution">
      <div className={css.inspectorHead}>
        <h2>This execution</h2>
      </div>
      <div className={css.inspectorBody}>
        {!isNow && (
          <Notice icon="clock">
            As it stood after {past} of {run.changes.length} changes. Outputs and the error come with the end;
            breakpoints are those of now.
          </Notice>
        )}
        {isNow && row.error && <Failure error={row.error} onStep={onStep} />}
        {row.warnings.length > 0 && <Warnings of={row.warnings} />}
        {active.length > 0 && !(isNow && FINAL.has(status)) && (
          <section className={css.section}>
            <h3>Needs attention</h3>
            {active.slice(0, shownActive).map((step) => (
              <div key={step.address} className={layout.row}>
                <Status status={step.status} />
                <Button look="quiet" small onClick={() => onStep(step.address)}>
                  {step.id.includes("/") ? step.type : step.id}
                </Button>
                <span className={css.dim}>{step.note}</span>
              </div>
            ))}
            <Rest shown={shownActive} of={active.length} what="steps" onMore={() => setShownActive(shownActive + 50)} />
          </section>
        )}
        <Facts
          items={[
            ["Steps", `${shown.order.length}${failed > 0 ? `, ${failed} failed` : ""}`],
            ["Started", moment(row.started_at)],
            isNow && row.ended_at !== null && ["Ended", moment(row.ended_at)],
            row.parent !== null && [
              "Started by",
              <Link key="parent" to="/executions/$execution" params={{ execution: row.parent }} search={{}}>
                {row.parent}
              </Link>,
            ],
            row.forked_from !== null && [
              "Forked from",
              <Link key="origin" to="/executions/$execution" params={{ execution: row.forked_from }} search={{}}>
                {row.forked_from}
              </Link>,
            ],
            ["Content", <code key="digest">{row.digest.slice(0, 19)}…</code>],
          ]}
        />
        {isNow && row.outputs && Object.keys(row.outputs).length > 0 && (
          <section className={css.section}>
            <h3>Outputs</h3>
            <Json value={row.outputs} label="Outputs" />
          </section>
        )}
        {children}
        <p className={css.dim}>Choose a step to see what it was given and what it gave.</p>
      </div>
    </section>
  );
}
