/** Nodes in TypeScript keep the JavaScript beside them, so that older versions of Node.js run it; it must be what the compiler makes. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");

for (const name of ["crates/akao/templates/node/typescript", "examples/nodes/text-outline"]) {
  test(`main.js is what the compiler makes of main.ts in ${name}`, () => {
    const node = path.join(root, "../..", name);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "akao-compiled-"));
    for (const file of ["main.ts", "package.json", "tsconfig.json"]) fs.copyFileSync(path.join(node, file), path.join(folder, file));
    fs.cpSync(path.join(root, "dist"), path.join(folder, "akao"), { recursive: true });
    const compiler = path.join(root, "node_modules/typescript/bin/tsc");
    const types = path.join(root, "node_modules/@types");
    execFileSync(process.execPath, [compiler, "--project", folder, "--typeRoots", types], { stdio: "inherit" });
    const [kept, made] = [node, folder].map((place) => fs.readFileSync(path.join(place, "main.js"), "utf8"));
    assert.equal(kept, made, `${name}/main.js is older than main.ts: run its build.sh with the SDK in akao/`);
    fs.rmSync(folder, { recursive: true });
  });
}
