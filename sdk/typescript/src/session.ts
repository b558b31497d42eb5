/** One conversation with the host: the five methods, the notifications, and the answers to the node's own calls. */

import { Context } from "./context.js";
import { Failure, Fault, type Json } from "./errors.js";
import type { Health, Node, Outputs } from "./node.js";
import { INVALID_REQUEST, Lines, MESSAGE_BYTES_MAX, TooLong, decode, encodeOutputs, wellFormed, type Message } from "./wire.js";

const PROTOCOL = 1;
const SDK = "akao-typescript/0.1.0";
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
const INITIALISATION = -1000;
const INTERNAL = -1005;
/** From the best to the worst. */
const STATUSES: readonly Health["status"][] = ["healthy", "degraded", "unhealthy"];
const GRACE_MS = 2000;
/** After a cancel at the end of the grace, work has this long to notice. */
const LAST_MS = 1000;

/** Where a session writes, and how it says that it has ended. */
export interface Host {
  write(text: string): void;
  /** Everything was written; the process may end with `code`. */
  end(code: number): void;
  /** A line for people. */
  log(text: string): void;
}

type Params = { [name: string]: Json };
type Job = { id: string; node: Node; context: Context; parameters: Params; isStarted: boolean };
/** An answer of the host that a call waits for. */
export type Answer = { id: string; context: Context; message?: Message };

/** The node's side of one connection. */
export class Session {
  readonly #host: Host;
  readonly #id: string;
  readonly #version: string;
  readonly #nodes: Map<string, Node>;
  readonly #lines = new Lines();
  readonly #jobs = new Map<string, Job>();
  readonly #answers = new Map<string, Answer>();
  /** Named by the handshake, for as long as the process lives. */
  tenant = "";
  #queue: Job[] = [];
  #running = 0;
  #concurrency = 1;
  #isStarting = false;
  #isReady = false;
  #isEnded = false;
  #stopId: string | undefined;
  #calls = 0;
  #held = "";
  #isFlushing = false;

  constructor(host: Host, nodes: readonly Node[], id: string, version: string) {
    this.#host = host;
    this.#id = id;
    this.#version = version;
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
  }

  /** Takes bytes of the host. */
  receive(chunk: Buffer): void {
    try {
      for (const line of this.#lines.whole(chunk) ?? this.#lines.take(chunk)) {
        if (this.#isEnded) return;
        this.#receiveLine(line);
      }
    } catch (fault) {
      if (!(fault instanceof TooLong)) throw fault;
      this.#refuse(null, fault);
      this.#end(1);
    }
  }

  /** The host has closed. */
  close(): void {
    if (this.#isEnded) return;
    if (this.#lines.hasRest) this.#host.log("akao: the host closed in the middle of a message");
    for (const job of this.#jobs.values()) job.context.cancel();
    this.#end(this.#lines.hasRest ? 1 : 0);
  }

  #end(code: number): void {
    this.#isEnded = true;
    this.#flush();
    this.#host.end(code);
  }

  #receiveLine(line: Buffer | string): void {
    let id: string | null = null;
    let method: Json | undefined;
    try {
      if (line.length === 0 || (line.length < 8 && line.toString().trim() === "")) return;
      const message = decode(line);
      method = message["method"];
      if (method === undefined) return this.#takeAnswer(message);
      const params = message["params"] === undefined ? {} : message["params"];
      if (message["id"] === undefined) return this.#notified(method, params);
      id = typeof message["id"] === "string" ? message["id"] : null;
      if (message["jsonrpc"] !== "2.0" || id === null || typeof method !== "string") {
        throw new Fault(INVALID_REQUEST, "a request has jsonrpc 2.0, a string as id and a method");
      }
      if (!isObject(params)) throw new Fault(INVALID_PARAMS, "params are an object");
      this.#request(id, method, params);
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      this.#refuse(id, fault);
      if (fault.code === INITIALISATION && method === "node.info") this.#end(1);
    }
  }

  #request(id: string, method: string, params: Params): void {
    if (method === "node.execute" && this.#isReady) return this.#accept(id, params);
    const answer = (result: Json) => this.#hold(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(result)}}`);
    if (method === "node.info") return answer(this.#info(params));
    const isKnown = ["node.execute", "node.validate", "node.health", "node.shutdown"].includes(method);
    if (!isKnown) throw new Fault(METHOD_NOT_FOUND, `unknown method \`${method}\``);
    if (!this.#isReady) throw new Fault(INITIALISATION, `\`${method}\` came before \`node.info\``);
    switch (method) {
      case "node.validate":
        return answer(this.#validate(params));
      case "node.health":
        return answer(this.#health());
      default:
        return this.#shutdown(id, params);
    }
  }

  #info(params: Params): Json {
    const offered = params["protocol"];
    if (!Array.isArray(offered) || !offered.includes(PROTOCOL)) {
      const theirs = JSON.stringify(offered ?? null);
      const message = `no protocol in common: the host speaks ${theirs}, this node speaks ${PROTOCOL}`;
      this.#host.log(`akao: ${message}`);
      throw new Fault(INITIALISATION, message);
    }
    const limits = params["limits"];
    const concurrency = isObject(limits) ? limits["concurrency"] : undefined;
    if (typeof concurrency === "number" && concurrency >= 1) this.#concurrency = concurrency;
    if (!this.#isReady && typeof params["tenant"] === "string") this.tenant = params["tenant"];
    this.#isReady = true;
    const nodes = [...this.#nodes.values()].map(({ id, inputs, batch }) => ({ id, inputs, batch }));
    // A context may say the execution within its key.
    const limitsHere = { context: ["key"] };
    return { protocol: PROTOCOL, id: this.#id, version: this.#version, sdk: SDK, nodes: nodes as unknown as Json, limits: limitsHere };
  }

  #validate(params: Params): Json {
    const node = this.#node(params["node"]);
    const parameters = params["parameters"];
    if (!isObject(parameters)) throw new Fault(INVALID_PARAMS, "parameters are an object");
    try {
      const problems = node.problems(parameters);
      return { valid: problems.length === 0, problems };
    } catch (error) {
      throw new Fault(INTERNAL, `the check of \`${node.id}\` failed: ${(error as Error).message}`, "internal");
    }
  }

  #health(): Json {
    const words = [...this.#nodes.values()].flatMap((node) => healthOf(node) ?? []);
    // The worst word counts; of several that are as bad, the first.
    const worst = words.sort((one, other) => STATUSES.indexOf(other.status) - STATUSES.indexOf(one.status))[0];
    return worst ? { status: worst.status, detail: worst.detail ?? null } : { status: "healthy", detail: `${this.#jobs.size} running` };
  }

  #shutdown(id: string, params: Params): void {
    if (this.#stopId !== undefined) return;
    this.#stopId = id;
    if (this.#jobs.size === 0) return this.#stopped();
    const grace = typeof params["grace"] === "number" ? params["grace"] : GRACE_MS;
    const later = (ms: number, what: () => void) => void setTimeout(what, ms).unref?.();
    later(grace, () => {
      for (const job of [...this.#jobs.values()]) this.#cancel(job);
      later(LAST_MS, () => this.#stopped());
    });
  }

  #stopped(): void {
    if (this.#isEnded) return;
    this.#hold(`{"jsonrpc":"2.0","id":${JSON.stringify(this.#stopId)},"result":{}}`);
    this.#end(0);
  }

  /** Notifications of the host; unknown ones are ignored, so that later hosts may send more. */
  #notified(method: Json, params: Json): void {
    if (!isObject(params)) return;
    const job = typeof params["id"] === "string" ? this.#jobs.get(params["id"]) : undefined;
    if (job === undefined) return;
    if (method === "$/cancel") {
      this.#cancel(job);
    } else if (method === "$/credit") {
      const { stream, bytes } = params;
      if (typeof stream === "string" && typeof bytes === "number" && bytes > 0) job.context.grant(stream, bytes);
    }
  }

  /** Tells the work; a call that has not begun is answered at once. */
  #cancel(job: Job): void {
    job.context.cancel();
    if (job.isStarted) return;
    this.#queue = this.#queue.filter((other) => other !== job);
    this.#answerFailure(job, new Failure("cancelled", "cancelled by the host"), performance.now());
  }

  #takeAnswer(message: Message): void {
    const answer = typeof message["id"] === "string" ? this.#answers.get(message["id"]) : undefined;
    if (answer !== undefined) {
      answer.message = message;
      answer.context.ring();
    }
  }

  #node(id: Json | undefined): Node {
    const only = id === undefined && this.#nodes.size === 1 ? this.#nodes.values().next().value : undefined;
    const node = typeof id === "string" ? this.#nodes.get(id) : only;
    if (node === undefined) {
      const known = [...this.#nodes.keys()].join(", ");
      throw new Fault(INVALID_PARAMS, `unknown node \`${id}\`, this package holds ${known}`, "not_found");
    }
    return node;
  }

  #accept(id: string, params: Params): void {
    if (this.#stopId !== undefined) throw new Fault(INTERNAL, "the node is shutting down", "connection", true);
    const { context: fields, parameters } = params;
    if (!isObject(fields) || !isObject(parameters)) {
      throw new Fault(INVALID_PARAMS, "context and parameters are objects");
    }
    const node = this.#node(fields["node_id"]);
    // The host leaves it out where the package has one node.
    fields["node_id"] = node.id;
    if (this.#jobs.has(id)) throw new Fault(INVALID_REQUEST, `the id \`${id}\` is in use`);
    const job = { id, node, context: new Context(this, id, fields), parameters, isStarted: false };
    this.#jobs.set(id, job);
    this.#queue.push(job);
    this.#startNext();
  }

  /** Starts what may run. Work that is not async ends in here, and the loop goes on instead of being entered again. */
  #startNext(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#running < this.#concurrency) {
      const job = this.#queue.shift();
      if (job === undefined) break;
      job.isStarted = true;
      this.#running++;
      this.#run(job);
    }
    this.#isStarting = false;
  }

  /** Runs a call; work that is not async is answered without a turn of the event loop. */
  #run(job: Job): void {
    const started = performance.now();
    try {
      const result = "$items" in job.parameters ? runItems(job) : job.node.work(job.context, job.node.arguments(job.parameters) as never);
      if (result instanceof Promise) {
        const succeeded = (outputs: Outputs | Encoded) => this.#succeeded(job, outputs, started);
        result.then(succeeded).catch((error) => this.#failed(job, error, started));
      } else {
        this.#succeeded(job, result, started);
      }
    } catch (error) {
      this.#failed(job, error, started);
    }
  }

  #succeeded(job: Job, outputs: Outputs | Encoded, started: number): void {
    this.#answerOutputs(job, outputs, started);
    this.#running--;
    this.#startNext();
  }

  #failed(job: Job, error: unknown, started: number): void {
    this.#running--;
    this.#answerFailure(job, failureOf(error, this.#host), started);
    this.#startNext();
  }

  #answerOutputs(job: Job, outputs: Outputs | Encoded, started: number): void {
    const text = outputs instanceof Encoded ? outputs.text : encodeOutputs(outputs);
    const took = (performance.now() - started).toFixed(3);
    const id = JSON.stringify(job.id);
    this.#answer(job, `{"jsonrpc":"2.0","id":${id},"result":{"success":true,"outputs":${text},"metadata":{"execution_time":${took}}}}`);
  }

  #answerFailure(job: Job, failure: Failure, started: number): void {
    const took = (performance.now() - started).toFixed(3);
    const line = (error: Json) =>
      `{"jsonrpc":"2.0","id":${JSON.stringify(job.id)},"result":{"success":false,"outputs":{},"error":${JSON.stringify(error)},"metadata":{"execution_time":${took}}}}`;
    try {
      this.#answer(job, line(errorOf(failure)));
    } catch {
      this.#answer(job, line({ ...errorOf(failure), message: "a failure that fits into no message", detail: null }));
    }
  }

  /** Holds the one answer of a call; a line beyond the bound throws before anything is written. */
  #answer(job: Job, line: string): void {
    if (line.length * 3 > MESSAGE_BYTES_MAX && Buffer.byteLength(line) > MESSAGE_BYTES_MAX) {
      const hint = "write it to a file of the workspace and give its blob";
      const size = `the answer of ${Buffer.byteLength(line)} bytes is over the bound of ${MESSAGE_BYTES_MAX}`;
      throw new Failure("resource", `${size}, ${hint}`);
    }
    job.context.progressLast();
    this.#jobs.delete(job.id);
    this.#hold(line);
    if (this.#stopId !== undefined && this.#jobs.size === 0) this.#stopped();
  }

  #refuse(id: string | null, fault: Fault): void {
    const data = { kind: fault.kind, retryable: fault.retryable, message: fault.message, detail: null };
    this.#hold(JSON.stringify({ jsonrpc: "2.0", id, error: { code: fault.code, message: fault.message, data } }));
  }

  /** Keeps a line so that all answers of one turn are written at once. */
  #hold(line: string): void {
    this.#held += wellFormed(line) + "\n";
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    this.#isFlushing = false;
    const text = this.#held;
    this.#held = "";
    if (text !== "") this.#host.write(text);
  }

  /** Sends a notification. */
  notify(method: string, params: Params): void {
    const line = JSON.stringify({ jsonrpc: "2.0", method, params });
    if (line.length * 3 > MESSAGE_BYTES_MAX && Buffer.byteLength(line) > MESSAGE_BYTES_MAX) {
      throw new Failure("resource", `a message of ${Buffer.byteLength(line)} bytes is over the bound of ${MESSAGE_BYTES_MAX}`);
    }
    this.#hold(line);
  }

  /** Asks the host; the context is rung when the answer is there. */
  call(context: Context, method: string, params: Params): Answer {
    const id = `n${++this.#calls}`;
    const line = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    if (Buffer.byteLength(line) > MESSAGE_BYTES_MAX) {
      throw new Failure("resource", `a message of ${Buffer.byteLength(line)} bytes is over the bound of ${MESSAGE_BYTES_MAX}`);
    }
    const answer = { id, context };
    this.#answers.set(id, answer);
    this.#hold(line);
    return answer;
  }

  /** Nobody waits for this answer any more. */
  forget(answer: Answer): void {
    this.#answers.delete(answer.id);
  }
}

/** A node's own word on its health, where it has one. */
function healthOf(node: Node): Health | undefined {
  try {
    const word = node.health?.();
    if (word && !STATUSES.includes(word.status)) {
      return { status: "unhealthy", detail: `\`${node.id}\` says \`${word.status}\`, known are ${STATUSES.join(", ")}` };
    }
    return word;
  } catch (error) {
    return { status: "unhealthy", detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Outputs that are text already. */
class Encoded {
  constructor(readonly text: string) {}
}

/** A batch: each item is a call of its own, and its failure its own. */
async function runItems({ node, context, parameters }: Job): Promise<Encoded> {
  const items = parameters["$items"];
  if (!node.batch) throw new Failure("input", `\`${node.id}\` takes no batch of items`);
  if (!Array.isArray(items) || Object.keys(parameters).length !== 1) throw new Failure("input", "$items is one list");
  const results: string[] = [];
  for (const item of items) {
    context.checkCancelled();
    try {
      if (!isObject(item)) throw new Failure("input", "an item is an object");
      const outputs = await node.work(context, node.arguments(item) as never);
      results.push(`{"success":true,"outputs":${encodeOutputs(outputs)}}`);
    } catch (error) {
      if (!(error instanceof Failure) || (error.kind === "cancelled" && context.cancelled)) throw error;
      results.push(`{"success":false,"outputs":{},"error":${JSON.stringify(errorOf(error))}}`);
    }
  }
  return new Encoded(`{"$items":[${results.join(",")}]}`);
}

function isObject(value: Json | undefined): value is Params {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function errorOf(failure: Failure): Params {
  const { kind, retryable, message, detail } = failure;
  // What nobody said is left out, so that the host's default for the kind counts.
  return { kind, ...(retryable === undefined ? {} : { retryable }), message, detail };
}

function failureOf(error: unknown, host: Host): Failure {
  if (error instanceof Failure) return error;
  const name = error instanceof Error ? error.name : typeof error;
  const message = error instanceof Error ? error.message || name : String(error);
  host.log((error instanceof Error && error.stack) || message);
  return new Failure("internal", message, { detail: { type: name } });
}
