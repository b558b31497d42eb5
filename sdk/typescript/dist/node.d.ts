/**
 * What a node declares, and the check of parameters against it.
 *
 * The check is a net below the host's own, which knows the whole schema: here are names, types, choices and defaults.
 */
import type { Context } from "./context.js";
import { type Json } from "./errors.js";
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
export type Schemas = {
    readonly [name: string]: Schema;
};
type ValueOf<S extends Schema> = S extends {
    readonly type: infer T;
} ? T extends "string" ? string : T extends "integer" | "number" ? number : T extends "boolean" ? boolean : T extends "array" ? Json[] : {
    [name: string]: Json;
} : Json;
type Given = {
    readonly required: true;
} | {
    readonly default: Json;
};
/** The inputs that the work gets: required ones and those with a default are always there. */
export type Inputs<S extends Schemas> = {
    -readonly [K in keyof S as S[K] extends Given ? K : never]: ValueOf<S[K]>;
} & {
    -readonly [K in keyof S as S[K] extends Given ? never : K]?: ValueOf<S[K]>;
};
/** Something that is wrong with parameters. */
export type Problem = {
    path: string;
    message: string;
    suggestion: string | null;
};
/** The node's own word on its health. */
export type Health = {
    status: "healthy" | "degraded" | "unhealthy";
    detail?: string;
};
export type Outputs = {
    [name: string]: unknown;
} | void;
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
    problems(parameters: {
        [name: string]: Json;
    }): Problem[];
    /** `parameters` with defaults, or a `Failure` that lists the problems. */
    arguments(parameters: {
        [name: string]: Json;
    }): {
        [name: string]: Json;
    };
    health?(): Health;
}
/** Makes a node type of a function `(context, inputs) => outputs`, which may be async. */
export declare function node<const S extends Schemas>(id: string, declaration: Declaration<S>, work: (context: Context, inputs: Inputs<S>) => Outputs | Promise<Outputs>): Node;
export {};
