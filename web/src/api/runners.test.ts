import { expect, test } from "vitest";
import { readRunners } from "./runners";

const share = (cpu_millis: number, max: number) => ({
  cpu_millis,
  memory_bytes: 8_000_000_000,
  executions: { running: 3, queued: 0, max: 10 },
  steps: { running: 2, max },
  pools: [],
});
const LOCAL = { id: "local", state: "ready", version: "0.1.0", isolation: "T0", tenant: share(1_500, 4), server: null };

test("runners are read with what is known of them, for the tenant and for the operator", () => {
  const tenant = {
    id: "local",
    state: "ready",
    version: "0.1.0",
    tier: "T0",
    own: true,
    cpus: 1.5,
    memoryBytes: 8_000_000_000,
    stepsRunning: 2,
    stepsMax: 4,
  };
  expect(readRunners({ items: [LOCAL] })).toEqual([tenant]);
  expect(readRunners({ items: [{ ...LOCAL, server: share(8_000, 64) }] })).toEqual([
    { ...tenant, own: false, cpus: 8, stepsMax: 64 },
  ]);
  const flat = { id: "a", tier: "T1", cpus: 4, memory_bytes: 1, steps_running: 2, steps_max: 8 };
  expect(readRunners([flat])).toMatchObject([{ tier: "T1", cpus: 4, stepsRunning: 2, stepsMax: 8, own: false }]);
});

test("what a server leaves out, or says in another shape, is no reason to show nothing", () => {
  expect(readRunners([{ isolation: { tier: 2 }, cpus: null }])).toMatchObject([
    { id: "1", tier: "2", cpus: undefined },
  ]);
  expect(readRunners({ items: [{ id: "a", isolation: null, tenant: 3 }, "b"] })).toMatchObject([
    { id: "a", tier: undefined },
  ]);
  expect(readRunners(undefined)).toEqual([]);
  expect(readRunners({ items: 3 })).toEqual([]);
});
