/**
 * Puts the packages of an environment together, as one call of a node.
 *
 * The machine's own npm does it, as a library: no program is started, and nothing of a package is run to install it. Whether it
 * can be loaded is found out by the interpreter that will.
 */

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Failure, node, serve } from "./akao/index.js";

const ID = "dev.akao.javascript-packages";
const FOLDER = process.env.AKAO_ENVIRONMENT_FOLDER ?? "/volumes/environment";
const MAKING = `${FOLDER}/making`;
// `lodash`, `date-fns@4`, `@scope/name@^1.2`, and a path below one: `dayjs/plugin/utc`.
const WANTED = /^((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*)(?:@([^/@:]+))?(\/[A-Za-z0-9._~/-]+)?$/i;
const DAY_MS = 86_400_000;
// More paths of one package than this are imported by their packages, if at all.
const PATHS_MAX = 2_000;

/** What was asked for: a requirement for npm, the package's name, and the path below it that is wanted too. */
export const wanted = (text) => {
  const found = WANTED.exec(text);
  if (found === null) throw new Failure("input", `\`${text}\` is not a package with a version`);
  const [, name, version, below = ""] = found;
  return { name, requirement: version === undefined ? name : `${name}@${version}`, below };
};

/**
 * When a version must have been published at the latest, by npm's settings `before` and `min-release-age`. npm lets one override the
 * other by where it is written, which is not known here: the earlier time holds.
 */
export const cutoff = (before, days, exclude = "") => {
  const times = [before === undefined ? NaN : Date.parse(before), days === undefined ? NaN : Math.max(0, Date.now() - Number(days) * DAY_MS)];
  const known = times.filter(Number.isFinite);
  if (known.length === 0) return {};
  const names = exclude.split(",").map((name) => name.trim());
  return { before: new Date(Math.min(...known)), minReleaseAgeExclude: names.filter((name) => name !== "") };
};

/** What the operator's npm is configured to do, as its libraries take it. */
const configured = (options) => {
  const all = Object.fromEntries(
    options.map((option) => [option.slice(0, option.indexOf("=")), option.slice(option.indexOf("=") + 1)]),
  );
  const { npm, cafile, "strict-ssl": strict, before, "min-release-age": days, "min-release-age-exclude": exclude, ...rest } = all;
  // Several certificates stand in one file.
  const ca = cafile === undefined ? {} : { ca: fs.readFileSync(cafile, "utf8") };
  return { npm, conf: { ...rest, ...ca, ...cutoff(before, days, exclude), strictSSL: strict !== "false" } };
};

const told = (error) => {
  const text = String(error?.message ?? error).split("\n")[0];
  const detail = { npm: String(error?.code ?? ""), reason: "npm" };
  if (["E404", "ETARGET", "ENOVERSIONS", "EINVALIDPACKAGENAME"].includes(error?.code)) {
    return new Failure("not_found", `npm does not have it: ${text}`, { retryable: false, detail });
  }
  return new Failure("connection", `npm could not install the packages: ${text}`, { retryable: false, detail });
};

const install = async (requirements, { npm, conf }) => {
  let Arborist;
  try {
    Arborist = createRequire(`${npm}/package.json`)("@npmcli/arborist");
  } catch {
    throw new Failure("not_found", "this machine's npm cannot be used as a library", { detail: { reason: "no_npm" } });
  }
  fs.writeFileSync(`${FOLDER}/package.json`, '{ "private": true }\n');
  const fixed = {
    path: FOLDER, cache: `${MAKING}/cache`, ignoreScripts: true, binLinks: false, audit: false, fund: false, save: true,
    allowGit: "none", allowRemote: "none", allowFile: "none", allowDirectory: "none", progress: false, fetchRetries: 1, fetchTimeout: 60_000, userAgent: `npm node/${process.version}`,
  };
  try {
    await new Arborist({ ...conf, ...fixed }).reify({ ...fixed, add: requirements });
  } catch (error) {
    throw told(error);
  }
};

/** What was taken, by the lock that npm has written. */
const locked = () => {
  const lock = JSON.parse(fs.readFileSync(`${FOLDER}/package-lock.json`, "utf8"));
  const taken = [];
  for (const [place, one] of Object.entries(lock.packages)) {
    if (place === "" || !fs.existsSync(`${FOLDER}/${place}`)) continue;
    // It came within the archive of the package around it, whose integrity was checked.
    if (one.inBundle) continue;
    const name = one.name ?? place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
    if (typeof one.integrity !== "string") {
      const text = `the registry gives no integrity for ${name}@${one.version}, so that it cannot be locked`;
      throw new Failure("input", text, { detail: { reason: "no_integrity" } });
    }
    const file = path.posix.basename(one.resolved ?? `${name}-${one.version}.tgz`);
    taken.push({ name, version: one.version, integrity: one.integrity, file });
  }
  const key = (one) => `${one.name} ${one.version} ${one.integrity}`;
  return taken.sort((a, b) => (key(a) < key(b) ? -1 : 1)).filter((one, at, all) => at === 0 || key(one) !== key(all[at - 1]));
};

/** Whether a path that a package exports is code, and not a pattern, a declaration of types or a picture. */
const isCode = (target) => {
  if (typeof target === "string") return /\.(?:[cm]?js|json)$/.test(target) && !target.includes("*");
  return typeof target === "object" && target !== null && Object.values(target).some(isCode);
};

/** What can be imported of a package: itself, and the paths that it says. */
const modulesOf = (name) => {
  const { exports } = JSON.parse(fs.readFileSync(`${FOLDER}/node_modules/${name}/package.json`, "utf8"));
  if (typeof exports !== "object" || exports === null) return [name];
  const paths = Object.entries(exports).filter(([at, target]) => at.startsWith("./") && !at.includes("*") && isCode(target));
  const below = paths.map(([at]) => `${name}${at.slice(1)}`).filter((one) => !one.endsWith("/package.json"));
  return [name, ...below.slice(0, PATHS_MAX)];
};

const build = async (context, { packages, options }) => {
  const all = packages.map(wanted);
  fs.mkdirSync(MAKING, { recursive: true });
  process.env.TMPDIR = MAKING;
  context.progress(null, "fetching and unpacking packages");
  const requirements = new Map();
  for (const { name, requirement } of all) {
    if (requirement !== name || !requirements.has(name)) requirements.set(name, requirement);
  }
  await install([...requirements.values()], configured(options));
  fs.rmSync(MAKING, { recursive: true, force: true });
  // What npm remembers of this folder says nothing to anybody else.
  fs.rmSync(`${FOLDER}/node_modules/.package-lock.json`, { force: true });
  const modules = new Set();
  for (const { name, below } of all) {
    for (const one of modulesOf(name)) modules.add(one);
    if (below !== "") modules.add(`${name}${below}`);
  }
  const [major, minor] = process.versions.node.split(".");
  const environment = { version: `${major}.${minor}`, packages: locked(), modules: [...modules].sort() };
  const record = { environment: 1, language: "javascript", ...environment };
  fs.writeFileSync(`${FOLDER}/environment.json`, `${JSON.stringify(record, null, 1)}\n`);
  return { environment };
};

const inputs = { packages: { type: "array", required: true }, options: { type: "array", required: true } };
serve(node(ID, { inputs }, build), { id: ID, version: "1.0.0" });
