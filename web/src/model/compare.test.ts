import { expect, test } from "vitest";
import type { Step } from "../api/schema";
import { compare } from "./compare";

function step(address: string, status: Step["status"], outputs: Record<string, unknown> = {}): Step {
  return {
    address,
    id: address,
    type: "MathOp",
    name: null,
    status,
    attempts: 1,
    earlier: [],
    started_at: "",
    duration_ms: 1,
    error: null,
    props: {},
    outputs,
    logs: [],
    usage: null,
    waiting: null,
    held: null,
  } as Step;
}

test("steps are joined by their addresses, and told by what differs first", () => {
  const left = [step("/", "failure"), step("/0", "success", { a: 1 }), step("/1", "success"), step("/2", "success")];
  const right = [step("/", "success"), step("/0", "success", { a: 2 }), step("/1", "success"), step("/3", "skipped")];
  expect(compare(left, right).map((pair) => [pair.address, pair.differs])).toEqual([
    ["/", "status"],
    ["/0", "outputs"],
    ["/1", "same"],
    ["/2", "left"],
    ["/3", "right"],
  ]);
});
