import { expect, test } from "vitest";
import { blocks, pieces } from "./prose";

test("paragraphs, lists and code are told apart", () => {
  expect(blocks("One `a` and\ntwo.\n\n- first\n- second\n\n```yaml\nb: 1\n```\n")).toEqual([
    {
      kind: "paragraph",
      pieces: [
        { code: false, text: "One " },
        { code: true, text: "a" },
        { code: false, text: " and two." },
      ],
    },
    { kind: "list", items: [[{ code: false, text: "first" }], [{ code: false, text: "second" }]] },
    { kind: "code", text: "b: 1" },
  ]);
  expect(pieces("<b>x</b>")).toEqual([{ code: false, text: "<b>x</b>" }]);
});
