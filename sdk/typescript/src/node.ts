/**
 * What a node declares, and the check of parameters against it.
 *
 * The check is a net below the host's own, which knows the whole schema: here are names, types, choices and defaults.
 */

import type { Context } from "./context.js";
import { Failure, type Json } from "./errors.js";

type TypeName = "string" | "integer" | "number" | "boolean" | "array" | "object";

/** What an input may be. */
export type Schema = {
  readonly type?: TypeName;
  readonly required?: boolean;
  readonly default?: Json;
  readonly enum?: readonly Json[];
  readonly description?: string;
};

/** Inputs by name. */
export type Schemas = { readonly [name: string]: Schema };

type ValueOf<S extends Schema> = S extends { readonly type: infer T }
  ? T extends "string" ? string
  : T extends "integer" | "number" ? number
  : T extends "boolean" ? boolean
  : T extends "array" ? Json[]
  : { [name: string]: Json }
  : Json;
type Given = { readonly required: true } | { readonly default: Json };

/** The inputs that the work gets: required ones and those with a default are always there. */
export type Inputs<S extends Schemas> =
  & { -readonly [K in keyof S as S[K] extends Given ? K : never]: ValueOf<S[K]> }
  & { -readonly [K in keyof S as S[K] extends Given ? never : K]?: ValueOf<S[K]> };

/** Something that is wrong with parameters. */
export type Problem = { path: string; message: string; suggestion: string | null };

/** The node's own word on its health. */
export type Health = { status: "healthy" | "degraded" | "unhealthy"; detail?: string };

export type Outputs = { [name: string]: unknown } | void;

/** What a node declares beside its id. */
export type Declaration<S extends Schemas> = {
  inputs?: S;
  /** Whether a call with `{"$items": […]}` runs the work once for each item. */
  batch?: boolean;
  /** More checks of parameters that fit the declaration. */
  validate?(inputs: Inputs<S>): Problem[] | void;
  health?(): Health;
};

/** A node type: its id, its inputs and the work. */
export interface Node {
  readonly id: string;
  readonly inputs: Schemas;
  readonly batch: boolean;
  readonly work: (context: Context, inputs: never) => Outputs | Promise<Outputs>;
  problems(parameters: { [name: string]: Json }): Problem[];
  /** `parameters` with defaults, or a `Failure` that lists the problems. */
  arguments(parameters: { [name: string]: Json }): { [name: string]: Json };
  health?(): Health;
}

/** Makes a node type of a function `(context, inputs) => outputs`, which may be async. */
export function node<const S extends Schemas>(
  id: string,
  declaration: Declaration<S>,
  work: (context: Context, inputs: Inputs<S>) => Outputs | Promise<Outputs>,
): Node {
  const schemas: Schemas = declaration.inputs ?? {};
  const known = new Map(Object.entries(schemas));
  const required = Object.keys(schemas).filter((name) => schemas[name]?.required);
  const defaults = Object.fromEntries(
    Object.entries(schemas).flatMap(([name, schema]) => schema.default === undefined ? [] : [[name, schema.default]]),
  );
  const hasDefaults = Object.keys(defaults).length > 0;
  const filled = (parameters: { [name: string]: Json }) => hasDefaults ? { ...defaults, ...parameters } : parameters;
  const problems = (parameters: { [name: string]: Json }): Problem[] => {
    const found = problemsOf(known, required, parameters);
    const more = found.length === 0 ? declaration.validate?.(filled(parameters) as Inputs<S>) : undefined;
    return more ? [...found, ...more] : found;
  };
  return {
    id,
    inputs: schemas,
    batch: declaration.batch ?? false,
    work: work as Node["work"],
    problems,
    arguments(parameters) {
      const found = problems(parameters);
      const first = found[0];
      if (first) {
        throw new Failure("input", `${first.path} ${first.message}`, { detail: { problems: found } });
      }
      return filled(parameters);
    },
    ...(declaration.health ? { health: declaration.health.bind(declaration) } : {}),
  };
}

function problemsOf(
  known: Map<string, Schema>,
  required: string[],
  parameters: { [name: string]: Json },
): Problem[] {
  const found: Problem[] = [];
  for (const name of Object.keys(parameters)) {
    const value = parameters[name] as Json;
    const schema = known.get(name);
    if (schema === undefined) {
      const names = [...known.keys()].join(", ") || "none";
      found.push(problem(name, "is not an input of this node", `Known inputs: ${names}.`));
    } else {
      const message = mismatch(schema, value);
      if (message !== undefined) found.push(problem(name, message, null));
    }
  }
  for (const name of required) {
    if (!Object.hasOwn(parameters, name)) found.push(problem(name, "is required", null));
  }
  return found;
}

function problem(name: string, message: string, suggestion: string | null): Problem {
  return { path: "/" + name.replaceAll("~", "~0").replaceAll("/", "~1"), message, suggestion };
}

function mismatch(schema: Schema, value: Json): string | undefined {
  const found = typeName(value);
  if (schema.type && found !== schema.type && !(schema.type === "number" && found === "integer")) {
    return `expected ${schema.type}, found ${found}`;
  }
  if (found === "integer" && !Number.isSafeInteger(value) && Math.abs(value as number) < 1e21) {
    return "is beyond 2^53, send it as a string";
  }
  if (schema.enum && !schema.enum.includes(value)) {
    return `is none of ${schema.enum.join(", ")}`;
  }
  return undefined;
}

function typeName(value: Json): TypeName | "null" {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value as TypeName;
}
