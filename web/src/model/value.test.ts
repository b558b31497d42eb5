import { expect, test } from "vitest";
import { bytesWords, columnsOf, imageOf, isReference, kindsOf, openedAs } from "./value";

test("a value is shown as the best that it can be", () => {
  expect(kindsOf([{ a: 1 }, { b: 2 }])).toEqual(["table", "tree", "text"]);
  expect(kindsOf([1, { a: 1 }])).toEqual(["tree", "text"]);
  expect(kindsOf("text")).toEqual(["text"]);
  expect(kindsOf(null)).toEqual(["text"]);
  expect(columnsOf([{ a: 1 }, { b: 2, a: 3 }])).toEqual(["a", "b"]);
  const wide = Object.fromEntries(Array.from({ length: 45 }, (_, at) => [`c${at}`, at]));
  expect(columnsOf([...Array.from({ length: 300 }, () => ({ a: 1 })), wide]), "none is left out").toHaveLength(46);
  const mixed = [...Array.from({ length: 60 }, () => ({ a: 1 })), null];
  expect(kindsOf(mixed), "a row that is none").toEqual(["tree", "text"]);
  expect(kindsOf({ $blob: "sha256:00", bytes: 3, media_type: "text/plain" })).toEqual(["tree"]);
});

test("only pictures that hold no script are pictures", () => {
  expect(imageOf("data:image/png;base64,AAAA")).toBeDefined();
  expect(imageOf("data:image/svg+xml;base64,AAAA")).toBeUndefined();
  expect(imageOf("javascript:alert(1)")).toBeUndefined();
});

test("bytes are opened as what cannot do anything, and otherwise only saved", () => {
  for (const [mediaType, expected] of [
    ["application/json", "value"],
    ["image/png", "picture"],
    ["IMAGE/JPEG", "picture"],
    ["text/csv; charset=utf-8", "text"],
    ["image/svg+xml", undefined],
    ["text/html", undefined],
    ["application/pdf", undefined],
    ["", undefined],
  ] as const) {
    expect(openedAs(mediaType), mediaType).toBe(expected);
  }
  expect([999, 1_000, 205_781, 4_000_000].map(bytesWords)).toEqual(["999 bytes", "1.0 kB", "206 kB", "4.0 MB"]);
});

test("a large value is known by its digest", () => {
  expect(isReference({ $blob: "sha256:00", bytes: 3, media_type: "application/json" })).toBe(true);
  expect(isReference({ blob: 1 })).toBe(false);
});
