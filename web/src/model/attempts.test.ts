import { expect, test } from "vitest";
import { attemptsOf } from "./attempts";
import { Run } from "./run";

/** A run with these steps, each with how it ended. */
function run(steps: Record<string, [type: string, status: string]>): Run {
  const made = new Run();
  const events = Object.entries(steps).map(([step, [type, status]], index) => ({
    id: `${index}.0`,
    name: "status",
    data: { step, id: step, type, status, at: `2026-01-01T00:00:0${index}Z` },
  }));
  made.take(events);
  return made;
}

const told = (found: ReturnType<typeof attemptsOf>) =>
  found.map(({ number, row }) => `${number} ${row.address} ${row.status}`);

test("a step has one attempt for each run of the retry above it, also when one did not come so far", () => {
  const made = run({
    "/0": ["Retry", "running"],
    "/0[0]/0": ["Sequence", "failure"],
    "/0[0]/0/1": ["HttpRequest", "failure"],
    "/0[1]/0": ["Sequence", "failure"],
    "/0[2]/0": ["Sequence", "success"],
    "/0[2]/0/1": ["HttpRequest", "success"],
  });
  const expected = ["1 /0[0]/0/1 failure", "3 /0[2]/0/1 success"];
  expect(told(attemptsOf(made, "/0[2]/0/1"))).toEqual(expected);
  expect(told(attemptsOf(made, "/0"))).toEqual(["1 /0[0]/0 failure", "2 /0[1]/0 failure", "3 /0[2]/0 success"]);
});

test("runs of a loop are no attempts, and a retry at the root has some", () => {
  const loop = run({ "/0": ["ForEach", "running"], "/0[0]/0": ["LogMessage", "success"], "/0[1]/0": ["A", "success"] });
  expect(attemptsOf(loop, "/0[1]/0")).toEqual([]);
  const root = run({ "/": ["Retry", "success"], "/[0]/0": ["A", "failure"], "/[1]/0": ["A", "success"] });
  expect(told(attemptsOf(root, "/[1]/0"))).toEqual(["1 /[0]/0 failure", "2 /[1]/0 success"]);
  expect(told(attemptsOf(root, "/"))).toEqual(["1 /[0]/0 failure", "2 /[1]/0 success"]);
});

test("the attempts within one run of a loop are those of that run", () => {
  const made = run({
    "/0": ["ForEach", "running"],
    "/0[0]/0": ["Retry", "success"],
    "/0[0]/0[0]/0": ["A", "failure"],
    "/0[0]/0[1]/0": ["A", "success"],
    "/0[1]/0": ["Retry", "running"],
    "/0[1]/0[0]/0": ["A", "running"],
  });
  expect(told(attemptsOf(made, "/0[0]/0[1]/0"))).toEqual(["1 /0[0]/0[0]/0 failure", "2 /0[0]/0[1]/0 success"]);
  expect(told(attemptsOf(made, "/0[1]/0[0]/0"))).toEqual(["1 /0[1]/0[0]/0 running"]);
});
