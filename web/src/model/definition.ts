/** A workflow as the interpreter reads it: what the drawing, the forms and the editor stand on. */

export interface NodeDef {
  id?: string;
  type: string;
  name?: string;
  props?: Record<string, unknown>;
  needs?: string[];
  if?: unknown;
  retry?: { attempts: number; delay?: string; factor?: number; max_delay?: string; on?: string[] };
  timeout?: string;
  on_failure?: "stop" | "continue";
  pin?: unknown;
  run_on?: string[];
  case?: unknown;
  default?: boolean;
  children?: NodeDef[];
}

export interface Definition {
  akao: number;
  id: string;
  version: string;
  name?: string;
  description?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  settings?: Record<string, unknown>;
  trees?: Record<string, NodeDef>;
  root: NodeDef;
}

export interface Problem {
  severity: "error" | "warning";
  code: string;
  message: string;
  position: { line: number; column: number };
  path: string;
  suggestion?: string;
}

/** An address without its iterations: the place of a node in the definition. */
export function placeOf(address: string): string {
  // A loop at the root writes its iterations behind the first stroke.
  return address.replace(/\[\d+\]/g, "").replace(/^\/\//, "/");
}

/** The address of a child. */
export function childOf(place: string, index: number): string {
  return place === "/" ? `/${index}` : `${place}/${index}`;
}

/** The place of the node that a place stands below; none above the root. */
export function parentOf(place: string): string | undefined {
  if (place === "/") return undefined;
  const cut = place.lastIndexOf("/");
  return cut === 0 ? "/" : place.slice(0, cut);
}

/** How deep an address stands; the root has the depth 0. */
export function depthOf(address: string): number {
  return address.split("/").filter((part) => part !== "" && !/^\[\d+\]$/.test(part)).length;
}

/** The name of a type without the digest of its package. */
export function shownType(type: string): string {
  return type.replace(/#sha256:[0-9a-f]+$/, "").replace(/@sha256:[0-9a-f]+$/, "");
}
