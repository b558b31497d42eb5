// Says what an object with an inside is for JSON: [value], or [undefined, what is wrong], or null where its properties count.
// Asking the prototype first is quick; that it really is one, only the method itself can tell.
(function (object) {
  const within = (kind, read) => {
    if (!(object instanceof kind)) return undefined;
    try {
      return read(kind.prototype);
    } catch {
      return undefined;
    }
  };
  const ofMap = (prototype) => {
    const entries = {};
    for (const [key, value] of prototype.entries.call(object)) {
      if (typeof key !== "string" && typeof key !== "number") {
        return [undefined, `is a Map with a key of type ${typeof key}: use text or numbers`];
      }
      Object.defineProperty(entries, key, { value, enumerable: true, configurable: true, writable: true });
    }
    return [entries];
  };
  const ofDate = (prototype) =>
    Number.isNaN(prototype.getTime.call(object)) ? [undefined, "is an invalid Date"] : [prototype.toISOString.call(object)];
  const ofBoxed = (prototype) => [prototype.valueOf.call(object)];
  const found =
    within(Date, ofDate) ??
    within(Map, ofMap) ??
    within(Set, (prototype) => [Array.from(prototype.values.call(object))]) ??
    within(String, ofBoxed) ??
    within(Number, ofBoxed) ??
    within(Boolean, ofBoxed) ??
    within(BigInt, ofBoxed);
  if (found !== undefined) return found;
  // Other lists never come here; behind a proxy stands whatever it likes to say.
  if (Array.isArray(object)) {
    const { length } = object;
    if (!(length <= 130000)) return [undefined, "is beyond the 130000 values that a result may have"];
    return [Array.from({ length }, (_, index) => object[index])];
  }
  if (ArrayBuffer.isView(object) && !(object instanceof DataView)) return [Array.from(object)];
  const refused = {
    ArrayBuffer: "give new Uint8Array(value)",
    DataView: "give new Uint8Array(value.buffer)",
    RegExp: "give its source",
    WeakMap: "",
    WeakSet: "",
    WeakRef: "",
    SharedArrayBuffer: "",
    Symbol: "",
  };
  for (const name in refused) {
    if (object instanceof globalThis[name]) {
      return [undefined, `is a ${name}${refused[name] && `: ${refused[name]}`}`];
    }
  }
  if (typeof object.next === "function" && typeof object[Symbol.iterator] === "function") {
    return [undefined, "is an iterator: give [...value]"];
  }
  if (typeof object.next === "function" && typeof object[Symbol.asyncIterator] === "function") {
    return [undefined, "is an asynchronous iterator: collect its values with `for await`"];
  }
  return null;
})
