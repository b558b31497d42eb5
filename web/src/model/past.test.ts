import { expect, test } from "vitest";
import type { Step } from "../api/schema";
import { stepAsItStood } from "./past";
import { Run } from "./run";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

const STEP: Step = {
  address: "/0",
  id: "say",
  type: "LogMessage",
  name: "Say",
  status: "success",
  attempts: 2,
  earlier: [{ attempt: 1, started_at: at(2), duration_ms: 1_000, error: { kind: "network", message: "no route" } }],
  started_at: at(2),
  duration_ms: 7_000,
  error: null,
  props: { message: "hello" },
  outputs: { said: true },
  logs: [{ level: "info", message: "hello" }],
  usage: null,
  waiting: null,
  held: null,
};

function history(): Run {
  const run = new Run();
  const told = (id: string, second: number, data: object) => ({
    id,
    name: "status",
    data: { at: at(second), step: "/0", id: "say", type: "LogMessage", ...data },
  });
  run.take([
    told("1.4", 2, { status: "running" }),
    told("2.4", 4, { status: "waiting", waiting: "signal go" }),
    { id: "3.1", name: "log", data: { at: at(9), step: "/0", level: "info", message: "hello" } },
    told("3.4", 9, { status: "success", attempts: 2 }),
    told("4.4", 10, { status: "running" }),
  ]);
  return run;
}

function asItStood(count: number, isKept = true) {
  const past = history().asItStood(count);
  const row = past.steps.get("/0");
  if (!row) throw new Error("it has begun");
  return stepAsItStood(STEP, row, past, isKept).step;
}

test("a step that ran then has what it was given, and not yet what it gave", () => {
  const first = asItStood(1);
  expect(first).toMatchObject({ status: "running", duration_ms: null, props: { message: "hello" }, outputs: {} });
  expect([first.earlier, first.logs, first.waiting]).toEqual([[], [], null]);
  const second = asItStood(2);
  expect([second.waiting, second.earlier.length]).toEqual(["signal go", 1]);
});

test("a step that had ended then has all of it", () => {
  expect(asItStood(3)).toMatchObject({ status: "success", outputs: { said: true }, duration_ms: 7_000, attempts: 2 });
  expect(asItStood(3).logs).toEqual([{ level: "info", message: "hello" }]);
});

test("a step that was started again says that what it had is gone, and shows nothing of later", () => {
  expect(history().beganAgain("/0", 3)).toBe(true);
  expect(asItStood(3, false)).toMatchObject({ status: "success", props: null, outputs: {}, earlier: [] });
});
