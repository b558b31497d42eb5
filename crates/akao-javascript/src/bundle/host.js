// `akao:host`: what the modules of a bundle share with the worker. Set up once for each runtime.
const lent = globalThis["akao:lent"];
delete globalThis["akao:lent"];

export const NodeStatus = Object.freeze({
  SUCCESS: "SUCCESS",
  FAILURE: "FAILURE",
  RUNNING: "RUNNING",
  IDLE: "IDLE",
  SKIPPED: "SKIPPED",
});

export const log = (level, text) => lent.log(level, text);
export const format = (values) => lent.show(...values);
export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
export const frames = (stack) => lent.frames(typeof stack === "string" ? stack : "");
// A refusal is an error with the lines of whoever asked.
const ask = async (method, params, name) => {
  try {
    return await lent.ask(method, params);
  } catch (error) {
    throw error instanceof Error ? error : refused(error, name);
  }
};

// What belongs to one call of the node; tests have worlds of their own.
let world = {};
export const call = () => world.step ?? {};

// Values by key. Scopes see what stands around them, and write into themselves.
export class Blackboard {
  #values;
  #parent;
  #name;
  #scopes = new Map();
  #changed = new Set();
  // Whether it is that of a workflow, whose keys are names.
  #isOfWorkflow = false;
  constructor(values = {}, name = "root", parent = null) {
    this.#values = new Map(values instanceof Map ? values : Object.entries(values));
    this.#name = name;
    this.#parent = parent;
  }
  get(key) {
    return this.#values.has(key) ? this.#values.get(key) : this.#parent?.get(key);
  }
  set(key, value) {
    if (this.#isOfWorkflow && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      const message = `${JSON.stringify(String(key))} is not a key of the blackboard: a key starts with a letter or \`_\` and holds letters, digits and \`_\``;
      throw Object.assign(new TypeError(message), { kind: "user" });
    }
    this.#values.set(key, value);
    this.#changed.add(key);
  }
  has(key) {
    return this.#values.has(key) || (this.#parent?.has(key) ?? false);
  }
  delete(key) {
    if (this.#values.delete(key)) this.#changed.add(key);
  }
  clear() {
    for (const key of this.#values.keys()) this.#changed.add(key);
    this.#values.clear();
  }
  createScope(name) {
    if (!this.#scopes.has(name)) this.#scopes.set(name, new Blackboard({}, name, this));
    return this.#scopes.get(name);
  }
  getParentScope() {
    return this.#parent;
  }
  getScopeName() {
    return this.#name;
  }
  getFullScopePath() {
    return this.#parent === null ? this.#name : `${this.#parent.getFullScopePath()}.${this.#name}`;
  }
  getPort(key, fallback) {
    const value = this.get(key);
    return value === undefined ? fallback : value;
  }
  setPort(key, value) {
    this.set(key, value);
  }
  keys() {
    return [...new Set([...(this.#parent?.keys() ?? []), ...this.#values.keys()])];
  }
  entries() {
    return this.keys().map((key) => [key, this.get(key)]);
  }
  toJSON() {
    return Object.fromEntries(this.#values);
  }
  clone() {
    return new Blackboard(structuredClone(this.toJSON()), this.#name, this.#parent);
  }
  static ofWorkflow(values) {
    const board = new Blackboard(values);
    board.#isOfWorkflow = true;
    return board;
  }
  // What was set, by key; what was taken away is null.
  static changes(board) {
    return Object.fromEntries([...board.#changed].map((key) => [key, board.#values.has(key) ? board.#values.get(key) : null]));
  }
}
const { changes, ofWorkflow } = Blackboard;
delete Blackboard.changes;
delete Blackboard.ofWorkflow;

const refused = ({ message, kind, retryable, detail, stack }, name = "Error") =>
  Object.assign(new Error(message), { name, kind, retryable, detail }, stack === undefined ? {} : { stack });

// Activities of the btree family, each by a node of Akao.
export const activity = async (name, values) => {
  const own = world.activities?.[name];
  if (own !== undefined) return own(...values);
  if (name === "fetchUrl") return fetchUrl(...values);
  return (await ask("host.activity", { name, arguments: values }, "ActivityFailure")).value;
};

// Piece by piece, since no function takes so many bytes at once; three bytes are four characters.
const base64Of = (bytes) => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8190) text += btoa(String.fromCharCode(...bytes.subarray(at, at + 8190)));
  return text;
};

// `fetchUrl({ url, … })`, `fetchUrl(url)` or `fetchUrl(url, { … })`.
const fetchUrl = async (given, options) => {
  const first = typeof given === "string" || given instanceof URL ? { url: String(given) } : given;
  const { url, method = "GET", headers = {}, body, responseType = "json", timeout } = { ...first, ...options };
  if (url === undefined) throw refused({ message: "fetchUrl takes a URL and options, or { url, method, headers, body, responseType, timeout }", kind: "input" }, "TypeError");
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const kind = body !== undefined && typeof body !== "string" ? { "content-type": "application/json" } : {};
  const signal = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
  const answer = await fetch(url, { method, headers: { ...kind, ...headers }, body: text, signal });
  const read = { json: () => answer.text().then((text) => { try { return JSON.parse(text); } catch { return text; } }), text: () => answer.text(), binary: async () => base64Of(new Uint8Array(await answer.arrayBuffer())) };
  return { status: answer.status, headers: Object.fromEntries(answer.headers), data: await (read[responseType] ?? read.json)() };
};

const secret = async (name) => {
  if (world.secrets !== undefined) {
    if (Object.hasOwn(world.secrets, name)) return world.secrets[name];
    throw refused({ message: `the test gives no secret ${JSON.stringify(name)}`, kind: "permission" });
  }
  return (await ask("host.secret", { name }, "SecretError")).value;
};

const state = {
  get: async (key) => (world.isTest ? (world.state ??= {})[key] : (await ask("host.state.get", { key }, "StateError")).value),
  set: async (key, value) => void (world.isTest ? ((world.state ??= {})[key] = value) : await ask("host.state.put", { key, value }, "StateError")),
};

const DEFINED = Symbol("a node that was defined by a function");
// A node of a function, with what it says of itself.
export const definition = (described) => {
  const run = typeof described === "function" ? described : described?.run;
  if (typeof run !== "function") throw new TypeError("defineNode takes { run(props, context) } or a function");
  return { ...(typeof described === "function" ? {} : described), [DEFINED]: run };
};

// A function stays what it is, and the whole of its text is looked at to know it.
const known = new WeakMap();
const isClass = (value) => {
  if (typeof value !== "function") return false;
  let is = known.get(value);
  if (is === undefined) known.set(value, (is = looksLikeClass(value)));
  return is;
};

const looksLikeClass = (value) => (/^class\b/.test(Function.prototype.toString.call(value)) || typeof value.prototype?.tick === "function" || typeof value.prototype?.executeTick === "function" || typeof value.prototype?.execute === "function");

// The node among what a bundle exports: the default one, or the one of its name.
const find = (all, name) => {
  const found = [all.default, all[name], all.default?.[name]].find((one) => typeof one === "function" || one?.[DEFINED]);
  if (found === undefined) throw refused({ message: `Node class not found in bundle: ${name}`, kind: "input" }, "NodeNotFound");
  return found;
};

// What every call's context has in common.
const COMMON = {
  treeRegistry: Object.freeze({ hasTree: () => false, getTree: () => undefined, getAllTreeIds: () => [] }),
  log: Object.freeze(Object.fromEntries(["debug", "info", "warn", "error"].map((level) => [level, (...values) => log(level, format(values))]))),
  progress: (fraction, message) => progress(fraction, message),
  secret,
  secrets: Object.freeze({ get: secret }),
  state: Object.freeze(state),
};

const contextOf = (board, props) => {
  const step = world.step ?? {};
  return {
    blackboard: board,
    input: Object.freeze(world.input ?? {}),
    props,
    timestamp: Date.now(),
    sessionId: step.execution,
    workflowInfo: { workflowId: step.execution, runId: step.execution, namespace: step.tenant, workflowType: step.workflow },
    signal: world.signal,
    step,
    ...COMMON,
    setResult(value) {
      world.result = { value };
    },
  };
};

const STATUSES = new Set(Object.values(NodeStatus));
const TICK_MS = 20;

const ticked = async (node, context) => {
  const step = typeof node.tick === "function" ? "tick" : typeof node.executeTick === "function" ? "executeTick" : "execute";
  if (typeof node[step] !== "function") throw new TypeError(`${node.constructor.name} has neither tick, executeTick nor execute`);
  for (;;) {
    const answer = await (step === "execute" ? node.execute(context.props, context) : node[step](context));
    if (answer !== NodeStatus.RUNNING) return answer;
    await sleep(TICK_MS);
  }
};

const failed = (node, name) => {
  // What was thrown has the lines of whoever threw it.
  if (node?._thrown instanceof Error) return node._thrown;
  const message = node?.lastError ?? `${name} returned FAILURE`;
  return refused({ message: String(message), kind: "user" }, "NodeFailure");
};

// Runs a node in a world, and gives what it ended with.
const within = async (node, name, props, given) => {
  const outer = world;
  world = given;
  const board = ofWorkflow(given.blackboard ?? {});
  const context = contextOf(board, props);
  try {
    let instance;
    let answer;
    if (node[DEFINED]) answer = await node[DEFINED](props, context);
    else if (isClass(node)) {
      instance = new node({ id: given.step?.node ?? name, name, ...props });
      answer = await ticked(instance, context);
    } else answer = await node(props, context);
    const isStatus = STATUSES.has(answer) && !node[DEFINED];
    if (isStatus && answer !== NodeStatus.SUCCESS && answer !== NodeStatus.SKIPPED) {
      return { status: NodeStatus.FAILURE, error: failed(instance, name), writes: changes(board) };
    }
    const writes = changes(board);
    const result = world.result ? world.result.value : isStatus || answer === undefined ? writes : answer;
    return { status: NodeStatus.SUCCESS, result, writes };
  } finally {
    world = outer;
  }
};

// Called by the worker: the step of a workflow.
export const invoke = async (all, name, { props, blackboard, input, step }) => {
  const ended = await within(find(all, name), name, props, { blackboard, input, step });
  if (ended.status === NodeStatus.FAILURE) throw ended.error;
  return { result: ended.result, writes: ended.writes };
};

// Called by tests: a node, or what a module exports, in a world of the test's own.
export const runNode = async (node, props, given) => {
  const own = typeof node === "function" || node?.[DEFINED] ? node : find(node, given.name ?? "");
  try {
    return await within(own, own.name ?? "node", props, { secrets: {}, isTest: true, ...given });
  } catch (error) {
    return { status: NodeStatus.FAILURE, error, writes: {} };
  }
};
