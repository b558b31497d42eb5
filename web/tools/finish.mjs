// After a build: compresses every file once, so that the server only picks, and gathers the notices of what is shipped.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = new URL("../dist/console/", import.meta.url).pathname;
const modules = new URL("../node_modules/", import.meta.url).pathname;

/** Packages whose code, or part of it, is in the built files. */
const SHIPPED = [
  "react",
  "react-dom",
  "scheduler",
  "@tanstack/react-query",
  "@tanstack/react-router",
  "@tanstack/react-virtual",
  "zustand",
  "@xyflow/react",
  "elkjs",
  "monaco-editor",
  "react-aria-components",
];

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

function notice(name) {
  const folder = join(modules, name);
  const { version, license, homepage } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  const words = file ? readFileSync(join(folder, file), "utf8").trim() : "";
  const chosen = name === "elkjs" ? "EPL-2.0 (unmodified; its source is at the address above)" : license;
  return `${name} ${version}\n${homepage ?? ""}\nLicence: ${chosen}\n\n${words}\n`;
}

writeFileSync(join(root, "assets/notices.txt"), SHIPPED.map(notice).join(`\n${"-".repeat(80)}\n\n`));

for (const file of files(root)) {
  if (file.endsWith(".gz") || file.endsWith(".br") || file.endsWith("index.html") || file.endsWith("manifest.json"))
    continue;
  const bytes = readFileSync(file);
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  const quality = statSync(file).size > 1_500_000 ? 9 : 11;
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } }));
}
