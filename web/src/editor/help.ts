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
export function suggestions(types: readonly NodeType[], text: string, line: number, column: number): Suggestion[] {
  const place = placeAt(text, line, column);
  switch (place.at) {
    case "type":
      return types.map((type) => ({
        label: type.name,
        insert: type.name,
        detail: type.category,
        documentation: `${type.summary}\n\n${type.description}`,
        kind: "type",
      }));
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
    return `**${type.name}** ${type.version} · ${type.category}\n\n${type.summary}\n\n${type.description}${needs}`;
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
