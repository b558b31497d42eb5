import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BUILT_IN, PERMISSIONS, ROLES } from "./roles";

/** A file of the server's code. */
function code(name: string): string {
  return readFileSync(new URL(`../../../crates/akao-platform/src/${name}`, import.meta.url), "utf8");
}

/** `WorkflowsRead "workflows.read" "See workflows, …"` as the server declares them. */
const DECLARED = [...code("permission.rs").matchAll(/^ {4}(\w+) "([a-z_]+\.[a-z_]+)" "([^"]+)",$/gm)].map(
  ([, variant = "", name = "", what = ""]) => ({ variant, name, what }),
);

/** The permissions of a role in the server's table. */
function listed(constant: string): string[] {
  const body =
    code("role.rs").match(new RegExp(`const ${constant}: &\\[Permission\\] =\\s*&\\[([^\\]]+)\\]`))?.[1] ?? "";
  const variants = body.split(",").map((word) => word.trim());
  return DECLARED.filter(({ variant }) => variants.includes(variant)).map(({ name }) => name);
}

describe("the table of permissions", () => {
  test("has every permission of the server once, in its order and its words", () => {
    expect(DECLARED.length).toBeGreaterThan(20);
    expect(PERMISSIONS.map((row) => [row.permission, `${row.what}.`])).toEqual(
      DECLARED.map(({ name, what }) => [name, what]),
    );
  });

  test("gives the built-in roles what the server gives them", () => {
    const all = DECLARED.map(({ name }) => name).filter((name) => name !== "server.metrics");
    const expected = { ...Object.fromEntries(ROLES.map((role) => [role, listed(role.toUpperCase())])), owner: all };
    expect(Object.fromEntries(BUILT_IN.map((one) => [one.role, one.permissions]))).toEqual(expected);
  });
});
