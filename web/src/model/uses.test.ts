import { expect, test } from "vitest";
import { means, typesOf } from "./uses";

test("a workflow uses what stands in it at any depth, and in its trees", () => {
  const found = typesOf({
    root: {
      type: "Sequence",
      children: [{ type: "Retry", children: [{ type: "com.example.log@1.4.0#sha256:00" }] }, { type: "SubTree" }],
    },
    trees: { other: { type: "Sequence", children: [{ type: "AddT@1.0.0" }] } },
  });
  expect([...found].sort()).toEqual(["AddT@1.0.0", "Retry", "Sequence", "SubTree", "com.example.log@1.4.0"]);
});

test("a node type goes by its names and its versions, and not by what begins the same", () => {
  const log = { name: "LogMessage", aliases: ["Log"] };
  expect(["LogMessage", "Log", "LogMessage@1.0.0", "LogMessages", "Logs"].map((used) => means(used, log))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
