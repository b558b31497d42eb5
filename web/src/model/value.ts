/** What a value can be shown as. */

export type Shape = "tree" | "table" | "image" | "text";

/** A large value that is kept apart, by its digest. */
export interface Reference {
  $blob: string;
  bytes: number;
  media_type: string;
}

export function isReference(value: unknown): value is Reference {
  return typeof value === "object" && value !== null && typeof (value as Reference).$blob === "string";
}

/** Kinds of pictures that cannot hold a script. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;

/** The picture that a text is, if it is one: of a kind that cannot hold a script. */
export function imageOf(value: unknown): string | undefined {
  return typeof value === "string" && IMAGE.test(value) ? value : undefined;
}

/** The columns of a list of objects, in the order in which they first come. */
export function columnsOf(rows: ReadonlyArray<Record<string, unknown>>): string[] {
  const found = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) found.add(name);
  return [...found];
}

/** What becomes of the bytes of a large value. What is none of these is saved and not shown. */
export function openedAs(mediaType: string): "value" | "picture" | "text" | undefined {
  const kind = mediaType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (kind === "application/json") return "value";
  if (PICTURES.has(kind)) return "picture";
  return kind === "text/plain" || kind === "text/csv" || kind === "text/markdown" ? "text" : undefined;
}

/** A number of bytes as people read it. */
export function bytesWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  const [size, unit] = bytes < 1_000_000 ? [bytes / 1_000, "kB"] : [bytes / 1_000_000, "MB"];
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

function isTable(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((row) => typeof row === "object" && row !== null && !Array.isArray(row) && !isReference(row))
  );
}

/** How a value can be shown; the best first. */
export function kindsOf(value: unknown): Shape[] {
  if (imageOf(value)) return ["image", "text"];
  if (isReference(value)) return ["tree"];
  if (isTable(value)) return ["table", "tree", "text"];
  if (typeof value === "object" && value !== null) return ["tree", "text"];
  return ["text"];
}
