import { describe, expect, test } from "vitest";
import { childOf, type Definition, depthOf, parentOf, placeOf } from "./definition";
import { arrangeByRank, layout, outline, plan, SIZE, step } from "./drawing";

const LEAF = { type: "LogMessage", props: { message: "hello" } };

function workflow(root: Definition["root"], trees?: Definition["trees"]): Definition {
  return { akao: 1, id: "a", version: "1.0.0", root, ...(trees ? { trees } : {}) };
}

const TREE = workflow({
  type: "Sequence",
  children: [
    { ...LEAF, id: "first" },
    { type: "Recovery", children: [LEAF, { ...LEAF, name: "Clean up" }] },
    {
      type: "Switch",
      children: [
        { ...LEAF, case: 3 },
        { ...LEAF, default: true },
      ],
    },
  ],
});

describe("addresses", () => {
  test("lead up, down and to places", () => {
    expect(placeOf("/0/2[17]/1")).toBe("/0/2/1");
    expect([placeOf("/[3]/1"), placeOf("/[3]"), placeOf("/")]).toEqual(["/1", "/", "/"]);
    expect([childOf("/", 2), childOf("/0", 1)]).toEqual(["/2", "/0/1"]);
    expect([parentOf("/"), parentOf("/3"), parentOf("/0/1")]).toEqual([undefined, "/", "/0"]);
    expect([depthOf("/"), depthOf("/0/2[1]")]).toEqual([0, 2]);
  });
});

describe("a plan", () => {
  test("says what each node is to its parent", () => {
    const { cards } = plan(TREE);
    expect([...cards.keys()]).toEqual(["/", "/0", "/1", "/1/0", "/1/1", "/2", "/2/0", "/2/1"]);
    expect(cards.get("/0")).toMatchObject({ title: "first", type: "LogMessage", kind: "leaf", note: "hello" });
    expect(["/1/0", "/1/1", "/2/0", "/2/1"].map((place) => cards.get(place)?.role)).toEqual([
      "try",
      "catch",
      "= 3",
      "default",
    ]);
    expect(cards.get("/1/1")?.title).toBe("Clean up");
  });

  test("shows what a SubTree runs, and does not go round in circles", () => {
    const { cards } = plan(
      workflow({ type: "SubTree", props: { treeId: "t" } }, { t: { type: "Sequence", children: [LEAF] } }),
    );
    expect([...cards.values()].map((card) => [card.place, card.source])).toEqual([
      ["/", "/"],
      ["/0", "#t/"],
      ["/0/0", "#t/0"],
    ]);
    const round = plan(
      workflow({ type: "SubTree", props: { treeId: "t" } }, { t: { type: "SubTree", props: { treeId: "t" } } }),
    );
    expect(round.cards.size).toBeLessThan(30);
  });
});

describe("a layout", () => {
  test("puts children to the right, one below the other, without overlap", async () => {
    const drawn = plan(TREE);
    const { boxes, lines } = await layout(drawn, arrangeByRank);
    expect(boxes).toHaveLength(8);
    expect(lines.filter((line) => line.kind === "child")).toHaveLength(7);
    for (const a of boxes) {
      for (const b of boxes) {
        if (a === b) continue;
        const apart = Math.abs(a.x - b.x) >= SIZE.width || Math.abs(a.y - b.y) >= SIZE.height;
        expect(apart, `${a.place} and ${b.place}`).toBe(true);
      }
    }
    const at = new Map(boxes.map((box) => [box.place, box]));
    expect(at.get("/0")?.x).toBeGreaterThan(at.get("/")?.x ?? 0);
    expect(at.get("/1")?.y).toBeGreaterThan(at.get("/0")?.y ?? 0);
  });

  test("puts the children of a graph behind what they need", async () => {
    const drawn = plan(
      workflow({
        type: "Graph",
        children: [
          { ...LEAF, id: "a" },
          { ...LEAF, id: "b" },
          { ...LEAF, id: "c", needs: ["a", "b"] },
        ],
      }),
    );
    const { boxes, frames, lines } = await layout(drawn, arrangeByRank);
    const at = new Map(boxes.map((box) => [box.place, box]));
    expect(at.get("/2")?.x).toBeGreaterThan(at.get("/0")?.x ?? 0);
    expect(lines.filter((line) => line.kind === "needs")).toEqual([
      { from: "/0", to: "/2", kind: "needs" },
      { from: "/1", to: "/2", kind: "needs" },
    ]);
    expect(frames).toHaveLength(1);
  });

  test("leaves out what is folded", async () => {
    const { boxes } = await layout(plan(TREE), arrangeByRank, new Set(["/1"]));
    expect(boxes.map((box) => box.place)).not.toContain("/1/0");
  });

  test("places five thousand nodes in a moment", async () => {
    const wide = workflow({ type: "Sequence", children: Array.from({ length: 5_000 }, () => LEAF) });
    const began = performance.now();
    const { boxes } = await layout(plan(wide), arrangeByRank);
    expect(boxes).toHaveLength(5_001);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

test("keys lead through a drawing", () => {
  const drawn = plan(TREE);
  expect(step(drawn, "/", "right")).toBe("/0");
  expect(step(drawn, "/0", "down")).toBe("/1");
  expect(step(drawn, "/1/1", "down")).toBe("/2");
  expect(step(drawn, "/2/1", "down")).toBe("/2/1");
  expect(step(drawn, "/1/0", "left")).toBe("/1");
  expect(step(drawn, "/", "up")).toBe("/");
  expect(step(drawn, "/gone", "up")).toBe("/");
  expect(outline(drawn, new Set(["/2"])).map((card) => card.place)).toEqual(["/", "/0", "/1", "/1/0", "/1/1", "/2"]);
});
