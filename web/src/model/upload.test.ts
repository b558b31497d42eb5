import { expect, test } from "vitest";
import { entryOf, isSent, nodeName } from "./upload";

test("a file's name says what the node is called", () => {
  expect(["send-slack-message.ts", "AddT.ts", "nodes/add_two.tsx"].map(nodeName)).toEqual([
    "SendSlackMessage",
    "AddT",
    "AddTwo",
  ]);
});

test("of several files the node is the one that the others stand beside", () => {
  expect(entryOf(["help.ts", "send.schema.ts", "send.test.ts", "send.ts"])).toBe("send.ts");
  expect(entryOf(["help.ts", "index.ts"])).toBe("index.ts");
  expect(entryOf(["notes.md", "add.ts"])).toBe("add.ts");
  expect(entryOf(["notes.md", "add.test.ts"])).toBeUndefined();
});

test("tests are not sent along", () => {
  expect(["send.ts", "send.schema.ts", "send.test.ts"].filter(isSent)).toEqual(["send.ts", "send.schema.ts"]);
});
