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

const COLUMNS_MAX = 30;
const IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;

/** The picture that a text is, if it is one: of a kind that cannot hold a script. */
export function imageOf(value: unknown): string | undefined {
  return typeof value === "string" && IMAGE.test(value) ? value : undefined;
}

/** The columns of a list of objects, in the order in which they first come. */
export function columnsOf(rows: ReadonlyArray<Record<string, unknown>>): string[] {
  const found = new Set<string>();
  for (const row of rows.slice(0, 200)) for (const name of Object.keys(row)) found.add(name);
  return [...found].slice(0, COLUMNS_MAX);
}

function isTable(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value
      .slice(0, 50)
      .every((row) => typeof row === "object" && row !== null && !Array.isArray(row) && !isReference(row))
  );
}

/** How a value can be shown; the best first. */
export function kindsOf(value: unknown): Shape[] {
  if (imageOf(value)) return ["image", "text"];
  if (isTable(value)) return ["table", "tree", "text"];
  if (typeof value === "object" && value !== null) return ["tree", "text"];
  return ["text"];
}
