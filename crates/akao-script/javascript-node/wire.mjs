/**
 * Speaks with the host over the inherited descriptor. A result is text here, written by the thread that has the value: read and
 * written once more, a number such as 1e20 would become an integer that no answer may hold.
 */

import fs from "node:fs";
import net from "node:net";

// As long as hosts let messages be, and as long as they are where a host says nothing.
const MESSAGE_BYTES_MAX = 16 << 20;
const MESSAGE_BYTES_DEFAULT = 1 << 20;
const PROGRESS_INTERVAL_MS = 100;
const NO_SUCH_METHOD = -32601;
const LINE_FEED = 10;
const BY_HAND = "This program is a part of Akao and speaks with Akao over a descriptor, which is not there.\n";

/** The text of a value; halves of characters, which no message may hold, become U+FFFD. */
const json = (value) => wellFormed(JSON.stringify(value));

const wellFormed = (text) =>
  text.includes("\\ud") ? text.replace(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (found) => (found === "\\\\" ? found : "\ufffd")) : text;

/** One call of the host. */
class Call {
  #notify;
  #toldAt = -Infinity;
  #held;
  #abort = new AbortController();

  constructor(notify, messageBytesMax) {
    this.#notify = notify;
    this.messageBytesMax = messageBytesMax;
    /** Rings when nobody wants the answer any more. */
    this.signal = this.#abort.signal;
  }

  log(level, message) {
    this.#notify("$/log", { level, message });
  }

  /** Between two that are told lies a while; of those in it the last one is kept. */
  progress(fraction, message) {
    this.#held = { ...(fraction === null ? {} : { fraction }), message };
    if (performance.now() - this.#toldAt >= PROGRESS_INTERVAL_MS) this.tellHeld();
  }

  tellHeld() {
    if (this.#held === undefined) return;
    this.#notify("$/progress", this.#held);
    this.#toldAt = performance.now();
    this.#held = undefined;
  }

  cancel() {
    this.#abort.abort();
  }
}

/** The inherited descriptor; its name is hidden from what the script starts. */
const inherited = () => {
  const text = process.env.AKAO_RPC_FD ?? "";
  delete process.env.AKAO_RPC_FD;
  try {
    return /^\d{1,9}$/.test(text) && fs.fstatSync(Number(text)).isSocket() ? Number(text) : undefined;
  } catch {
    return undefined;
  }
};

/** Gives each line of a stream of bytes. */
const lines = (hear) => {
  let parts = [];
  return (chunk) => {
    let rest = chunk;
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED)) {
      const line = Buffer.concat([...parts, rest.subarray(0, end)]).toString();
      parts = [];
      rest = rest.subarray(end + 1);
      hear(line);
    }
    if (rest.length > 0) parts.push(rest);
  };
};

/** Answers the host until it closes. `work(call, parameters)` gives the text of a call's result. */
export const serve = ({ id: ID, version }, work) => {
  const descriptor = inherited();
  if (descriptor === undefined) {
    process.stderr.write(BY_HAND);
    process.exit(2);
  }
  const socket = new net.Socket({ fd: descriptor, readable: true, writable: true, allowHalfOpen: true });
  const write = (text) => void socket.write(`${wellFormed(text)}\n`);
  const answer = (id, text) => write(`{"jsonrpc":"2.0","id":${json(id)},"result":${text}}`);
  const running = new Map();
  let messageBytesMax = MESSAGE_BYTES_DEFAULT;
  let stopId;

  const stop = () => {
    answer(stopId, "{}");
    socket.end(() => process.exit(0));
  };

  const execute = async (id, parameters) => {
    const notify = (method, params) => write(json({ jsonrpc: "2.0", method, params: { id, ...params } }));
    const call = new Call(notify, messageBytesMax);
    running.set(id, call);
    const text = await work(call, parameters);
    call.tellHeld();
    running.delete(id);
    answer(id, text);
    if (stopId !== undefined && running.size === 0) stop();
  };

  const methods = {
    "node.info": (id, { limits }) => {
      messageBytesMax = Math.min(limits?.message_bytes_max ?? MESSAGE_BYTES_DEFAULT, MESSAGE_BYTES_MAX);
      answer(id, json({ protocol: 1, id: ID, version, sdk: `script/${version}`, nodes: [ID], limits: { message_bytes_max: messageBytesMax } }));
    },
    "node.validate": (id) => answer(id, json({ valid: true, problems: [] })),
    "node.execute": (id, { parameters }) => void execute(id, parameters),
    "node.health": (id) => answer(id, json({ status: "healthy", detail: `${running.size} running` })),
    "node.shutdown": (id, { grace }) => {
      stopId = id;
      if (running.size === 0) return stop();
      // What is cancelled answers, and the last answer stops.
      setTimeout(() => running.forEach((call) => call.cancel()), grace ?? 0);
    },
  };

  const hear = (line) => {
    const { id, method, params = {} } = JSON.parse(line);
    if (method === "$/cancel") return running.get(params.id)?.cancel();
    // Other notifications, and answers to what was never asked.
    if (id === undefined || method === undefined) return;
    if (Object.hasOwn(methods, method)) return methods[method](id, params);
    write(json({ jsonrpc: "2.0", id, error: { code: NO_SUCH_METHOD, message: `there is no method ${method}` } }));
  };
  socket.on("data", lines(hear));
  // Without a host there is nobody to answer.
  socket.on("end", () => process.exit(0));
  socket.on("error", () => process.exit(0));
};
