/** The lines that steps wrote, as they come, with search and level. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { filterLogs, type LogRow, type Run } from "../model/run";
import { Button, Check, Choose, Search } from "../ui/controls";
import { Empty } from "../ui/layout";
import css from "./execution.module.css";
import { type Filter, type OnFilter, useFind } from "./Timeline";

const LINE_HEIGHT = 22;
const LEVELS = [
  ["", "Every level"],
  ["info", "Info and above"],
  ["warn", "Warnings and errors"],
  ["error", "Errors"],
] as const;
/** So near to the end one counts as being there, in pixels. */
const NEAR_END = 40;

export function Logs({
  run,
  version,
  filter: { find, level },
  onFilter,
  onSelect,
}: {
  run: Run;
  version: number;
  filter: Filter;
  onFilter: OnFilter;
  onSelect: (address: string) => void;
}) {
  const [words, setWords] = useFind(find, onFilter);
  const [follows, setFollows] = useState(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version says that the run has changed.
  const rows = useMemo(() => filterLogs(run.logs, words, level), [run, version, words, level]);
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 20,
  });
  useEffect(() => {
    if (follows && rows.length > 0) virtual.scrollToIndex(rows.length - 1);
  }, [follows, rows.length, virtual]);
  const lastAt = rows.at(-1)?.at;
  return (
    <div className={css.box}>
      <div className={css.boxHead}>
        <Search label="Search logs" value={words} onChange={setWords} />
        <Choose
          label="Level"
          value={level}
          onChange={(level) => onFilter({ level: level || undefined })}
          options={LEVELS}
        />
        <Check label="Follow" checked={follows} onChange={setFollows} />
        <span>
          {rows.length === run.logs.length ? `${rows.length} lines` : `${rows.length} of ${run.logs.length} lines`}
        </span>
      </div>
      {rows.length === 0 ? (
        <Empty icon="logs" title={run.logs.length === 0 ? "No step has written anything" : "No line fits"} />
      ) : (
        <div
          ref={scroll}
          className={css.rows}
          role="log"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
          tabIndex={0}
          aria-label={`Log lines${lastAt ? "" : ", live"}`}
          onScroll={(event) => {
            const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
            if (follows && scrollHeight - scrollTop - clientHeight > 10 * NEAR_END) setFollows(false);
          }}
        >
          <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index];
              if (!row) return null;
              return (
                <div
                  key={item.index}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  className={css.log}
                  data-level={row.level}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <Line row={row} id={run.steps.get(row.address)?.id} onSelect={onSelect} />
                </div>
              );
            })}
          </div>
        </div>
      )}
    </div>
  );
}

function Line({
  row,
  id,
  onSelect,
}: {
  row: LogRow;
  /** The id of its step, which is an address where the workflow gives it none. */
  id: string | undefined;
  onSelect: (address: string) => void;
}) {
  return (
    <>
      <span className={css.dim}>{row.at ? new Date(row.at).toISOString().slice(11, 23) : "live"}</span>
      <span>{row.level}</span>
      <span>
        <Button look="quiet" small style={{ minHeight: 18, padding: 0 }} onClick={() => onSelect(row.address)}>
          {id === undefined || id.includes("/") ? row.address : id}
        </Button>
      </span>
      <span>{row.message}</span>
    </>
  );
}
