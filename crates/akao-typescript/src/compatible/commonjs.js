// Modules of npm packages that are run by `require`: each when it is first asked for, each once. Packages that were made for
// bundles ask for little of Node.js, and find it here.
export const global = globalThis;
export const process = {
  env: { NODE_ENV: "production" },
  browser: true,
  argv: [],
  version: "",
  versions: {},
  cwd: () => "/",
  nextTick: (work, ...values) => void Promise.resolve().then(() => work(...values)),
};

export const registry = () => {
  const known = new Map();
  const done = new Map();
  const add = (path, imports, body) => void known.set(path, { imports, body });
  const of = (imports, name, path) => {
    if (!Object.hasOwn(imports, name)) {
      throw Object.assign(new Error(`Cannot find module '${name}' (required by ${path})`), { code: "MODULE_NOT_FOUND" });
    }
    return load(imports[name]);
  };
  const load = (path) => {
    if (done.has(path)) return done.get(path).exports;
    const { imports, body } = known.get(path) ?? {};
    if (body === undefined) throw new Error(`Cannot find module '${path}'`);
    if (imports === null) return body;
    const module = { exports: {}, id: path, loaded: false };
    done.set(path, module);
    const require = (name) => of(imports, name, path);
    body.call(module.exports, module.exports, require, module, path, path.replace(/\/[^/]*$/, ""), process, global);
    module.loaded = true;
    return module.exports;
  };
  return { add, load };
};
