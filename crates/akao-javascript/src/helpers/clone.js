// `structuredClone`: a deep copy of data, with what refers to itself. What is no data is refused.
(function () {
  const refuse = (value) => {
    const what = typeof value === "function" ? `the function ${value.name}` : String(Object.prototype.toString.call(value));
    throw new DOMException(`${what} cannot be cloned`, "DataCloneError");
  };
  const errors = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const copyOf = (value, copies) => {
    if (typeof value === "function" || typeof value === "symbol") return refuse(value);
    if (typeof value !== "object" || value === null) return value;
    if (copies.has(value)) return copies.get(value);
    const keep = (copy) => (copies.set(value, copy), copy);
    const copyEntries = (copy) => {
      for (const key of Object.keys(value)) {
        const own = copyOf(value[key], copies);
        Object.defineProperty(copy, key, { value: own, writable: true, enumerable: true, configurable: true });
      }
      return copy;
    };
    if (Array.isArray(value)) return copyEntries(keep(new Array(value.length)));
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (value instanceof DataView) return keep(new DataView(value.buffer.slice(0), value.byteOffset, value.byteLength));
    if (ArrayBuffer.isView(value)) return keep(value.slice());
    if (value instanceof Map) {
      const copy = keep(new Map());
      for (const [key, item] of value) copy.set(copyOf(key, copies), copyOf(item, copies));
      return copy;
    }
    if (value instanceof Set) {
      const copy = keep(new Set());
      for (const item of value) copy.add(copyOf(item, copies));
      return copy;
    }
    if (value instanceof Error) {
      const copy = keep(new (errors[value.name] ?? Error)(value.message));
      if ("cause" in value) copy.cause = copyOf(value.cause, copies);
      return copy;
    }
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return keep(Object(value.valueOf()));
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) return refuse(value);
    return copyEntries(keep({}));
  };
  return {
    structuredClone(value) {
      if (arguments.length === 0) throw new TypeError("structuredClone takes a value");
      return copyOf(value, new Map());
    },
  };
})
