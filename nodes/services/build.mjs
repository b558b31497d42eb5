#!/usr/bin/env node
/**
 * Makes packages of the nodes in this folder: each a folder with its manifest, its README, its licences and one file of code that holds
 * all that it imports. `node build.mjs [NAME …]`, after `npm ci`; the packages stand in `target/service-nodes` of the workspace, or where
 * `--out FOLDER` says.
 */

import { build } from "esbuild";
import fs from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, "../..");
const NAMES = ["email", "mongodb", "mysql", "postgresql"];
/** What libraries try to load and do without. */
const OPTIONAL = [
  "@aws-sdk/credential-providers",
  "@mongodb-js/zstd",
  "aws4",
  "gcp-metadata",
  "kerberos",
  "mongodb-client-encryption",
  "pg-cloudflare",
  "pg-native",
  "snappy",
  "socks",
];
/** The oldest Node.js that runs nodes. */
const TARGET = "node18.14";
const LICENCE_FILE = /^(?:licen[cs]e|copying)(?:[.-].*)?$/i;

/** The folders of the packages of npm whose files are in a bundle. */
function packagesOf(inputs) {
  const mark = "node_modules/";
  const found = new Set();
  for (const input of inputs) {
    const at = input.lastIndexOf(mark);
    if (at < 0) continue;
    const [scope, name] = input.slice(at + mark.length).split("/");
    found.add(path.join(here, input.slice(0, at + mark.length), scope.startsWith("@") ? `${scope}/${name}` : scope));
  }
  return [...found].sort();
}

/** The licences of everything in a bundle, as most of them demand. */
async function licences(inputs) {
  const texts = [];
  for (const folder of packagesOf(inputs)) {
    const { name, version, license } = JSON.parse(await fs.readFile(path.join(folder, "package.json"), "utf8"));
    const file = (await fs.readdir(folder)).find((entry) => LICENCE_FILE.test(entry));
    const text = file === undefined ? "" : `\n${(await fs.readFile(path.join(folder, file), "utf8")).trim()}\n`;
    texts.push(`${name} ${version} (${license})\n${text}`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

async function make(name, out) {
  const from = path.join(here, name);
  const folder = path.join(out, name);
  await fs.rm(folder, { recursive: true, force: true });
  await fs.mkdir(folder, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: [path.join(from, "main.ts")],
    outfile: path.join(folder, "main.cjs"),
    bundle: true,
    platform: "node",
    target: TARGET,
    format: "cjs",
    external: OPTIONAL,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  await fs.writeFile(path.join(folder, "THIRD-PARTY.txt"), await licences(Object.keys(metafile.inputs)));
  await fs.copyFile(path.join(root, "LICENSE"), path.join(folder, "LICENSE"));
  for (const file of ["_.yaml", "README.md"]) await fs.copyFile(path.join(from, file), path.join(folder, file));
  console.log(folder);
}

const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
const unknown = positionals.find((name) => !NAMES.includes(name));
if (unknown !== undefined) {
  console.error(`build.mjs: there is no node \`${unknown}\` here; there are ${NAMES.join(", ")}`);
  process.exit(2);
}
const out = path.resolve(values.out ?? path.join(root, "target/service-nodes"));
for (const name of positionals.length > 0 ? positionals : NAMES) await make(name, out);
