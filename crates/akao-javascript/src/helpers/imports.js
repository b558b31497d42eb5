// The `import` declarations with which a script begins: they are taken out of it, so that the rest can be the body of a function,
// and become declarations that stand before it. Only what stands before everything else is looked at. Node.js runs this too.
(function () {
  const SPACE = /(?:\s|\uFEFF|\/\/[^\n\r\u2028\u2029]*|\/\*[^]*?\*\/)*/y;
  const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/yu;
  const TEXT = /"[^"\\\n\r]*"|'[^'\\\n\r]*'/y;
  const ATTRIBUTES = /with(?:\s|\/\*[^]*?\*\/)*\{[^{}]*\}/y;
  const MARK = /[{},*;]/y;

  class Reader {
    constructor(source) {
      this.source = source;
      this.at = 0;
    }
    // What comes next, if it is that; what may stand before everything is passed.
    next(pattern) {
      SPACE.lastIndex = this.at;
      SPACE.exec(this.source);
      pattern.lastIndex = SPACE.lastIndex;
      const found = pattern.exec(this.source);
      if (found === null) return undefined;
      this.start = found.index;
      this.at = pattern.lastIndex;
      return found[0];
    }
    takes(pattern, text) {
      const before = this.at;
      if (this.next(pattern) === text) return true;
      this.at = before;
      return false;
    }
    text() {
      return this.next(TEXT)?.slice(1, -1);
    }
    // Whether a declaration may end here: at its semicolon, or where a line does.
    ends() {
      if (this.takes(MARK, ";")) return true;
      SPACE.lastIndex = this.at;
      const [passed] = SPACE.exec(this.source);
      return SPACE.lastIndex === this.source.length || /[\n\r\u2028\u2029]/.test(passed);
    }
  }

  // What stands between braces, as pairs of what is exported and what it is called here; `undefined` where it is not well formed.
  const between = (reader, pairs) => {
    for (;;) {
      if (reader.takes(MARK, "}")) return pairs;
      const exported = reader.next(NAME) ?? reader.text();
      if (exported === undefined) return undefined;
      const own = reader.takes(NAME, "as") ? reader.next(NAME) : exported;
      if (own === undefined) return undefined;
      pairs.push([exported, own]);
      if (!reader.takes(MARK, ",")) return reader.takes(MARK, "}") ? pairs : undefined;
    }
  };

  // What a declaration binds; a pair without an exported name is everything.
  const clause = (reader) => {
    const pairs = [];
    const own = reader.next(NAME);
    if (own !== undefined) {
      pairs.push(["default", own]);
      if (!reader.takes(MARK, ",")) return pairs;
    }
    if (reader.takes(MARK, "{")) return between(reader, pairs);
    if (!reader.takes(MARK, "*") || !reader.takes(NAME, "as")) return undefined;
    const all = reader.next(NAME);
    return all === undefined ? undefined : [...pairs, [null, all]];
  };

  const declaration = (reader) => {
    if (!reader.takes(NAME, "import")) return undefined;
    const start = reader.start;
    let from = reader.text();
    let pairs = [];
    if (from === undefined) {
      pairs = clause(reader);
      if (pairs === undefined || !reader.takes(NAME, "from")) return undefined;
      from = reader.text();
    }
    if (from === undefined) return undefined;
    const before = reader.at;
    if (reader.next(ATTRIBUTES) === undefined) reader.at = before;
    return reader.ends() ? { start, end: reader.at, from, pairs } : undefined;
  };

  // `before`: what is to stand before the rest, on one line; `rest`: the script with blanks in the place of its imports; `places`:
  // for each import its column in `before`, and its own line and column, all from 1. Nothing where the script imports nothing.
  const read = (source) => {
    const reader = new Reader(source);
    const found = [];
    let isStrict = false;
    for (;;) {
      const start = reader.at;
      const one = declaration(reader);
      if (one !== undefined) {
        found.push(one);
        continue;
      }
      reader.at = start;
      // Directives may stand between them, and would not be the first any more.
      const text = reader.text();
      if (text === undefined || !reader.ends()) break;
      isStrict ||= text === "use strict";
    }
    if (found.length === 0) return undefined;
    let before = isStrict ? "'use strict';" : "";
    let rest = "";
    let end = 0;
    const places = [];
    for (const one of found) {
      const above = source.slice(0, one.start).split("\n");
      places.push([before.length + 1, above.length, above.at(-1).length + 1]);
      const names = JSON.stringify(one.pairs.map(([exported]) => exported));
      const own = one.pairs.map(([, own]) => own).join(", ");
      before += `const [${own}] = await arguments[0].take(${JSON.stringify(one.from)}, ${names});`;
      rest += source.slice(end, one.start) + source.slice(one.start, one.end).replace(/[^\n\r\u2028\u2029]/g, " ");
      end = one.end;
    }
    return { before, rest: rest + source.slice(end), places };
  };

  const has = (value, name) => ((typeof value === "object" && value !== null) || typeof value === "function") && name in value;

  // `take(module, names)`, which gives the values of the names; `load` is what imports.
  const taker = (load) => async (from, names) => {
    const { stack } = new Error();
    let all;
    try {
      all = await load(from);
    } catch (error) {
      // What is not there has no line but that of whoever asked for it.
      if (error?.code === "ERR_MODULE_NOT_FOUND") error.stack = stack;
      throw error;
    }
    return names.map((name) => {
      if (name === null) return all;
      if (name in all) return all[name];
      // What a module for `require` sets is seen only when it has run.
      if (has(all.default, name)) return all.default[name];
      throw new SyntaxError(`\`${from}\` exports no \`${name}\``);
    });
  };
  return { read, taker };
})
