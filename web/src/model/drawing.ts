/** From a definition to places on a plane. Nothing here knows how it is drawn, or that there is a browser. */
import { childOf, type Definition, type NodeDef, shownType } from "./definition";
import { grouped } from "./grouped";
import { type Rule, rulesOf } from "./rules";

export type Kind = "composite" | "decorator" | "waiting" | "leaf" | "package";

/** A node as it is drawn. */
export interface Card {
  place: string;
  /** Where it stands in the text; differs from the place below a SubTree. */
  source: string;
  parent: string | undefined;
  children: string[];
  index: number;
  depth: number;
  title: string;
  type: string;
  kind: Kind;
  /** What it does, from its most telling prop. */
  note: string;
  badges: string[];
  /** What is said of it beside its props, in words. */
  rules: Rule[];
  /** What it is to its parent, where the order says so: `then`, `catch`, a case. */
  role: string | undefined;
  /** Whether its children stand in a frame, related by what they need. */
  isGraph: boolean;
  /** Places of siblings that it needs. */
  needs: string[];
  /** The author's id. */
  id: string | undefined;
}

/** The cards of a workflow, parents before their children. */
export interface Plan {
  cards: Map<string, Card>;
  root: string;
}

const COMPOSITES = new Set(
  "Sequence Selector Fallback ReactiveFallback SequenceWithMemory MemorySequence ReactiveSequence ReactiveSelector Parallel Conditional Switch ForEach While Recovery Graph SubTree SubWorkflow Race".split(
    " ",
  ),
);
const DECORATORS = new Set(
  "Retry Timeout Delay Repeat Invert ForceSuccess ForceFailure RunOnce KeepRunningUntilFailure Precondition SoftAssert StreamingSink Breakpoint".split(
    " ",
  ),
);
const WAITING = new Set(["WaitAction", "WaitForSignal", "HumanTask"]);

const TELLING =
  "url message title prompt goal command query sql expression if condition on workflow treeId signalName collectionKey items collection script code textContent template path file pattern input tool capability provider operation channel to subject key counterKey duration waitMs delayMs timeoutMs until attempts numCycles maxIterations strategy returnStatus".split(
    " ",
  );

const ROLES: Record<string, readonly string[]> = {
  Conditional: ["if", "then", "else"],
  While: ["while", "body"],
  Recovery: ["try", "catch", "finally"],
};

/** Trees within trees that are drawn; a definition whose trees come back to themselves is not sound. */
const TREES_DEEP_MAX = 16;
const NOTE_LETTERS_MAX = 80;

export function kindOf(type: string): Kind {
  if (COMPOSITES.has(type)) return "composite";
  if (DECORATORS.has(type)) return "decorator";
  if (WAITING.has(type)) return "waiting";
  return /[.@/]/.test(type) ? "package" : "leaf";
}

function noteOf(node: NodeDef): string {
  for (const name of TELLING) {
    const value = node.props?.[name];
    if (value === undefined || value === null || typeof value === "object") continue;
    const text = String(value).replace(/\s+/g, " ").trim();
    if (text) return text.length > NOTE_LETTERS_MAX ? `${text.slice(0, NOTE_LETTERS_MAX - 1)}…` : text;
  }
  return "";
}

function badgesOf(node: NodeDef): string[] {
  const found: string[] = [];
  if (node.if !== undefined) found.push("if");
  if (node.retry) found.push(`${node.retry.attempts}×`);
  if (node.timeout) found.push(node.timeout);
  if (node.on_failure === "continue") found.push("may fail");
  if (node.pin !== undefined) found.push("pinned");
  return found;
}

function roleOf(parent: NodeDef | undefined, node: NodeDef, index: number): string | undefined {
  if (!parent) return undefined;
  if (parent.type === "Switch")
    return node.default ? "default" : node.case === undefined ? undefined : `= ${String(node.case)}`;
  return ROLES[parent.type]?.[index];
}

/** Every node of a workflow with what is said about it. SubTrees are drawn with what they run. */
export function plan(definition: Definition): Plan {
  const cards = new Map<string, Card>();
  const visit = (
    node: NodeDef,
    place: string,
    source: string,
    parent: Card | undefined,
    parentNode: NodeDef | undefined,
    index: number,
    trees: number,
  ) => {
    const below = expansion(definition, node, source, trees);
    const card: Card = {
      place,
      source,
      parent: parent?.place,
      children: below.map((_, at) => childOf(place, at)),
      index,
      depth: parent ? parent.depth + 1 : 0,
      title: node.name ?? node.id ?? shownType(node.type),
      type: shownType(node.type),
      kind: kindOf(node.type),
      note: noteOf(node),
      badges: badgesOf(node),
      rules: rulesOf(node),
      role: roleOf(parentNode, node, index),
      isGraph: node.type === "Graph",
      needs: [],
      id: node.id,
    };
    cards.set(place, card);
    below.forEach((child, at) => {
      visit(child.node, childOf(place, at), child.source, card, node, at, child.trees);
    });
    if (card.isGraph) relate(node, place, cards);
  };
  visit(definition.root, "/", "/", undefined, undefined, 0, 0);
  return { cards, root: "/" };
}

/** Fills in what the children of a graph need. */
function relate(node: NodeDef, place: string, cards: Map<string, Card>): void {
  const children = node.children ?? [];
  const byId = new Map(children.map((child, at) => [child.id, childOf(place, at)]));
  children.forEach((child, at) => {
    const card = cards.get(childOf(place, at));
    if (card) card.needs = (child.needs ?? []).flatMap((id) => byId.get(id) ?? []);
  });
}

function expansion(definition: Definition, node: NodeDef, source: string, trees: number) {
  const children = (node.children ?? []).map((child, at) => ({ node: child, source: childSource(source, at), trees }));
  const name = node.type === "SubTree" ? node.props?.["treeId"] : undefined;
  const tree = typeof name === "string" ? definition.trees?.[name] : undefined;
  if (!tree || trees >= TREES_DEEP_MAX) return children;
  return [{ node: tree, source: `#${String(name)}/`, trees: trees + 1 }];
}

/** The source place of a child: `/0/1`, or `#tree/0/1`. */
function childSource(source: string, index: number): string {
  return source.endsWith("/") ? `${source}${index}` : `${source}/${index}`;
}

export interface Box {
  place: string;
  x: number;
  y: number;
}

export interface Frame {
  place: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Line {
  from: string;
  to: string;
  kind: "child" | "needs";
}

export interface Layout {
  boxes: Box[];
  frames: Frame[];
  lines: Line[];
  width: number;
  height: number;
}

export const SIZE = { width: 216, height: 46, gapX: 48, gapY: 10, frame: 16 } as const;

/** A piece of the drawing with its own origin. */
interface Piece {
  width: number;
  height: number;
  boxes: Box[];
  frames: Frame[];
}

export interface Placed {
  id: string;
  width: number;
  height: number;
}

export interface Arranged {
  places: ReadonlyMap<string, { x: number; y: number }>;
  width: number;
  height: number;
}

/** Arranges the children of a graph by what they need. */
export type Arrange = (items: readonly Placed[], edges: ReadonlyArray<readonly [string, string]>) => Promise<Arranged>;

/** Puts every card in its place: children to the right of their parent, one below the other, as an outline is read. */
export async function layout(drawn: Plan, arrange: Arrange, folded: ReadonlySet<string> = new Set()): Promise<Layout> {
  const lines: Line[] = [];
  const piece = async (place: string): Promise<Piece> => {
    const card = drawn.cards.get(place);
    const own: Piece = { width: SIZE.width, height: SIZE.height, boxes: [{ place, x: 0, y: 0 }], frames: [] };
    if (!card || card.children.length === 0 || folded.has(place)) return own;
    // One after the other: a graph within a graph waits for its own arrangement.
    const below: Array<readonly [string, Piece]> = [];
    for (const child of card.children) below.push([child, await piece(child)]);
    return card.isGraph ? graph(drawn, card, own, below, lines, arrange) : column(card, own, below, lines);
  };
  const whole = await piece(drawn.root);
  return { boxes: whole.boxes, frames: whole.frames, lines, width: whole.width, height: whole.height };
}

function moved(piece: Piece, x: number, y: number): Pick<Piece, "boxes" | "frames"> {
  return {
    boxes: piece.boxes.map((box) => ({ ...box, x: box.x + x, y: box.y + y })),
    frames: piece.frames.map((frame) => ({ ...frame, x: frame.x + x, y: frame.y + y })),
  };
}

function join(into: Piece, piece: Piece, x: number, y: number): void {
  const { boxes, frames } = moved(piece, x, y);
  for (const box of boxes) into.boxes.push(box);
  for (const frame of frames) into.frames.push(frame);
}

function column(card: Card, own: Piece, below: ReadonlyArray<readonly [string, Piece]>, lines: Line[]): Piece {
  const x = SIZE.width + SIZE.gapX;
  let y = 0;
  let width = 0;
  for (const [child, piece] of below) {
    lines.push({ from: card.place, to: child, kind: "child" });
    join(own, piece, x, y);
    y += piece.height + SIZE.gapY;
    width = Math.max(width, piece.width);
  }
  return { ...own, width: x + width, height: Math.max(SIZE.height, y - SIZE.gapY) };
}

async function graph(
  drawn: Plan,
  card: Card,
  own: Piece,
  below: ReadonlyArray<readonly [string, Piece]>,
  lines: Line[],
  arrange: Arrange,
): Promise<Piece> {
  const edges = card.children.flatMap((child) =>
    (drawn.cards.get(child)?.needs ?? []).map((need) => [need, child] as const),
  );
  const items = below.map(([id, piece]) => ({ id, width: piece.width, height: piece.height }));
  const arranged = await arrange(items, edges);
  const x = SIZE.width + SIZE.gapX;
  for (const [child, piece] of below) {
    const at = arranged.places.get(child) ?? { x: 0, y: 0 };
    join(own, piece, x + SIZE.frame + at.x, SIZE.frame + at.y);
  }
  const frame = {
    place: card.place,
    x,
    y: 0,
    width: arranged.width + 2 * SIZE.frame,
    height: arranged.height + 2 * SIZE.frame,
  };
  own.frames.push(frame);
  lines.push({ from: card.place, to: `${card.place} frame`, kind: "child" });
  for (const [from, to] of edges) lines.push({ from, to, kind: "needs" });
  return { ...own, width: x + frame.width, height: Math.max(SIZE.height, frame.height) };
}

/** Arranges without help: each item in the column behind the last one that it needs. */
export const arrangeByRank: Arrange = async (items, edges) => {
  const rank = new Map(items.map((item) => [item.id, 0]));
  for (let round = 0; round < items.length; round += 1) {
    let changed = false;
    for (const [from, to] of edges) {
      const wanted = (rank.get(from) ?? 0) + 1;
      if ((rank.get(to) ?? 0) < wanted && wanted < items.length) {
        rank.set(to, wanted);
        changed = true;
      }
    }
    if (!changed) break;
  }
  const places = new Map<string, { x: number; y: number }>();
  const columns = grouped(items, (item) => rank.get(item.id) ?? 0);
  let x = 0;
  let height = 0;
  for (const at of [...columns.keys()].sort((a, b) => a - b)) {
    const column = columns.get(at) ?? [];
    let y = 0;
    for (const item of column) {
      places.set(item.id, { x, y });
      y += item.height + 24;
    }
    height = Math.max(height, y - 24);
    x += Math.max(...column.map((item) => item.width)) + SIZE.gapX;
  }
  return { places, width: Math.max(0, x - SIZE.gapX), height: Math.max(0, height) };
};

export type Move = "up" | "down" | "left" | "right";

/** Where a key leads from a card: to its parent, to its first child, to the ones beside it. */
export function step(drawn: Plan, from: string, move: Move): string {
  const card = drawn.cards.get(from);
  if (!card) return drawn.root;
  if (move === "left") return card.parent ?? from;
  if (move === "right") return card.children[0] ?? from;
  const siblings = card.parent === undefined ? [from] : (drawn.cards.get(card.parent)?.children ?? [from]);
  const next = siblings[card.index + (move === "down" ? 1 : -1)];
  if (next) return next;
  // At the end of its siblings one goes on beside the parent.
  return card.parent === undefined
    ? from
    : step(drawn, card.parent, move) === card.parent
      ? from
      : step(drawn, card.parent, move);
}

/** Cards in the order in which an outline shows them. */
export function outline(drawn: Plan, folded: ReadonlySet<string>): Card[] {
  const found: Card[] = [];
  const visit = (place: string) => {
    const card = drawn.cards.get(place);
    if (!card) return;
    found.push(card);
    if (!folded.has(place)) card.children.forEach(visit);
  };
  visit(drawn.root);
  return found;
}
