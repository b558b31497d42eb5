/** A text that is typed and stands in the address: sent when it has rested, and taken back when the address says otherwise. */
import { useEffect, useRef, useState } from "react";

/** Wait after a letter before it is sent, in milliseconds. */
const TYPED_MS = 250;

export function useTyped(value: string, send: (text: string) => void): [typed: string, set: (text: string) => void] {
  const [typed, setTyped] = useState(value);
  /** What the address says because of us; anything else came by a link, or by going back. */
  const known = useRef(value);
  const sending = useRef(send);
  sending.current = send;
  useEffect(() => {
    if (value === known.current) return;
    known.current = value;
    setTyped(value);
  }, [value]);
  useEffect(() => {
    if (typed === known.current) return;
    const timer = setTimeout(() => {
      known.current = typed;
      sending.current(typed);
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed, setTyped];
}
