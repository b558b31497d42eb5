import { expect, test } from "vitest";
import type { NodeType } from "../execution/usePlan";
import { explanation, suggestions, versionsOf } from "./help";

const TYPES: NodeType[] = [
  {
    name: "LogMessage",
    aliases: ["Log"],
    version: "1.0.0",
    category: "data",
    summary: "Writes a line.",
    description: "The line stands in the log.",
    props: {
      type: "object",
      required: ["message"],
      properties: {
        message: { type: "string", description: "The line." },
        level: { enum: ["info", "warn"], default: "info", description: "How serious." },
      },
    },
    outputs: {},
    effects: "none",
    idempotent: true,
  },
];

const TEXT = "akao: 1\nroot:\n  type: Log\n  props:\n    message: hello\n    level: \n";

test("types, props and their values are offered where they belong", () => {
  expect(suggestions(TYPES, TEXT, 2, 8).map((one) => one.label)).toEqual(["LogMessage"]);
  expect(suggestions(TYPES, `${TEXT}    `, 6, 4).map((one) => one.label)).toEqual([]);
  expect(suggestions(TYPES, TEXT.replace("    level: \n", "    \n"), 5, 4)).toMatchObject([
    { label: "level", detail: "info | warn" },
  ]);
  expect(suggestions(TYPES, TEXT, 5, 11).map((one) => [one.label, one.detail])).toEqual([
    ["info", "default"],
    ["warn", ""],
  ]);
  expect(suggestions(TYPES, TEXT, 0, 0).map((one) => one.label)).toContain("version");
});

test("a word is explained in Markdown", () => {
  expect(explanation(TYPES, TEXT, 2, 9)).toContain("Writes a line.");
  expect(explanation(TYPES, TEXT, 4, 6)).toBe("**message**: string, needed\n\nThe line.");
  expect(explanation(TYPES, TEXT, 5, 6)).toContain('Default: `"info"`');
  expect(explanation(TYPES, TEXT, 1, 1)).toContain("The node that is run.");
  expect(explanation(TYPES, TEXT, 4, 14)).toBeUndefined();
});

const PACKAGE: NodeType = { ...(TYPES[0] as NodeType), name: "com.example.log", aliases: ["com.example.log@2.0.0"] };
const PINNED: NodeType = { ...PACKAGE, name: "com.example.log@1.4.0#sha256:00", aliases: ["com.example.log@^1.2"] };

test("a node of a package is offered with a range for each version that is installed", () => {
  const versions = versionsOf([{ nodes: ["com.example.log"], versions: ["1.4.0", "2.0.0"] }]);
  const text = "akao: 1\nroot:\n  type: com.example.log@\n";
  expect(suggestions([...TYPES, PACKAGE, PINNED], text, 2, 24, versions).map((one) => one.insert)).toEqual([
    "LogMessage",
    "com.example.log",
    "com.example.log@^2.0.0",
    "com.example.log@^1.4.0",
  ]);
});

test("what a range stands for is completed and explained by the version that it means", () => {
  const text = "akao: 1\nroot:\n  type: com.example.log@^1.2\n  props:\n    \n";
  const types = [...TYPES, PACKAGE, PINNED];
  expect(suggestions(types, text, 4, 4).map((one) => one.label)).toEqual(["message", "level"]);
  const told = explanation(types, text, 2, 20);
  expect(told).toContain("**com.example.log@^1.2** 1.0.0");
  expect(told).not.toContain("sha256");
  expect(explanation(types, text, 2, 26), "at the range itself").toBe(told);
});
