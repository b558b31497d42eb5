import { describe, expect, test } from "vitest";
import { fieldsOf, fieldsOfSchema, fill, holdsSecret, typedOf } from "./forms";

const FIELDS = fieldsOf({
  name: { type: "string", description: "Whom to greet.", default: "world" },
  count: { type: "integer", required: true, minimum: 1, maximum: 9 },
  loud: { type: "boolean" },
  tone: { enum: ["kind", "short"] },
  list: { type: "array" },
  short: "number",
});

describe("a form", () => {
  test("has a field for each property, whichever way it is declared", () => {
    expect(FIELDS.map((field) => [field.name, field.kind, field.required])).toEqual([
      ["name", "text", false],
      ["count", "integer", true],
      ["loud", "truth", false],
      ["tone", "choice", false],
      ["list", "json", false],
      ["short", "number", false],
    ]);
    const schema = { type: "object", properties: { a: { type: ["string", "null"], title: "An A" } }, required: ["a"] };
    expect(fieldsOfSchema(schema)[0]).toMatchObject({ label: "An A", kind: "text", required: true });
    expect(fieldsOfSchema(null)).toEqual([]);
  });

  test("gives what was typed, and leaves out what was not", () => {
    expect(fill(FIELDS, { count: "3", list: "[1]", loud: "true" })).toEqual({
      value: { name: "world", count: 3, list: [1], loud: true },
      wrong: {},
    });
    expect(fill(FIELDS, { name: "", count: "2" }).value).toEqual({ count: 2 });
  });

  test("says what is wrong, field by field", () => {
    const { wrong } = fill(FIELDS, { count: "2.5", list: "[", short: "x" });
    expect(Object.keys(wrong)).toEqual(["count", "list", "short"]);
    expect(fill(FIELDS, {}).wrong).toEqual({ count: "This must be filled in." });
    expect(fill(FIELDS, { count: "10" }).wrong["count"]).toBe("At most 9.");
    expect(fill(FIELDS, { count: "0" }).wrong["count"]).toBe("At least 1.");
  });
});

const RICH = fieldsOfSchema({
  type: "object",
  required: ["level", "owner"],
  properties: {
    level: { type: "integer", enum: [1, 2, 3], default: 2 },
    mixed: { enum: [true, null, "1", 1, { a: 1 }] },
    size: { oneOf: [{ const: 10, title: "Small" }, { const: 20, title: "Large" }, { const: 30 }] },
    days: { type: "array", items: { enum: ["mon", "tue", 3] }, minItems: 1, maxItems: 2, default: ["tue"] },
    owner: {
      type: "object",
      title: "Owner",
      required: ["mail"],
      properties: { mail: { type: "string", format: "email" }, site: { type: "string", format: "uri" } },
    },
    window: {
      type: "object",
      required: ["from"],
      properties: { from: { type: "string", format: "date" }, at: { type: "string", format: "date-time" } },
    },
    either: { oneOf: [{ type: "string" }, { const: 1 }] },
    key: { type: "object", properties: { token: { type: "string", format: "password" } } },
  },
});

const below = (...names: string[]) => names.join("\u001f");

describe("what a schema says of values", () => {
  test("decides the field, and JSON is what is left", () => {
    expect(RICH.map((field) => [field.name, field.kind])).toEqual([
      ["level", "choice"],
      ["mixed", "choice"],
      ["size", "choice"],
      ["days", "several"],
      ["owner", "group"],
      ["window", "group"],
      ["either", "json"],
      ["key", "group"],
    ]);
    expect(RICH.find((field) => field.name === "size")?.choices.map((one) => one.label)).toEqual([
      "Small",
      "Large",
      "30",
    ]);
    expect(RICH.find((field) => field.name === "window")?.fields.map((one) => one.kind)).toEqual(["date", "time"]);
    expect(RICH.filter(holdsSecret).map((field) => field.name)).toEqual(["key"]);
  });

  test("is what is sent: a choice keeps its type", () => {
    const owner = { [below("owner", "mail")]: "ada@example.com" };
    const filled = fill(RICH, { ...owner, level: "2", mixed: "3", size: "1", days: "0 2" });
    expect(filled.wrong).toEqual({});
    expect(filled.value).toEqual({
      level: 3,
      mixed: 1,
      size: 20,
      days: ["mon", 3],
      owner: { mail: "ada@example.com" },
    });
    expect(fill(RICH, { ...owner, mixed: "1" }).value, "defaults").toMatchObject({
      level: 2,
      mixed: null,
      days: ["tue"],
    });
  });

  test("is held against what is typed, below groups too", () => {
    const wrong = fill(RICH, {
      days: "0 1 2",
      [below("owner", "mail")]: "ada",
      [below("owner", "site")]: "somewhere",
      [below("window", "at")]: "2026-01-01T10:30",
    }).wrong;
    expect(wrong).toEqual({
      days: "Choose at most 2.",
      [below("owner", "mail")]: "This is not an email address.",
      [below("owner", "site")]: "This is not an address. One begins for example with https://.",
      [below("window", "from")]: "This must be filled in.",
    });
    // A group that may be left out asks for nothing as long as nothing is in it.
    expect(Object.keys(fill(RICH, {}).wrong)).toEqual([below("owner", "mail")]);
    expect(fill(RICH, { [below("window", "from")]: "2026-02-30x" }).wrong).toMatchObject({
      [below("window", "from")]: "This is not a date.",
    });
  });

  test("is the same again after it was sent, with what has no field", () => {
    const value = {
      level: 1,
      mixed: { a: 1 },
      size: 30,
      days: ["mon", 3],
      owner: { mail: "ada@example.com", more: [1] },
      window: { from: "2026-01-31", at: "2026-01-31T08:00:30.000Z" },
      either: "x",
    };
    const typed = typedOf(RICH, value);
    expect(fill(RICH, typed)).toEqual({ value, wrong: {} });
    expect(typedOf(RICH, undefined)).toEqual({});
  });
});
