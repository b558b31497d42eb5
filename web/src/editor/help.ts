/** Completion and hover texts of workflow files, from the node types of the server. */
import type { NodeType } from "../execution/usePlan";
import { HEADER_KEYS, keysFor, meaningAt, NODE_KEYS, placeAt } from "../model/yaml";

export interface Suggestion {
  label: string;
  insert: string;
  detail: string;
  documentation: string;
  kind: "type" | "key" | "value";
}

type Schema = Record<string, unknown>;

/** The installed versions of nodes of packages, newest first. */
export type Versions = ReadonlyMap<string, readonly string[]>;

/** The same from the packages that are installed, whose versions stand lowest first. */
export function versionsOf(packages: ReadonlyArray<{ nodes: string[]; versions: string[] }>): Versions {
  return new Map(
    packages.flatMap(({ nodes, versions }) => nodes.map((node) => [node, versions.toReversed()] as const)),
  );
}

function find(types: readonly NodeType[], name: string | undefined): NodeType | undefined {
  return types.find((type) => type.name === name || type.aliases?.includes(name ?? ""));
}

function propsOf(type: NodeType | undefined): Array<[string, Schema]> {
  return Object.entries((type?.props["properties"] ?? {}) as Record<string, Schema>);
}

function isNeeded(type: NodeType | undefined, name: string): boolean {
  const needed = type?.props["required"];
  return Array.isArray(needed) && needed.includes(name);
}

function typeWord(schema: Schema): string {
  if (Array.isArray(schema["enum"])) return schema["enum"].map(String).join(" | ");
  const type = schema["type"];
  return Array.isArray(type) ? type.join(" | ") : typeof type === "string" ? type : "any";
}

/** What may be written at a place; line and column count from 0. */
export function suggestions(
  types: readonly NodeType[],
  text: string,
  line: number,
  column: number,
  versions: Versions = new Map(),
): Suggestion[] {
  const place = placeAt(text, line, column);
  switch (place.at) {
    case "type":
      return types.filter((type) => !isPinned(type)).flatMap((type) => typeNames(type, versions.get(type.name) ?? []));
    case "key":
      return place.of === "props" ? propKeys(types, place.type, place.present) : plainKeys(place.of, place.present);
    case "prop": {
      const schema = propsOf(find(types, place.type)).find(([name]) => name === place.prop)?.[1];
      return schema ? values(schema) : [];
    }
    default:
      return [];
  }
}

/** Whether its name says which content is meant: what the server made of a name in the text, and nothing to write. */
function isPinned(type: NodeType): boolean {
  return type.name.includes("#");
}

/** A node type by its name, and by the ranges that its installed versions begin. */
function typeNames(type: NodeType, versions: readonly string[]): Suggestion[] {
  const documentation = `${type.summary}\n\n${type.description}`;
  const one = (label: string, detail: string): Suggestion => ({
    label,
    insert: label,
    detail,
    documentation,
    kind: "type",
  });
  return [
    one(type.name, type.category),
    ...versions.map((version) => one(`${type.name}@^${version}`, `${version} or a later one that is compatible`)),
  ];
}

function plainKeys(of: "document" | "node", present: readonly string[]): Suggestion[] {
  return keysFor(of, present).map(([name, what]) => ({
    label: name,
    insert: `${name}: `,
    detail: of === "node" ? "of a node" : "of the workflow",
    documentation: what,
    kind: "key",
  }));
}

function propKeys(types: readonly NodeType[], name: string | undefined, present: readonly string[]): Suggestion[] {
  const type = find(types, name);
  return propsOf(type)
    .filter(([prop]) => !present.includes(prop))
    .map(([prop, schema]) => ({
      label: prop,
      insert: `${prop}: `,
      detail: `${typeWord(schema)}${isNeeded(type, prop) ? ", needed" : ""}`,
      documentation: propWords(schema),
      kind: "key",
    }));
}

function values(schema: Schema): Suggestion[] {
  const choices = Array.isArray(schema["enum"]) ? schema["enum"] : schema["type"] === "boolean" ? [true, false] : [];
  return choices.map((choice) => ({
    label: String(choice),
    insert: String(choice),
    detail: choice === schema["default"] ? "default" : "",
    documentation: "",
    kind: "value",
  }));
}

function propWords(schema: Schema): string {
  const said = typeof schema["description"] === "string" ? schema["description"] : "";
  const usual = schema["default"] === undefined ? "" : `\n\nDefault: \`${JSON.stringify(schema["default"])}\``;
  return `${said}${usual}`;
}

/** What is said about the word at a place, as Markdown. */
export function explanation(
  types: readonly NodeType[],
  text: string,
  line: number,
  column: number,
): string | undefined {
  const found = meaningAt(text, line, column);
  if (!found) return undefined;
  if (found.what === "type") {
    const type = find(types, found.word);
    if (!type) return undefined;
    const needs = type.permissions?.length
      ? `\n\nNeeds: ${type.permissions.map((one) => `\`${one}\``).join(", ")}`
      : "";
    const name = isPinned(type) ? found.word : type.name;
    return `**${name}** ${type.version} · ${type.category}\n\n${type.summary}\n\n${type.description}${needs}`;
  }
  if (found.what === "prop") {
    const type = find(types, found.type);
    const schema = propsOf(type).find(([name]) => name === found.word)?.[1];
    if (!schema) return undefined;
    return `**${found.word}**: ${typeWord(schema)}${isNeeded(type, found.word) ? ", needed" : ""}\n\n${propWords(schema)}`;
  }
  const what = (found.of === "document" ? HEADER_KEYS : NODE_KEYS)[found.word];
  return what && `**${found.word}**\n\n${what}`;
}
