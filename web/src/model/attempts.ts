/** The attempts of a step below a `Retry`: the same step in each run of it. */
import type { Run, StepRow } from "./run";

export interface Attempt {
  /** From one on, as people count. */
  number: number;
  row: StepRow;
}

const RETRY = "Retry";

/** An address by its parts: `/0/2[1]/0` has the parts `0`, `2[1]` and `0`; a loop at the root has its iteration alone. */
function partsOf(address: string): string[] {
  return address === "/" ? [] : address.slice(1).split("/");
}

function addressOf(parts: readonly string[]): string {
  return `/${parts.join("/")}`;
}

/** The attempts of a step, or of what a `Retry` tries; none where nothing is tried again. */
export function attemptsOf(run: Run, address: string): Attempt[] {
  const parts = partsOf(address);
  if (run.steps.get(address)?.type === RETRY) return gather(run, parts.slice(0, -1), parts.at(-1) ?? "", ["0"]);
  for (let index = parts.length - 2; index >= 0; index -= 1) {
    const bare = parts[index]?.replace(/\[\d+\]$/, "") ?? "";
    const above = parts.slice(0, index);
    if (bare === parts[index]) continue;
    // The root's own part is its iteration alone.
    const retry = bare === "" ? "/" : addressOf([...above, bare]);
    if (run.steps.get(retry)?.type === RETRY) return gather(run, above, bare, parts.slice(index + 1));
  }
  return [];
}

/** The step with these parts below each attempt. An attempt may have failed before it came to the step. */
function gather(run: Run, above: readonly string[], retry: string, below: readonly string[]): Attempt[] {
  const found: Attempt[] = [];
  for (let attempt = 0; ; attempt += 1) {
    const tried = [...above, `${retry}[${attempt}]`];
    if (!run.steps.has(addressOf([...tried, "0"]))) return found;
    const row = run.steps.get(addressOf([...tried, ...below]));
    if (row) found.push({ number: attempt + 1, row });
  }
}
