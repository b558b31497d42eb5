/** The `version:` of a workflow's text, and the next one. */

const LINE = /^version:[ \t]*["']?(\d+)\.(\d+)\.(\d+)[^\s"']*["']?/m;

export function versionOf(text: string): string | undefined {
  const found = text.match(LINE);
  return found?.[0].replace(/^version:[ \t]*/, "").replace(/["']/g, "");
}

/** The text with its version raised by the smallest step. */
export function raised(text: string): string {
  return text.replace(
    LINE,
    (_, major: string, minor: string, patch: string) => `version: ${major}.${minor}.${Number(patch) + 1}`,
  );
}
