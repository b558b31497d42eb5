// Makes ../src/compatible/zod.js of the npm package: one module, readable, with its licence, without the translations of its
// messages, which are more than all the rest.
import { build } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";

const folder = "node_modules/zod";
const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
const licence = readFileSync(`${folder}/LICENSE`, "utf8").trim();
const english = {
  name: "english",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/locales\/index\.js$/ }, () => ({ path: "english", namespace: "english" }));
    onLoad({ filter: /^english$/, namespace: "english" }, () => ({
      contents: 'export { default as en } from "zod/v4/locales/en.js";',
      resolveDir: import.meta.dirname,
    }));
  },
};
const { outputFiles } = await build({
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
writeFileSync("../src/compatible/zod.js", head + outputFiles[0].text);
