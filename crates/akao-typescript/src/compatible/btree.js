// What nodes of the btree family import: statuses, base classes, blackboard and events, in our own words. A node is one step
// here: it is ticked until it says something else than RUNNING.
import { Blackboard, NodeStatus, format, log } from "akao:host";

export { NodeStatus };
export { Blackboard as ScopedBlackboard };

export class ConfigurationError extends Error {
  constructor(message, hint) {
    super(message);
    this.name = "ConfigurationError";
    this.hint = hint;
  }
}

export class OperationCancelledError extends Error {
  constructor(message = "the operation was cancelled") {
    super(message);
    this.name = "OperationCancelledError";
  }
}

export const checkSignal = (signal, message) => {
  if (signal?.aborted) throw new OperationCancelledError(message);
};

export const NodeEventType = Object.freeze({
  TICK_START: "tick_start",
  TICK_END: "tick_end",
  STATUS_CHANGE: "status_change",
  ERROR: "error",
  HALT: "halt",
  RESET: "reset",
  LOG: "log",
});

export class NodeEventEmitter {
  #listeners = new Map();
  #all = new Set();
  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(listener);
  }
  off(type, listener) {
    this.#listeners.get(type)?.delete(listener);
  }
  onAll(listener) {
    this.#all.add(listener);
  }
  offAll(listener) {
    this.#all.delete(listener);
  }
  emit(event) {
    for (const listener of [...(this.#listeners.get(event.type) ?? []), ...this.#all]) {
      try {
        listener(event);
      } catch {
        // Whoever listens must not disturb the node.
      }
    }
  }
  clear() {
    this.#listeners.clear();
    this.#all.clear();
  }
}

export class BaseNode {
  _status = NodeStatus.IDLE;
  _lastError = undefined;
  _eventEmitter = undefined;
  parent = undefined;
  children = undefined;
  constructor(config = {}) {
    this.id = config.id ?? this.constructor.name;
    this.name = config.name ?? this.id;
    this.type = this.constructor.name;
    this.config = config;
  }
  status() {
    return this._status;
  }
  get lastError() {
    return this._lastError;
  }
  set lastError(message) {
    this._lastError = message;
  }
  providedPorts() {
    return [];
  }
  clone() {
    return new this.constructor({ ...this.config });
  }
  halt() {
    this.#emit(NodeEventType.HALT);
    if (this._status !== NodeStatus.RUNNING) return;
    this.onHalt();
    this._status = NodeStatus.IDLE;
  }
  reset() {
    this.#emit(NodeEventType.RESET);
    this._status = NodeStatus.IDLE;
    this._lastError = undefined;
    this.onReset();
  }
  onHalt() {}
  onReset() {}
  // A text in the configuration names the blackboard key that stands behind a port.
  getInput(context, key, fallback) {
    const named = this.config[key];
    return context.blackboard.getPort(typeof named === "string" ? named : key, fallback);
  }
  setOutput(context, key, value) {
    const named = this.config[key];
    context.blackboard.setPort(typeof named === "string" ? named : key, value);
  }
  log(...values) {
    log("info", `[${this.type}:${this.name}] ${format(values)}`);
  }
  async tick(context) {
    this._eventEmitter = context.eventEmitter;
    this.#emit(NodeEventType.TICK_START);
    try {
      checkSignal(context.signal);
      this._status = await this.executeTick(context);
    } catch (error) {
      this._lastError = error instanceof Error ? error.message : String(error);
      this._thrown = error;
      this._status = NodeStatus.FAILURE;
      this.#emit(NodeEventType.ERROR, { error: this._lastError });
      // What is configured wrongly and what was cancelled is no answer of the node.
      if (error instanceof ConfigurationError || error instanceof OperationCancelledError) throw error;
    }
    this.#emit(NodeEventType.TICK_END, { status: this._status });
    return this._status;
  }
  executeTick() {
    throw new ConfigurationError(`${this.type} has neither executeTick nor tick`);
  }
  #emit(type, data) {
    this._eventEmitter?.emit({
      type, data, nodeId: this.id, nodeName: this.name, nodeType: this.type, timestamp: Date.now(),
    });
  }
}

export class ActionNode extends BaseNode {}

export class ConditionNode extends BaseNode {
  async tick(context) {
    const answer = await super.tick(context);
    if (typeof answer !== "boolean") return answer;
    this._status = answer ? NodeStatus.SUCCESS : NodeStatus.FAILURE;
    return this._status;
  }
}

export class DecoratorNode extends BaseNode {
  child = undefined;
  setChild(child) {
    this.child = child;
    this.children = [child];
    child.parent = this;
  }
  halt() {
    super.halt();
    this.child?.halt();
  }
  reset() {
    super.reset();
    this.child?.reset();
  }
}

export class CompositeNode extends BaseNode {
  _children = [];
  addChild(child) {
    this._children.push(child);
    this.children = this._children;
    child.parent = this;
  }
  addChildren(children) {
    for (const child of children) this.addChild(child);
  }
  halt() {
    super.halt();
    for (const child of this._children) child.halt();
  }
  reset() {
    super.reset();
    for (const child of this._children) child.reset();
  }
}

const read = (context, path) => {
  const [space, ...rest] = path.split(".");
  const follow = (value, parts) => parts.reduce((value, part) => value?.[part], value);
  switch (space) {
    case "input":
      return follow(context.input, rest);
    case "param":
      return context.testData?.get?.(rest.join("."));
    case "env":
      return undefined;
    case "bb":
      return follow(context.blackboard.get(rest[0]), rest.slice(1));
    default:
      return follow(context.blackboard.get(space), rest);
  }
};

// Fills `${key}` in texts, lists and objects. Akao fills what stands in props before a node sees them; this is for texts that
// come from elsewhere.
export const resolveValue = (value, context) => {
  if (Array.isArray(value)) return value.map((item) => resolveValue(item, context));
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveValue(item, context)]));
  }
  if (typeof value !== "string") return value;
  const whole = /^\$\{([\w.]+)\}$/.exec(value);
  if (whole) return read(context, whole[1]) ?? value;
  return value.replace(/\$\{([\w.]+)\}/g, (text, path) => {
    const found = read(context, path);
    return found === undefined ? text : typeof found === "object" ? JSON.stringify(found) : String(found);
  });
};
export const resolveString = resolveValue;
