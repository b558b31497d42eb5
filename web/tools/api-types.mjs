// Makes src/api/schema.ts from docs/openapi.json; with --check it only says whether that was done.
import { readFileSync, writeFileSync } from "node:fs";

const SOURCE = new URL("../../docs/openapi.json", import.meta.url);
const TARGET = new URL("../src/api/schema.ts", import.meta.url);
const document = JSON.parse(readFileSync(SOURCE, "utf8"));

const quoted = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

function object(schema) {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) return "Record<string, unknown>";
  const needed = new Set(schema.required ?? []);
  const fields = properties.map(([name, value]) => `${quoted(name)}${needed.has(name) ? "" : "?"}: ${type(value)}`);
  const open = schema.additionalProperties === false ? "" : " & Record<string, unknown>";
  return `{ ${fields.join("; ")} }${open}`;
}

function single(name, schema) {
  switch (name) {
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "null":
      return "null";
    case "array":
      return `Array<${type(schema.items ?? {})}>`;
    case "object":
      return object(schema);
    default:
      throw new Error(`the type \`${name}\` is not known here`);
  }
}

function type(schema) {
  if (schema === true || Object.keys(schema).length === 0) return "unknown";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map(type))].join(" | ");
  if (schema.allOf) return schema.allOf.map(type).join(" & ");
  if (Array.isArray(schema.type)) return schema.type.map((name) => single(name, schema)).join(" | ");
  return schema.type ? single(schema.type, schema) : "unknown";
}

function body(content) {
  const json = content?.["application/json"];
  return json?.schema ? type(json.schema) : undefined;
}

function operation(operation) {
  const answers = Object.entries(operation.responses ?? {})
    .filter(([status]) => status.startsWith("2"))
    .map(([, response]) => body(response.content) ?? "undefined");
  return `{ body: ${body(operation.requestBody?.content) ?? "undefined"}; answer: ${[...new Set(answers)].join(" | ") || "undefined"} }`;
}

const schemas = Object.entries(document.components.schemas).map(
  ([name, schema]) => `export type ${name} = ${type(schema)};`,
);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(
    ([method, value]) => `  ${JSON.stringify(`${method.toUpperCase()} ${path}`)}: ${operation(value)};`,
  ),
);
const text = [
  "// Made from docs/openapi.json by `npm run generate`; not written by hand.",
  "",
  ...schemas,
  "",
  "/** What each operation takes and answers. */",
  "export interface Operations {",
  ...operations,
  "}",
  "",
].join("\n");

if (process.argv.includes("--check")) {
  if (readFileSync(TARGET, "utf8") !== text) {
    console.error("src/api/schema.ts is not what docs/openapi.json says\n\nRun `npm run generate` in web/.");
    process.exit(1);
  }
} else {
  writeFileSync(TARGET, text);
}
