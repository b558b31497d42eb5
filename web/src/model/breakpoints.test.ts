import { describe, expect, test } from "vitest";
import { addressIn, edgeAt, loopsAbove, nodeOf, spotsOf, stopsOf, stopWords } from "./breakpoints";
import { type Definition, placeOf } from "./definition";
import { plan } from "./drawing";

const LEAF = { type: "LogMessage" };

const PLAN = plan({
  akao: 1,
  id: "a",
  version: "1.0.0",
  trees: { inner: { type: "Sequence", children: [{ ...LEAF }, { ...LEAF, id: "deep" }] } },
  root: {
    type: "Sequence",
    children: [
      {
        type: "Graph",
        children: [
          { ...LEAF, id: "a" },
          { ...LEAF, id: "b", needs: ["a"] },
          { ...LEAF, id: "c", name: "Last", needs: ["a", "b"] },
        ],
      },
      {
        type: "ForEach",
        id: "outer",
        children: [{ type: "Sequence", children: [{ type: "Retry", children: [{ ...LEAF, id: "each" }] }] }],
      },
      { type: "SubTree", props: { treeId: "inner" } },
      { ...LEAF },
    ],
  },
} satisfies Definition);

describe("what a breakpoint names", () => {
  test("is found by id, by place, by address and by the way between two nodes", () => {
    for (const [at, spots] of [
      ["b", [{ kind: "every", place: "/0/1" }]],
      ["/3", [{ kind: "every", place: "/3" }]],
      ["/", [{ kind: "every", place: "/" }]],
      ["/1[4]/0/0[0]/0", [{ kind: "run", place: "/1/0/0/0", address: "/1[4]/0/0[0]/0" }]],
      ["a->c", [{ kind: "edge", place: "/0/2", from: "/0/0" }]],
      ["a -> c", [{ kind: "edge", place: "/0/2", from: "/0/0" }]],
      ["deep", [{ kind: "every", place: "/2/0/1" }]],
      ["inner:/0", [{ kind: "every", place: "/2/0/0" }]],
      // No Graph leads there, or there is no such node.
      ["a->each", []],
      ["a->b->c", []],
      ["nothing", []],
      ["/9", []],
    ] as const) {
      expect(spotsOf(PLAN, at), at).toEqual(spots);
    }
  });

  test("is written as it is read", () => {
    for (const card of PLAN.cards.values()) {
      expect(spotsOf(PLAN, nodeOf(card)), card.place).toEqual([{ kind: "every", place: card.place }]);
    }
    expect(edgeAt(PLAN, "/0/0", "/0/2")).toBe("a->c");
    expect(edgeAt(PLAN, "/0/0", "/9")).toBeUndefined();
  });

  test("stands at its place with all that is set there, in words", () => {
    const stops = stopsOf(PLAN, [
      { at: "c", condition: "count > 4" },
      { at: "b->c" },
      { at: "/1[2]/0/0[0]/0", once: true },
      { at: "gone" },
    ]);
    expect([...stops.keys()]).toEqual(["/0/2", "/1/0/0/0"]);
    const [last, each] = [stops.get("/0/2"), stops.get("/1/0/0/0")];
    expect(last && stopWords(PLAN, last)).toEqual(["breakpoint when count > 4", "breakpoint from b"]);
    expect(last?.from.get("/0/1")).toEqual({ at: "b->c" });
    expect(each && stopWords(PLAN, each)).toEqual(["breakpoint in run /1[2]/0/0[0]/0"]);
    expect(each?.every).toBeUndefined();
  });
});

test("one run of a node is named by the runs of the loops above it", () => {
  expect(loopsAbove(PLAN, "/1/0/0/0").map((card) => card.place)).toEqual(["/1", "/1/0/0"]);
  expect(loopsAbove(PLAN, "/1")).toEqual([]);
  const address = addressIn(
    "/1/0/0/0",
    new Map([
      ["/1", 17],
      ["/1/0/0", 0],
    ]),
  );
  expect([address, placeOf(address)]).toEqual(["/1[17]/0/0[0]/0", "/1/0/0/0"]);
  expect(addressIn("/0", new Map([["/", 3]]))).toBe("/[3]/0");
  expect([addressIn("/", new Map()), addressIn("/1", new Map([["/1", 2]]))]).toEqual(["/", "/1"]);
});
