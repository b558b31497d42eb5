// Makes ../src/compatible/zod.js of the npm package: one module, readable, with its licence, without the translations of its
// messages, which are more than all the rest. With --check it writes nothing, and fails where the file is another one.
import { build } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";

const here = import.meta.dirname;
const folder = `${here}/node_modules/zod`;
const target = `${here}/../src/compatible/zod.js`;
const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
const licence = readFileSync(`${folder}/LICENSE`, "utf8").trim();
const english = {
  name: "english",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/locales\/index\.js$/ }, () => ({ path: "english", namespace: "english" }));
    onLoad({ filter: /^english$/, namespace: "english" }, () => ({
      contents: 'export { default as en } from "zod/v4/locales/en.js";',
      resolveDir: here,
    }));
  },
};
const { outputFiles } = await build({
  // The paths of modules stand in comments, from here.
  absWorkingDir: here,
  entryPoints: [`${folder}/index.js`],
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  plugins: [english],
  write: false,
});
const head = `/*! zod ${version}, https://github.com/colinhacks/zod
    Made by crates/akao-typescript/zod/make.mjs; not to be edited. Of its translations it holds English alone.

${licence.replace(/^(?=.)/gm, "    ")}
*/
`;
const made = head + outputFiles[0].text;
if (process.argv.includes("--check")) {
  check(made);
} else {
  writeFileSync(target, made);
}

function check(made) {
  const there = readFileSync(target, "utf8");
  if (there === made) return;
  const [is, ought] = [there.split("\n"), made.split("\n")];
  const at = ought.findIndex((line, number) => line !== is[number]);
  const line = at < 0 ? ought.length : at;
  const shown = (text) => (text === undefined ? "the end" : JSON.stringify(text.slice(0, 120)));
  console.error(`crates/akao-typescript/src/compatible/zod.js is not what make.mjs makes of zod ${version}, from line ${line + 1}:
  it is        ${shown(is[line])}
  it should be ${shown(ought[line])}

Either it was edited, which is to be undone, or package-lock.json names another zod or esbuild than it was made with. Write it anew:
  npm ci --prefix crates/akao-typescript/zod --ignore-scripts && npm run make --prefix crates/akao-typescript/zod
and look through what changed with \`git diff --text crates/akao-typescript/src/compatible/zod.js\`.`);
  process.exitCode = 1;
}
