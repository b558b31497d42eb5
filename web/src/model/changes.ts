/** What differs in meaning between two versions, as the server tells it: for words, and for both drawings. */
import { shownType } from "./definition";

export type Mark = "added" | "removed" | "changed";

export interface NodeChange {
  mark: Mark;
  name: string;
  type: string;
  /** What changed about it, one a line: `props/url: "a" to "b"`. */
  details: string[];
}

export interface Changes {
  nodes: NodeChange[];
  header: string[];
  /** By the place in the text of each side. */
  before: Map<string, Mark>;
  after: Map<string, Mark>;
}

interface Side {
  place: string;
  id?: string;
  type: string;
}

interface Told {
  nodes?: Array<{
    change: Mark;
    before?: Side;
    after?: Side;
    moved?: boolean;
    renamed?: boolean;
    retyped?: boolean;
    changes?: Single[];
  }>;
  header?: Single[];
  trees_added?: string[];
  trees_removed?: string[];
}

interface Single {
  path: string;
  before?: unknown;
  after?: unknown;
}

const VALUE_LETTERS_MAX = 80;

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > VALUE_LETTERS_MAX ? `${text.slice(0, VALUE_LETTERS_MAX - 1)}…` : text;
}

function line(single: Single): string {
  return `${single.path.replace(/^\//, "")}: ${shown(single.before)} to ${shown(single.after)}`;
}

export function changesOf(difference: Record<string, unknown>): Changes {
  const told = difference as Told;
  const found: Changes = { nodes: [], header: (told.header ?? []).map(line), before: new Map(), after: new Map() };
  for (const name of told.trees_added ?? []) found.header.push(`the tree ${name} was added`);
  for (const name of told.trees_removed ?? []) found.header.push(`the tree ${name} was removed`);
  for (const node of told.nodes ?? []) {
    const side = node.after ?? node.before;
    if (!side) continue;
    const details = [
      node.moved ? "stands elsewhere" : "",
      node.renamed ? `was called ${node.before?.id ?? "nothing"}` : "",
      node.retyped ? `was a ${shownType(node.before?.type ?? "")}` : "",
      ...(node.change === "changed" ? (node.changes ?? []).map(line) : []),
    ];
    found.nodes.push({
      mark: node.change,
      name: side.id ?? side.place,
      type: shownType(side.type),
      details: details.filter(Boolean),
    });
    if (node.before) found.before.set(node.before.place, node.change);
    if (node.after) found.after.set(node.after.place, node.change);
  }
  return found;
}
