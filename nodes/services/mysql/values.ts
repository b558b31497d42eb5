/** Values of MySQL and MariaDB as JSON, from what the library makes of them. */

import type { Json } from "akao";
import { Types, type FieldPacket } from "mysql2";
import { bytes, json } from "../shared/rows.ts";

/** The shortest number that means the same in 32 bits. */
function short(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return text;
  }
  return value;
}

/** Integers beyond 2^53 and exact decimals have come as text, and so have dates. */
export function fromMysql(value: unknown, field: FieldPacket | undefined): Json {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return bytes(value);
  // MariaDB's type is a text, of which it says what it holds.
  if (field?.columnType === Types.JSON || field?.extendedFormat === "json") return json(String(value));
  switch (field?.columnType) {
    // What `boolean` is short for.
    case Types.TINY:
      return field.columnLength === 1 ? value !== 0 : (value as number);
    case Types.FLOAT:
      return short(value as number);
    case Types.DATETIME:
      return String(value).replace(" ", "T");
    // The session's time zone is UTC.
    case Types.TIMESTAMP:
      return `${String(value).replace(" ", "T")}Z`;
    default:
      return value as Json;
  }
}
