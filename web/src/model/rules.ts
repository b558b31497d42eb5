/** What is said of a node beside its props, in words: when it runs, how long it may take, how it is tried again. */
import type { NodeDef } from "./definition";

export type Rule = readonly [string, string];

/** What counts where a policy says nothing, as the interpreter has it. */
const USUAL = { attempts: 3, delay: "1s", factor: 2, longest: "60s" };

/** How far a wait between the attempts of a step may be from what is said, so that not all come at once. */
const SPREAD = "spread by up to a fifth either way";

export function rulesOf(node: NodeDef): Rule[] {
  const found: Rule[] = [];
  if (node.if !== undefined) found.push(["Runs if", text(node.if)]);
  if (node.needs && node.needs.length > 0) found.push(["Needs", node.needs.join(", ")]);
  if (node.timeout) found.push(["Time", `${node.timeout} at most${node.retry ? ", each attempt" : ""}`]);
  if (node.retry) found.push(...ofStep(node.retry));
  else if (node.type === "Retry") found.push(...ofTree(node.props ?? {}));
  if (node.on_failure === "continue") found.push(["If it fails", "that does not count"]);
  if (node.pin !== undefined) found.push(["Pinned", "it does not run; recorded outputs are used"]);
  if (node.run_on && node.run_on.length > 0) found.push(["Runs on", node.run_on.join(", ")]);
  return found;
}

/** The attempts of one step, by its own `retry:`. */
function ofStep(retry: NonNullable<NodeDef["retry"]>): Rule[] {
  const { attempts, delay = USUAL.delay, factor = USUAL.factor, max_delay: longest = USUAL.longest, on = [] } = retry;
  return policy(attempts, `${waits(delay, grows(factor), longest)}; ${SPREAD}`, on, "errors that say so");
}

/** The attempts of all that stands below a `Retry`. Its props may be templates, which are shown as they are. */
function ofTree(props: Record<string, unknown>): Rule[] {
  const { attempts = USUAL.attempts, delayMs, backoff, factor = USUAL.factor, maxDelayMs, on } = props;
  const delay = milliseconds(delayMs) ?? USUAL.delay;
  const longest = milliseconds(maxDelayMs) ?? USUAL.longest;
  const growth = backoff === "linear" ? `each further one ${delay} longer` : grows(factor);
  return policy(attempts, waits(delay, growth, longest), on, "every error");
}

function policy(attempts: unknown, wait: string, on: unknown, usual: string): Rule[] {
  const kinds = Array.isArray(on) ? on.map(text).join(", ") : on === undefined ? "" : text(on);
  const number = attempts === -1 ? "without end" : `${text(attempts)} at most, the first one counts`;
  return [
    ["Attempts", number],
    ...(attempts === 1 ? [] : [["Waits", wait] as const]),
    ["Tried again on", kinds || usual],
  ];
}

function waits(delay: string, growth: string, longest: string): string {
  return `${delay} before the second attempt, ${growth}, ${longest} at most`;
}

function grows(factor: unknown): string {
  return factor === 1 ? "each further one as long" : `each further one ${text(factor)} times as long`;
}

/** A prop for a time: a number of milliseconds, or a text with its unit. */
function milliseconds(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") return text(value);
  return value % 1_000 === 0 ? `${value / 1_000}s` : `${value}ms`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
