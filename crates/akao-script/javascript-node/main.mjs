/**
 * Runs one inline script in a thread of its own and answers for it; then this process is given no other.
 *
 * The thread is what can be ended while a script goes on without end, and what can run out of memory without this process. It is
 * no boundary: that is the sandbox around both.
 */

import { Worker } from "node:worker_threads";
import { Failure, node, serve } from "./akao/index.js";

const ID = "dev.akao.javascript-node";
// Calls of functions within each other; half of it is what V8 has by itself.
const STACK_MB = 2;
const STDERR_LINES_MAX = 10;
// What is told of what a script writes past its console.
const RAW_BYTES_MAX = 300_000;

const failure = (kind, message, reason, detail = {}) =>
  new Failure(kind, message, { retryable: false, detail: { reason, ...detail } });

/** A failure as the script's thread tells one: nothing that Akao says by itself, such as that a call was never made. */
const isFailure = (told) =>
  Array.isArray(told) && ["user", "input", "resource"].includes(told[0]) && String(told[2]).startsWith("script_");

/** Lines of a stream, the last one also where it does not end. */
const lines = (stream, tell) => {
  let rest = "";
  let bytes = 0;
  stream.setEncoding("utf8").on("data", (text) => {
    bytes += text.length;
    if (bytes > RAW_BYTES_MAX) return;
    const all = (rest + text).split("\n");
    rest = all.pop().slice(0, 8_000);
    all.forEach(tell);
  });
  stream.on("end", () => rest && tell(rest));
};

const run = (context, { script, inputs, timeout_ms, memory_bytes }) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./runner.cjs", import.meta.url), {
      workerData: { script, inputs },
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: Math.max(16, Math.floor(memory_bytes / 1_000_000)), stackSizeMb: STACK_MB },
    });
    const last = [];
    lines(worker.stdout, (line) => context.log("info", line));
    lines(worker.stderr, (line) => {
      last.push(line);
      if (last.length > STDERR_LINES_MAX) last.shift();
      context.log("warn", line);
    });
    let isOver = false;
    const end = (settle) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      // What it still has to say is no answer any more.
      void worker.terminate();
      settle();
    };
    const fail = (...why) => end(() => reject(failure(...why)));
    const timer = setTimeout(() => fail("timeout", "the script did not end within its time", "script_timeout"), timeout_ms);
    context.signal.addEventListener("abort", () => fail("cancelled", "cancelled by the host", "cancelled"));
    const hear = (told) => {
      if (told.log !== undefined) context.log(told.log, told.line);
      else if (told.progress !== undefined) context.progress(told.progress.fraction, told.progress.message);
      else if (told.failed !== undefined) {
        if (!isFailure(told.failed)) throw new TypeError("no failure of a script");
        fail(...told.failed);
      } else {
        const result = JSON.parse(told.result);
        end(() => resolve({ result }));
      }
    };
    worker.on("message", (told) => {
      if (isOver) return;
      try {
        hear(told);
      } catch {
        // A script has this channel in its reach.
        fail("user", "the script wrote into the channel of its interpreter", "script_channel");
      }
    });
    worker.on("error", (error) => {
      if (error?.code === "ERR_WORKER_OUT_OF_MEMORY") fail("resource", "the script ran out of memory", "script_memory");
      else fail("user", `the script's thread ended: ${error?.message ?? error}`, "script_exception", { exception: String(error?.name) });
    });
    worker.on("exit", (code) => fail("user", `the script exited with code ${code}`, "script_exit", { code, stderr: last.join("\n") }));
  });

const inputs = {
  script: { type: "string", required: true },
  inputs: { type: "object", required: true },
  timeout_ms: { type: "integer", required: true },
  memory_bytes: { type: "integer", required: true },
};
serve(node(ID, { inputs }, run), { id: ID, version: "1.0.0" });
