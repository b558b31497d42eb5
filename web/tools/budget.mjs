// What a browser loads before the first page stands, by gzip: fails above the bound.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BYTES_MAX = 200_000;
const root = new URL("../dist/console/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("manifest.json", root), "utf8"));

/** A page behind the sign-in: what it imports comes as well before anything is seen. */
const FIRST = ["index.html", "src/pages/Dashboard.tsx"];

function gather(name, found) {
  const chunk = manifest[name];
  if (!chunk || found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const css of chunk.css ?? []) found.add(css);
  for (const next of chunk.imports ?? []) gather(next, found);
  return found;
}

const found = FIRST.reduce((found, name) => gather(name, found), new Set());
const sizes = [...found].map((file) => [file, gzipSync(readFileSync(new URL(file, root)), { level: 9 }).length]);
const total = sizes.reduce((sum, [, size]) => sum + size, 0);
for (const [file, size] of sizes.sort((a, b) => b[1] - a[1])) console.log(`${String(size).padStart(8)}  ${file}`);
console.log(`${String(total).padStart(8)}  of ${BYTES_MAX} bytes (gzip) before the first page stands`);
if (total > BYTES_MAX) {
  console.error("the first load is larger than its bound\n\nLoad what the first page does not need with `lazy`.");
  process.exit(1);
}
