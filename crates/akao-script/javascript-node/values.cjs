// A value as the text of JSON, by the rules of docs/scripting-javascript.md: nothing is lost in silence. It is written here and not
// by JSON.stringify, which knows no other form for 1e20 than that of an integer, and integers beyond 2^53 are refused by the host.
const fs = require("node:fs");
const vm = require("node:vm");

const DEPTH_MAX = 56;
const VALUES_MAX = 130_000;
const { byteLength } = Buffer;

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

const numberText = (number) => {
  if (!Number.isFinite(number)) throw new NotJson(`is ${number}, which JSON cannot say`);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? number.toExponential() : String(number);
};

const writer = (bytesMax) => {
  const above = [];
  let count = 0;
  let bytes = 0;

  const beyond = () => new NotJson(`is beyond the ${bytesMax} bytes that a result may have`);

  // Counts what is written, before it has become one text that is too large to make.
  const weighed = (text) => {
    bytes += byteLength(text) + 1;
    if (bytes > bytesMax) throw beyond();
    return text;
  };

  const text = (value) => {
    if (bytes + value.length > bytesMax) throw beyond();
    return weighed(JSON.stringify(value.toWellFormed?.() ?? value));
  };

  const under = (place, write) => {
    try {
      return write();
    } catch (error) {
      if (error instanceof NotJson) throw new NotJson(error.rule, `${place}${error.path}`);
      throw error;
    }
  };

  const list = (array) => {
    const items = [];
    for (let index = 0; index < array.length; index++) items.push(under(`[${index}]`, () => write(array[index])));
    return `[${items.join(",")}]`;
  };

  const object = (given) => {
    if (Object.getPrototypeOf(given) !== Object.prototype) {
      if (given instanceof Error) throw new NotJson("is an error: throw it, or give its message");
      const found = classify(given);
      if (found !== null) {
        if (found[1] !== undefined) throw new NotJson(found[1]);
        return write(found[0]);
      }
    }
    if (typeof given.toJSON === "function") return write(given.toJSON());
    // Two keys may be the same text once halves of characters are replaced.
    const entries = new Map();
    for (const key of Object.keys(given)) {
      if (key.includes("\0")) throw new NotJson("has a key that holds a null character");
      const name = text(key);
      under(step(key), () => {
        const value = given[key];
        if (value !== undefined) entries.set(name, write(value));
      });
    }
    return `{${Array.from(entries, ([name, value]) => `${name}:${value}`).join(",")}}`;
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

  const write = (value) => {
    count += 1;
    if (count > VALUES_MAX) throw new NotJson(`is beyond the ${VALUES_MAX} values that a result may have`);
    switch (typeof value) {
      case "undefined":
        return weighed("null");
      case "boolean":
        return weighed(String(value));
      case "number":
        return weighed(numberText(value));
      case "string":
        return text(value);
      case "bigint":
        throw new NotJson("is a BigInt: give Number(value) or String(value)");
      case "symbol":
        throw new NotJson("is a symbol");
      case "function":
        throw new NotJson("is a function");
      default:
        return value === null ? weighed("null") : within(value);
    }
  };
  return (value) => {
    const whole = write(value);
    // Brackets and what separates are not counted above.
    if (byteLength(whole) > bytesMax) throw beyond();
    return whole;
  };
};

/** The text of a script's result, of so many bytes at most. */
const written = (value, bytesMax) => writer(bytesMax)(value);

module.exports = { NotJson, written };
