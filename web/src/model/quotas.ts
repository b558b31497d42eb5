/** What a tenant may use, in words and units. */

export const QUOTAS = [
  "cpu_millis",
  "memory_bytes",
  "executions",
  "steps",
  "storage_bytes",
  "starts_per_minute",
] as const;

export type Quota = (typeof QUOTAS)[number];

export const QUOTA_WORDS: Record<Quota, string> = {
  cpu_millis: "Processors",
  memory_bytes: "Memory",
  executions: "Executions at once",
  steps: "Steps at once",
  storage_bytes: "Storage",
  starts_per_minute: "Starts in a minute",
};

/** What stands behind each, for whoever wonders what counts. */
export const QUOTA_NOTES: Record<Quota, string> = {
  cpu_millis: "Of the sandboxes that run nodes and scripts: the limits of all their processes.",
  memory_bytes: "Of the sandboxes that run nodes and scripts: the limits of all their processes.",
  executions: "More wait in the queue. One that waits for a signal, a time or a person holds no place.",
  steps: "More wait in the queue of steps.",
  storage_bytes: "Versions of workflows and large values.",
  starts_per_minute: "More are refused until the minute is over.",
};

const SIZES = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** Bytes as people say them, in steps of a thousand. */
export function size(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 999.5 && step < SIZES.length - 1) {
    value /= 1_000;
    step += 1;
  }
  const digits = step === 0 || value >= 99.5 ? 0 : 1;
  return `${Number(value.toFixed(digits))} ${SIZES[step]}`;
}

/** An amount of a quota in its unit; without a bound where there is none. */
export function amount(quota: Quota, value: number | null): string {
  if (value === null) return "no bound";
  if (quota === "cpu_millis") return Number((value / 1_000).toFixed(2)).toLocaleString("en");
  return quota.endsWith("_bytes") ? size(value) : value.toLocaleString("en");
}

/** How much of a limit is used, 0 to 1; nothing where there is no bound or nothing is known. */
export function share(used: number | null, limit: number | null): number | undefined {
  if (used === null || limit === null || limit <= 0) return undefined;
  return Math.min(1, used / limit);
}
