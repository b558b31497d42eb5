/** A step as it stood at a moment of the history, from what is known of it now: what came later is left out. */
import type { Step } from "../api/schema";
import { FINAL, type Run, type StepRow } from "./run";

/** What a step was then; `isKept` says whether what it was given then is still known. */
export interface Past {
  step: Step;
  isKept: boolean;
}

/**
 * The step in a run that is looked at as it stood. What it was given does not change while it runs, what it gave comes with its
 * end. A step that was started again later has lost both: the newer ones stand in their place.
 */
export function stepAsItStood(step: Step, row: StepRow, past: Run, isKept: boolean): Past {
  const isOver = FINAL.has(row.status) && isKept;
  const moment = past.endedAt ?? row.startedAt;
  const lines = past.logs.filter((line) => line.address === row.address);
  return {
    isKept,
    step: {
      ...step,
      status: statusOf(row),
      started_at: new Date(row.startedAt).toISOString(),
      duration_ms: row.endedAt === undefined ? null : row.endedAt - row.startedAt,
      attempts: row.attempts ?? null,
      earlier: isKept ? step.earlier.filter((one) => Date.parse(one.started_at) + one.duration_ms <= moment) : [],
      error: isOver ? step.error : row.error ? { ...row.error } : null,
      props: isKept ? step.props : null,
      outputs: isOver ? step.outputs : {},
      usage: isOver ? step.usage : null,
      logs: lines.map(({ level, message }) => ({ level, message })),
      waiting: row.status === "waiting" ? (row.note ?? null) : null,
      held: row.status === "held" ? (row.note ?? null) : null,
    },
  };
}

function statusOf({ status }: StepRow): Step["status"] {
  return status === "waiting" || status === "held" ? "running" : status;
}
