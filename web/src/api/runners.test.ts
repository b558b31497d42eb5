import { expect, test } from "vitest";
import { readRunners } from "./runners";

test("runners are read with what is known of them", () => {
  const whole = {
    id: "local",
    state: "active",
    version: "0.1.0",
    tier: "namespaces",
    cpus: 4,
    memory_bytes: 8_000_000_000,
    steps_running: 2,
    steps_max: 8,
    further: true,
  };
  expect(readRunners({ items: [whole], next: null })).toEqual([
    {
      id: "local",
      state: "active",
      version: "0.1.0",
      tier: "namespaces",
      cpus: 4,
      memoryBytes: 8_000_000_000,
      stepsRunning: 2,
      stepsMax: 8,
    },
  ]);
});

test("what a server leaves out, or says in another shape, is no reason to show nothing", () => {
  expect(readRunners([{ isolation: { tier: 2 }, cpus: null }])).toMatchObject([
    { id: "1", tier: "2", cpus: undefined },
  ]);
  expect(readRunners({ items: [{ id: "a", isolation: "landlock" }, "b"] })).toMatchObject([
    { id: "a", tier: "landlock" },
  ]);
  expect(readRunners(undefined)).toEqual([]);
  expect(readRunners({ items: 3 })).toEqual([]);
});
