/** `dist` is checked in, so that a node needs no compiler and no registry; it must be what the sources say. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");

test("dist is what the compiler makes of src", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "akao-dist-"));
  const compiler = path.join(root, "node_modules/typescript/bin/tsc");
  const options = ["--outDir", folder, "--tsBuildInfoFile", path.join(folder, "made.tsbuildinfo")];
  execFileSync(process.execPath, [compiler, "--project", root, ...options], { stdio: "inherit" });
  const names = (place) => fs.readdirSync(place).filter((name) => /\.(js|d\.ts)$/.test(name)).sort();
  assert.deepEqual(names(path.join(root, "dist")), names(folder));
  for (const name of names(folder)) {
    const [kept, made] = [path.join(root, "dist", name), path.join(folder, name)].map((file) => fs.readFileSync(file, "utf8"));
    assert.equal(kept, made, `dist/${name} is older than its source: run \`npm run build\` in sdk/typescript`);
  }
  fs.rmSync(folder, { recursive: true });
});
