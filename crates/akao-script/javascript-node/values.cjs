// A value as JSON, by the rules of docs/scripting-javascript.md: nothing is lost in silence.
const fs = require("node:fs");
const vm = require("node:vm");

const DEPTH_MAX = 56;
const VALUES_MAX = 130_000;
const BYTES_MAX = (16 << 20) - 1_000;

// The same as in QuickJS: what an object with an inside is.
const classify = vm.runInThisContext(fs.readFileSync(`${__dirname}/classify.js`, "utf8"));

class NotJson extends Error {
  constructor(rule, path = "") {
    super(rule);
    this.rule = rule;
    this.path = path;
  }
}

const isName = (key) => /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(key);
const step = (key) => (isName(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 100))}]`);

const numberOf = (number) => {
  if (!Number.isFinite(number)) throw new NotJson(`is ${number}, which JSON cannot say`);
  return Object.is(number, -0) ? 0 : number;
};

const reader = () => {
  const above = [];
  let count = 0;

  const under = (place, read) => {
    try {
      return read();
    } catch (error) {
      if (error instanceof NotJson) throw new NotJson(error.rule, `${place}${error.path}`);
      throw error;
    }
  };

  const list = (array) => {
    const items = [];
    for (let index = 0; index < array.length; index++) items.push(under(`[${index}]`, () => read(array[index])));
    return items;
  };

  const object = (given) => {
    if (Object.getPrototypeOf(given) !== Object.prototype) {
      if (given instanceof Error) throw new NotJson("is an error: throw it, or give its message");
      const found = classify(given);
      if (found !== null) {
        if (found[1] !== undefined) throw new NotJson(found[1]);
        return read(found[0]);
      }
    }
    if (typeof given.toJSON === "function") return read(given.toJSON());
    const entries = {};
    for (const key of Object.keys(given)) {
      under(step(key), () => {
        const value = given[key];
        if (value === undefined) return;
        Object.defineProperty(entries, key.toWellFormed?.() ?? key, { value: read(value), enumerable: true, configurable: true, writable: true });
      });
    }
    return entries;
  };

  const within = (value) => {
    if (value instanceof Promise) throw new NotJson("is a promise: await it");
    if (above.includes(value)) throw new NotJson("refers to what it stands in");
    if (above.length >= DEPTH_MAX) throw new NotJson(`is nested deeper than ${DEPTH_MAX} levels`);
    above.push(value);
    const made = Array.isArray(value) ? list(value) : object(value);
    above.pop();
    return made;
  };

  const read = (value) => {
    count += 1;
    if (count > VALUES_MAX) throw new NotJson(`is beyond the ${VALUES_MAX} values that a result may have`);
    switch (typeof value) {
      case "undefined":
        return null;
      case "boolean":
        return value;
      case "number":
        return numberOf(value);
      case "string":
        return value.toWellFormed?.() ?? value;
      case "bigint":
        throw new NotJson("is a BigInt: give Number(value) or String(value)");
      case "symbol":
        throw new NotJson("is a symbol");
      case "function":
        throw new NotJson("is a function");
      default:
        return value === null ? null : within(value);
    }
  };
  return read;
};

/** The text of a script's result. */
const written = (value) => {
  const text = JSON.stringify(reader()(value));
  if (Buffer.byteLength(text) > BYTES_MAX) throw new NotJson(`is beyond the ${BYTES_MAX} bytes that a result may have`);
  return text;
};

module.exports = { NotJson, written };
