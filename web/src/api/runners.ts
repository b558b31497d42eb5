/**
 * The runners that execute nodes and scripts, and how well each of them shuts them in. Servers before this was told have no such
 * address, and not everybody may ask: then there are none to show.
 */
import { queryOptions } from "@tanstack/react-query";
import { Unreachable } from "./client";

export interface Runner {
  id: string;
  state: string | undefined;
  version: string | undefined;
  /** How well it shuts in what it runs: `T0` is the best. */
  tier: string | undefined;
  /** Whether the figures are of this tenant alone: what others use is the operator's to see. */
  own: boolean;
  cpus: number | undefined;
  memoryBytes: number | undefined;
  stepsRunning: number | undefined;
  stepsMax: number | undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

const word = (value: unknown): string | undefined =>
  typeof value === "number" ? String(value) : typeof value === "string" && value !== "" ? value : undefined;

/** What of an answer is known here; what else it says is left. */
export function readRunners(answer: unknown): Runner[] {
  const items = isRecord(answer) ? answer["items"] : answer;
  return (Array.isArray(items) ? items : []).filter(isRecord).map(readRunner);
}

/** The figures stand of the whole server for its operator, of the tenant for the others, or beside the rest. */
function readRunner(one: Record<string, unknown>, index: number): Runner {
  const { server, tenant, isolation } = one;
  const share = isRecord(server) ? server : isRecord(tenant) ? tenant : one;
  const steps = isRecord(share["steps"]) ? share["steps"] : {};
  const millis = number(share["cpu_millis"]);
  return {
    id: word(one["id"]) ?? String(index + 1),
    state: word(one["state"]),
    version: word(one["version"]),
    tier: word(one["tier"]) ?? word(isRecord(isolation) ? isolation["tier"] : isolation),
    own: share === tenant,
    cpus: number(share["cpus"]) ?? (millis === undefined ? undefined : millis / 1_000),
    memoryBytes: number(share["memory_bytes"]),
    stepsRunning: number(share["steps_running"]) ?? number(steps["running"]),
    stepsMax: number(share["steps_max"]) ?? number(steps["max"]),
  };
}

const AGAIN_MS = 15_000;

export const runners = queryOptions({
  queryKey: ["runners"],
  queryFn: async ({ signal }) => {
    const response = await fetch("/api/v1/runners", { headers: { accept: "application/json" }, signal }).catch(
      (error: unknown) => {
        throw error instanceof DOMException && error.name === "AbortError" ? error : new Unreachable();
      },
    );
    return response.ok ? readRunners(await response.json().catch(() => undefined)) : [];
  },
  retry: false,
  // Who is told of none is not told of one later.
  refetchInterval: ({ state }) => (state.data?.length ? AGAIN_MS : false),
});
