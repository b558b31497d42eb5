/** Times and durations, as people say them. */
import { useEffect, useState } from "react";
import { ago, duration, moment } from "../model/time";

/** The time now, which moves on every so often, in milliseconds. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function When({ at }: { at: string | null | undefined }) {
  const now = useNow(15_000);
  if (!at) return <span>–</span>;
  return (
    <time dateTime={at} title={moment(at)}>
      {ago(Date.parse(at), now)}
    </time>
  );
}

export function Took({ ms, since }: { ms: number | null | undefined; since?: string | undefined }) {
  const live = ms === null || ms === undefined;
  const now = useNow(live && since ? 500 : 60_000);
  if (!live) return <span>{duration(ms)}</span>;
  return <span>{since ? duration(Math.max(0, now - Date.parse(since))) : "–"}</span>;
}
