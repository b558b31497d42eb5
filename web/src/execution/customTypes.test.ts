import { expect, test } from "vitest";
import type { CustomNode } from "../api/schema";
import { byNames } from "./customTypes";
import type { NodeType } from "./usePlan";

const node = (name: string, version: string) => ({ name, version, status: "active" }) as CustomNode;
const pinned = (name: string, version: string, aliases: string[]) =>
  ({ name: `custom.${name}@${version}#sha256:00`, version, aliases }) as NodeType;

test("custom nodes go by the names that workflows give them", () => {
  const nodes = [node("AddT", "1.1.0"), node("AddT", "1.0.0")];
  const types = [pinned("AddT", "1.1.0", ["AddT", "AddT@1.1.0"]), pinned("AddT", "1.0.0", ["AddT@1.0.0"])];
  const found = byNames(types, nodes);
  expect(found.map(({ type, node, isVersion }) => [type.name, node.version, isVersion])).toEqual([
    ["AddT", "1.1.0", false],
    ["AddT@1.0.0", "1.0.0", true],
    ["AddT@1.1.0", "1.1.0", true],
  ]);
  expect(byNames([pinned("Other", "1.0.0", ["Other"])], nodes), "what was withdrawn meanwhile").toEqual([]);
});
