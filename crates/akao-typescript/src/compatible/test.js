// Tests of nodes: groups, cases, expectations, and runs of a node with a world of the test's own. In our own words, and close
// enough to what most people know that simple tests run here and there.
import { NodeStatus, format, frames, log, runNode as run } from "akao:host";

const root = { name: "", cases: [], groups: [], before: [], after: [], beforeAll: [], afterAll: [] };
let current = root;
let only = false;

export const describe = (name, body) => {
  const group = { name, cases: [], groups: [], before: [], after: [], beforeAll: [], afterAll: [] };
  current.groups.push(group);
  const outer = current;
  current = group;
  try {
    body();
  } finally {
    current = outer;
  }
};
describe.skip = () => {};
describe.each = (rows) => (name, body) => rows.forEach((row) => describe(named(name, row), () => body(...[row].flat(1))));

const named = (name, row) => [row].flat(1).reduce((text, value) => text.replace(/%[sdijo]/, () => format([value])), name);
export const it = (name, body) => void current.cases.push({ name, body });
it.skip = (name) => void current.cases.push({ name, skipped: true });
it.todo = it.skip;
it.only = (name, body) => {
  only = true;
  current.cases.push({ name, body, only: true });
};
it.each = (rows) => (name, body) => rows.forEach((row) => it(named(name, row), () => body(...[row].flat(1))));
export const test = it;
export default test;
export const beforeEach = (body) => void current.before.push(body);
export const afterEach = (body) => void current.after.push(body);
export const beforeAll = (body) => void current.beforeAll.push(body);
export const afterAll = (body) => void current.afterAll.push(body);

class ExpectationError extends Error {
  name = "ExpectationError";
}

const isLike = (value) => value !== null && typeof value === "object" && typeof value.matches === "function" && value.isExpectation === true;

export const equals = (one, other, isStrict = false) => {
  if (isLike(other)) return other.matches(one);
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (one instanceof Date && other instanceof Date) return one.getTime() === other.getTime();
  if (one instanceof RegExp && other instanceof RegExp) return String(one) === String(other);
  if (one instanceof Error && other instanceof Error) return one.message === other.message;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  if (one instanceof Map && other instanceof Map) return equals([...one], [...other], isStrict);
  if (one instanceof Set && other instanceof Set) return equals([...one], [...other], isStrict);
  if (isStrict && Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  const keys = (value) => Object.keys(value).filter((key) => isStrict || value[key] !== undefined);
  const [mine, theirs] = [keys(one), keys(other)];
  return mine.length === theirs.length && theirs.every((key) => Object.hasOwn(one, key) && equals(one[key], other[key], isStrict));
};

const contains = (value, part) =>
  isLike(part) || part === null || typeof part !== "object" ? equals(value, part)
  : Array.isArray(part) ? Array.isArray(value) && value.length === part.length && part.every((item, at) => contains(value[at], item))
  : value !== null && typeof value === "object" && Object.keys(part).every((key) => key in value && contains(value[key], part[key]));

const at = (value, path) => (Array.isArray(path) ? path : String(path).split(".")).reduce((value, key) => value?.[key], value);

const CHECKS = {
  toBe: (value, other) => Object.is(value, other),
  toEqual: (value, other) => equals(value, other),
  toStrictEqual: (value, other) => equals(value, other, true),
  toMatchObject: (value, part) => contains(value, part),
  toBeTruthy: (value) => Boolean(value),
  toBeFalsy: (value) => !value,
  toBeNull: (value) => value === null,
  toBeUndefined: (value) => value === undefined,
  toBeDefined: (value) => value !== undefined,
  toBeNaN: (value) => Number.isNaN(value),
  toBeGreaterThan: (value, other) => value > other,
  toBeGreaterThanOrEqual: (value, other) => value >= other,
  toBeLessThan: (value, other) => value < other,
  toBeLessThanOrEqual: (value, other) => value <= other,
  toBeCloseTo: (value, other, digits = 2) => Math.abs(value - other) < 10 ** -digits / 2,
  toContain: (value, part) => (typeof value === "string" ? value.includes(part) : [...value].some((item) => Object.is(item, part))),
  toContainEqual: (value, part) => [...value].some((item) => equals(item, part)),
  toHaveLength: (value, length) => value?.length === length,
  toHaveProperty: (value, path, ...other) => (other.length > 0 ? equals(at(value, path), other[0]) : at(value, path) !== undefined),
  toMatch: (value, pattern) => (pattern instanceof RegExp ? pattern.test(value) : String(value).includes(pattern)),
  toBeInstanceOf: (value, kind) => value instanceof kind,
  toBeTypeOf: (value, type) => typeof value === type,
  toHaveBeenCalled: (value) => value.mock.calls.length > 0,
  toHaveBeenCalledOnce: (value) => value.mock.calls.length === 1,
  toHaveBeenCalledTimes: (value, times) => value.mock.calls.length === times,
  toHaveBeenCalledWith: (value, ...values) => value.mock.calls.some((call) => equals(call, values)),
  toHaveBeenLastCalledWith: (value, ...values) => equals(value.mock.calls.at(-1), values),
};

const fits = (error, wanted) =>
  wanted === undefined ? true
  : typeof wanted === "string" ? String(error?.message ?? error).includes(wanted)
  : wanted instanceof RegExp ? wanted.test(String(error?.message ?? error))
  : typeof wanted === "function" ? error instanceof wanted
  : equals(error?.message, wanted?.message);

const check = (holds, isNot, name, value, others, note) => {
  if (holds !== isNot) return;
  const wanted = others.length === 0 ? "" : ` ${format(others.map((other) => (typeof other === "string" ? JSON.stringify(other) : other)))}`;
  const shown = format([typeof value === "string" ? JSON.stringify(value) : value]);
  throw new ExpectationError(`${note ? `${note}: ` : ""}expected ${shown} ${isNot ? "not " : ""}${name}${wanted}`);
};

const matchers = (value, isNot, note) => {
  const made = {};
  for (const [name, holds] of Object.entries(CHECKS)) {
    made[name] = (...others) => check(Boolean(holds(value, ...others)), isNot, name, value, others, note);
  }
  made.toThrow = (wanted) => {
    let error;
    let threw = false;
    try {
      value();
    } catch (thrown) {
      [error, threw] = [thrown, true];
    }
    check(threw && fits(error, wanted), isNot, "toThrow", threw ? error : "a function that threw nothing", wanted === undefined ? [] : [wanted], note);
  };
  made.toThrowError = made.toThrow;
  return made;
};

const settled = (value, isNot, wants, note) => {
  const made = {};
  for (const name of [...Object.keys(CHECKS), "toThrow", "toThrowError"]) {
    made[name] = async (...others) => {
      let outcome;
      try {
        outcome = { value: await (typeof value === "function" ? value() : value), kept: true };
      } catch (error) {
        outcome = { value: error, kept: false };
      }
      if (outcome.kept !== (wants === "resolves")) throw new ExpectationError(`expected a promise that ${wants}, and it ${outcome.kept ? "gave" : "failed with"} ${format([outcome.value])}`);
      const asked = name.startsWith("toThrow") && wants === "rejects" ? () => { throw outcome.value; } : outcome.value;
      return matchers(asked, isNot, note)[name](...others);
    };
  }
  return made;
};

export const expect = (value, note) => ({
  ...matchers(value, false, note),
  not: matchers(value, true, note),
  resolves: { ...settled(value, false, "resolves", note), not: settled(value, true, "resolves", note) },
  rejects: { ...settled(value, false, "rejects", note), not: settled(value, true, "rejects", note) },
});
const like = (matches, text) => ({ isExpectation: true, matches, toJSON: () => text });
expect.any = (kind) => like((value) => (kind === String ? typeof value === "string" : kind === Number ? typeof value === "number" : kind === Boolean ? typeof value === "boolean" : kind === Function ? typeof value === "function" : value instanceof kind), `any ${kind.name}`);
expect.anything = () => like((value) => value !== null && value !== undefined, "anything");
expect.objectContaining = (part) => like((value) => contains(value, part), "an object with some properties");
expect.arrayContaining = (parts) => like((value) => Array.isArray(value) && parts.every((part) => value.some((item) => equals(item, part))), "a list with some items");
expect.stringContaining = (part) => like((value) => typeof value === "string" && value.includes(part), `a text with ${part}`);
expect.stringMatching = (pattern) => like((value) => typeof value === "string" && new RegExp(pattern).test(value), `a text like ${pattern}`);

const replaced = [];
export const fn = (work = () => undefined) => {
  let once = [];
  let usual = work;
  const mock = function (...values) {
    mock.mock.calls.push(values);
    const use = once.shift() ?? usual;
    try {
      const value = use.apply(this, values);
      mock.mock.results.push({ type: "return", value });
      return value;
    } catch (error) {
      mock.mock.results.push({ type: "throw", value: error });
      throw error;
    }
  };
  mock.mock = { calls: [], results: [] };
  const then = (set) => (value) => (set(value), mock);
  mock.mockImplementation = then((next) => { usual = next; });
  mock.mockImplementationOnce = then((next) => void once.push(next));
  mock.mockReturnValue = then((value) => { usual = () => value; });
  mock.mockReturnValueOnce = then((value) => void once.push(() => value));
  mock.mockResolvedValue = then((value) => { usual = async () => value; });
  mock.mockResolvedValueOnce = then((value) => void once.push(async () => value));
  mock.mockRejectedValue = then((error) => { usual = async () => { throw error; }; });
  mock.mockRejectedValueOnce = then((error) => void once.push(async () => { throw error; }));
  mock.mockClear = () => ((mock.mock.calls = []), (mock.mock.results = []), mock);
  mock.mockReset = () => ((once = []), (usual = () => undefined), mock.mockClear());
  return mock;
};
export const spyOn = (object, name) => {
  const before = object[name];
  const spy = fn((...values) => before.apply(object, values));
  object[name] = spy;
  spy.mockRestore = () => void (object[name] = before);
  replaced.push(spy.mockRestore);
  return spy;
};
export const vi = {
  fn,
  spyOn,
  stubGlobal: (name, value) => {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
    replaced.push(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  },
  restoreAllMocks: () => replaced.splice(0).reverse().forEach((restore) => restore()),
  unstubAllGlobals: () => vi.restoreAllMocks(),
};

// Answers every `fetch` of the test by a function of the URL and what was sent along.
export const mockFetch = (answer) => {
  const mock = fn(async (url, init = {}) => {
    const given = await answer(String(url?.url ?? url), init);
    return given instanceof Response ? given : Response.json(given);
  });
  vi.stubGlobal("fetch", mock);
  return mock;
};

// Runs a node as a step would be run, in a world of the test's own: {blackboard, secrets, activities, input}.
export const runNode = (node, props = {}, world = {}) => run(node, props, world);
export { NodeStatus };

const place = (error) => (error instanceof Error ? `${error.name}: ${error.message}` : format([error]));

const reason = (error) => ({ message: place(error), stack: frames(error?.stack) });

const result = (name, status, took, failure) => ({ name, status, duration_ms: took, ...(failure ? reason(failure.error) : {}) });

// Tests may stand in for these; what is done here goes by the real ones.
const [later, never] = [globalThis.setTimeout, globalThis.clearTimeout];
const now = performance.now.bind(performance);
const turn = (milliseconds) => new Promise((done) => later(done, milliseconds));

// The case that is run. A timer belongs to the case that set it, and what it throws does as well, whichever is run by then.
let running;

// A case whose timers are due soon is waited for, so long.
const LEFT_MS = 100;

const owned = (start, isOnce) => (callback, delay = 0, ...values) => {
  const owner = running;
  if (owner === undefined || typeof callback !== "function") return start(callback, delay, ...values);
  const id = start((...given) => {
    const outer = running;
    running = owner;
    try {
      const value = callback(...given);
      if (typeof value?.then === "function") value.then(undefined, owner.fail);
    } catch (error) {
      owner.fail(error);
    } finally {
      running = outer;
      if (isOnce) owner.waits.delete(id);
    }
  }, delay, ...values);
  if (isOnce && !(Number(delay) > LEFT_MS)) owner.waits.add(id);
  return id;
};
const lend = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
lend("setTimeout", owned(later, true));
lend("setInterval", owned(globalThis.setInterval, false));
lend("clearTimeout", (id) => {
  running?.waits.delete(id);
  never(id);
});

// Waits for what a case did not wait for itself: at least until all promises that are broken are known to be so.
const left = async (own) => {
  const until = now() + LEFT_MS;
  do await turn(own.waits.size > 0 ? 1 : 0);
  while (own.waits.size > 0 && now() < until);
};

// Does one thing after the other, whatever becomes of each, and gives the first failure.
const eachOf = async (works) => {
  let failure;
  for (const work of works) {
    try {
      await work();
    } catch (error) {
      failure ??= { error };
    }
  }
  return failure;
};

// Most cases that are begun in one go, and how long it takes until no further one is: the log, in which each is told, has an end.
const BEGUN_MAX = 1000;
const GO_MS = 120_000;

// Tells whoever runs the tests what begins, and where to go on if nothing is heard of it any more. Cases are numbered as they stand.
const begin = (plan, at, next, name) => {
  plan.begun += 1;
  log("debug", `akao:test ${JSON.stringify({ at, next, name: name.slice(0, 300) })}`);
};

const isOver = (plan, at) => {
  if (plan.next === null && at < plan.to && (plan.begun >= BEGUN_MAX || now() - plan.start > GO_MS)) plan.next = at;
  return plan.next !== null || at >= plan.to;
};

const runCase = async (one, path, before, after, plan) => {
  const at = plan.at;
  plan.at += 1;
  if (at < plan.from || isOver(plan, at)) return;
  const name = [...path, one.name].join(" > ");
  if (one.skipped || (only && !one.only)) return void plan.results.push(result(name, "skipped", 0));
  begin(plan, at, at + 1, name);
  const began = now();
  const own = { waits: new Set() };
  const broken = new Promise((_, reject) => {
    own.fail = (error) => {
      own.failure ??= { error };
      if (own.told?.status === "passed") Object.assign(own.told, { status: "failed", ...reason(error) });
      reject(error);
    };
  });
  const work = async () => {
    for (const each of before) await each();
    await one.body({ expect });
  };
  running = own;
  let failure;
  try {
    await Promise.race([work(), broken]);
  } catch (error) {
    failure = { error };
  }
  const took = now() - began;
  await left(own);
  const afterwards = await eachOf(after);
  await turn(0);
  running = undefined;
  vi.restoreAllMocks();
  failure ??= own.failure ?? afterwards;
  own.told = result(name, failure ? "failed" : "passed", took, failure);
  plan.results.push(own.told);
};

const count = (group) => group.cases.length + group.groups.reduce((sum, each) => sum + count(each), 0);

const runGroup = async (group, path, before, after, plan) => {
  const end = plan.at + count(group);
  const first = Math.max(plan.at, plan.from);
  // Where no case of it is wanted, its hooks are not, either.
  if (end <= plan.from || isOver(plan, first)) return void (plan.at = end);
  const inner = [...before, ...group.before];
  const outer = [...group.after, ...after];
  const hook = (name) => [...path, name].join(" > ");
  const before_ = hook(`beforeAll (${end - first} not run)`);
  try {
    if (group.beforeAll.length > 0) begin(plan, first, end, before_);
    for (const each of group.beforeAll) await each();
    if (group.beforeAll.length > 0) await turn(0);
  } catch (error) {
    // What the cases need is not there; other groups may have theirs.
    plan.results.push(result(before_, "failed", 0, { error }));
    plan.at = end;
    return;
  }
  for (const one of group.cases) await runCase(one, path, inner, outer, plan);
  for (const each of group.groups) await runGroup(each, [...path, each.name], inner, outer, plan);
  // One that ends before its last case is run again, or goes on elsewhere.
  if (group.afterAll.length === 0 || plan.next !== null || end >= plan.to) return;
  begin(plan, end, end, hook("afterAll"));
  const failure = await eachOf(group.afterAll);
  await turn(0);
  if (failure) plan.results.push(result(hook("afterAll"), "failed", 0, failure));
};

// Called by the worker once the file with the tests is loaded: the cases from one number up to another, with the one from which there
// is more to do, if there is, as `next`.
export const runAll = async ({ from = 0, to } = {}) => {
  const plan = { from, to: to ?? Infinity, next: null, at: 0, begun: 0, start: now(), results: [] };
  await runGroup(root, [], [], [], plan);
  return Object.assign(plan.results, { next: plan.next });
};
