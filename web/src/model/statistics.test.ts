import { expect, test } from "vitest";
import type { Execution, Step, Workflow } from "../api/schema";
import { byHour, byNodeType, byWorkflow, covered, hourly, percentile, sinceYesterday } from "./statistics";

function execution(
  workflow: string,
  status: Execution["status"],
  ms: number | null,
  at = "2026-01-01T10:30:00Z",
): Execution {
  return {
    execution: "01",
    workflow,
    version: "1.0.0",
    digest: "",
    status,
    waiting: null,
    started_at: at,
    ended_at: null,
    duration_ms: ms,
    parent: null,
    forked_from: null,
    outputs: null,
    error: null,
  } as unknown as Execution;
}

test("a percentile is a value that was seen", () => {
  expect(percentile([], 0.5)).toBeUndefined();
  expect(percentile([5], 0.95)).toBe(5);
  expect(percentile([1, 2, 3, 4, 100], 0.5)).toBe(3);
  expect(percentile([1, 2, 3, 4, 100], 0.95)).toBe(100);
});

test("what has not ended is neither good nor bad", () => {
  const figures = byWorkflow([
    execution("a", "success", 10),
    execution("a", "failure", 30),
    execution("a", "running", null),
    execution("a", "cancelled", 20),
    execution("b", "success", 1),
  ]);
  expect(figures.map((one) => one.workflow)).toEqual(["a", "b"]);
  expect(figures[0]).toMatchObject({ count: 4, success: 1, failure: 1, open: 1, errorRate: 0.5, p50: 20, p95: 30 });
});

test("every hour has its place", () => {
  const now = Date.parse("2026-01-01T11:10:00Z");
  const hours = byHour([execution("a", "success", 1), execution("a", "failure", 1, "2026-01-01T11:00:00Z")], now, 3);
  expect(hours.map((hour) => [hour.success, hour.failure])).toEqual([
    [0, 0],
    [1, 0],
    [0, 1],
  ]);
  expect(
    byHour([execution("a", "success", 1, "2025-12-31T00:00:00Z")], now, 3).every((hour) => hour.success === 0),
  ).toBe(true);
});

test("hours to which what was read does not reach are not taken for quiet ones", () => {
  const now = Date.parse("2026-01-01T11:10:00Z");
  const hours = byHour([execution("a", "success", 1)], now, 3, Date.parse("2026-01-01T10:30:00Z"));
  expect(hours.map((hour) => hour.known)).toEqual([false, true, true]);
});

test("how many in an hour is told of the time that was read", () => {
  const now = Date.parse("2026-01-02T12:00:00Z");
  const since = now - 24 * 3_600_000;
  const at = (time: string) => execution("a", "success", 1, `2026-01-02T${time}Z`);
  expect(hourly(200, covered([], since, now, false)), "of the whole day").toBe("8.3");
  const half = covered([at("11:59:00"), at("10:00:00")], since, now, true);
  expect(half).toMatchObject({ since: now - 2 * 3_600_000, hours: 2, least: false });
  expect(hourly(200, half)).toBe("100");
  const moment = covered([at("11:59:59"), at("11:59:59")], since, now, true);
  expect(hourly(200, moment), "of a second no hour is drawn").toBe("200+");
});

function step(type: string, ms: number | null, at: string, status = "success"): Step {
  return { type, status, duration_ms: ms, started_at: at } as unknown as Step;
}

test("node types are told by their steps: how many, how long, how often they fail", () => {
  const figures = byNodeType([
    step("HttpRequest", 100, "2026-01-01T10:00:00Z"),
    step("HttpRequest", 300, "2026-01-01T11:00:00Z", "failure"),
    step("HttpRequest", null, "2026-01-01T12:00:00Z", "running"),
    step("LogMessage", 1, "2026-01-01T11:30:00Z"),
  ]);
  expect(figures).toEqual([
    { type: "HttpRequest", count: 3, failure: 1, p50: 100, p95: 300 },
    { type: "LogMessage", count: 1, failure: 0, p50: 1, p95: 1 },
  ]);
});

test("what changed since yesterday is told, and what stayed is not", () => {
  const since = Date.parse("2026-01-02T00:00:00Z");
  const flow = (workflow: string, created: string, changed: string) =>
    ({ workflow, created_at: created, changed_at: changed, latest: { version: "1.1.0" } }) as unknown as Workflow;
  const many = (workflow: string, ms: number, count = 3) =>
    Array.from({ length: count }, () => execution(workflow, "success", ms));
  const changes = sinceYesterday(
    [...many("steady", 1_000), ...many("slow", 4_000), ...many("broken", 10), execution("broken", "failure", 10)],
    [...many("steady", 1_100), ...many("slow", 1_000), ...many("broken", 10), ...many("gone", 10, 1)],
    [
      flow("fresh", "2026-01-02T08:00:00Z", "2026-01-02T08:00:00Z"),
      flow("steady", "2025-01-01T00:00:00Z", "2026-01-02T09:00:00Z"),
      flow("slow", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
    ],
    since,
  );
  expect(changes.map((one) => `${one.workflow} ${one.words}`)).toEqual([
    "fresh is new, in version 1.1.0",
    "steady has version 1.1.0",
    "broken fails more: 25 % instead of 0 %",
    "slow takes 4.0 s instead of 1.0 s",
    "gone has not run; the day before once",
  ]);
  const cut = sinceYesterday([], many("gone", 10, 1), [], since, false);
  expect(cut, "it may have run before what was read").toEqual([]);
});
