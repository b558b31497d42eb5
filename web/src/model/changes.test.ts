import { expect, test } from "vitest";
import { changesOf } from "./changes";

test("a difference is told in words and marked on both sides", () => {
  const found = changesOf({
    same: false,
    header: [{ path: "/version", before: "1.0.0", after: "1.1.0" }],
    trees_added: ["more"],
    nodes: [
      {
        change: "changed",
        before: { place: "/0", id: "wait", type: "WaitAction" },
        after: { place: "/1", id: "wait", type: "WaitAction" },
        moved: true,
        changes: [{ path: "/props/waitMs", before: 120, after: 200 }],
      },
      {
        change: "added",
        after: { place: "#more/0", type: "com.example.a@1.0.0" },
        changes: [{ path: "/type", after: "x" }],
      },
      { change: "removed", before: { place: "/2", id: "gone", type: "LogMessage" } },
    ],
  });
  expect(found.header).toEqual(['version: "1.0.0" to "1.1.0"', "the tree more was added"]);
  expect(found.nodes.map((node) => [node.mark, node.name, node.details])).toEqual([
    ["changed", "wait", ["stands elsewhere", "props/waitMs: 120 to 200"]],
    ["added", "#more/0", []],
    ["removed", "gone", []],
  ]);
  expect([...found.before]).toEqual([
    ["/0", "changed"],
    ["/2", "removed"],
  ]);
  expect([...found.after]).toEqual([
    ["/1", "changed"],
    ["#more/0", "added"],
  ]);
});
