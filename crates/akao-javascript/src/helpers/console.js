// `console`: lines of the run's log. Values are written so that people can read them, cut where they are long.
(function ({ log, frames }) {
  const TEXT_MAX = 8000;
  const ITEMS_MAX = 100;
  const DEPTH_MAX = 4;
  const cut = (text) => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text);
  const isName = /^[A-Za-z_$][\w$]*$/;

  const showError = (error) => {
    const stack = typeof error.stack === "string" ? error.stack : "";
    const lines = frames(stack);
    return [`${error.name}: ${error.message}`, ...(lines === "" ? [] : lines.split("\n").map((line) => `    ${line}`))].join("\n");
  };
  const showMany = (shown, total, open, close) => {
    const rest = total > shown.length ? [`… ${total - shown.length} more`] : [];
    const inside = [...shown, ...rest].join(", ");
    return inside === "" ? open + close : `${open}${open === "[" ? "" : " "}${inside}${open === "[" ? "" : " "}${close}`;
  };
  const showObject = (value, above) => {
    if (above.includes(value)) return "[refers to what it stands in]";
    if (above.length >= DEPTH_MAX) return Array.isArray(value) ? "[…]" : "{…}";
    const inner = [...above, value];
    const some = (items) => Array.from(items).slice(0, ITEMS_MAX);
    if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      return showMany(some(value).map((item) => show(item, inner)), value.length ?? 0, "[", "]");
    }
    if (value instanceof Map) {
      const entries = some(value).map(([key, item]) => `${show(key, inner)} => ${show(item, inner)}`);
      return `Map ${showMany(entries, value.size, "{", "}")}`;
    }
    if (value instanceof Set) {
      return `Set ${showMany(some(value).map((item) => show(item, inner)), value.size, "{", "}")}`;
    }
    const keys = Object.keys(value);
    // A getter is the script's own code, and what it throws is no failure of telling.
    const held = (key) => {
      let item;
      try {
        item = value[key];
      } catch {
        return "[Getter]";
      }
      return show(item, inner);
    };
    const entries = keys.slice(0, ITEMS_MAX).map((key) => `${isName.test(key) ? key : JSON.stringify(key)}: ${held(key)}`);
    const name = Object.getPrototypeOf(value)?.constructor?.name;
    return `${name && name !== "Object" ? `${name} ` : ""}${showMany(entries, keys.length, "{", "}")}`;
  };
  const show = (value, above) => {
    try {
      return shownAs(value, above);
    } catch {
      return "[cannot be shown]";
    }
  };
  const shownAs = (value, above) => {
    switch (typeof value) {
      case "string":
        return above.length === 0 ? cut(value) : JSON.stringify(cut(value));
      case "bigint":
        return `${value}n`;
      case "function":
        return `[function ${value.name || "without a name"}]`;
      case "object":
        break;
      default:
        return String(value);
    }
    if (value === null) return "null";
    if (value instanceof Error) return cut(showError(value));
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Promise) return "Promise";
    return cut(showObject(value, above));
  };
  const shown = (...values) => cut(values.map((value) => show(value, [])).join(" "));
  // What is cut off was written all the same, and counts.
  const wholeOf = (values) => values.reduce((sum, value) => sum + (typeof value === "string" ? value.length : 0), 0);
  const write = (level) => (...values) => log(level, shown(...values), wholeOf(values));

  const console = {};
  for (const [name, level] of [["log", "info"], ["info", "info"], ["warn", "warn"], ["error", "error"], ["debug", "debug"]]) {
    console[name] = { [name]: write(level) }[name];
  }
  console.trace = console.debug;
  console.dir = (value) => console.log(value);
  console.assert = (holds, ...values) => {
    if (!holds) console.error("assertion failed", ...values);
  };
  return { console, show: shown };
})
