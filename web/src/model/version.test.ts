import { expect, test } from "vitest";
import { raised, versionOf } from "./version";

test("the version of a text is found and raised", () => {
  const text = 'akao: 1\nid: a\nversion: "1.2.9"\nroot: { type: SuccessNode }\n';
  expect(versionOf(text)).toBe("1.2.9");
  expect(versionOf(raised(text))).toBe("1.2.10");
  expect(raised("akao: 1\n")).toBe("akao: 1\n");
  expect(versionOf("id: x\n  version: 1.0.0\n")).toBeUndefined();
});
