/** What was chosen last, also before it is drawn: whoever holds an arrow down is faster than the pages. */
import { useLayoutEffect, useRef } from "react";

export interface Ahead<T> {
  /** What is chosen, drawn or not. */
  latest: () => T;
  /** Notes what is chosen now. */
  note: (chosen: T) => void;
}

export function useAhead<T>(drawn: T): Ahead<T> {
  const chosen = useRef<T[]>([]);
  useLayoutEffect(() => {
    // What was chosen before what is drawn now is over; what nobody chose here came from elsewhere, and counts.
    const at = chosen.current.lastIndexOf(drawn);
    chosen.current = at < 0 ? [] : chosen.current.slice(at + 1);
  }, [drawn]);
  return {
    latest: () => chosen.current.at(-1) ?? drawn,
    note: (one) => void chosen.current.push(one),
  };
}
