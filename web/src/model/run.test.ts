import { describe, expect, test, vi } from "vitest";
import { filterLogs, filterSteps, Run } from "./run";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

function status(id: string, step: string, status: string, second: number, more: object = {}) {
  return { id, name: "status", data: { at: at(second), step, id: `n${step}`, type: "LogMessage", status, ...more } };
}

const HISTORY = [
  { id: "0.0", name: "start", data: {} },
  { id: "0.4294967294", name: "status", data: { at: at(0), status: "running" } },
  status("0.4", "/", "running", 0),
  status("1.4", "/0[0]/0", "running", 1),
  status("2.4", "/0[0]/0", "success", 2, { attempts: 1 }),
  status("3.4", "/0[1]/0", "running", 2),
  status("4.4", "/0[1]/0", "failure", 5, { attempts: 3, error: { kind: "network", message: "no route" } }),
];

describe("a run", () => {
  test("knows its steps and what stands at a place", () => {
    const run = new Run();
    run.take(HISTORY.filter((event) => event.id !== "0.4"));
    expect(run.status).toBe("running");
    expect(run.order.map((row) => row.address)).toEqual(["/0[0]/0", "/0[1]/0"]);
    expect(run.places.get("/0/0")).toEqual({ status: "failure", runs: 2, failures: 1, last: "/0[1]/0" });
    expect(run.steps.get("/0[1]/0")).toMatchObject({ attempts: 3, error: { kind: "network" } });
  });

  test("passes over what was seen before, and tells of a change once", () => {
    const run = new Run();
    const heard = vi.fn();
    run.subscribe(heard);
    run.take(HISTORY.slice(3));
    run.take(HISTORY.slice(3));
    expect(heard).toHaveBeenCalledTimes(1);
    expect(run.changes).toHaveLength(4);
  });

  test("can be looked at as it was", () => {
    const run = new Run();
    run.take(HISTORY.slice(3));
    const places = (count: number) => run.asItStood(count).places;
    expect(places(1).get("/0/0")?.status).toBe("running");
    expect(places(2).get("/0/0")).toMatchObject({ status: "success", runs: 1, failures: 0 });
    expect(places(4).get("/0/0")).toMatchObject({ status: "failure", runs: 2, failures: 1 });
    expect(places(0).size).toBe(0);
  });

  test("was then what it was, with its steps, lines and state", () => {
    const run = new Run();
    const end = {
      id: "5.9",
      name: "error",
      data: { status: "failure", at: at(6), error: { kind: "user", message: "" } },
    };
    const line = { id: "4.3", name: "log", data: { at: at(5), step: "/0[1]/0", level: "warn", message: "no route" } };
    run.take([...HISTORY.slice(0, 2), ...HISTORY.slice(3, 6), line, ...HISTORY.slice(6), end]);
    const past = run.asItStood(2);
    expect([past.status, run.status]).toEqual(["running", "failure"]);
    expect(past.order).toMatchObject([{ address: "/0[0]/0", type: "LogMessage", status: "success", attempts: 1 }]);
    expect([past.logs, run.asItStood(3).logs.map((row) => row.message)]).toEqual([[], ["no route"]]);
    const third = run.asItStood(3);
    expect(third.steps.get("/0[1]/0")).toMatchObject({ status: "running", endedAt: undefined, error: undefined });
    expect([past.span(0).to, third.span(Date.parse(at(99))).to]).toEqual([Date.parse(at(2)), Date.parse(at(2))]);
    expect(run.asItStood(0)).toMatchObject({ status: "running", order: [] });
    expect(run.steps.get("/0[1]/0"), "what it is now stays").toMatchObject({ status: "failure", attempts: 3 });
    expect([run.beganAgain("/0[1]/0", 2), run.beganAgain("/0[1]/0", 3)]).toEqual([true, false]);
  });

  test("does not end before it ends when it is started again", () => {
    const run = new Run();
    run.take([status("1.4", "/0", "running", 1), status("2.4", "/0", "success", 2), status("3.4", "/0", "running", 3)]);
    expect(run.steps.get("/0")).toMatchObject({ status: "running", startedAt: Date.parse(at(1)), endedAt: undefined });
  });

  test("takes lines, progress and the end", () => {
    const run = new Run();
    run.take([
      status("1.4", "/", "running", 1),
      { id: undefined, name: "progress", data: { step: "/", fraction: 0.5, message: "half" } },
      { id: "2.5", name: "stdout", data: { at: at(1), step: "/", text: "one\ntwo\n" } },
      { id: "2.8", name: "log", data: { at: at(1), step: "/", level: "warn", message: "careful" } },
    ]);
    expect(run.steps.get("/")?.note).toBe("50 % half");
    expect(run.logs.map((row) => [row.level, row.message])).toEqual([
      ["stdout", "one"],
      ["stdout", "two"],
      ["warn", "careful"],
    ]);
    run.take([
      { id: "3.9", name: "error", data: { status: "failure", at: at(9), error: { kind: "user", message: "no" } } },
    ]);
    expect([run.status, run.error?.message, run.span(0)]).toEqual([
      "failure",
      "no",
      { from: Date.parse(at(1)), to: Date.parse(at(9)) },
    ]);
  });

  test("shows a line once that was told live and, after a lost connection, from the history", () => {
    const run = new Run();
    const live = { id: undefined, name: "log", data: { step: "/", level: "info", message: "half" } };
    run.take([live, live, { id: "5.4", name: "log", data: { at: at(3), step: "/", level: "info", message: "half" } }]);
    expect(run.logs.map((row) => row.at)).toEqual([Date.parse(at(3)), undefined]);
    run.take([{ id: "5.8", name: "log", data: { at: at(4), step: "/", level: "info", message: "whole" } }]);
    expect(run.logs.map((row) => row.message)).toEqual(["half", "half", "whole"]);
  });

  test("takes a hundred thousand events in a moment", () => {
    const events = Array.from({ length: 50_000 }, (_, index) => [
      status(`${index * 2}.4`, `/0[${index}]/0`, "running", 1),
      status(`${index * 2 + 1}.7`, `/0[${index}]/0`, "success", 2),
    ]).flat();
    const run = new Run();
    const began = performance.now();
    run.take(events);
    expect(run.order).toHaveLength(50_000);
    expect(performance.now() - began).toBeLessThan(20_000);
  });
});

test("lists are narrowed by words, state and level", () => {
  const run = new Run();
  run.take(HISTORY.slice(3));
  expect(filterSteps(run.order, "NO ROUTE", "")).toHaveLength(1);
  expect(filterSteps(run.order, "", "success")).toHaveLength(1);
  expect(filterSteps(run.order, "", "")).toHaveLength(2);
  const logs = [
    { at: 0, address: "/", level: "info", message: "a", after: 0 },
    { at: 0, address: "/", level: "error", message: "b", after: 0 },
  ];
  expect(filterLogs(logs, "", "warn").map((row) => row.message)).toEqual(["b"]);
  expect(filterLogs(logs, "A", "").map((row) => row.message)).toEqual(["a"]);
});
