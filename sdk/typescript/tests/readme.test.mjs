/** The snippets of the README: they are put into files as their first line says, beside the SDK, and run. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");
const snippets = [...readme.matchAll(/```ts\n\/\/ (\S+)\n(.*?)```/gs)].map(([, name, text]) => [name, text]);

/** A node as its author has it: the SDK in the folder `akao`, and beside it what `write` says. */
function withNode(write, use) {
  // Inside the package, where the compiler finds the types of Node.js.
  const folder = fs.mkdtempSync(path.join(root, ".readme-"));
  try {
    fs.cpSync(path.join(root, "dist"), path.join(folder, "akao"), { recursive: true });
    write((name, text) => fs.writeFileSync(path.join(folder, name), text));
    use((...names) => path.join(folder, ...names));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function run(tests, main) {
  execFileSync(process.execPath, [tests], { stdio: "inherit" });
  const byHand = spawnSync(process.execPath, [main]);
  assert.equal(byHand.status, 2);
  assert.match(String(byHand.stderr), /akao node run/);
}

test("the README has a node and its test", () => {
  assert.deepEqual(snippets.map(([name]) => name), ["main.ts", "main.test.ts"]);
});

test("the snippets compile and run, and run as they are where Node.js takes types away", () => {
  const [, options] = readme.match(/```json\n(.*?)```/s);
  withNode((write) => {
    for (const [name, text] of snippets) write(name, text);
    write("tsconfig.json", options);
    write("package.json", '{ "type": "module" }');
  }, (at) => {
    const compiler = path.join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [compiler, "--project", at()], { stdio: "inherit" });
    run(at("main.test.js"), at("main.js"));
    fs.rmSync(at("main.js"));
    if (process.features.typescript) run(at("main.test.ts"), at("main.ts"));
  });
});

test("the snippets run as JavaScript without a compiler and without a package", () => {
  withNode((write) => {
    for (const [name, text] of snippets) write(name.replace(".ts", ".mjs"), text.replace("./main.ts", "./main.mjs"));
  }, (at) => run(at("main.test.mjs"), at("main.mjs")));
});
