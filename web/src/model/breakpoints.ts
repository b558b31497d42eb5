/**
 * Where breakpoints stop: from what `at` says to places of the drawing and the ways between them, and back. Everything that shows
 * or sets a breakpoint asks here, so that a mark and what the server does are the same.
 */
import { placeOf } from "./definition";
import type { Card, Plan } from "./drawing";

export interface Breakpoint {
  at: string;
  condition?: string;
  once?: boolean;
}

/** A place at which a breakpoint stops: in every run, in one, or when a Graph comes from one node to another. */
export type Spot =
  | { kind: "every"; place: string }
  | { kind: "run"; place: string; address: string }
  | { kind: "edge"; place: string; from: string };

/** What stops before a node. */
export interface Stop {
  every: Breakpoint | undefined;
  runs: ReadonlyArray<{ address: string; breakpoint: Breakpoint }>;
  /** Breakpoints by the place that one comes from. */
  from: ReadonlyMap<string, Breakpoint>;
}

/** What stops, by the place before which it does. */
export type Stops = ReadonlyMap<string, Stop>;

/** Nodes that run what stands below them again and again; each run has a number, from 0 on. */
const LOOPS = new Set(["ForEach", "While", "Repeat", "Retry", "KeepRunningUntilFailure"]);

/** The id by which a breakpoint names a node: the author's, or the place within its tree. */
export function nodeOf(card: Card): string {
  if (card.id !== undefined) return card.id;
  const tree = /^#([^/]*)(\/.*)$/.exec(card.source);
  return tree ? `${tree[1]}:${tree[2]}` : card.source;
}

/** Every place that `at` means; none where it means nothing that is drawn. */
export function spotsOf(plan: Plan, at: string): Spot[] {
  const [from, to, ...more] = at.split("->").map((name) => name.trim());
  if (from === undefined || more.length > 0) return [];
  const cards = [...plan.cards.values()];
  if (to !== undefined) {
    return cards
      .filter((card) => nodeOf(card) === to)
      .flatMap((card) => {
        const place = siblingOf(plan, card, from);
        return place === undefined ? [] : [{ kind: "edge" as const, place: card.place, from: place }];
      });
  }
  if (at.startsWith("/")) {
    const place = placeOf(at);
    if (!plan.cards.has(place)) return [];
    return [place === at ? { kind: "every", place } : { kind: "run", place, address: at }];
  }
  return cards.filter((card) => nodeOf(card) === at).map(({ place }) => ({ kind: "every", place }));
}

/** The place of the node with this id beside another one in the same Graph. */
function siblingOf(plan: Plan, card: Card, id: string): string | undefined {
  const parent = card.parent === undefined ? undefined : plan.cards.get(card.parent);
  if (!parent?.isGraph) return undefined;
  return parent.children.find((place) => {
    const sibling = plan.cards.get(place);
    return sibling !== undefined && nodeOf(sibling) === id;
  });
}

/** Where an execution stops. */
export function stopsOf(plan: Plan, breakpoints: readonly Breakpoint[]): Stops {
  const found = new Map<string, Stop>();
  for (const breakpoint of breakpoints) {
    for (const spot of spotsOf(plan, breakpoint.at)) {
      const stop = found.get(spot.place) ?? { every: undefined, runs: [], from: new Map() };
      found.set(spot.place, withSpot(stop, spot, breakpoint));
    }
  }
  return found;
}

function withSpot(stop: Stop, spot: Spot, breakpoint: Breakpoint): Stop {
  if (spot.kind === "every") return { ...stop, every: breakpoint };
  if (spot.kind === "edge") return { ...stop, from: new Map(stop.from).set(spot.from, breakpoint) };
  return { ...stop, runs: [...stop.runs, { address: spot.address, breakpoint }] };
}

/** What stops before a node, in words. */
export function stopWords(plan: Plan, stop: Stop): string[] {
  const when = ({ condition }: Breakpoint) => (condition ? ` when ${condition}` : "");
  return [
    ...(stop.every ? [`breakpoint${when(stop.every)}`] : []),
    ...[...stop.from].map(([place, one]) => `breakpoint from ${plan.cards.get(place)?.title ?? place}${when(one)}`),
    ...stop.runs.map(({ address, breakpoint }) => `breakpoint in run ${address}${when(breakpoint)}`),
  ];
}

/** How a breakpoint on the way from one node of a Graph to another is written. */
export function edgeAt(plan: Plan, from: string, to: string): string | undefined {
  const [a, b] = [plan.cards.get(from), plan.cards.get(to)];
  return a && b ? `${nodeOf(a)}->${nodeOf(b)}` : undefined;
}

/** The loops that a node runs below, the outermost first. */
export function loopsAbove(plan: Plan, place: string): Card[] {
  const found: Card[] = [];
  let next = plan.cards.get(place)?.parent;
  while (next !== undefined) {
    const card = plan.cards.get(next);
    if (card && LOOPS.has(card.type)) found.unshift(card);
    next = card?.parent;
  }
  return found;
}

/** The address of one run of a node: its place with the number of the run of each loop above it. */
export function addressIn(place: string, runs: ReadonlyMap<string, number>): string {
  const number = (loop: string) => (runs.has(loop) ? `[${runs.get(loop)}]` : "");
  let [address, at] = [number("/"), ""];
  if (address) address = `/${address}`;
  const parts = place === "/" ? [] : place.slice(1).split("/");
  parts.forEach((part, index) => {
    at += `/${part}`;
    // What is named itself is not below itself.
    address += `/${part}${index < parts.length - 1 ? number(at) : ""}`;
  });
  return address || "/";
}
