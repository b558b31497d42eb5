/** What a statement is, as far as its first word tells: enough to know whether it may have been done though nobody heard of it. */

/** Spaces, brackets and comments. What MySQL and MariaDB run of a comment is none. */
const BEFORE = /^(?:[\s(]|--[^\n]*\n|#[^\n]*\n|\/\*(?!M?!)(?:[^*]|\*(?!\/))*\*\/)*/;

/** The first word of a statement in small letters; nothing where it does not begin with one. */
export function verb(statement: string): string {
  const rest = statement.slice(BEFORE.exec(statement)?.[0]?.length ?? 0);
  return /^[a-z]+/i.exec(rest)?.[0]?.toLowerCase() ?? "";
}
