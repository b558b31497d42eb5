/** Two texts, line by line. */
import { useMemo } from "react";
import { around, diffLines } from "../model/lines";
import css from "./diff.module.css";

const SIGNS = { same: " ", insert: "+", delete: "−", gap: "" } as const;
const WORDS = { same: "", insert: "added: ", delete: "removed: ", gap: "" } as const;

export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  const lines = useMemo(() => around(diffLines(before, after)), [before, after]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
    <section className={css.diff} aria-label={label} tabIndex={0}>
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines of a difference never move.
        <div key={index} className={css.line} data-kind={line.kind}>
          {line.kind !== "gap" && (
            <>
              <span aria-hidden="true">{line.before}</span>
              <span aria-hidden="true">{line.after}</span>
              <span aria-hidden="true">{SIGNS[line.kind]}</span>
              <span>
                {WORDS[line.kind] && <span className="visually-hidden">{WORDS[line.kind]}</span>}
                {line.text}
              </span>
            </>
          )}
        </div>
      ))}
    </section>
  );
}
