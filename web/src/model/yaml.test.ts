import { describe, expect, test } from "vitest";
import { keysFor, meaningAt, placeAt } from "./yaml";

/** The place of `|` in a text. */
function at(text: string) {
  const before = text.slice(0, text.indexOf("|"));
  const lines = before.split("\n");
  return placeAt(text.replace("|", ""), lines.length - 1, lines.at(-1)?.length ?? 0);
}

const HEAD = "akao: 1\nid: a\nversion: 1.0.0\n";

describe("a place in a text", () => {
  test("is a type behind `type:`", () => {
    expect(at(`${HEAD}root:\n  type: |`)).toEqual({ at: "type" });
    expect(at(`${HEAD}root:\n  type: Sequence\n  children:\n    - type: Lo|`)).toEqual({ at: "type" });
    expect(at(`${HEAD}root:\n  type: Sequence\n  children:\n    - { id: a, type: L|`)).toEqual({ at: "type" });
  });

  test("is a key of the document or of a node", () => {
    expect(at(`${HEAD}|`)).toMatchObject({ at: "key", of: "document", present: ["version", "id", "akao"] });
    expect(at(`${HEAD}root:\n  type: Sequence\n  |`)).toMatchObject({
      at: "key",
      of: "node",
      type: "Sequence",
      present: ["type"],
    });
    expect(
      at(`${HEAD}root:\n  type: Sequence\n  children:\n    - type: LogMessage\n      |\n    - type: Delay`),
    ).toMatchObject({
      at: "key",
      of: "node",
      type: "LogMessage",
      present: ["type"],
    });
    expect(at(`${HEAD}trees:\n  t:\n    |`)).toMatchObject({ at: "key", of: "node" });
  });

  test("is a prop of its node, wherever the type stands", () => {
    expect(at(`${HEAD}root:\n  type: LogMessage\n  props:\n    |`)).toMatchObject({
      at: "key",
      of: "props",
      type: "LogMessage",
    });
    expect(at(`${HEAD}root:\n  props:\n    me|\n  type: LogMessage`)).toMatchObject({
      at: "key",
      of: "props",
      type: "LogMessage",
    });
    expect(at(`${HEAD}root:\n  type: LogMessage\n  props:\n    level: |`)).toEqual({
      at: "prop",
      type: "LogMessage",
      prop: "level",
    });
    expect(at(`${HEAD}root: { type: LogMessage, props: { level: |`)).toEqual({
      at: "prop",
      type: "LogMessage",
      prop: "level",
    });
    expect(at(`${HEAD}root: { type: LogMessage, props: { |`)).toMatchObject({
      at: "key",
      of: "props",
      type: "LogMessage",
    });
  });

  test("is nothing within texts and inputs", () => {
    expect(at(`${HEAD}inputs:\n  name:\n    type2: |`)).toEqual({ at: "nothing" });
    expect(at(`${HEAD}name: |`)).toEqual({ at: "nothing" });
  });
});

test("what is there already is not offered again", () => {
  expect(keysFor("document", ["akao", "id"]).map(([name]) => name)).not.toContain("akao");
  expect(keysFor("node", ["type"]).map(([name]) => name)).toContain("props");
});

test("a word is explained by where it stands", () => {
  const text = `${HEAD}root:\n  type: LogMessage\n  props:\n    message: hello\n`;
  expect(meaningAt(text, 4, 10)).toEqual({ what: "type", word: "LogMessage" });
  expect(meaningAt(text, 4, 3)).toEqual({ what: "key", word: "type", of: "node" });
  expect(meaningAt(text, 6, 6)).toEqual({ what: "prop", word: "message", type: "LogMessage" });
  expect(meaningAt(text, 3, 1)).toEqual({ what: "key", word: "root", of: "document" });
  expect(meaningAt(text, 6, 15)).toBeUndefined();
});
