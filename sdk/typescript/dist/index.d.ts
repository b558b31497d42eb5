/**
 * Write nodes for Akao in TypeScript or JavaScript.
 *
 * A node is a function of a context and its inputs; `serve` answers the host until it closes. Nothing beyond Node.js itself
 * is needed.
 */
export { Context, type Blob, type Level } from "./context.js";
export { Cancelled, Failure, KINDS, type Json, type Kind } from "./errors.js";
export { node, type Declaration, type Health, type Inputs, type Node, type Outputs, type Problem, type Schema, type Schemas, } from "./node.js";
export { serve, type Package } from "./serve.js";
