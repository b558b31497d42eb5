/**
 * What stands at a place of a workflow's text, by its lines and how far they are indented: enough to say what may be written
 * there and to explain what is. Whether it is right is decided by the checks alone.
 */

export type Place =
  /** After `type:`. */
  | { at: "type" }
  /** The name of a key: of the document, of a node, of a node's props. */
  | { at: "key"; of: "document" | "node" | "props"; type: string | undefined; present: string[] }
  /** The value of a prop. */
  | { at: "prop"; type: string | undefined; prop: string }
  | { at: "nothing" };

interface Line {
  indent: number;
  /** Where the keys of this mapping stand: behind the dash of a list. */
  column: number;
  key: string | undefined;
  value: string;
  dash: boolean;
}

export const NODE_KEYS: Record<string, string> = {
  type: "The node type.",
  id: "A name by which other nodes and expressions refer to this one; unique in its tree.",
  name: "A name for people.",
  props: "What the node is given.",
  needs: "In a Graph: ids of siblings that must have ended before.",
  if: "Runs only when this holds.",
  retry: "Attempts of this step: `attempts`, `delay`, `factor`, `max_delay`, `on`.",
  timeout: "Bound on each attempt, such as `30s`.",
  on_failure: "`stop` or `continue`: whether a failure counts.",
  pin: "Recorded outputs that are used instead of running.",
  run_on: "Labels of runners that may run it.",
  case: "In a Switch: the value that selects this child.",
  default: "In a Switch: taken when no case matches.",
  children: "The nodes below, in order.",
};

export const HEADER_KEYS: Record<string, string> = {
  akao: "The format of the file: `1`.",
  id: "The workflow's id: small letters, digits and hyphens.",
  version: "Its version, such as `1.0.0`.",
  name: "A name for people.",
  description: "What it is for.",
  inputs: "The input's properties: a name with a schema each.",
  outputs: "Names with templates, rendered when the root has succeeded.",
  settings: "`timeout`, `concurrency` and `on_failure` of the whole execution.",
  trees: "Trees that SubTree nodes run, by name.",
  root: "The node that is run.",
};

function read(text: string): Line {
  const found = text.match(/^(\s*)((?:-\s+)*)(?:([\w$.@-]+|"[^"]*")\s*:(?:\s+(.*)|$))?/);
  const indent = found?.[1]?.length ?? 0;
  const dashes = found?.[2]?.length ?? 0;
  return {
    indent,
    column: indent + dashes,
    key: found?.[3]?.replaceAll('"', ""),
    value: found?.[4] ?? "",
    dash: dashes > 0,
  };
}

function isBlank(text: string): boolean {
  return /^\s*(#.*)?$/.test(text);
}

/** Lines of the mapping that a line is in, by the column of its keys; from its first key to its last. */
function siblings(lines: readonly string[], at: number, column: number): { first: number; keys: Map<string, Line> } {
  const keys = new Map<string, Line>();
  let first = at;
  const take = (index: number): boolean => {
    const text = lines[index] ?? "";
    if (isBlank(text)) return true;
    const line = read(text);
    if (line.column < column || (line.indent < column && !(line.column === column && line.dash))) return false;
    if (line.column === column && line.key !== undefined) {
      keys.set(line.key, line);
      if (index < at) first = index;
    }
    return true;
  };
  for (let index = at - 1; index >= 0; index -= 1) {
    if (!take(index)) break;
    const line = read(lines[index] ?? "");
    // A dash begins a mapping; what stands above it belongs to another one.
    if (line.dash && line.column === column && !isBlank(lines[index] ?? "")) {
      first = index;
      break;
    }
  }
  for (let index = at + 1; index < lines.length; index += 1) {
    const line = read(lines[index] ?? "");
    if (line.dash && line.column === column && !isBlank(lines[index] ?? "")) break;
    if (!take(index)) break;
  }
  return { first, keys };
}

/** The key that a mapping stands below, with the line it is on. */
function owner(lines: readonly string[], at: number, column: number): { index: number; line: Line } | undefined {
  for (let index = at - 1; index >= 0; index -= 1) {
    const text = lines[index] ?? "";
    if (isBlank(text)) continue;
    const line = read(text);
    if (line.column < column && line.key !== undefined) return { index, line };
  }
  return undefined;
}

function unquoted(value: string): string {
  return value
    .replace(/\s+#.*$/, "")
    .trim()
    .replace(/^["']|["']$/g, "");
}

/** The type of the node whose keys stand in a column. */
function typeAt(lines: readonly string[], at: number, column: number): string | undefined {
  const own = read(lines[at] ?? "");
  if (own.column === column && own.key === "type") return unquoted(own.value) || undefined;
  const type = siblings(lines, at, column).keys.get("type");
  return type && unquoted(type.value) ? unquoted(type.value) : undefined;
}

/** What stands at a place; line and column count from 0. */
export function placeAt(text: string, line: number, column: number): Place {
  const lines = text.split("\n");
  const whole = lines[line] ?? "";
  const before = whole.slice(0, column);
  const inline = flowPlace(before);
  if (inline) return inline;
  const own = read(whole);
  const colon = before.match(/^\s*(?:-\s+)*([\w$.@-]+)\s*:\s/);
  const keyColumn =
    own.key === undefined
      ? Math.max(own.column, before.length - before.trimStart().length, indentOf(before))
      : own.column;
  const above = owner(lines, line, keyColumn);
  if (colon) {
    if (colon[1] === "type") return { at: "type" };
    if (above?.line.key === "props") {
      return { at: "prop", type: typeAt(lines, above.index, above.line.column), prop: colon[1] ?? "" };
    }
    return { at: "nothing" };
  }
  const present = [...siblings(lines, line, keyColumn).keys.keys()];
  if (keyColumn === 0) return { at: "key", of: "document", type: undefined, present };
  if (above?.line.key === "props") {
    return { at: "key", of: "props", type: typeAt(lines, above.index, above.line.column), present };
  }
  const isNode =
    above !== undefined &&
    (above.line.key === "root" ||
      above.line.key === "children" ||
      owner(lines, above.index, above.line.column)?.line.key === "trees");
  if (isNode || present.includes("type"))
    return { at: "key", of: "node", type: typeAt(lines, line, keyColumn), present };
  return { at: "nothing" };
}

/** Where the keys begin on a line that has none yet. */
function indentOf(before: string): number {
  return before.match(/^(\s*(?:-\s+)*)/)?.[1]?.length ?? 0;
}

/** Within braces on one line: `{ type: LogMessage, props: { message: … } }`. */
function flowPlace(before: string): Place | undefined {
  const open: Array<{ key: string | undefined; keys: Map<string, string> }> = [];
  let key: string | undefined;
  let word = "";
  let quote = "";
  let value = false;
  for (const letter of before) {
    if (quote) {
      if (letter === quote) quote = "";
      continue;
    }
    if ((letter === '"' || letter === "'") && (value || open.length > 0) && word.trim() === "") quote = letter;
    else if (letter === "{" && word.replace(/^\s*(-\s+)*/, "").trim() === "") {
      open.push({ key, keys: new Map() });
      [key, word, value] = [undefined, "", false];
    } else if (letter === "}" && open.length > 0) {
      open.pop();
      [key, word, value] = [undefined, "", false];
    } else if (letter === "," && open.length > 0) {
      if (key !== undefined) open.at(-1)?.keys.set(key, word.trim());
      [key, word, value] = [undefined, "", false];
    } else if (letter === ":" && !value) {
      key = word.replace(/^\s*(-\s+)*/, "").trim();
      [word, value] = ["", true];
    } else word += letter;
  }
  const here = open.at(-1);
  if (!here) return undefined;
  const around = open.at(-2);
  const type = here.key === "props" ? around?.keys.get("type") : here.keys.get("type");
  const present = [...here.keys.keys()];
  if (!value) return { at: "key", of: here.key === "props" ? "props" : "node", type, present };
  if (key === "type" && here.key !== "props") return { at: "type" };
  return here.key === "props" ? { at: "prop", type, prop: key ?? "" } : { at: "nothing" };
}

/** Keys of a document or a node that are not there yet. */
export function keysFor(of: "document" | "node", present: readonly string[]): Array<[string, string]> {
  const all = of === "document" ? HEADER_KEYS : NODE_KEYS;
  return Object.entries(all).filter(([name]) => !present.includes(name));
}

/** What explains the word at a place: the key or the type that it is. */
export function meaningAt(
  text: string,
  line: number,
  column: number,
): { what: "type" | "key" | "prop"; word: string; type?: string; of?: string } | undefined {
  const whole = text.split("\n")[line] ?? "";
  const start = column - (whole.slice(0, column).match(/[\w$.@/^~*=<>+-]*$/)?.[0].length ?? 0);
  const word = whole.slice(start).match(/^[\w$.@/^~*=<>+-]+/)?.[0];
  if (!word) return undefined;
  const place = placeAt(text, line, start);
  if (place.at === "type") return { what: "type", word };
  if (place.at === "key" && place.of === "props")
    return { what: "prop", word, ...(place.type ? { type: place.type } : {}) };
  if (place.at === "key") return { what: "key", word, of: place.of };
  return undefined;
}
