/** What goes on in the tenant, at one look. */
import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { ask } from "../api/client";
import { executions, queue, tasks, workflows } from "../api/queries";
import type { Execution, Task } from "../api/schema";
import { useMay, useMe } from "../app/session";
import { shownType } from "../model/definition";
import { byHour, byNodeType, byWorkflow, type DayChange, type Hour, sinceYesterday } from "../model/statistics";
import { duration } from "../model/time";
import { Badge, buttonClass, Status, type Tone } from "../ui/controls";
import { Icon, type IconName } from "../ui/icons";
import { Heads, itemsOf } from "../ui/Listing";
import { Empty, Loading, layout, Page, Panel, Table, Wrong } from "../ui/layout";
import { Took, useNow, When } from "../ui/time";
import css from "./dashboard.module.css";

const DAY_MS = 86_400_000;
const HOURS = 24;

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

function Figures() {
  const { since, before } = useDays();
  const day = useInfiniteQuery(executions({ since }, 200));
  const earlier = useInfiniteQuery({
    ...executions({ since: before, until: since }, 200),
    refetchInterval: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const open = useInfiniteQuery(executions({ status: ["running", "waiting", "paused", "queued"] }, 200));
  const asked = useInfiniteQuery(tasks({ status: ["open"] }));
  const line = useQuery(queue);
  const all = useMemo(() => day.data?.pages.flatMap((page) => page.items) ?? [], [day.data]);
  const yesterday = useMemo(() => earlier.data?.pages.flatMap((page) => page.items), [earlier.data]);
  if (day.isPending) return <Loading />;
  if (day.error && !day.data) return <Wrong error={day.error} again={() => void day.refetch()} />;
  const underWay = itemsOf(open);
  const of = (status: string) => underWay.filter((one) => one.status === status).length;
  const openTasks = asked.data?.pages[0]?.items ?? [];
  return (
    <>
      <div className={css.cards}>
        <Card to="/executions" search={{ status: ["running"] }} icon="refresh" name="Running" number={of("running")} />
        <Card to="/executions" search={{ status: ["waiting"] }} icon="clock" name="Waiting" number={of("waiting")} />
        <Card
          to="/executions"
          search={{ status: ["failure"], since }}
          icon="cross"
          name="Failed"
          number={failed(all)}
          before={yesterday && failed(yesterday)}
        />
        <Card to="/tasks" search={{}} icon="tasks" name="For people" number={openTasks.length} />
        <Card
          to="/executions"
          search={{ status: ["queued"] }}
          icon="queue"
          name="In the queue"
          number={line.data?.items.length ?? of("queued")}
        />
        <Card
          to="/executions"
          search={{ since }}
          icon="executions"
          name="Executions"
          number={all.length}
          before={yesterday?.length}
        />
      </div>
      {all.length === 0 && underWay.length === 0 ? (
        <Panel>
          <First />
        </Panel>
      ) : (
        <Columns all={all} yesterday={yesterday} openTasks={openTasks} more={day.hasNextPage} since={since} />
      )}
    </>
  );
}

function failed(all: readonly Execution[]): number {
  return all.filter((one) => one.status === "failure" || one.status === "quarantined").length;
}

function Columns({
  all,
  yesterday,
  openTasks,
  more,
  since,
}: {
  all: readonly Execution[];
  yesterday: readonly Execution[] | undefined;
  openTasks: readonly Task[];
  more: boolean;
  since: string;
}) {
  const now = useNow(60_000);
  return (
    <div className={css.columns}>
      <div className={layout.stack}>
        <Panel title="Executions by the hour">
          <Chart hours={byHour(all, now, HOURS)} />
        </Panel>
        <Panel title="Workflows" flush>
          <ByWorkflow all={all} more={more} />
        </Panel>
        <ByNodeType all={all} />
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
        {yesterday && <Since all={all} yesterday={yesterday} since={Date.parse(since)} />}
      </div>
    </div>
  );
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
}: {
  all: readonly Execution[];
  yesterday: readonly Execution[];
  since: number;
}) {
  const known = useInfiniteQuery({ ...workflows, enabled: useMay("workflows.read") });
  const changes = sinceYesterday(all, yesterday, itemsOf(known), since);
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
    </Panel>
  );
}

/** Executions whose steps are looked at for figures of node types, and steps of each. */
const SAMPLE = 12;
const STEPS_MAX = 200;

/** Latency and throughput of each node type, from the steps of the latest executions that have ended. */
function ByNodeType({ all }: { all: readonly Execution[] }) {
  const sample = all.filter((one) => one.ended_at !== null && one.status !== "quarantined").slice(0, SAMPLE);
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
            <td className={layout.numeric}>{one.perHour === undefined ? "–" : rate(one.perHour)}</td>
            <td className={layout.numeric}>{`${Math.round((one.failure / one.count) * 100)} %`}</td>
            <td className={layout.numeric}>{one.p50 === undefined ? "–" : duration(one.p50)}</td>
            <td className={layout.numeric}>{one.p95 === undefined ? "–" : duration(one.p95)}</td>
          </tr>
        ))}
      </Table>
      <p className={layout.more}>Of the steps of the latest {sample.length} executions that have ended.</p>
    </Panel>
  );
}

/** How many in an hour. */
function rate(perHour: number): string {
  return perHour >= 10 ? Math.round(perHour).toLocaleString("en") : perHour.toFixed(1);
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
  number: number;
  /** The same of the day before. */
  before?: number | undefined;
}) {
  return (
    <Link to={to} search={search} className={css.card}>
      <span className={css.cardName}>
        <Icon name={icon} size={14} />
        {name}
      </span>
      <span className={css.number}>{capped(number)}</span>
      {before !== undefined && <span className={layout.dim}>{capped(before)} the day before</span>}
    </Link>
  );
}

/** A number of what comes by pages, of which the first was read. */
function capped(number: number): string {
  return number >= 200 ? "200+" : String(number);
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

function ByWorkflow({ all, more }: { all: readonly Execution[]; more: boolean }) {
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
            <td className={layout.numeric}>{rate(one.count / HOURS)}</td>
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
      {more && <p className={layout.more}>Of the latest 200 executions.</p>}
    </>
  );
}

function Chart({ hours }: { hours: readonly Hour[] }) {
  const most = Math.max(1, ...hours.map((hour) => hour.success + hour.failure + hour.other));
  const total = hours.reduce((sum, hour) => sum + hour.success + hour.failure + hour.other, 0);
  const failed = hours.reduce((sum, hour) => sum + hour.failure, 0);
  const width = 10;
  const height = 100;
  return (
    <div className={layout.stack} style={{ gap: 8 }}>
      <svg
        className={css.chart}
        viewBox={`0 0 ${hours.length * width} ${height + 2}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${total} executions in ${hours.length} hours, ${failed} of them failed; at most ${most} in an hour.`}
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
        <span style={{ marginLeft: "auto" }}>24 hours</span>
      </div>
    </div>
  );
}
