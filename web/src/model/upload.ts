/** What the files that somebody chose say of the node that they are. */

/** Files beside a node that are none: its tests, and the schema of its props. */
const BESIDE = /\.(test|spec|schema|d)\.[cm]?[jt]sx?$/;
const CODE = /\.[cm]?[jt]sx?$/;

/** The name that a file's name says: `send-slack-message.ts` is `SendSlackMessage`. */
export function nodeName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1).replace(CODE, "");
  return file
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}

/** The file that most likely is the node: one that the others are named after, or the first that is code. */
export function entryOf(paths: readonly string[]): string | undefined {
  const code = paths.filter((path) => CODE.test(path) && !BESIDE.test(path));
  const named = code.find((path) => paths.some((other) => other.startsWith(`${path.replace(CODE, "")}.schema.`)));
  return named ?? code.find((path) => /(^|\/)index\.[cm]?[jt]sx?$/.test(path)) ?? code[0];
}

/** Whether a file is sent along: tests are not run where the node is compiled. */
export function isSent(path: string): boolean {
  return !/\.(test|spec)\.[cm]?[jt]sx?$/.test(path);
}
