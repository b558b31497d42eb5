// `akao:require`: modules of packages that are run by `require`, each when it is first asked for, and once in a run.
const { lead, body, needs, load: evaluate } = import.meta;
const done = new Map();
// The modules that an `import` waits for just now.
const entered = [];
// The little of Node.js that packages ask for which were made for bundles.
let node;

// What `import` has of a module that is run by `require`.
export const load = (path) => {
  entered.push(path);
  try {
    return get(path);
  } finally {
    entered.pop();
  }
};

const get = (path) => {
  if (done.has(path)) return done.get(path).exports;
  const run = body(path);
  if (run === undefined) {
    // QuickJS cannot be asked again for what it is just loading.
    const circle = entered.find((one) => needs(path, one));
    if (circle !== undefined) throw new Error(`\`${path}\` and \`${circle}\` need each other while they are loaded`);
    // A module by `import`; data stand in its default export.
    const all = evaluate(path);
    return path.endsWith(".json") ? all.default : all;
  }
  const module = { exports: {}, id: path, filename: path, loaded: false };
  done.set(path, module);
  node ??= evaluate("akao/commonjs.js");
  const folder = path.slice(0, path.lastIndexOf("/"));
  try {
    run.call(module.exports, module.exports, requireFrom(`${path}?require`), module, path, folder, node.process, node.global);
  } catch (error) {
    done.delete(path);
    throw error;
  }
  module.loaded = true;
  return module.exports;
};

const requireFrom = (from) => {
  const require = (name) => get(lead(from, String(name)));
  require.resolve = (name) => lead(from, String(name));
  return require;
};

export const require = requireFrom("");
