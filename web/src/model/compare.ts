/** Two lists of steps, joined by their addresses. */
import type { Step } from "../api/schema";

export interface Pair {
  address: string;
  name: string;
  left: Step | undefined;
  right: Step | undefined;
  /** What differs first: whether there is one, its state, what it was given, what it gave. */
  differs: "same" | "left" | "right" | "status" | "inputs" | "outputs";
}

function differs(left: Step | undefined, right: Step | undefined): Pair["differs"] {
  if (!right) return "left";
  if (!left) return "right";
  if (left.status !== right.status) return "status";
  if (JSON.stringify(left.props) !== JSON.stringify(right.props)) return "inputs";
  if (JSON.stringify(left.outputs) !== JSON.stringify(right.outputs)) return "outputs";
  return "same";
}

/** Every step of both, in the order of the left one, then what only the right one has. */
export function compare(left: readonly Step[], right: readonly Step[]): Pair[] {
  const others = new Map(right.map((step) => [step.address, step]));
  const pairs = left.map((step) => {
    const other = others.get(step.address);
    others.delete(step.address);
    return pair(step, other);
  });
  return [...pairs, ...[...others.values()].map((step) => pair(undefined, step))];
}

function pair(left: Step | undefined, right: Step | undefined): Pair {
  const one = left ?? right;
  const id = one?.id ?? "";
  const name = one?.name ?? (id.includes("/") ? (one?.type ?? "") : id);
  return { address: one?.address ?? "", name, left, right, differs: differs(left, right) };
}
