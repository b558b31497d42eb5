/** Every step by the time in which it ran. Only the rows that are seen exist, so that fifty thousand steps are no more than fifty. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { filterSteps, type Run, type StepRow } from "../model/run";
import { duration } from "../model/time";
import { Choose, Search, STATES } from "../ui/controls";
import controls from "../ui/controls.module.css";
import { Icon } from "../ui/icons";
import { Empty } from "../ui/layout";
import { useNow } from "../ui/time";
import { useAhead } from "../ui/useAhead";
import css from "./execution.module.css";

const ROW_HEIGHT = 30;
const STATUSES = [
  ["", "Every state"] as const,
  ...["running", "waiting", "held", "success", "failure", "skipped", "cancelled"].map(
    (status) => [status, STATES[status]?.word ?? status] as const,
  ),
];

/** What the timeline and the logs are narrowed by. It stands in the address. */
export interface Filter {
  find: string;
  state: string;
  level: string;
}

/** Changes it; what is empty is left out of the address. */
export type OnFilter = (change: Partial<Record<keyof Filter, string | undefined>>) => void;

/** Wait after a letter before it stands in the address, in milliseconds. */
const TYPED_MS = 250;

/** What is searched for, at once; the address follows when one pauses. */
export function useFind(find: string, onFilter: OnFilter) {
  const [typed, setTyped] = useState(find);
  const told = useRef(onFilter);
  told.current = onFilter;
  useEffect(() => {
    if (typed === find) return undefined;
    const timer = setTimeout(() => told.current({ find: typed || undefined }), TYPED_MS);
    return () => clearTimeout(timer);
  }, [typed, find]);
  return [typed, setTyped] as const;
}

export function Timeline({
  run,
  version,
  selected,
  filter: { find, state: status },
  onFilter,
  onSelect,
}: {
  run: Run;
  version: number;
  selected: string | undefined;
  filter: Filter;
  onFilter: OnFilter;
  onSelect: (address: string) => void;
}) {
  const [words, setWords] = useFind(find, onFilter);
  const now = useNow(1_000);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version says that the run has changed.
  const rows = useMemo(() => filterSteps(run.order, words, status), [run, version, words, status]);
  const span = run.span(now);
  return (
    <div className={css.box}>
      <div className={css.boxHead}>
        <Search label="Search steps" value={words} onChange={setWords} />
        <Choose
          label="State of steps"
          value={status}
          onChange={(state) => onFilter({ state: state || undefined })}
          options={STATUSES}
        />
        <span>
          {rows.length === run.order.length ? rows.length : `${rows.length} of ${run.order.length}`} steps,{" "}
          {duration(span.to - span.from)}
        </span>
      </div>
      {rows.length === 0 ? (
        <Empty icon="timeline" title={run.order.length === 0 ? "No step has begun" : "No step fits"} />
      ) : (
        <Lines rows={rows} span={span} selected={selected} onSelect={onSelect} />
      )}
    </div>
  );
}

interface Span {
  from: number;
  to: number;
}

/** Where a key leads from a line, or from none (-1); undefined for a key that is not the list's. */
function destination(key: string, found: number, count: number): number | undefined {
  const at = Math.max(0, found);
  const to: Record<string, number> = {
    ArrowDown: found < 0 ? 0 : at + 1,
    ArrowUp: at - 1,
    PageDown: at + 20,
    PageUp: at - 20,
    Home: 0,
    End: count - 1,
  };
  return to[key];
}

/** The steps as a list by the usual keys. */
function Lines({
  rows,
  span,
  selected,
  onSelect,
}: {
  rows: readonly StepRow[];
  span: Span;
  selected: string | undefined;
  onSelect: (address: string) => void;
}) {
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 10,
  });
  const found = rows.findIndex((row) => row.address === selected);
  const ahead = useAhead(selected);
  // A link leads to its step, which may come a moment after the list; one that is chosen by keys is in sight.
  useEffect(() => {
    if (found >= 0) virtual.scrollToIndex(found);
  }, [found, virtual]);
  const items = virtual.getVirtualItems();
  const isThere = items.some(({ index }) => index === found);
  const go = (index: number) => {
    const to = Math.max(0, Math.min(rows.length - 1, index));
    const row = rows[to];
    if (!row) return;
    ahead.note(row.address);
    onSelect(row.address);
  };
  return (
    <div
      ref={scroll}
      className={css.rows}
      role="listbox"
      tabIndex={0}
      aria-label="Steps in the order in which they began"
      aria-activedescendant={isThere ? `step${selected}` : undefined}
      onKeyDown={(event) => {
        const at = rows.findIndex((row) => row.address === ahead.latest());
        const to = destination(event.key, at, rows.length);
        if (to === undefined) return;
        event.preventDefault();
        go(to);
      }}
    >
      <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
        {items.map(({ index, start }) => {
          const row = rows[index];
          const place = { index, count: rows.length, start };
          return (
            row && (
              <Line
                key={row.address}
                row={row}
                span={span}
                place={place}
                selected={row.address === selected}
                onSelect={onSelect}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

function Line({
  row,
  span,
  place: { index, count, start },
  selected,
  onSelect,
}: {
  row: StepRow;
  span: Span;
  place: { index: number; count: number; start: number };
  selected: boolean;
  onSelect: (address: string) => void;
}) {
  const state = STATES[row.status];
  const end = row.endedAt ?? span.to;
  const whole = span.to - span.from;
  const took = Math.max(0, end - row.startedAt);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list around it has the keys.
    <div
      id={`step${row.address}`}
      className={css.line}
      role="option"
      tabIndex={-1}
      aria-selected={selected}
      aria-posinset={index + 1}
      aria-setsize={count}
      style={{ transform: `translateY(${start}px)` }}
      onClick={() => onSelect(row.address)}
    >
      <span className={css.lineName} style={{ paddingLeft: Math.min(row.depth, 8) * 10 }}>
        <Icon
          name={state?.icon ?? "info"}
          size={13}
          style={{ color: `var(--${state?.tone ?? "idle"})` }}
          className={row.status === "running" ? controls.spin : undefined}
        />
        <span>{row.id.includes("/") || !row.id ? row.type : row.id}</span>
        <span className={css.dim}>{row.address}</span>
        <span className="visually-hidden">{state?.word}</span>
      </span>
      <span className={css.track}>
        <span
          className={css.bit}
          data-tone={state?.tone}
          style={{
            left: `${((row.startedAt - span.from) / whole) * 100}%`,
            width: `${Math.max(0.2, (took / whole) * 100)}%`,
          }}
        />
      </span>
      <span className={css.numeric}>{duration(took)}</span>
    </div>
  );
}
