// What nodes import from `workflow-sdk`: a node as a function, and everything of the base classes.
import { definition } from "akao:host";
export * from "@wayfarer-ai/btree";

// A node of a function: `run(props, context)` gives the result, and what it throws is the step's error.
export const defineNode = (described) => definition(described);
