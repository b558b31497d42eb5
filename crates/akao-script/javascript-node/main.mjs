/**
 * Runs one inline script in a thread of its own and answers for it; then this process is given no other.
 *
 * The thread is what can be ended while a script goes on without end, and what can run out of memory without this process. It is
 * no boundary: that is the sandbox around both.
 */

import { Worker } from "node:worker_threads";
import { serve } from "./wire.mjs";

const ID = "dev.akao.javascript-node";
const VERSION = "1.0.0";
// Calls of functions within each other; half of it is what V8 has by itself.
const STACK_MB = 2;
const STDERR_LINES_MAX = 10;
// What is told of what a script writes past its console.
const RAW_BYTES_MAX = 300_000;
const LINE_CHARACTERS_MAX = 8_000;
const MESSAGE_CHARACTERS_MAX = 2_000;
// What a message has around a result.
const AROUND_BYTES = 1_000;

/** The answer of a run that failed. */
const failure = (kind, message, reason, detail = {}) =>
  JSON.stringify({ success: false, outputs: {}, error: { kind, message, retryable: false, detail: { reason, ...detail } } });

/** The answer of a run with this result, which is text; what is no single line of JSON, no thread of ours has written. */
const success = (result) => {
  if (typeof result !== "string" || /[\n\r]/.test(result)) throw new TypeError("no result of a script");
  JSON.parse(result);
  return `{"success":true,"outputs":{"result":${result}}}`;
};

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
    rest = all.pop().slice(0, LINE_CHARACTERS_MAX);
    all.forEach((line) => tell(line.slice(0, LINE_CHARACTERS_MAX)));
  });
  stream.on("end", () => rest && tell(rest));
};

const run = (call, { script, inputs, timeout_ms, memory_bytes }) =>
  new Promise((resolve) => {
    const worker = new Worker(new URL("./runner.cjs", import.meta.url), {
      workerData: { script, inputs, bytesMax: call.messageBytesMax - AROUND_BYTES },
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: Math.max(16, Math.floor(memory_bytes / 1_000_000)), stackSizeMb: STACK_MB },
    });
    const last = [];
    lines(worker.stdout, (line) => call.log("info", line));
    lines(worker.stderr, (line) => {
      last.push(line);
      if (last.length > STDERR_LINES_MAX) last.shift();
      call.log("warn", line);
    });
    let isOver = false;
    const end = (answer) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      // What it still has to say is no answer any more.
      void worker.terminate();
      resolve(answer);
    };
    const fail = (...why) => end(failure(...why));
    const timer = setTimeout(() => fail("timeout", "the script did not end within its time", "script_timeout"), timeout_ms);
    call.signal.addEventListener("abort", () => fail("cancelled", "cancelled by the host", "cancelled"));
    const hear = (told) => {
      if (told.log !== undefined) call.log(told.log, told.line);
      else if (told.progress !== undefined) call.progress(told.progress.fraction, told.progress.message);
      else if (told.failed !== undefined) {
        if (!isFailure(told.failed)) throw new TypeError("no failure of a script");
        fail(...told.failed);
      } else end(success(told.result));
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
      if (error?.code === "ERR_WORKER_OUT_OF_MEMORY") return fail("resource", "the script ran out of memory", "script_memory");
      const why = String(error?.message ?? error).slice(0, MESSAGE_CHARACTERS_MAX);
      fail("user", `the script's thread ended: ${why}`, "script_exception", { exception: String(error?.name).slice(0, 100) });
    });
    worker.on("exit", (code) => fail("user", `the script exited with code ${code}`, "script_exit", { code, stderr: last.join("\n") }));
  });

serve({ id: ID, version: VERSION }, run);
