/** Values of MongoDB as JSON: relaxed Extended JSON, in which integers beyond 2^53 keep all their digits. */

import type { Json } from "akao";
import { BSON } from "mongodb";

export function toJson(value: unknown): Json {
  if (BSON.Long.isLong(value)) {
    const number = value.toNumber();
    return Number.isSafeInteger(number) ? number : { $numberLong: value.toString() };
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]));
  }
  return (BSON.EJSON.serialize({ value }, { relaxed: true }) as { value?: Json }).value ?? null;
}
