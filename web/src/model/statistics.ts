/** What a list of executions says in numbers. */
import type { Execution, Step, Workflow } from "../api/schema";
import { grouped } from "./grouped";
import { duration } from "./time";

export interface WorkflowFigures {
  workflow: string;
  count: number;
  success: number;
  failure: number;
  /** Under way, waiting, queued or paused. */
  open: number;
  /** Of what has ended: how many failed, 0 to 1. */
  errorRate: number;
  p50: number | undefined;
  p95: number | undefined;
}

/** The value below which the given share of the values lies. */
export function percentile(values: readonly number[], share: number): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

/** Figures of each workflow, those with most executions first. */
export function byWorkflow(executions: readonly Execution[]): WorkflowFigures[] {
  const groups = grouped(executions, (execution) => execution.workflow);
  const figures = [...groups].map(([workflow, all]) => {
    const success = all.filter((one) => one.status === "success" || one.status === "skipped").length;
    const failure = all.filter((one) => one.status === "failure" || one.status === "quarantined").length;
    const cancelled = all.filter((one) => one.status === "cancelled").length;
    const took = all.flatMap((one) => (one.duration_ms === null ? [] : [one.duration_ms]));
    return {
      workflow,
      count: all.length,
      success,
      failure,
      open: all.length - success - failure - cancelled,
      errorRate: success + failure === 0 ? 0 : failure / (success + failure),
      p50: percentile(took, 0.5),
      p95: percentile(took, 0.95),
    };
  });
  return figures.sort((a, b) => b.count - a.count || a.workflow.localeCompare(b.workflow));
}

const HOUR_MS = 3_600_000;

/** The time that figures are of: all that was asked for, or as far back as what was read reaches. */
export interface Span {
  since: number;
  /** Whether there was more than was read. */
  cut: boolean;
  hours: number;
  /** Whether that is less than an hour of what happened, of which no rate is drawn: there were at least so many. */
  least: boolean;
}

/** What a list of executions covers, of which there was perhaps more. */
export function covered(executions: readonly Execution[], since: number, now: number, cut: boolean): Span {
  const oldest = executions.reduce((oldest, one) => Math.min(oldest, Date.parse(one.started_at)), now);
  const from = cut ? Math.max(since, oldest) : since;
  return {
    since: from,
    cut,
    hours: Math.max(1, (now - from) / HOUR_MS),
    least: cut && now - from < HOUR_MS,
  };
}

/** So many in an hour, in words. */
export function hourly(count: number, { hours, least }: Pick<Span, "hours" | "least">): string {
  const rate = count / hours;
  const text = rate >= 10 || least ? Math.round(rate).toLocaleString("en") : rate.toFixed(1);
  return least ? `${text}+` : text;
}

export interface Hour {
  at: number;
  /** Whether what was read reaches back to it. */
  known: boolean;
  success: number;
  failure: number;
  other: number;
}

/** Executions by the hour in which they began, the oldest hour first, hours without any as well. */
export function byHour(executions: readonly Execution[], now: number, hours: number, since = 0): Hour[] {
  const first = (Math.floor(now / HOUR_MS) - hours + 1) * HOUR_MS;
  const found: Hour[] = Array.from({ length: hours }, (_, index) => ({
    at: first + index * HOUR_MS,
    known: first + (index + 1) * HOUR_MS > since,
    success: 0,
    failure: 0,
    other: 0,
  }));
  for (const one of executions) {
    const hour = found[Math.floor((Date.parse(one.started_at) - first) / HOUR_MS)];
    if (!hour) continue;
    if (one.status === "success" || one.status === "skipped") hour.success += 1;
    else if (one.status === "failure" || one.status === "quarantined") hour.failure += 1;
    else hour.other += 1;
  }
  return found;
}

export interface NodeTypeFigures {
  type: string;
  count: number;
  failure: number;
  p50: number | undefined;
  p95: number | undefined;
}

/** Figures of each node type from the steps of some executions, those with most steps first. */
export function byNodeType(steps: readonly Step[]): NodeTypeFigures[] {
  const figures = [...grouped(steps, (step) => step.type)].map(([type, all]) => {
    const took = all.flatMap((one) => (one.duration_ms === null ? [] : [one.duration_ms]));
    return {
      type,
      count: all.length,
      failure: all.filter((one) => one.status === "failure").length,
      p50: percentile(took, 0.5),
      p95: percentile(took, 0.95),
    };
  });
  return figures.sort((a, b) => b.count - a.count || a.type.localeCompare(b.type));
}

export interface DayChange {
  workflow: string;
  kind: "new" | "version" | "worse" | "better" | "slower" | "quicker" | "silent";
  words: string;
}

/** By how much the share of failures has to differ, and the time that executions take, to be told. */
const RATE_STEP = 0.1;
const TIME_FACTOR = 1.5;
const TIME_STEP_MS = 100;
/** Executions of a day below which its median says nothing. */
const COUNT_MIN = 3;

const percent = (rate: number): string => `${Math.round(rate * 100)} %`;

/**
 * What became different in the last day from the day before: workflows, how they end, how long they take. Which ones fell silent can
 * be told only of a whole day.
 */
export function sinceYesterday(
  today: readonly Execution[],
  yesterday: readonly Execution[],
  workflows: readonly Workflow[],
  since: number,
  whole = true,
): DayChange[] {
  const changes: DayChange[] = workflows
    .filter((one) => Date.parse(one.changed_at) >= since)
    .map(({ workflow, created_at, latest }) =>
      Date.parse(created_at) >= since
        ? { workflow, kind: "new", words: `is new, in version ${latest.version}` }
        : { workflow, kind: "version", words: `has version ${latest.version}` },
    );
  const now = new Map(byWorkflow(today).map((one) => [one.workflow, one]));
  for (const before of byWorkflow(yesterday)) {
    const after = now.get(before.workflow);
    if (after) changes.push(...differences(before, after));
    else if (whole) changes.push(silent(before));
  }
  return changes;
}

function silent({ workflow, count }: WorkflowFigures): DayChange {
  return { workflow, kind: "silent", words: `has not run; the day before ${count === 1 ? "once" : `${count} times`}` };
}

function differences(before: WorkflowFigures, after: WorkflowFigures): DayChange[] {
  const { workflow } = after;
  const found: DayChange[] = [];
  const rate = after.errorRate - before.errorRate;
  const ended = after.success + after.failure > 0;
  if (ended && Math.abs(rate) >= RATE_STEP) {
    const words = `fails ${rate > 0 ? "more" : "less"}: ${percent(after.errorRate)} instead of ${percent(before.errorRate)}`;
    found.push({ workflow, kind: rate > 0 ? "worse" : "better", words });
  }
  const [was, is] = [before.p50, after.p50];
  if (was === undefined || is === undefined || Math.min(before.count, after.count) < COUNT_MIN) return found;
  if (Math.abs(is - was) >= TIME_STEP_MS && Math.max(is, was) >= TIME_FACTOR * Math.min(is, was)) {
    const words = `takes ${duration(is)} instead of ${duration(was)}`;
    found.push({ workflow, kind: is > was ? "slower" : "quicker", words });
  }
  return found;
}
