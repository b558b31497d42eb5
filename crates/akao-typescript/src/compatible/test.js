// Tests of nodes: groups, cases, expectations, and runs of a node with a world of the test's own. In our own words, and close
// enough to what most people know that simple tests run here and there.
import { NodeStatus, format, frames, runNode as run } from "akao:host";

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

const result = (name, status, began, error) => ({
  name, status, duration_ms: began === undefined ? 0 : performance.now() - began,
  ...(error === undefined ? {} : { message: place(error), stack: frames(error?.stack) }),
});

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

const runCase = async (one, path, before, after, results) => {
  const name = [...path, one.name].join(" > ");
  if (one.skipped || (only && !one.only)) return void results.push(result(name, "skipped"));
  const began = performance.now();
  let failure;
  try {
    for (const each of before) await each();
    await one.body({ expect });
  } catch (error) {
    failure = { error };
  }
  const after_ = await eachOf(after);
  vi.restoreAllMocks();
  failure ??= after_;
  results.push(failure ? result(name, "failed", began, failure.error) : result(name, "passed", began));
};

const count = (group) => group.cases.length + group.groups.reduce((sum, each) => sum + count(each), 0);

const runGroup = async (group, path, before, after, results) => {
  const inner = [...before, ...group.before];
  const outer = [...group.after, ...after];
  const hook = (name) => [...path, name].join(" > ");
  try {
    for (const each of group.beforeAll) await each();
  } catch (error) {
    // What the cases need is not there; other groups may have theirs.
    results.push(result(hook(`beforeAll (${count(group)} not run)`), "failed", undefined, error));
    return;
  }
  for (const one of group.cases) await runCase(one, path, inner, outer, results);
  for (const each of group.groups) await runGroup(each, [...path, each.name], inner, outer, results);
  const failure = await eachOf(group.afterAll);
  if (failure) results.push(result(hook("afterAll"), "failed", undefined, failure.error));
};

// Called by the worker once the file with the tests is loaded.
export const runAll = async () => {
  const results = [];
  await runGroup(root, [], [], [], results);
  return results;
};
