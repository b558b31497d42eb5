import { describe, expect, test } from "vitest";
import { fieldsOf, fieldsOfSchema, fill } from "./forms";

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
