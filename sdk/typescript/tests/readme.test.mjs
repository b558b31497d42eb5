/** The snippets of the README: they are put into files as their first line says, compiled, and run. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");

test("the snippets compile and run", () => {
  const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");
  const snippets = [...readme.matchAll(/```ts\n\/\/ (\S+)\n(.*?)```/gs)].map(([, name, text]) => [name, text]);
  assert.deepEqual(snippets.map(([name]) => name), ["main.ts", "main.test.ts"]);
  // Inside the package, so that the name `akao` leads here.
  const folder = path.join(root, ".readme");
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder);
  for (const [name, text] of snippets) fs.writeFileSync(path.join(folder, name), text);
  const options = { composite: false, declaration: false, rootDir: ".", outDir: "out" };
  const project = { extends: "../tsconfig.json", compilerOptions: options, include: ["*.ts"] };
  fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(project));
  const compiler = path.join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [compiler, "--project", folder], { stdio: "inherit" });
  execFileSync(process.execPath, [path.join(folder, "out", "main.test.js")], { stdio: "inherit" });
  const byHand = spawnSync(process.execPath, [path.join(folder, "out", "main.js")]);
  assert.equal(byHand.status, 2);
  assert.match(String(byHand.stderr), /akao node run/);
  fs.rmSync(folder, { recursive: true, force: true });
});
