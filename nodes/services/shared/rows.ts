/** Rows as JSON, no more of them than was asked for, and the rules by which values of a database become JSON. */

import { Failure, type Json, type Schemas } from "akao";

/** Inputs that bound what a statement gives. */
export const BOUNDS = {
  maxRows: { type: "integer", default: 1000 },
  maxBytes: { type: "integer", default: 524_288 },
  truncate: { type: "boolean", default: false },
} as const satisfies Schemas;

export type Bounds = { maxRows: number; maxBytes: number; truncate: boolean };

export type Row = { [column: string]: Json };

/** Gathers rows within bounds. One row too many is a failure, or the end where less is enough. */
export class Rows {
  readonly rows: Json[] = [];
  truncated = false;
  readonly #bounds: Bounds;
  #bytes = 2;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** How many more rows are worth asking for: one beyond the bound tells that there are more. */
  get wanted(): number {
    return this.#bounds.maxRows - this.rows.length + 1;
  }

  /** Takes a row; whether another one may come. */
  add(row: Json): boolean {
    const { maxRows, maxBytes } = this.#bounds;
    if (this.rows.length >= maxRows) return this.#full("too_many_rows", `more than \`maxRows\`, ${maxRows}, rows`, "maxRows");
    const bytes = Buffer.byteLength(JSON.stringify(row)) + 1;
    if (this.#bytes + bytes > maxBytes) return this.#full("too_many_bytes", `more than \`maxBytes\`, ${maxBytes}, bytes of JSON`, "maxBytes");
    this.#bytes += bytes;
    this.rows.push(row);
    return true;
  }

  #full(reason: string, what: string, bound: string): false {
    if (!this.#bounds.truncate) {
      const message = `there are ${what}: narrow what is asked for, raise \`${bound}\`, or set \`truncate\` to take the first ones`;
      throw new Failure("resource", message, { retryable: false, detail: { reason } });
    }
    this.truncated = true;
    return false;
  }
}

/** The names of columns, each of them once: a row is an object. */
export function columns(names: string[]): string[] {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new Failure("user", `two columns are called \`${twice}\`: give one of them another name with \`as\``, { retryable: false });
  }
  return names;
}

/** A row as an object. `Object.fromEntries` takes `__proto__` for a name like any other. */
export const row = (names: string[], values: Json[]): Row => Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));

/** An integer; beyond 2^53 as text, because most readers of JSON lose its last digits. */
export function integer(text: string): Json {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

/** A floating-point number; what JSON cannot say is text. */
export function float(text: string): Json {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

/** The parts of JSON that hold digits: texts, in which they mean nothing, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A number without the zeros that say nothing: the same text for the same number. */
function digits(number: string): string {
  const [, sign = "", whole = "", part = "", power = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const all = (whole + part).replace(/^0+/, "");
  let end = all.length;
  while (all[end - 1] === "0") end -= 1;
  return end === 0 ? "0" : `${sign}${all.slice(0, end)}e${Number(power) - part.length + all.length - end}`;
}

/** What a text of JSON holds. A number is text where a floating-point number would not keep its digits. */
export function json(text: string): Json {
  const exact = (token: string) => (token.startsWith('"') || digits(token) === digits(String(Number(token))) ? token : `"${token}"`);
  return JSON.parse(text.replace(TOKENS, exact)) as Json;
}

export const bytes = (data: Buffer): Json => ({ $base64: data.toString("base64") });

/** The bytes that a text in base64 is; none where it is not base64. Padding may be left out. */
export function fromBase64(text: string): Buffer | undefined {
  const data = Buffer.from(text, "base64");
  const bare = (base64: string) => base64.replace(/={1,2}$/, "");
  return bare(data.toString("base64")) === bare(text) ? data : undefined;
}

/** A parameter as a library of a database takes it. */
export type Bound = null | boolean | number | string | Buffer | Bound[];

/**
 * A value of `parameters`: `{"$base64": …}` are bytes, `{"$json": …}` and every other object is the text of JSON. What an array
 * is depends on the database.
 */
export function bound(value: Json, array: (items: Json[]) => Bound): Bound {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return array(value);
  const [name, ...more] = Object.keys(value);
  if (more.length > 0 || name === undefined) return JSON.stringify(value);
  if (name === "$json") return JSON.stringify(value[name]);
  const inner = value[name];
  if (name !== "$base64" || typeof inner !== "string") return JSON.stringify(value);
  const data = fromBase64(inner);
  if (data === undefined) throw new Failure("input", "a parameter's `$base64` is not base64");
  return data;
}
