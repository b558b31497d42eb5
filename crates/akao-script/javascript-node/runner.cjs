// The thread of a script: makes a module of it, runs that, and tells what came of it.
const fs = require("node:fs");
const vm = require("node:vm");
const { Console } = require("node:console");
const { Writable } = require("node:stream");
const { parentPort, workerData } = require("node:worker_threads");
const { NotJson, written } = require("./values.cjs");

// Packages are found from here, and the script's own lines by this name.
const FOLDER = "/tmp/script";
const SCRIPT = `${FOLDER}/script.cjs`;
const PACKAGES = "/environment/node_modules";
// A module that `import` finds nowhere, such as a path without its ending, is taken from where `require` finds it.
const LOAD = `const { pathToFileURL } = require("node:url");
const NOT_FOUND = ["ERR_MODULE_NOT_FOUND", "ERR_UNSUPPORTED_DIR_IMPORT"];
module.exports = async (name) => {
  try {
    return await import(name);
  } catch (error) {
    if (!NOT_FOUND.includes(error?.code)) throw error;
    let place;
    try {
      place = require.resolve(name);
    } catch {
      throw error;
    }
    return import(pathToFileURL(place).href);
  }
};
`;
const MADE = "module.exports = (";
const FUNCTION = "async function () {";
const BEFORE = MADE + FUNCTION;
// Begins with what no text can go on with, so that one which ends in the middle is no script.
const READ = "\n;arguments[0].read = () => result;\n";
const AFTER = "})";
// What Node.js gives a module, whose text is the body of a function with these parameters: `return` and `new.target` may stand in it.
const MODULE = ["exports", "require", "module", "__filename", "__dirname"];
// What is told of one run; the host keeps less. Beyond the third bound a script is not logging any more, it is flooding.
const LINES_MAX = 2_500;
const BYTES_MAX = 300_000;
const FLOOD_BYTES_MAX = 100_000_000;
const LINE_CHARACTERS_MAX = 8_000;
const MESSAGE_CHARACTERS_MAX = 2_000;
const PATH_CHARACTERS_MAX = 500;
const NAME_CHARACTERS_MAX = 100;
const FRAMES_MAX = 10;
const CAUSES_MAX = 3;
// How V8 says that what comes next does not fit.
const DOES_NOT_FIT = /^(?:Unexpected|Invalid or unexpected|missing)/;
const MISSING = /^Cannot find (?:package|module) '(?:(?:file:\/\/)?(?:\/tmp\/script|\/environment)\/node_modules\/)?([^']*)'/;

const helper = (name) => vm.runInThisContext(fs.readFileSync(`${__dirname}/${name}.js`, "utf8"), { filename: `akao:${name}` });

// The script may replace what it finds, and what is told must not depend on that.
const post = parentPort.postMessage.bind(parentPort);
const exit = process.exit.bind(process);
const textOf = Function.prototype.call.bind(Function.prototype.toString);
const { nextTick, _tickCallback: workOff } = process;
// Calls back once all promises that are due are done, and it was told which of them were rejected and handled by nobody. Timers
// come later, where Node.js has what does that at once.
const whenSettled = (then) =>
  typeof workOff === "function" ? nextTick(() => (workOff.call(process), then())) : void setImmediate(then);
let isOver = false;
const over = (told) => {
  if (isOver) return;
  isOver = true;
  post(told);
};
const clipped = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);
const fail = (kind, message, reason, detail = {}) => over({ failed: [kind, message, reason, detail] });

const log = (() => {
  let count = 0;
  let bytes = 0;
  return (level, text) => {
    for (const line of text.replace(/\n$/, "").split("\n")) {
      const wasOpen = count <= LINES_MAX && bytes <= BYTES_MAX;
      count += 1;
      bytes += line.length + 1;
      if (count <= LINES_MAX && bytes <= BYTES_MAX) post({ log: level, line: line.slice(0, LINE_CHARACTERS_MAX) });
      else if (wasOpen) post({ log: "warn", line: `the log ends here: a run may tell ${LINES_MAX} lines and ${BYTES_MAX} bytes` });
    }
    if (bytes > FLOOD_BYTES_MAX) {
      fail("resource", "the script logged more than 100 MB, which is more than a run may", "script_output");
      exit(1);
    }
  };
})();

const speak = () => {
  const voice = (level) => new Writable({ decodeStrings: false, write: (text, _, done) => (log(level, String(text)), done()) });
  const at = (level) => new Console({ stdout: voice(level), stderr: voice(level), colorMode: false });
  const [info, warn, error, debug] = ["info", "warn", "error", "debug"].map(at);
  globalThis.console = Object.assign(info, {
    warn: warn.log.bind(warn), error: error.log.bind(error), debug: debug.log.bind(debug), trace: error.trace.bind(error),
  });
};

// Where a frame of a stack lies in the script, whose first line stands below one of ours.
const placesOf = (source, imports) => {
  const lastLine = source.split("\n").length;
  return (line, column) => {
    if (line > 1) return [Math.min(line - 1, lastLine), column];
    const found = imports.findLast(([at]) => at + BEFORE.length <= column);
    return found === undefined ? [1, column] : found.slice(1);
  };
};

const framesOf = (stack, place) => {
  const frames = [];
  for (const text of String(stack ?? "").split("\n")) {
    const found = /(?:file:\/\/)?\/tmp\/script\/script\.cjs:(\d+):(\d+)\)?$/.exec(text.trimEnd());
    if (found === null || !text.trimStart().startsWith("at ")) continue;
    const [line, column] = place(Number(found[1]), Number(found[2]));
    const name = /^\s*at (?:async )?(.+?) \(/.exec(text)?.[1] ?? "";
    const isNone = ["", "module.exports", "<anonymous>"].includes(name);
    frames.push({ line, column, name: isNone ? "" : `${clipped(name, NAME_CHARACTERS_MAX)} ` });
  }
  return frames.slice(0, FRAMES_MAX);
};

const shown = (value) => {
  try {
    return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  } catch {
    return `a value of type ${typeof value}`;
  }
};

const field = (error, name) => {
  try {
    return typeof error[name] === "string" ? error[name] : "";
  } catch {
    return "";
  }
};

// What an error holds and what it was caused by, a few of them, each as a line.
const causesOf = (error) => {
  const read = (from, name) => {
    try {
      return from?.[name] ?? undefined;
    } catch {
      return undefined;
    }
  };
  const told = (value) => {
    const parts = [field(value ?? {}, "name"), field(value ?? {}, "message")].filter(Boolean);
    return clipped(parts.length === 0 ? shown(value) : parts.join(": "), MESSAGE_CHARACTERS_MAX);
  };
  const held = (from) => {
    const errors = read(from, "errors");
    return Array.isArray(errors) ? errors.slice(0, CAUSES_MAX).map((one) => `with ${told(one)}`) : [];
  };
  const lines = held(error);
  let cause = read(error, "cause");
  for (let count = 0; count < CAUSES_MAX && cause !== undefined; count += 1) {
    lines.push(`caused by ${told(cause)}`, ...held(cause));
    cause = typeof cause === "object" ? read(cause, "cause") : undefined;
  }
  return lines;
};

// What was thrown, as it is told.
const thrown = (error, place) => {
  const isError = error instanceof Error || (field(error ?? {}, "stack") !== "" && field(error ?? {}, "name") !== "");
  const name = isError ? clipped(field(error, "name"), NAME_CHARACTERS_MAX) : "";
  let message = clipped(isError ? field(error, "message") : shown(error), MESSAGE_CHARACTERS_MAX);
  const detail = { exception: name };
  const missing = isError && ["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(field(error, "code")) ? MISSING.exec(message) : null;
  if (missing !== null) {
    detail.module = missing[1].slice(0, 300);
    message = `there is no module \`${missing[1]}\``;
  }
  const frames = isError ? framesOf(field(error, "stack"), place) : [];
  const [at] = frames;
  detail.line = at?.line ?? null;
  detail.column = at?.column ?? null;
  const stack = frames.map((frame) => `at ${frame.name}(line ${frame.line}, column ${frame.column})`);
  detail.stack = [...stack, ...(isError ? causesOf(error) : [])].join("\n");
  const where = at === undefined ? "" : ` (line ${at.line}, column ${at.column})`;
  // Where the engine is refused memory before the limit ends the process; which comes first is a matter of time.
  if (name === "RangeError" && message === "Array buffer allocation failed") {
    return fail("resource", "the script ran out of memory", "script_memory", detail);
  }
  if (name === "RangeError" && message === "Maximum call stack size exceeded") {
    return fail("resource", `the script calls functions within each other too deeply${where}`, "script_stack", detail);
  }
  fail("user", `${[name, message].filter(Boolean).join(": ")}${where}`, "script_exception", detail);
};

const TOO_MANY_BRACKETS = "it closes more brackets than it opens";

const syntax = (text, line) => {
  const message = `the script is not JavaScript: ${clipped(text, MESSAGE_CHARACTERS_MAX)}${line === null ? "" : ` (line ${line})`}`;
  fail("input", message, "script_syntax", { line });
};

// Whether a text is a module, which is read and not run.
const isModule = (text) => {
  try {
    vm.compileFunction(text, MODULE);
    return true;
  } catch {
    return false;
  }
};

// What V8 stumbled over stands behind the script and says nothing to its author. Either the script ends too early, or the function
// that is made of it does, which then is whole with the script's own brackets.
const cutOff = (rest) => {
  if (isModule(`async function closed() {\n${rest}`)) return syntax(TOO_MANY_BRACKETS, null);
  syntax("it ends in the middle of an expression or of what a bracket opens", rest.trimEnd().split("\n").length);
};
// Whether a script closes the function that is made of it and opens another, so that both together could be read. An arrow function
// between `?` and `:` can be followed by nothing else, so that such a script fits only one of two places; neither is run here. Both
// end as the function does that is run: what ends in the middle of `if (a)` goes on there.
const closesItsFunction = (inside) =>
  isModule(`${BEFORE}${inside}${AFTER}`) && !isModule(`(function () { 0 ? async () => {${inside}} : 0 })`);

// Makes a module of the script, with its imports before it.
const compile = (source, found, place) => {
  fs.mkdirSync(FOLDER);
  if (fs.existsSync(PACKAGES)) fs.symlinkSync(PACKAGES, `${FOLDER}/node_modules`);
  fs.writeFileSync(`${FOLDER}/load.cjs`, LOAD);
  const rest = found?.rest ?? source;
  const inside = `${found?.before ?? ""}\n${rest}${READ}`;
  if (closesItsFunction(inside)) return syntax(TOO_MANY_BRACKETS, null);
  fs.writeFileSync(SCRIPT, `${BEFORE}${inside}${AFTER}`);
  try {
    const body = require(SCRIPT);
    // The function is all that was written, and not one that the script has put in its place.
    if (typeof body === "function" && textOf(body) === `${FUNCTION}${inside}}`) return body;
    syntax(TOO_MANY_BRACKETS, null);
  } catch (error) {
    const line = new RegExp(`^${SCRIPT.replaceAll(".", "\\.")}:(\\d+)\\n`).exec(field(error ?? {}, "stack"))?.[1];
    if (!(error instanceof SyntaxError) || line === undefined) throw error;
    const isBehind = Number(line) - 1 > source.split("\n").length;
    if (isBehind && DOES_NOT_FIT.test(error.message)) return cutOff(rest);
    const [own] = place(Number(line), Number.MAX_SAFE_INTEGER);
    const late = (source.split("\n")[own - 1] ?? "").trimStart().startsWith("import ");
    syntax(`${error.name}: ${error.message}${late ? "; imports stand at the beginning of a script, each well formed" : ""}`, own);
  }
  return undefined;
};

const give = (value, bytesMax, caught) => {
  if (isOver) return;
  try {
    over({ result: written(value === undefined ? {} : value, bytesMax) });
  } catch (error) {
    if (!(error instanceof NotJson)) return caught(error);
    const path = clipped(`result${error.path}`, PATH_CHARACTERS_MAX);
    fail("user", clipped(`\`${path}\` ${error.rule}`, MESSAGE_CHARACTERS_MAX), "script_result", { path });
  }
};

const main = async ({ script, inputs, bytesMax }) => {
  const source = script.replace(/^\uFEFF/, "");
  const { read, taker } = helper("imports")();
  const found = read(source);
  const place = placesOf(source, found?.places ?? []);
  const caught = (error) => thrown(error, place);
  process.on("uncaughtException", caught);
  process.on("unhandledRejection", caught);
  const body = compile(source, found, place);
  if (body === undefined) return;
  speak();
  Object.defineProperty(globalThis, "result", { value: undefined, writable: true, configurable: true });
  globalThis.progress = helper("progress")({
    progress: (fraction, message) => post({ progress: { fraction, message: clipped(message, LINE_CHARACTERS_MAX) } }),
  }).progress;
  for (const [name, value] of [["inputs", inputs], ...Object.entries(inputs)]) {
    // What the language or Node.js already means by a name, it goes on meaning.
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  const ending = { take: taker(require(`${FOLDER}/load.cjs`)) };
  let isDone = false;
  // Nothing is left that could still set `result`.
  process.on("beforeExit", () => {
    if (!isDone) return fail("user", "the script waits for a promise that nothing settles", "script_stuck");
    try {
      give(ending.read === undefined ? globalThis.result : ending.read(), bytesMax, caught);
    } catch (error) {
      caught(error);
    }
  });
  try {
    const value = await body(ending);
    isDone = true;
    if (value === undefined) return;
    // What others have begun and nobody handles fails the run, also where it comes to light after the value.
    whenSettled(() => give(value, bytesMax, caught));
  } catch (error) {
    caught(error);
  }
};

void main(workerData);
