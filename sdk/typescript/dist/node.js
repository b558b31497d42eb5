/**
 * What a node declares, and the check of parameters against it.
 *
 * The check is a net below the host's own, which knows the whole schema: here are names, types, choices and defaults.
 */
import { Failure } from "./errors.js";
/** Makes a node type of a function `(context, inputs) => outputs`, which may be async. */
export function node(id, declaration, work) {
    const schemas = declaration.inputs ?? {};
    const known = new Map(Object.entries(schemas));
    const required = Object.keys(schemas).filter((name) => schemas[name]?.required);
    const defaults = Object.fromEntries(Object.entries(schemas).flatMap(([name, schema]) => schema.default === undefined ? [] : [[name, schema.default]]));
    const hasDefaults = Object.keys(defaults).length > 0;
    const filled = (parameters) => hasDefaults ? { ...defaults, ...parameters } : parameters;
    const problems = (parameters) => {
        const found = problemsOf(known, required, parameters);
        const more = found.length === 0 ? declaration.validate?.(filled(parameters)) : undefined;
        return more ? [...found, ...more] : found;
    };
    return {
        id,
        inputs: schemas,
        batch: declaration.batch ?? false,
        work: work,
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
function problemsOf(known, required, parameters) {
    const found = [];
    for (const name of Object.keys(parameters)) {
        const value = parameters[name];
        const schema = known.get(name);
        if (schema === undefined) {
            const names = [...known.keys()].join(", ") || "none";
            found.push(problem(name, "is not an input of this node", `Known inputs: ${names}.`));
        }
        else {
            const message = mismatch(schema, value);
            if (message !== undefined)
                found.push(problem(name, message, null));
        }
    }
    for (const name of required) {
        if (!Object.hasOwn(parameters, name))
            found.push(problem(name, "is required", null));
    }
    return found;
}
function problem(name, message, suggestion) {
    return { path: "/" + name.replaceAll("~", "~0").replaceAll("/", "~1"), message, suggestion };
}
function mismatch(schema, value) {
    const found = typeName(value);
    if (schema.type && found !== schema.type && !(schema.type === "number" && found === "integer")) {
        return `expected ${schema.type}, found ${found}`;
    }
    if (found === "integer" && !Number.isSafeInteger(value) && Math.abs(value) < 1e21) {
        return "is beyond 2^53, send it as a string";
    }
    if (schema.enum && !schema.enum.includes(value)) {
        return `is none of ${schema.enum.join(", ")}`;
    }
    return undefined;
}
function typeName(value) {
    if (value === null)
        return "null";
    if (Array.isArray(value))
        return "array";
    if (typeof value === "number")
        return Number.isInteger(value) ? "integer" : "number";
    return typeof value;
}
