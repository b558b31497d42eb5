/**
 * Write nodes for Akao in TypeScript or JavaScript.
 *
 * A node is a function of a context and its inputs; `serve` answers the host until it closes. Nothing beyond Node.js itself
 * is needed.
 */
export { Context } from "./context.js";
export { Cancelled, Failure, KINDS } from "./errors.js";
export { node, } from "./node.js";
export { serve } from "./serve.js";
