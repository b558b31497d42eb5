import { expect, test } from "vitest";
import { begin, remaining, type Saved } from "./draft";

const first: Saved = { source: "version: 1.0.0", tag: '"1"', latest: "1.0.0" };
const second: Saved = { source: "version: 1.1.0", tag: '"2"', latest: "1.1.0" };

test("without a draft, what is saved is edited", () => {
  const usual = { text: first.source, base: first, conflict: undefined, restored: false };
  expect(begin(first, undefined)).toEqual(usual);
  expect(begin(first, { text: first.source, base: second }), "one that says the same").toEqual(usual);
});

test("a draft goes on where it was left", () => {
  expect(begin(first, { text: "mine", base: first })).toEqual({
    text: "mine",
    base: first,
    conflict: undefined,
    restored: true,
  });
});

test("a draft does not pass for an edit of what somebody else published since", () => {
  const found = begin(second, { text: "mine", base: first });
  expect(found.conflict).toBe(second);
  expect(found.base.tag, "what it would be published upon").toBe(first.tag);
  expect(found.text).toBe("mine");
});

test("what is written while a text is on its way stays, on top of what was published", () => {
  const draft = { text: "mine, and more", base: first };
  expect(remaining(draft, { ...second, source: "mine" })).toEqual({
    text: "mine, and more",
    base: { ...second, source: "mine" },
  });
  expect(remaining({ text: "mine", base: first }, { ...second, source: "mine" })).toBeUndefined();
  expect(remaining(undefined, second)).toBeUndefined();
});
