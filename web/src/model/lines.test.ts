import { describe, expect, test } from "vitest";
import { around, diffLines } from "./lines";

const told = (before: string, after: string) =>
  diffLines(before, after).map(
    (line) => `${line.kind === "same" ? " " : line.kind === "delete" ? "-" : "+"}${line.text}`,
  );

/** Puts both texts together again from what was told. */
function sides(before: string, after: string): [string, string] {
  const lines = diffLines(before, after);
  const side = (not: string) =>
    lines
      .filter((line) => line.kind !== not)
      .map((line) => line.text)
      .join("\n");
  return [side("insert"), side("delete")];
}

describe("a difference of lines", () => {
  test("says what went and what came", () => {
    expect(told("a\nb\nc", "a\nx\nc")).toEqual([" a", "-b", "+x", " c"]);
    expect(told("a", "a")).toEqual([" a"]);
    expect(told("a\nb", "b")).toEqual(["-a", " b"]);
    expect(told("b", "a\nb\nc")).toEqual(["+a", " b", "+c"]);
  });

  test("holds both texts, whatever they are", () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    for (let round = 0; round < 300; round += 1) {
      const make = () =>
        Array.from({ length: Math.floor(random() * 12) }, () => "abc"[Math.floor(random() * 3)]).join("\n");
      const [before, after] = [make(), make()];
      expect(sides(before, after), `${JSON.stringify(before)} to ${JSON.stringify(after)}`).toEqual([before, after]);
    }
  });

  test("counts lines of both sides, and leaves out what lies far from changes", () => {
    const many = Array.from({ length: 40 }, (_, index) => `line ${index}`);
    const changed = many.with(20, "other");
    const near = around(diffLines(many.join("\n"), changed.join("\n")), 2);
    expect(near.map((line) => line.kind)).toEqual(["gap", "same", "same", "delete", "insert", "same", "same", "gap"]);
    expect([near[3]?.before, near[4]?.after]).toEqual([21, 21]);
  });
});
