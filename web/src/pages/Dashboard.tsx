/** What goes on in the tenant, at one look. */
import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { ask } from "../api/client";
import { executions, queue, tasks, workflows } from "../api/queries";
import { type Runner, runners } from "../api/runners";
import type { Execution, Task } from "../api/schema";
import { useMay, useMe } from "../app/session";
import { shownType } from "../model/definition";
import { size } from "../model/quotas";
import {
  byHour,
  byNodeType,
  byWorkflow,
  covered,
  type DayChange,
  type Hour,
  hourly,
  type Span,
  sinceYesterday,
} from "../model/statistics";
import { duration } from "../model/time";
import { Badge, buttonClass, Status, type Tone } from "../ui/controls";
import { Icon, type IconName } from "../ui/icons";
import { Heads, itemsOf } from "../ui/Listing";
import { Empty, Loading, layout, Page, Panel, Table, Wrong } from "../ui/layout";
import { Took, useNow, When } from "../ui/time";
import css from "./dashboard.module.css";

const DAY_MS = 86_400_000;
const HOURS = 24;

/** Executions of a day that are read; of more, figures are of the latest. */
const READ_MAX = 200;

const FAILED = ["failure", "quarantined"];

function days(): { since: string; before: string } {
  const since = Math.floor((Date.now() - DAY_MS) / 60_000) * 60_000;
  return { since: new Date(since).toISOString(), before: new Date(since - DAY_MS).toISOString() };
}

/** Since when figures are told, and those of the day before: fixed for an hour, so that the page's questions stay the same. */
function useDays(): { since: string; before: string } {
  const [now, setNow] = useState(days);
  useEffect(() => {
    const timer = setInterval(() => setNow(days()), DAY_MS / HOURS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function Dashboard() {
  const who = useMe();
  const reads = useMay("executions.read");
  return (
    <Page
      title="Dashboard"
      about={`What goes on in ${who.tenant_title || who.tenant}. Figures are of the last 24 hours.`}
    >
      {reads ? (
        <Figures />
      ) : (
        <Empty icon="lock" title="You may not see executions">
          Ask an admin of the tenant for a role with the permission <code>executions.read</code>.
        </Empty>
      )}
    </Page>
  );
}

/** What is read of a day: its latest executions, and those that failed. */
function useDay(between: { since: string; until?: string }, past: boolean) {
  const still = past ? { refetchInterval: false as const, staleTime: Number.POSITIVE_INFINITY } : {};
  const all = useInfiniteQuery({ ...executions(between, READ_MAX), ...still });
  const failed = useInfiniteQuery({ ...executions({ ...between, status: FAILED }, READ_MAX), ...still });
  return { all, failed };
}

/** A number of what comes by pages, of which the first was read. */
function counted(list: {
  data: { pages: ReadonlyArray<{ items: readonly unknown[] }> } | undefined;
  hasNextPage: boolean;
}) {
  return list.data && count(itemsOf(list).length, list.hasNextPage);
}

function count(number: number, more: boolean): string {
  return more ? `${number}+` : String(number);
}

function Figures() {
  const { since, before } = useDays();
  const day = useDay({ since }, false);
  const earlier = useDay({ since: before, until: since }, true);
  const open = useInfiniteQuery(executions({ status: ["running", "waiting", "paused", "queued"] }, READ_MAX));
  const asked = useInfiniteQuery(tasks({ status: ["open"] }));
  const line = useQuery(queue);
  const [now, then] = [day.all.data, earlier.all.data];
  const all = useMemo(() => itemsOf({ data: now }), [now]);
  const yesterday = useMemo(() => then && itemsOf({ data: then }), [then]);
  if (day.all.isPending) return <Loading />;
  if (day.all.error && !day.all.data) return <Wrong error={day.all.error} again={() => void day.all.refetch()} />;
  const underWay = itemsOf(open);
  const of = (status: string) => count(underWay.filter((one) => one.status === status).length, open.hasNextPage);
  return (
    <>
      <div className={css.cards}>
        <Card to="/executions" search={{ status: ["running"] }} icon="refresh" name="Running" number={of("running")} />
        <Card to="/executions" search={{ status: ["waiting"] }} icon="clock" name="Waiting" number={of("waiting")} />
        <Card
          to="/executions"
          search={{ status: FAILED, since }}
          icon="cross"
          name="Failed"
          number={counted(day.failed)}
          before={counted(earlier.failed)}
        />
        <Card to="/tasks" search={{}} icon="tasks" name="For people" number={counted(asked)} />
        <Card
          to="/executions"
          search={{ status: ["queued"] }}
          icon="queue"
          name="In the queue"
          number={line.data ? String(line.data.items.length) : of("queued")}
        />
        <Card
          to="/executions"
          search={{ since }}
          icon="executions"
          name="Executions"
          number={counted(day.all)}
          before={counted(earlier.all)}
        />
      </div>
      {all.length === 0 && underWay.length === 0 ? (
        <>
          <Panel>
            <First />
          </Panel>
          <Sandbox />
        </>
      ) : (
        <Columns
          all={all}
          yesterday={yesterday}
          openTasks={asked.data?.pages[0]?.items ?? []}
          more={day.all.hasNextPage}
          moreYesterday={earlier.all.hasNextPage}
          since={Date.parse(since)}
        />
      )}
    </>
  );
}

function Columns({
  all,
  yesterday,
  openTasks,
  more,
  moreYesterday,
  since,
}: {
  all: readonly Execution[];
  yesterday: readonly Execution[] | undefined;
  openTasks: readonly Task[];
  /** Whether there were more executions than were read, of each day. */
  more: boolean;
  moreYesterday: boolean;
  since: number;
}) {
  const now = useNow(60_000);
  const span = covered(all, since, now, more);
  return (
    <div className={css.columns}>
      <div className={layout.stack}>
        <Panel title="Executions by the hour">
          <Chart hours={byHour(all, now, HOURS, span.cut ? span.since : 0)} span={span} />
        </Panel>
        <Panel title="Workflows" flush>
          <ByWorkflow all={all} span={span} />
        </Panel>
        <ByNodeType all={all} span={span} now={now} />
      </div>
      <div className={layout.stack}>
        <Panel title="Latest" flush actions={<Link to="/executions">All executions</Link>}>
          <Latest all={all} />
        </Panel>
        {openTasks.length > 0 && (
          <Panel title="Waits for people" flush actions={<Link to="/tasks">All tasks</Link>}>
            <ul className={css.list}>
              {openTasks.slice(0, 6).map((task) => (
                <li key={task.task}>
                  <Link to="/tasks/$task" params={{ task: task.task }}>
                    <span>{task.title}</span>
                    <span className={layout.dim}>
                      <When at={task.created_at} />
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
          </Panel>
        )}
        <Sandbox />
        {yesterday && <Since all={all} yesterday={yesterday} since={since} whole={!more} cut={more || moreYesterday} />}
      </div>
    </div>
  );
}

/** What a tier of the sandbox holds back. */
const TIERS: Record<string, string> = {
  T0: "Namespaces, control groups, Landlock and a filter of system calls hold every program.",
  T1: "Namespaces hold every program; its limits are held by the process itself and a watchdog.",
  T2: "There are no user namespaces: foreign programs run only where the operator asks for no more, without network.",
  T3: "Neither user namespaces nor Landlock are there: foreign programs are refused.",
};

/** How what nodes and scripts do is shut in, on each machine that runs them; nothing where the server does not tell. */
function Sandbox() {
  const found = useQuery(runners);
  const all = found.data ?? [];
  if (all.length === 0) return null;
  return (
    <Panel title="Sandbox" flush>
      <ul className={`${css.list} ${css.whole}`} aria-label="Sandbox of each runner">
        {all.map((one) => (
          <li key={one.id} className={css.runner}>
            <span>
              {one.id} <span className={layout.dim}>{runnerWords(one)}</span>
              {one.tier !== undefined && TIERS[one.tier] !== undefined && (
                <span className={css.tier}>{TIERS[one.tier]}</span>
              )}
            </span>
            {one.tier !== undefined && (
              <Badge tone={one.tier === "T0" ? "success" : "waiting"} icon="lock">
                <span className="visually-hidden">Tier </span>
                {one.tier}
              </Badge>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function runnerWords({ state, version, own, cpus, memoryBytes, stepsRunning, stepsMax }: Runner): string {
  const steps =
    stepsRunning === undefined ? undefined : `${stepsRunning}${stepsMax === undefined ? "" : ` of ${stepsMax}`} steps`;
  const machine = cpus === undefined ? undefined : `${cpus} ${cpus === 1 ? "processor" : "processors"}`;
  const memory = memoryBytes === undefined ? undefined : size(memoryBytes);
  const use = [steps, machine, memory].filter((part) => part !== undefined).join(", ");
  return [state, use && own ? `${use} for this tenant` : use, version].filter(Boolean).join(", ");
}

const CHANGES: Record<DayChange["kind"], { tone: Tone; icon: IconName; word: string }> = {
  new: { tone: "success", icon: "plus", word: "New" },
  version: { tone: "idle", icon: "edit", word: "Version" },
  worse: { tone: "failure", icon: "warning", word: "Worse" },
  better: { tone: "success", icon: "check", word: "Better" },
  slower: { tone: "waiting", icon: "clock", word: "Slower" },
  quicker: { tone: "success", icon: "gauge", word: "Quicker" },
  silent: { tone: "idle", icon: "pause", word: "Silent" },
};

/** Changes that are shown; of more it is said how many. */
const CHANGES_MAX = 10;

/** What became different since yesterday. */
function Since({
  all,
  yesterday,
  since,
  whole,
  cut,
}: {
  all: readonly Execution[];
  yesterday: readonly Execution[];
  since: number;
  /** Whether everything of today was read, and whether something of either day was not. */
  whole: boolean;
  cut: boolean;
}) {
  const known = useInfiniteQuery({ ...workflows, enabled: useMay("workflows.read") });
  const changes = sinceYesterday(all, yesterday, itemsOf(known), since, whole);
  return (
    <Panel title="Since yesterday" flush>
      {changes.length === 0 && <p className={css.note}>Nothing became different.</p>}
      <ul className={`${css.list} ${css.whole}`}>
        {changes.slice(0, CHANGES_MAX).map(({ workflow, kind, words }) => (
          <li key={`${workflow} ${kind}`}>
            <Link to="/workflows/$workflow" params={{ workflow }} search={{}}>
              <span>
                {workflow} <span className={layout.dim}>{words}</span>
              </span>
              <Badge tone={CHANGES[kind].tone} icon={CHANGES[kind].icon}>
                {CHANGES[kind].word}
              </Badge>
            </Link>
          </li>
        ))}
      </ul>
      {changes.length > CHANGES_MAX && <p className={css.note}>And {changes.length - CHANGES_MAX} more.</p>}
      {cut && <p className={layout.more}>Of the latest {READ_MAX} executions of each day.</p>}
    </Panel>
  );
}

/** Executions whose steps are looked at for figures of node types, and steps of each. */
const SAMPLE = 12;
const STEPS_MAX = 200;

/** Latency and throughput of each node type, from the steps of the latest executions that have ended. */
function ByNodeType({ all, span, now }: { all: readonly Execution[]; span: Span; now: number }) {
  const ended = all.filter((one) => one.ended_at !== null && one.status !== "quarantined");
  const sample = ended.slice(0, SAMPLE);
  const asked = useQueries({
    queries: sample.map(({ execution }) => ({
      queryKey: ["execution", execution, "sample"],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        ask("GET /api/v1/executions/{execution}/steps", { path: { execution }, query: { limit: STEPS_MAX }, signal }),
      // What has ended does not change.
      staleTime: Number.POSITIVE_INFINITY,
    })),
  });
  const figures = byNodeType(asked.flatMap((one) => one.data?.items ?? []));
  if (figures.length === 0) return null;
  const looked = covered(sample, span.since, now, span.cut || ended.length > SAMPLE);
  const least = looked.least || asked.some((one) => one.data?.next);
  return (
    <Panel title="Node types" flush>
      <Table
        label="Node types of the latest executions"
        head={
          <Heads
            columns={[
              "Node type",
              { numeric: "Steps" },
              { numeric: "An hour" },
              { numeric: "Failed" },
              { numeric: "Median" },
              { numeric: "95 %" },
            ]}
          />
        }
      >
        {figures.slice(0, 12).map((one) => (
          <tr key={one.type}>
            <th scope="row">{shownType(one.type)}</th>
            <td className={layout.numeric}>{one.count}</td>
            <td className={layout.numeric}>{hourly(one.count, { ...looked, least })}</td>
            <td className={layout.numeric}>{`${Math.round((one.failure / one.count) * 100)} %`}</td>
            <td className={layout.numeric}>{one.p50 === undefined ? "–" : duration(one.p50)}</td>
            <td className={layout.numeric}>{one.p95 === undefined ? "–" : duration(one.p95)}</td>
          </tr>
        ))}
      </Table>
      <p className={layout.more}>
        Of the steps of the latest {sample.length} executions that have ended{sinceWords(looked)}.
      </p>
    </Panel>
  );
}

/** Since when, where that is not the whole day. */
function sinceWords({ cut, since }: Span): string {
  if (!cut) return "";
  return `, since ${new Date(since).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

function First() {
  const writes = useMay("workflows.write");
  return (
    <Empty
      icon="executions"
      title="Nothing ran in the last 24 hours"
      action={
        <Link to={writes ? "/new-workflow" : "/workflows"} className={buttonClass({ look: "primary" })}>
          {writes ? "Write a workflow" : "Choose a workflow"}
        </Link>
      }
    >
      A workflow is a few lines of text. Once it runs, this page shows how it goes.
    </Empty>
  );
}

function Card({
  to,
  search,
  icon,
  name,
  number,
  before,
}: {
  to: "/executions" | "/tasks";
  search: Record<string, unknown>;
  icon: IconName;
  name: string;
  number: string | undefined;
  /** The same of the day before. */
  before?: string | undefined;
}) {
  return (
    <Link to={to} search={search} className={css.card}>
      <span className={css.cardName}>
        <Icon name={icon} size={14} />
        {name}
      </span>
      <span className={css.number}>{number ?? "–"}</span>
      {before !== undefined && <span className={layout.dim}>{before} the day before</span>}
    </Link>
  );
}

function Latest({ all }: { all: readonly Execution[] }) {
  return (
    <ul className={css.list}>
      {all.slice(0, 8).map((one) => (
        <li key={one.execution}>
          <Link to="/executions/$execution" params={{ execution: one.execution }}>
            <span>
              {one.workflow}
              <span className={layout.dim}>
                {" · "}
                <When at={one.started_at} />
                {" · "}
                <Took ms={one.duration_ms} since={one.started_at} />
              </span>
            </span>
            <Status status={one.status} />
          </Link>
        </li>
      ))}
    </ul>
  );
}

function ByWorkflow({ all, span }: { all: readonly Execution[]; span: Span }) {
  const figures = byWorkflow(all);
  return (
    <>
      <Table
        label="Workflows of the last 24 hours"
        head={
          <Heads
            columns={[
              "Workflow",
              { numeric: "Executions" },
              { numeric: "An hour" },
              "Share",
              { numeric: "Failed" },
              { numeric: "Median" },
              { numeric: "95 %" },
            ]}
          />
        }
      >
        {figures.slice(0, 12).map((one) => (
          <tr key={one.workflow}>
            <th scope="row">
              <Link to="/workflows/$workflow" params={{ workflow: one.workflow }} search={{}}>
                {one.workflow}
              </Link>
            </th>
            <td className={layout.numeric}>{one.count}</td>
            <td className={layout.numeric}>{hourly(one.count, span)}</td>
            <td>
              <span className={css.share} aria-hidden="true">
                <span style={{ flex: one.success, background: "var(--success)" }} />
                <span style={{ flex: one.failure, background: "var(--failure)" }} />
                <span style={{ flex: one.count - one.success - one.failure, background: "var(--border-strong)" }} />
              </span>
            </td>
            <td className={layout.numeric}>{`${Math.round(one.errorRate * 100)} %`}</td>
            <td className={layout.numeric}>{one.p50 === undefined ? "–" : duration(one.p50)}</td>
            <td className={layout.numeric}>{one.p95 === undefined ? "–" : duration(one.p95)}</td>
          </tr>
        ))}
      </Table>
      {span.cut && (
        <p className={layout.more}>
          Of the latest {READ_MAX} executions{sinceWords(span)}.
        </p>
      )}
    </>
  );
}

function Chart({ hours, span }: { hours: readonly Hour[]; span: Span }) {
  const most = Math.max(1, ...hours.map((hour) => hour.success + hour.failure + hour.other));
  const total = hours.reduce((sum, hour) => sum + hour.success + hour.failure + hour.other, 0);
  const failed = hours.reduce((sum, hour) => sum + hour.failure, 0);
  const width = 10;
  const height = 100;
  const what = span.cut
    ? `the latest ${READ_MAX} executions${sinceWords(span)}`
    : `${total} executions in ${hours.length} hours`;
  return (
    <div className={layout.stack} style={{ gap: 8 }}>
      <svg
        className={css.chart}
        viewBox={`0 0 ${hours.length * width} ${height + 2}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${what}, ${failed} of them failed; at most ${most} in an hour.`}
      >
        {hours.map((hour, index) => {
          const parts = [
            { count: hour.success, fill: "var(--success)" },
            { count: hour.failure, fill: "var(--failure)" },
            { count: hour.other, fill: "var(--border-strong)" },
          ];
          let top = height;
          return (
            <g key={hour.at}>
              {!hour.known && (
                <rect x={index * width} y={0} width={width} height={height} fill="var(--surface-3)" opacity={0.6} />
              )}
              <rect x={index * width + 1} y={height} width={width - 2} height={1} fill="var(--border)" />
              {parts.map((part) => {
                const size = (part.count / most) * (height - 4);
                top -= size;
                return (
                  <rect
                    key={part.fill}
                    x={index * width + 1}
                    y={top}
                    width={width - 2}
                    height={size}
                    fill={part.fill}
                  />
                );
              })}
            </g>
          );
        })}
      </svg>
      <div className={css.legend}>
        <span>
          <i style={{ background: "var(--success)" }} /> Succeeded
        </span>
        <span>
          <i style={{ background: "var(--failure)" }} /> Failed
        </span>
        <span>
          <i style={{ background: "var(--border-strong)" }} /> Other
        </span>
        {span.cut && (
          <span>
            <i style={{ background: "var(--surface-3)" }} /> Not read
          </span>
        )}
        <span style={{ marginLeft: "auto" }}>
          {span.cut ? `Of the latest ${READ_MAX}${sinceWords(span)}` : `${HOURS} hours`}
        </span>
      </div>
    </div>
  );
}
