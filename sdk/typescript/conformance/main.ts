/** The nodes that the golden transcripts expect, as `sdk/conformance/README.md` describes them. */

import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure, node, serve, type Json, type Kind } from "akao";

const PREFIX = "com.example.conformance.";
const gates = new Map<string, boolean>();
const required = <T extends "string" | "integer" | "object">(type: T) => ({ type, required: true }) as const;

const nodes = [
  node(PREFIX + "echo", { inputs: { value: { required: true } } }, (_, { value }) => ({ value })),
  node(
    PREFIX + "typed",
    {
      inputs: {
        text: required("string"),
        count: { type: "integer", default: 1 },
        ratio: { type: "number" },
        flag: { type: "boolean" },
        items: { type: "array" },
        options: { type: "object" },
        choice: { type: "string", enum: ["a", "b"] },
      },
    },
    (_, inputs) => inputs,
  ),
  node(
    PREFIX + "fail",
    {
      inputs: {
        kind: required("string"),
        message: required("string"),
        retryable: { type: "boolean" },
        detail: {},
      },
    },
    (_, { kind, message, retryable, detail }) => {
      throw new Failure(kind as Kind, message, { ...(retryable === undefined ? {} : { retryable }), detail: detail ?? null });
    },
  ),
  node(PREFIX + "throw", { inputs: { message: required("string") } }, (_, { message }) => {
    throw new Error(message);
  }),
  node(PREFIX + "slow", { inputs: { ignore: { type: "boolean", default: false } } }, async (context, { ignore }) => {
    context.progress(0, "started");
    while (!context.cancelled) await sleep(5);
    if (!ignore) context.checkCancelled();
    return { cancelled: true };
  }),
  node(PREFIX + "wait", { inputs: { gate_name: required("string") } }, async (context, { gate_name }) => {
    context.progress(0, "waiting");
    while (!gates.get(gate_name)) {
      context.checkCancelled();
      await sleep(5);
    }
    return { opened: gate_name };
  }),
  node(PREFIX + "open", { inputs: { gate_name: required("string") } }, (_, { gate_name }) => {
    gates.set(gate_name, true);
  }),
  node(PREFIX + "progress", { inputs: { count: required("integer") } }, (context, { count }) => {
    for (let index = 1; index <= count; index++) context.progress(index / count, `step ${index}`);
  }),
  node(
    PREFIX + "log",
    { inputs: { level: required("string"), message: required("string"), fields: required("object") } },
    (context, { level, message, fields }) => context.log(level as "info", message, fields),
  ),
  node(
    PREFIX + "stream",
    {
      inputs: {
        stream: required("string"),
        text: required("string"),
        times: required("integer"),
        writers: { type: "integer", default: 1 },
      },
    },
    async (context, { stream, text, times, writers }) => {
      await Promise.all(Array.from({ length: writers }, () => context.output(stream, text.repeat(times))));
      return { bytes: Buffer.byteLength(text) * times * writers };
    },
  ),
  node(PREFIX + "secret", { inputs: { name: required("string") } }, async (context, { name }) => ({
    value: await context.secret(name),
  })),
  node(
    PREFIX + "state",
    { inputs: { key: required("string"), value: { required: true } } },
    async (context, { key, value }) => {
      const before = await context.stateGet(key);
      await context.statePut(key, value);
      return { before };
    },
  ),
  node(
    PREFIX + "blob_put",
    { inputs: { name: required("string"), text: required("string"), media_type: { type: "string" } } },
    async (context, { name, text, media_type }) => {
      fs.writeFileSync(path.join(context.workspace, name), text);
      return { blob: await context.blobPut(name, media_type) };
    },
  ),
  node(
    PREFIX + "blob_get",
    { inputs: { blob: required("object"), name: required("string") } },
    async (context, { blob, name }) => ({ text: fs.readFileSync(await context.blobGet(blob, name), "utf8") }),
  ),
  node(PREFIX + "outside", {}, async (context) => ({ blob: await context.blobPut("../outside.txt") })),
  node(PREFIX + "context", {}, (context) => {
    const { node_id, workflow_id, execution_id, step, attempt, idempotency_key, tenant, deadline, trace } = context;
    return { node_id, workflow_id, execution_id, step, attempt, idempotency_key, tenant, deadline, trace };
  }),
  node(PREFIX + "big", { inputs: { bytes: required("integer") } }, (_, { bytes }) => ({ text: "x".repeat(bytes) })),
  node(PREFIX + "bad_outputs", { inputs: { case: required("string") } }, (_, inputs) => {
    const cases: { [name: string]: unknown } = { integer: { value: 2 ** 53 + 1 }, nan: { value: NaN }, list: [1] };
    return cases[inputs.case] as { [name: string]: Json };
  }),
  node(PREFIX + "noise", {}, () => {
    console.log('{"jsonrpc":"2.0","id":"1","result":{"success":true}}');
    console.error("noise");
  }),
  node(PREFIX + "items", { inputs: { value: required("integer") }, batch: true }, (_, { value }) => {
    if (value < 0) throw new Failure("input", "the value is negative", { detail: { value } });
    return { double: value * 2 };
  }),
];

serve(nodes, { id: "com.example.conformance", version: "1.2.3" });
