/**
 * Values where `{"$parameter": NAME}` stands in a filter, an update or a pipeline.
 *
 * What is put in is a value and nothing else: it holds no operator, and where MongoDB computes expressions it is wrapped, so
 * that a text such as `$password` is that text and not a field.
 */

import { Failure, type Json } from "akao";
import { BSON } from "mongodb";

type Values = { [name: string]: Json };

/** Where a value stands: in what is compared or stored as it is, or in what is computed. */
type Mode = "value" | "expression";

/** Keys below which MongoDB takes values as they are. */
const VALUES = new Set(["$match", "restrictSearchWithMatch", "$geoNear", "$search", "$searchMeta", "$vectorSearch"]);
/** Keys below which it wants a number that is not computed. */
const NUMBERS = new Set(["$limit", "$skip", "size"]);
/** Values that MongoDB would run, or match by. */
const ACTIVE = new Set(["BSONRegExp", "Code", "DBRef", "BSONSymbol"]);
const MARK = "$parameter";

/** A filter or an update with its values, as BSON. */
export const boundDocument = (document: Values, values: Values): object => read(fill(document, values, "value")) as object;

/** A pipeline with its values, as BSON. */
export const boundPipeline = (stages: Json[], values: Values): object[] => read(fill(stages, values, "expression")) as object[];

/** JSON with the types that Extended JSON writes. */
export function read(value: Json): unknown {
  try {
    return (BSON.EJSON.deserialize({ value }, { relaxed: false }) as { value: unknown }).value;
  } catch (error) {
    throw new Failure("input", `a value is not Extended JSON: ${(error as Error).message}`, { retryable: false });
  }
}

/** What the server runs as JavaScript. */
const CODE = new Set(["$where", "$function", "$accumulator"]);

/** Whether a parameter stands anywhere in a value, but for the arguments of code, which are values to it. */
function marked(value: Json): boolean {
  if (Array.isArray(value)) return value.some(marked);
  if (value === null || typeof value !== "object") return false;
  return Object.entries(value).some(([key, inner]) => key === MARK || (!ARGUMENTS.has(key) && marked(inner)));
}

const ARGUMENTS = new Set(["args", "initArgs", "accumulateArgs"]);

function fill(value: Json, values: Values, mode: Mode): Json {
  if (Array.isArray(value)) return value.map((item) => fill(item, values, mode));
  if (value === null || typeof value !== "object") return value;
  const [first, ...more] = Object.keys(value);
  const code = Object.keys(value).find((key) => CODE.has(key));
  if (code !== undefined && marked(value[code] as Json)) {
    throw new Failure("input", `\`${code}\` runs what it holds, so that no parameter stands in it`, { retryable: false });
  }
  if (first === MARK && more.length === 0) {
    const given = parameter(value[MARK] as Json, values);
    return mode === "expression" ? { $literal: given } : given;
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, values, below(key, inner, values, mode))]));
}

/** How values stand below a key. */
function below(key: string, inner: Json, values: Values, mode: Mode): Mode {
  if (VALUES.has(key)) return "value";
  if (key === "$expr") return "expression";
  const name = inner !== null && typeof inner === "object" && !Array.isArray(inner) ? inner[MARK] : undefined;
  return NUMBERS.has(key) && typeof name === "string" && typeof values[name] === "number" ? "value" : mode;
}

function parameter(name: Json, values: Values): Json {
  if (typeof name !== "string" || !Object.hasOwn(values, name)) {
    const known = Object.keys(values).join(", ") || "none";
    throw new Failure("input", `\`${JSON.stringify(name)}\` is not among \`parameters\`, which are: ${known}`, { retryable: false });
  }
  const value = values[name] as Json;
  const found = active(read(value));
  if (found === undefined) return value;
  throw new Failure("input", `the parameter \`${name}\` holds \`${found}\`: operators stand in the query, not in values`, { retryable: false });
}

/** What of a value would be more than a value. */
function active(value: unknown): string | undefined {
  if (value === null || typeof value !== "object") return undefined;
  if (Array.isArray(value)) return value.map(active).find((found) => found !== undefined);
  const { _bsontype: type } = value as { _bsontype?: string };
  if (typeof type === "string") return ACTIVE.has(type) ? type : undefined;
  if (Object.getPrototypeOf(value) !== Object.prototype) return undefined;
  const operator = Object.keys(value).find((key) => key.startsWith("$"));
  return operator ?? active(Object.values(value));
}
