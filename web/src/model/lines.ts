/** What differs between two texts, line by line: the shortest way from one to the other. */

export interface DiffLine {
  kind: "same" | "delete" | "insert" | "gap";
  text: string;
  before: number | undefined;
  after: number | undefined;
}

/** Lines around a change that are shown. */
const CONTEXT = 3;

/** Work beyond which the texts are told whole, so that no text takes the page's breath. */
const EDITS_MAX = 4_000;

/** Every line of both texts, once where they agree (Myers' algorithm). */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.split("\n");
  const b = after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const middle = edits(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const found: DiffLine[] = [];
  let [x, y] = [0, 0];
  const put = (kind: "same" | "delete" | "insert") => {
    const text = (kind === "insert" ? b[y] : a[x]) ?? "";
    found.push({
      kind,
      text,
      before: kind === "insert" ? undefined : x + 1,
      after: kind === "delete" ? undefined : y + 1,
    });
    if (kind !== "insert") x += 1;
    if (kind !== "delete") y += 1;
  };
  for (let at = 0; at < start; at += 1) put("same");
  for (const kind of middle) put(kind);
  for (let at = 0; at < end; at += 1) put("same");
  return found;
}

type Edit = "same" | "delete" | "insert";

function edits(a: readonly string[], b: readonly string[]): Edit[] {
  const most = Math.min(a.length + b.length, EDITS_MAX);
  const offset = most + 1;
  const furthest = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  for (let d = 0; d <= most; d += 1) {
    trace.push(furthest.slice());
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && at(furthest, offset + k - 1) < at(furthest, offset + k + 1));
      let x = down ? at(furthest, offset + k + 1) : at(furthest, offset + k - 1) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x += 1;
        y += 1;
      }
      furthest[offset + k] = x;
      if (x >= a.length && y >= b.length) return back(trace, a.length, b.length, offset);
    }
  }
  return [...a.map((): Edit => "delete"), ...b.map((): Edit => "insert")];
}

function at(values: Int32Array, index: number): number {
  return values[index] ?? 0;
}

function back(trace: readonly Int32Array[], width: number, height: number, offset: number): Edit[] {
  const found: Edit[] = [];
  let [x, y] = [width, height];
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const furthest = trace[d];
    if (!furthest) break;
    const k = x - y;
    const down = k === -d || (k !== d && at(furthest, offset + k - 1) < at(furthest, offset + k + 1));
    const from = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : at(furthest, offset + from);
    const fromY = d === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY && (d === 0 || x > (down ? fromX : fromX + 1))) {
      found.push("same");
      x -= 1;
      y -= 1;
    }
    if (d === 0) break;
    found.push(down ? "insert" : "delete");
    [x, y] = [fromX, fromY];
  }
  return found.reverse();
}

/** The changes with a few lines around each; what lies between is left out. */
export function around(lines: readonly DiffLine[], context = CONTEXT): DiffLine[] {
  const near = lines.map(() => false);
  lines.forEach((line, at) => {
    if (line.kind === "same") return;
    for (let to = Math.max(0, at - context); to <= Math.min(lines.length - 1, at + context); to += 1) near[to] = true;
  });
  const found: DiffLine[] = [];
  lines.forEach((line, at) => {
    if (near[at]) found.push(line);
    else if (at === 0 || near[at - 1]) found.push({ kind: "gap", text: "", before: undefined, after: undefined });
  });
  return found;
}
