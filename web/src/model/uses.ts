/** Which node types a workflow is made of. */
import { type Definition, type NodeDef, shownType } from "./definition";

/** The node types of a definition as it names them, each once; without the digests of what is pinned. */
export function typesOf(definition: Pick<Definition, "root" | "trees">): Set<string> {
  const found = new Set<string>();
  const open: NodeDef[] = [definition.root, ...Object.values(definition.trees ?? {})];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    found.add(shownType(node.type));
    open.push(...(node.children ?? []));
  }
  return found;
}

/** Whether a name in a workflow means a node type: its name, another of its names, or one of its versions. */
export function means(used: string, { name, aliases = [] }: { name: string; aliases?: readonly string[] }): boolean {
  return used === name || aliases.includes(used) || used.startsWith(`${name}@`);
}
