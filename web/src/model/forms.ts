/** Forms from JSON Schema, or from the short form in which a workflow declares its inputs: fields in, a value out. */

export type FieldKind =
  | "text"
  | "long"
  | "number"
  | "integer"
  | "truth"
  | "choice"
  | "several"
  | "group"
  | "date"
  | "time"
  | "email"
  | "address"
  | "json";

/** One of the values that may be chosen; it is sent as it stands in the schema, whatever its type. */
export interface Choice {
  value: unknown;
  label: string;
}

export interface FormField {
  name: string;
  /** Its name below those of the groups that it stands in; what is typed and what is wrong is kept by it. */
  path: string;
  label: string;
  kind: FieldKind;
  hint: string | undefined;
  required: boolean;
  choices: Choice[];
  /** The fields of a group. */
  fields: FormField[];
  initial: string;
  min: number | undefined;
  max: number | undefined;
  secret: boolean;
}

type Schema = Record<string, unknown>;

/** Between the names of a path. No name has it. */
const BELOW = "\u001f";

/** Groups within groups; what is deeper is written as JSON. */
const GROUPS_DEEP_MAX = 4;

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

function schemaOf(value: unknown): Schema {
  if (typeof value === "string") return { type: value };
  return typeof value === "object" && value !== null ? (value as Schema) : {};
}

/** A value as it stands in a field. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value, undefined, 2) : String(value);
}

/** The values of which one is chosen: an `enum`, or constants, each perhaps with a title. */
function choicesOf(schema: Schema): Choice[] | undefined {
  const values = schema["enum"];
  if (Array.isArray(values)) return values.map((value) => ({ value, label: labelOf(value) }));
  if ("const" in schema) return undefined;
  for (const all of [schema["oneOf"], schema["anyOf"]]) {
    if (!Array.isArray(all) || all.length === 0) continue;
    const options = all.map(schemaOf);
    if (!options.every((option) => "const" in option)) continue;
    return options.map((option) => ({
      value: option["const"],
      label: text(option["title"]) ?? labelOf(option["const"]),
    }));
  }
  return undefined;
}

function labelOf(value: unknown): string {
  if (value === null) return "nothing";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const FORMATS: Record<string, FieldKind> = {
  date: "date",
  "date-time": "time",
  email: "email",
  uri: "address",
  multiline: "long",
};

function typeOf(schema: Schema): unknown {
  const type = schema["type"];
  return Array.isArray(type) ? type.find((one) => one !== "null") : type;
}

function kindOf(schema: Schema, depth: number): FieldKind {
  if (choicesOf(schema)) return "choice";
  switch (typeOf(schema)) {
    case "integer":
      return "integer";
    case "number":
      return "number";
    case "boolean":
      return "truth";
    case "string":
      return FORMATS[String(schema["format"])] ?? (Number(schema["maxLength"] ?? 0) > 200 ? "long" : "text");
    case "array":
      return choicesOf(schemaOf(schema["items"])) ? "several" : "json";
    case "object":
      return isGroup(schema) && depth < GROUPS_DEEP_MAX ? "group" : "json";
    default:
      return "json";
  }
}

/** Whether an object is told by its properties alone, so that fields can stand for it. */
function isGroup(schema: Schema): boolean {
  const hasProperties = Object.keys(schemaOf(schema["properties"])).length > 0;
  return hasProperties && !["oneOf", "anyOf", "allOf", "$ref"].some((keyword) => keyword in schema);
}

/** The fields of an object's properties. `required` may stand beside them or in each. */
export function fieldsOf(properties: Record<string, unknown>, required: readonly string[] = []): FormField[] {
  return fieldsBelow("", properties, required, 0);
}

function fieldsBelow(
  above: string,
  properties: Record<string, unknown>,
  required: readonly string[],
  depth: number,
): FormField[] {
  return Object.entries(properties).map(([name, value]) => {
    const schema = schemaOf(value);
    const path = above ? `${above}${BELOW}${name}` : name;
    const kind = kindOf(schema, depth);
    const field: FormField = {
      name,
      path,
      label: text(schema["title"]) ?? name,
      kind,
      hint: text(schema["description"]),
      required: required.includes(name) || schema["required"] === true,
      choices: choicesOf(kind === "several" ? schemaOf(schema["items"]) : schema) ?? [],
      fields:
        kind === "group"
          ? fieldsBelow(path, schemaOf(schema["properties"]), namesOf(schema["required"]), depth + 1)
          : [],
      initial: "",
      min: number(schema[kind === "several" ? "minItems" : "minimum"]),
      max: number(schema[kind === "several" ? "maxItems" : "maximum"]),
      secret: schema["format"] === "password" || schema["x-akao-secret"] === true || schema["writeOnly"] === true,
    };
    return withInitial(field, schema["default"]);
  });
}

/** The field with what stands in it at first. The default of a group is that of its fields where they have none. */
function withInitial(field: FormField, initial: unknown): FormField {
  if (initial === undefined) return field;
  if (field.kind !== "group") return { ...field, initial: wordsOf(field, initial) };
  const members = schemaOf(initial);
  const fields = field.fields.map((one) => (one.initial ? one : withInitial(one, members[one.name])));
  return { ...field, fields };
}

function namesOf(required: unknown): string[] {
  return Array.isArray(required) ? required.filter((name): name is string => typeof name === "string") : [];
}

/** The fields of a schema of an object; none when it is not one. */
export function fieldsOfSchema(schema: unknown): FormField[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties, required } = schema as { properties?: Record<string, unknown>; required?: unknown };
  return properties ? fieldsOf(properties, namesOf(required)) : [];
}

/** A value as the words of its field: what is chosen by its number, a moment on the clock of whoever looks. */
function wordsOf(field: FormField, value: unknown): string {
  switch (field.kind) {
    case "choice": {
      const at = indexOf(field, value);
      return at < 0 ? "" : String(at);
    }
    case "several": {
      const all = Array.isArray(value) ? value.map((one) => indexOf(field, one)) : [];
      return chosenWords(all.filter((at) => at >= 0));
    }
    case "time":
      return typeof value === "string" ? clockOf(value) : "";
    case "json":
      return JSON.stringify(value, undefined, 2);
    default:
      return shown(value);
  }
}

function indexOf(field: FormField, value: unknown): number {
  const wanted = JSON.stringify(value);
  return field.choices.findIndex((choice) => JSON.stringify(choice.value) === wanted);
}

/** A moment as a field for date and time has it. */
function clockOf(moment: string): string {
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return "";
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString();
  return local.slice(0, at.getSeconds() === 0 ? 16 : 19);
}

/** What is chosen of several, as words; and back. */
export function chosenWords(chosen: readonly number[]): string {
  return chosen.length === 0 ? "" : [...chosen].sort((a, b) => a - b).join(" ");
}

export function chosenOf(words: string): number[] {
  return words === "" ? [] : words.split(" ").map(Number);
}

export type Typed = Readonly<Record<string, string>>;

/** The words of a value, by field. Members for which there is no field are kept beside those of their group. */
export function typedOf(fields: readonly FormField[], value: Record<string, unknown> | undefined): Typed {
  const typed: Record<string, string> = {};
  for (const field of fields) {
    const given = value?.[field.name];
    if (given === undefined) continue;
    if (field.kind !== "group") {
      typed[field.path] = wordsOf(field, given);
      continue;
    }
    const members = schemaOf(given);
    Object.assign(typed, typedOf(field.fields, members));
    const known = new Set(field.fields.map((one) => one.name));
    const rest = Object.entries(members).filter(([name]) => !known.has(name));
    if (rest.length > 0) typed[`${field.path}${BELOW}`] = JSON.stringify(Object.fromEntries(rest));
  }
  return typed;
}

/** Whether something of a field is not for a browser to keep. */
export function holdsSecret(field: FormField): boolean {
  return field.secret || field.fields.some(holdsSecret);
}

/** Whether what stands at a path is not for a browser to keep. */
export function isSecret(fields: readonly FormField[], path: string): boolean {
  const isAt = (field: FormField) => path === field.path || path.startsWith(`${field.path}${BELOW}`);
  return fields.some((field) => isAt(field) && (field.secret || isSecret(field.fields, path)));
}

export interface Filled {
  value: Record<string, unknown>;
  /** By the path of the field. */
  wrong: Record<string, string>;
}

/** What was typed, as a value; and what is wrong with it, by field. Fields left empty are left out. */
export function fill(fields: readonly FormField[], typed: Typed): Filled {
  const value: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const field of fields) {
    if (field.kind === "group") {
      if (!field.required && !isTouched(field, typed)) continue;
      const below = fill(field.fields, typed);
      const rest = typed[`${field.path}${BELOW}`];
      value[field.name] = { ...(rest ? JSON.parse(rest) : {}), ...below.value };
      Object.assign(wrong, below.wrong);
      continue;
    }
    const words = typed[field.path] ?? field.initial;
    if (words === "" && field.kind !== "truth") {
      if (field.required)
        wrong[field.path] = field.kind === "several" ? "Choose at least one." : "This must be filled in.";
      continue;
    }
    const read = readField(field, words);
    if ("wrong" in read) wrong[field.path] = read.wrong;
    else if (!(field.kind === "truth" && words === "" && !field.required)) value[field.name] = read.value;
  }
  return { value, wrong };
}

/** Whether anything was typed into a group. One that may be left out is, as long as nothing was. */
function isTouched(group: FormField, typed: Typed): boolean {
  const below = `${group.path}${BELOW}`;
  return Object.entries(typed).some(([path, words]) => path.startsWith(below) && words !== "");
}

type Read = { value: unknown } | { wrong: string };

function readField(field: FormField, words: string): Read {
  switch (field.kind) {
    case "number":
    case "integer":
      return readNumber(field, words);
    case "truth":
      return { value: words === "true" };
    case "choice":
      return { value: field.choices[Number(words)]?.value };
    case "several":
      return readSeveral(field, chosenOf(words));
    case "json":
      try {
        return { value: JSON.parse(words) };
      } catch {
        return { wrong: "This is not JSON. Texts stand in double quotes." };
      }
    default:
      return readText(field.kind, words);
  }
}

/** A text of a certain form. */
function readText(kind: FieldKind, words: string): Read {
  if (kind === "email" && !/^[^\s@]+@[^\s@]+$/.test(words)) return { wrong: "This is not an email address." };
  if (kind === "address" && !URL.canParse(words)) {
    return { wrong: "This is not an address. One begins for example with https://." };
  }
  if (kind === "date" && !/^\d{4}-\d{2}-\d{2}$/.test(words)) return { wrong: "This is not a date." };
  if (kind !== "time") return { value: words };
  const at = new Date(words);
  return Number.isNaN(at.getTime()) ? { wrong: "This is not a date with a time." } : { value: at.toISOString() };
}

function readSeveral(field: FormField, chosen: readonly number[]): Read {
  if (field.min !== undefined && chosen.length < field.min) return { wrong: `Choose at least ${field.min}.` };
  if (field.max !== undefined && chosen.length > field.max) return { wrong: `Choose at most ${field.max}.` };
  return { value: chosen.flatMap((at) => (field.choices[at] ? [field.choices[at].value] : [])) };
}

function readNumber(field: FormField, words: string): Read {
  const value = Number(words.trim());
  if (words.trim() === "" || !Number.isFinite(value)) return { wrong: "This is not a number." };
  if (field.kind === "integer" && !Number.isInteger(value)) return { wrong: "This must be a whole number." };
  if (field.min !== undefined && value < field.min) return { wrong: `At least ${field.min}.` };
  if (field.max !== undefined && value > field.max) return { wrong: `At most ${field.max}.` };
  return { value };
}
