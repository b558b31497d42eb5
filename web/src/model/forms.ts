/** Forms from JSON Schema, or from the short form in which a workflow declares its inputs: fields in, a value out. */

export type FieldKind = "text" | "long" | "number" | "integer" | "truth" | "choice" | "json";

export interface FormField {
  name: string;
  label: string;
  kind: FieldKind;
  hint: string | undefined;
  required: boolean;
  choices: string[];
  initial: string;
  min: number | undefined;
  max: number | undefined;
  secret: boolean;
}

type Schema = Record<string, unknown>;

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

/** A value as it stands in a field. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value, undefined, 2) : String(value);
}

function kindOf(schema: Schema): FieldKind {
  if (Array.isArray(schema["enum"])) return "choice";
  switch (Array.isArray(schema["type"]) ? schema["type"].find((one) => one !== "null") : schema["type"]) {
    case "integer":
      return "integer";
    case "number":
      return "number";
    case "boolean":
      return "truth";
    case "string":
      return schema["format"] === "multiline" || Number(schema["maxLength"] ?? 0) > 200 ? "long" : "text";
    default:
      return "json";
  }
}

/** The fields of an object's properties. `required` may stand beside them or in each. */
export function fieldsOf(properties: Record<string, unknown>, required: readonly string[] = []): FormField[] {
  return Object.entries(properties).map(([name, value]) => {
    const schema: Schema =
      typeof value === "string" ? { type: value } : typeof value === "object" && value ? (value as Schema) : {};
    return {
      name,
      label: text(schema["title"]) ?? name,
      kind: kindOf(schema),
      hint: text(schema["description"]),
      required: required.includes(name) || schema["required"] === true,
      choices: Array.isArray(schema["enum"]) ? schema["enum"].map(shown) : [],
      initial: shown(schema["default"]),
      min: number(schema["minimum"]),
      max: number(schema["maximum"]),
      secret: schema["format"] === "password" || schema["x-akao-secret"] === true || schema["writeOnly"] === true,
    };
  });
}

/** The fields of a schema of an object; none when it is not one. */
export function fieldsOfSchema(schema: unknown): FormField[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties, required } = schema as { properties?: Record<string, unknown>; required?: unknown };
  const needed = Array.isArray(required) ? required.filter((name): name is string => typeof name === "string") : [];
  return properties ? fieldsOf(properties, needed) : [];
}

export interface Filled {
  value: Record<string, unknown>;
  wrong: Record<string, string>;
}

/** What was typed, as a value; and what is wrong with it, by field. Fields left empty are left out. */
export function fill(fields: readonly FormField[], typed: Readonly<Record<string, string>>): Filled {
  const value: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const field of fields) {
    const words = typed[field.name] ?? field.initial;
    if (words === "" && field.kind !== "truth") {
      if (field.required) wrong[field.name] = "This must be filled in.";
      continue;
    }
    const read = readField(field, words);
    if ("wrong" in read) wrong[field.name] = read.wrong;
    else if (!(field.kind === "truth" && words === "" && !field.required)) value[field.name] = read.value;
  }
  return { value, wrong };
}

function readField(field: FormField, words: string): { value: unknown } | { wrong: string } {
  switch (field.kind) {
    case "number":
    case "integer":
      return readNumber(field, words);
    case "truth":
      return { value: words === "true" };
    case "json":
      try {
        return { value: JSON.parse(words) };
      } catch {
        return { wrong: "This is not JSON. Texts stand in double quotes." };
      }
    default:
      return { value: words };
  }
}

function readNumber(field: FormField, words: string): { value: unknown } | { wrong: string } {
  const value = Number(words.trim());
  if (words.trim() === "" || !Number.isFinite(value)) return { wrong: "This is not a number." };
  if (field.kind === "integer" && !Number.isInteger(value)) return { wrong: "This must be a whole number." };
  if (field.min !== undefined && value < field.min) return { wrong: `At least ${field.min}.` };
  if (field.max !== undefined && value > field.max) return { wrong: `At most ${field.max}.` };
  return { value };
}
