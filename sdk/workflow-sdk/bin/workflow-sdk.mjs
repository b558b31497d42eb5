#!/usr/bin/env node
// `workflow-sdk …` is `akao sdk …`: this finds the program and hands everything over.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const named = process.env.AKAO_PROGRAM;
const places = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "").map((folder) => join(folder, "akao"));
const program = named ?? places.find((place) => existsSync(place));
if (program === undefined) {
  console.error("workflow-sdk: the program `akao` is not on the PATH\n\nInstall Akao, or name the program in AKAO_PROGRAM.");
  process.exit(2);
}
const { status, signal, error } = spawnSync(program, ["sdk", ...process.argv.slice(2)], { stdio: "inherit" });
if (error !== undefined) {
  console.error(`workflow-sdk: cannot run ${program}: ${error.message}`);
  process.exit(2);
}
process.exit(signal !== null ? 1 : (status ?? 1));
