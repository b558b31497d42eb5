// What nodes import from `@temporalio/workflow`, in our own words. There is no Temporal here: a node is a step of its own, and
// the activities of the btree family are nodes of Akao.
import { activity, call, format, log as write, sleep as wait } from "akao:host";

export class TemporalFailure extends Error {
  constructor(message, cause) {
    super(message);
    this.name = this.constructor.name;
    if (cause !== undefined) this.cause = cause;
  }
}

export class ApplicationFailure extends TemporalFailure {
  constructor(message, type, nonRetryable = false, details = undefined, cause = undefined) {
    super(message, cause);
    this.type = type;
    this.nonRetryable = nonRetryable;
    this.details = details;
    // What the step that ends with it is asked.
    this.retryable = !nonRetryable;
  }
  static create({ message, type, nonRetryable, details, cause } = {}) {
    return new ApplicationFailure(message, type, nonRetryable ?? false, details, cause);
  }
  static fromError(error, { message, type, nonRetryable, details } = {}) {
    const known = error instanceof ApplicationFailure ? error : undefined;
    return new ApplicationFailure(message ?? error?.message ?? String(error), type ?? known?.type ?? error?.name, nonRetryable ?? known?.nonRetryable ?? false, details ?? known?.details, error);
  }
  static retryable(message, type, ...details) {
    return new ApplicationFailure(message, type ?? "Error", false, details);
  }
  static nonRetryable(message, type, ...details) {
    return new ApplicationFailure(message, type ?? "Error", true, details);
  }
}

export class CancelledFailure extends TemporalFailure {}
export const isCancellation = (error) => error instanceof CancelledFailure || error?.cause instanceof CancelledFailure;

export class ServerFailure extends TemporalFailure {}
export class TerminatedFailure extends TemporalFailure {}
export class WorkflowError extends Error {
  name = "WorkflowError";
}
export const RetryState = Object.freeze({ NON_RETRYABLE_FAILURE: "NON_RETRYABLE_FAILURE", MAXIMUM_ATTEMPTS_REACHED: "MAXIMUM_ATTEMPTS_REACHED", TIMEOUT: "TIMEOUT", RETRY_POLICY_NOT_SET: "RETRY_POLICY_NOT_SET" });
export const TimeoutType = Object.freeze({ START_TO_CLOSE: "START_TO_CLOSE", SCHEDULE_TO_START: "SCHEDULE_TO_START", SCHEDULE_TO_CLOSE: "SCHEDULE_TO_CLOSE", HEARTBEAT: "HEARTBEAT" });

export class TimeoutFailure extends TemporalFailure {
  constructor(message, lastHeartbeatDetails = undefined, timeoutType = TimeoutType.START_TO_CLOSE) {
    super(message);
    this.lastHeartbeatDetails = lastHeartbeatDetails;
    this.timeoutType = timeoutType;
  }
}

// Why an activity failed is its cause, as with Temporal.
export class ActivityFailure extends TemporalFailure {
  constructor(message, activityType, activityId, retryState, identity, cause) {
    super(message, cause);
    this.activityType = activityType;
    this.activityId = activityId;
    this.retryState = retryState;
    this.identity = identity;
    // The step that ends with it is told what kind of failure it was.
    for (const key of ["kind", "retryable", "detail"]) if (cause?.[key] !== undefined) this[key] = cause[key];
  }
}

export class ChildWorkflowFailure extends TemporalFailure {
  constructor(namespace, execution, workflowType, retryState, cause) {
    super("Child Workflow execution failed", cause);
    this.namespace = namespace;
    this.execution = execution;
    this.workflowType = workflowType;
    this.retryState = retryState;
  }
}

export const rootCause = (error) => (error?.cause instanceof Error ? rootCause(error.cause) : error?.message);

// A promise that is settled from outside.
export class Trigger {
  #promise;
  constructor() {
    this.#promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.#promise.catch(() => {});
  }
  then(kept, failed) {
    return this.#promise.then(kept, failed);
  }
  catch(failed) {
    return this.#promise.catch(failed);
  }
  finally(work) {
    return this.#promise.finally(work);
  }
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const NAMES = { milliseconds: "ms", millisecond: "ms", sec: "s", secs: "s", second: "s", seconds: "s", min: "m", mins: "m", minute: "m", minutes: "m", hr: "h", hrs: "h", hour: "h", hours: "h", day: "d", days: "d" };

const toMs = (duration) => {
  if (typeof duration === "number") return duration;
  const [, number, unit] = /^\s*([\d.]+)\s*([a-z]*)\s*$/i.exec(String(duration)) ?? [];
  const factor = UNITS[NAMES[unit?.toLowerCase()] ?? (unit?.toLowerCase() || "ms")];
  if (number === undefined || factor === undefined) throw new TypeError(`${duration} is not a duration; write for example "30 seconds"`);
  return Number(number) * factor;
};

export const sleep = (duration) => wait(toMs(duration));

// Until something becomes true; with a duration, whether it did in time.
export const condition = async (holds, timeout) => {
  const end = timeout === undefined ? Infinity : Date.now() + toMs(timeout);
  while (!holds()) {
    if (Date.now() >= end) return false;
    await wait(10);
  }
  return timeout === undefined ? undefined : true;
};

const write_ = (level) => (message, attributes) =>
  write(level, attributes === undefined ? format([message]) : format([message, attributes]));
export const log = { trace: write_("debug"), debug: write_("debug"), info: write_("info"), warn: write_("warn"), error: write_("error") };

export const workflowInfo = () => {
  const { execution, workflow, attempt, tenant } = call();
  return { workflowId: execution, runId: execution, workflowType: workflow, namespace: tenant, taskQueue: "akao", attempt };
};

export const uuid4 = () => crypto.randomUUID();
export const patched = () => true;
export const deprecatePatch = () => {};

// What the options of `proxyActivities` say of attempts. Temporal tries for ever unless told otherwise; here the step has its own
// `retry`, so that an activity is tried once unless its options have a policy.
const policyOf = ({ startToCloseTimeout, scheduleToCloseTimeout, retry } = {}) => {
  const initial = toMs(retry?.initialInterval ?? 1_000);
  const within = (duration) => (duration === undefined ? Infinity : toMs(duration));
  return {
    attemptMs: within(startToCloseTimeout),
    allMs: within(scheduleToCloseTimeout),
    attempts: retry === undefined ? 1 : retry.maximumAttempts || Infinity,
    pauseMs: (attempt) => Math.min(initial * (retry?.backoffCoefficient ?? 2) ** (attempt - 1), toMs(retry?.maximumInterval ?? 100 * initial)),
    isFinal: (error) =>
      ["input", "permission", "not_found"].includes(error?.kind) ||
      [error?.name, error?.type, error?.kind, error?.detail?.reason].some((type) => retry?.nonRetryableErrorTypes?.includes(type)),
  };
};

const timedOut = (name, type) => {
  const cause = new TimeoutFailure(`activity ${type} timeout`, undefined, type);
  return Object.assign(new ActivityFailure("Activity task timed out", name, name, RetryState.TIMEOUT, "akao", cause), { kind: "timeout", retryable: true });
};

// What failed has the lines of whoever called the activity, whichever attempt it was.
const calledAt = (error, stack) => Object.assign(error, { stack });

// One attempt, and its end by `ms` if it has not come before.
const within = async (name, values, ms, type) => {
  if (ms === Infinity) return activity(name, values);
  const late = wait(ms).then(() => {
    throw timedOut(name, type);
  });
  return Promise.race([activity(name, values), late]);
};

// A script is told its time, so that it ends there too. What may be longer than scripts are let is left to the race.
const SCRIPT_MS_MAX = 300_000;
const told = (name, [given, ...more], ms) => {
  const isScript = name === "executeCode" || name === "executePythonScript";
  if (!isScript || given?.timeout !== undefined || typeof given !== "object" || ms > SCRIPT_MS_MAX) return [given, ...more];
  return [{ ...given, timeout: Math.ceil(ms) }, ...more];
};

const called = async (name, values, policy) => {
  const { stack } = new Error();
  const end = Date.now() + policy.allMs;
  for (let attempt = 1; ; attempt += 1) {
    const left = end - Date.now();
    const [ms, type] = policy.attemptMs <= left ? [policy.attemptMs, TimeoutType.START_TO_CLOSE] : [left, TimeoutType.SCHEDULE_TO_CLOSE];
    try {
      return await within(name, told(name, values, ms), ms, type);
    } catch (error) {
      if (error instanceof CancelledFailure) throw error;
      const isFinal = policy.isFinal(error);
      const pause = policy.pauseMs(attempt);
      if (!isFinal && attempt < policy.attempts && Date.now() + pause < end) {
        await wait(pause);
        continue;
      }
      if (error instanceof ActivityFailure) throw calledAt(error, stack);
      const state = isFinal || error?.retryable === false ? RetryState.NON_RETRYABLE_FAILURE : RetryState.MAXIMUM_ATTEMPTS_REACHED;
      throw calledAt(new ActivityFailure(error?.message ?? "Activity task failed", name, name, state, "akao", error), stack);
    }
  }
};

// Each name becomes a function; which ones there are is known when one is called, as with Temporal.
export const proxyActivities = (options) => {
  const policy = policyOf(options);
  return new Proxy({}, {
    get: (_, name) => (typeof name === "string" && name !== "then" ? (...values) => called(name, values, policy) : undefined),
  });
};
export const proxyLocalActivities = proxyActivities;

export class CancellationScope {
  #options;
  constructor(options = {}) {
    this.#options = options;
  }
  async run(work) {
    const { timeout } = this.#options;
    if (timeout === undefined) return work();
    const late = wait(toMs(timeout)).then(() => {
      throw new CancelledFailure("the scope's time is over");
    });
    return Promise.race([work(), late]);
  }
  cancel() {}
  static withTimeout(timeout, work) {
    return new CancellationScope({ timeout }).run(work);
  }
  static cancellable(work) {
    return new CancellationScope().run(work);
  }
  static nonCancellable(work) {
    return new CancellationScope().run(work);
  }
}

const elsewhere = (name, instead) => () => {
  throw new Error(`${name} belongs to a workflow and not to a step of one: ${instead}`);
};
export const defineSignal = (name) => ({ type: "signal", name });
export const defineQuery = (name) => ({ type: "query", name });
export const setHandler = elsewhere("setHandler", "put a WaitForSignal node before this one");
export const executeChild = elsewhere("executeChild", "use a SubWorkflow node");
export const startChild = elsewhere("startChild", "use a SubWorkflow node");
export const continueAsNew = elsewhere("continueAsNew", "use a loop in the workflow");
