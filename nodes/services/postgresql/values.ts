/** Values of PostgreSQL as JSON, from the text in which the server writes them. The numbers are those of `pg_type`. */

import type { Json } from "akao";
import { parse } from "postgres-array";
import { bytes, float, integer, json } from "../shared/rows.ts";

type Reader = (text: string) => Json;

/** `2026-02-01 07:05:00` in the words of ISO 8601; what lies before our era and infinity stay as they are. */
const timestamp: Reader = (text) => text.replace(/^(\d{4,})-(\d\d)-(\d\d) (.*)$/, "$1-$2-$3T$4");
/** The session's time zone is UTC. */
const timestampWithZone: Reader = (text) => timestamp(text.replace(/\+00$/, "Z"));
const byteArray: Reader = (text) => bytes(Buffer.from(text.slice("\\x".length), "hex"));

const READERS = new Map<number, Reader>([
  [16, (text) => text === "t"],
  [17, byteArray],
  [20, integer],
  [21, integer],
  [23, integer],
  [26, integer],
  [114, json],
  [700, float],
  [701, float],
  [1114, timestamp],
  [1184, timestampWithZone],
  [3802, json],
]);

/** Arrays, by the type of what they hold. */
const ARRAYS = new Map<number, number>([
  [199, 114], [1000, 16], [1001, 17], [1005, 21], [1007, 23], [1009, 25], [1014, 1042], [1015, 1043], [1016, 20], [1021, 700], [1022, 701],
  [1028, 26], [1115, 1114], [1182, 1082], [1183, 1083], [1185, 1184], [1231, 1700], [2951, 2950], [3807, 3802],
]);

/** A value by its type. Exact decimals, dates, times, and every type that is not known here are text. */
export function fromText(text: string | null, type: number): Json {
  if (text === null) return null;
  const item = ARRAYS.get(type);
  if (item === undefined) return (READERS.get(type) ?? String)(text);
  // An array that does not begin at 1 is written with its bounds before it.
  return nested(parse(text.replace(/^\[.*?\]=/, "")), item);
}

function nested(items: unknown[], type: number): Json {
  return items.map((item) => (Array.isArray(item) ? nested(item, type) : fromText(item as string | null, type)));
}
