import { expect, test } from "vitest";
import { columnsOf, imageOf, isReference, kindsOf } from "./value";

test("a value is shown as the best that it can be", () => {
  expect(kindsOf([{ a: 1 }, { b: 2 }])).toEqual(["table", "tree", "text"]);
  expect(kindsOf([1, { a: 1 }])).toEqual(["tree", "text"]);
  expect(kindsOf("text")).toEqual(["text"]);
  expect(kindsOf(null)).toEqual(["text"]);
  expect(columnsOf([{ a: 1 }, { b: 2, a: 3 }])).toEqual(["a", "b"]);
});

test("only pictures that hold no script are pictures", () => {
  expect(imageOf("data:image/png;base64,AAAA")).toBeDefined();
  expect(imageOf("data:image/svg+xml;base64,AAAA")).toBeUndefined();
  expect(imageOf("javascript:alert(1)")).toBeUndefined();
});

test("a large value is known by its digest", () => {
  expect(isReference({ $blob: "sha256:00", bytes: 3, media_type: "application/json" })).toBe(true);
  expect(isReference({ blob: 1 })).toBe(false);
});
