/**
 * An execution put together from its events. It takes in what comes, in order and perhaps again after a connection was lost,
 * and tells whoever looks that something changed. It holds no more of a step than a line shows; the rest is asked for when a
 * step is opened.
 */
import { depthOf, placeOf } from "./definition";

export type StepStatus = "running" | "waiting" | "held" | "success" | "failure" | "skipped" | "cancelled";

export interface StepRow {
  address: string;
  place: string;
  id: string;
  type: string;
  depth: number;
  status: StepStatus;
  startedAt: number;
  endedAt: number | undefined;
  attempts: number | undefined;
  error: { kind: string; message: string } | undefined;
  /** What it waits for or why it is held, or how far it says that it is. */
  note: string | undefined;
}

export interface LogRow {
  at: number | undefined;
  address: string;
  level: string;
  message: string;
  /** How many changes had come when it was told. */
  after: number;
}

/** One change, for the slider over the history: with what a line shows of the step from then on. */
export interface Change {
  seq: number;
  at: number;
  address: string;
  status: StepStatus;
  note: string | undefined;
  error: StepRow["error"];
  attempts: number | undefined;
}

export interface PlaceState {
  /** A step's; a comparison of versions has words of its own. */
  status: StepStatus | "added" | "removed" | "changed";
  runs: number;
  failures: number;
  /** The address of the latest run. */
  last: string;
}

interface Told {
  id: string | undefined;
  name: string;
  data: unknown;
}

/** Log lines that are kept; of more the last ones. */
export const LOG_LINES_MAX = 100_000;

export const FINAL = new Set(["success", "failure", "skipped", "cancelled"]);

type Data = Record<string, unknown>;

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

export class Run {
  readonly steps = new Map<string, StepRow>();
  /** In the order in which they began. */
  readonly order: StepRow[] = [];
  readonly places = new Map<string, PlaceState>();
  readonly logs: LogRow[] = [];
  readonly changes: Change[] = [];
  /** States of the execution itself, each with how many changes had come before it. */
  private readonly stands: Array<{ after: number; status: string | undefined }> = [];
  status: string | undefined;
  endedAt: number | undefined;
  error: { kind: string; message: string; step?: string } | undefined;
  /** Grows with every change, so that a view knows that it is old. */
  version = 0;
  /** Lines that were told while their step ran and have no place in the history yet. */
  private readonly toldLive = new Map<string, LogRow[]>();
  private listeners = new Set<() => void>();
  private cursor: readonly [number, number] | undefined;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getVersion = (): number => this.version;

  /** Takes events in; what was seen before is passed over. */
  take(events: readonly Told[]): void {
    let changed = false;
    for (const event of events) changed = this.takeOne(event) || changed;
    if (!changed) return;
    this.version += 1;
    for (const listener of this.listeners) listener();
  }

  private takeOne(event: Told): boolean {
    const cursor = read(event.id);
    if (cursor && this.cursor && !isAfter(cursor, this.cursor)) return false;
    if (cursor) this.cursor = cursor;
    const data = (event.data ?? {}) as Data;
    switch (event.name) {
      case "status":
        return text(data["step"]) === undefined ? this.takeStatus(data) : this.takeStep(data, cursor?.[0] ?? 0);
      case "log":
        return this.log(data, text(data["level"]) ?? "info", text(data["message"]) ?? "", cursor !== undefined);
      case "stdout":
      case "stderr":
        return this.lines(data, event.name);
      case "progress":
        return this.progress(data);
      case "complete":
      case "error":
        return this.takeEnd(data);
      default:
        return false;
    }
  }

  private takeStatus(data: Data): boolean {
    this.status = text(data["status"]);
    this.stands.push({ after: this.changes.length, status: this.status });
    return true;
  }

  private takeStep(data: Data, seq: number): boolean {
    const change: Change = {
      seq,
      at: Date.parse(text(data["at"]) ?? "") || 0,
      address: String(data["step"]),
      status: data["status"] as StepStatus,
      note: text(data["waiting"]) ?? text(data["reason"]),
      error: (data["error"] as StepRow["error"] | null) ?? undefined,
      attempts: typeof data["attempts"] === "number" ? data["attempts"] : undefined,
    };
    this.apply(change, text(data["id"]) ?? "", text(data["type"]) ?? "");
    return true;
  }

  private apply(change: Change, id: string, type: string): void {
    const before = this.steps.get(change.address);
    const row = before ?? this.begin(change, id, type);
    row.status = change.status;
    row.note = change.note;
    row.error = change.error;
    row.attempts = change.attempts ?? row.attempts;
    row.endedAt = FINAL.has(change.status) ? change.at : undefined;
    this.changes.push(change);
    this.count(row, before === undefined);
  }

  private begin({ address, status, at }: Change, id: string, type: string): StepRow {
    const row: StepRow = {
      address,
      place: placeOf(address),
      id,
      type,
      depth: depthOf(address),
      status,
      startedAt: at,
      endedAt: undefined,
      attempts: undefined,
      error: undefined,
      note: undefined,
    };
    this.steps.set(address, row);
    this.order.push(row);
    return row;
  }

  private count(row: StepRow, isNew: boolean): void {
    const known = this.places.get(row.place);
    const failed = row.status === "failure" ? 1 : 0;
    if (!known) {
      this.places.set(row.place, { status: row.status, runs: 1, failures: failed, last: row.address });
      return;
    }
    // A view compares by identity, so that it draws again only what changed.
    this.places.set(row.place, {
      status: row.status,
      runs: known.runs + (isNew ? 1 : 0),
      failures: known.failures + failed,
      last: row.address,
    });
  }

  private log(data: Data, level: string, message: string, durable: boolean): boolean {
    const at = text(data["at"]);
    const row: LogRow = {
      at: at ? Date.parse(at) : undefined,
      address: String(data["step"] ?? ""),
      level,
      message,
      after: this.changes.length,
    };
    const key = `${row.address} ${level} ${message}`;
    const told = this.toldLive.get(key);
    if (durable && told && told.length > 0) {
      // It was told while its step ran, by a connection that was lost before the step had ended.
      const before = told.shift();
      if (before) before.at = row.at;
      return true;
    }
    if (!durable) this.toldLive.set(key, [...(told ?? []), row]);
    this.logs.push(row);
    if (this.logs.length > LOG_LINES_MAX) this.logs.splice(0, this.logs.length - LOG_LINES_MAX);
    return true;
  }

  private lines(data: Data, stream: string): boolean {
    const whole = (text(data["text"]) ?? "").replace(/\n$/, "");
    for (const line of whole.split("\n")) this.log(data, stream, line, true);
    return true;
  }

  private progress(data: Data): boolean {
    const row = this.steps.get(String(data["step"]));
    if (!row || FINAL.has(row.status)) return false;
    const share = typeof data["fraction"] === "number" ? `${Math.round(data["fraction"] * 100)} % ` : "";
    row.note = `${share}${text(data["message"]) ?? ""}`.trim();
    return true;
  }

  private takeEnd(data: Data): boolean {
    this.status = text(data["status"]) ?? this.status;
    const at = text(data["at"]);
    this.endedAt = at ? Date.parse(at) : undefined;
    this.error = (data["error"] as Run["error"] | null) ?? undefined;
    return true;
  }

  /** The run as it stood after so many changes, told by the history alone. What comes later does not change it. */
  asItStood(count: number): Run {
    const past = new Run();
    for (const change of this.changes.slice(0, count)) {
      const row = this.steps.get(change.address);
      past.apply(change, row?.id ?? "", row?.type ?? "");
    }
    for (const line of this.logs) if (line.after <= count) past.logs.push(line);
    past.status = this.stands.findLast(({ after }) => after <= count)?.status;
    // Nothing of it goes on: what had not ended lasts to the moment that is looked at.
    past.endedAt = past.changes.at(-1)?.at;
    past.version = 1;
    return past;
  }

  /** Whether a step was started again after so many changes. */
  beganAgain(address: string, count: number): boolean {
    return this.changes.slice(count).some((change) => change.address === address && change.status === "running");
  }

  /** The span of time that a timeline shows, in Unix milliseconds. */
  span(now: number): { from: number; to: number } {
    const from = this.order[0]?.startedAt ?? now;
    const last = this.changes.at(-1)?.at ?? from;
    const to = this.endedAt ?? (this.status && FINAL.has(this.status) ? last : Math.max(now, last));
    return { from, to: Math.max(to, from + 1) };
  }
}

function read(id: string | undefined): readonly [number, number] | undefined {
  const found = id?.match(/^(\d+)\.(\d+)$/);
  return found ? [Number(found[1]), Number(found[2])] : undefined;
}

function isAfter(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
}

/** A frame around an element of a long list: what fits the words, in the order given. */
export function filterSteps(rows: readonly StepRow[], words: string, status: string): readonly StepRow[] {
  if (!words && !status) return rows;
  const wanted = words.toLowerCase();
  return rows.filter(
    (row) =>
      (!status || row.status === status) &&
      (!wanted || `${row.id} ${row.type} ${row.address} ${row.error?.message ?? ""}`.toLowerCase().includes(wanted)),
  );
}

const RANKS: Record<string, number> = { debug: 0, stdout: 1, info: 1, warn: 2, stderr: 2, error: 3 };

export function filterLogs(rows: readonly LogRow[], words: string, level: string): readonly LogRow[] {
  if (!words && !level) return rows;
  const wanted = words.toLowerCase();
  const rank = RANKS[level] ?? 0;
  return rows.filter(
    (row) =>
      (RANKS[row.level] ?? 1) >= rank && (!wanted || `${row.message} ${row.address}`.toLowerCase().includes(wanted)),
  );
}
