/**
 * The active custom nodes of the tenant as node types, by the names that workflows give them. They stand in no catalogue of the
 * server, as each tenant has its own.
 */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { ask } from "../api/client";
import { NAMED_TYPES } from "../api/queries";
import type { CustomNode } from "../api/schema";
import { useMay } from "../app/session";
import type { NodeType } from "./usePlan";

export interface CustomType {
  /** As it is named: `AddT`, or a version of it, `AddT@1.0.0`. */
  type: NodeType;
  /** The version that it stands for. */
  node: CustomNode;
  isVersion: boolean;
}

/** Pages of versions that are read; each has 200. */
const PAGES_MAX = 10;
/** As many names as the server looks up at once. */
const NAMES_MAX = 200;

async function activeNodes(signal: AbortSignal): Promise<CustomNode[]> {
  const found: CustomNode[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { items, next } = await ask("GET /api/v1/custom-nodes", { query: { limit: 200, cursor }, signal });
    found.push(...items.filter((one) => one.status === "active"));
    if (!next) break;
    cursor = next;
  }
  return found;
}

/** Node types by the names that were asked for: what the server answers is pinned, and has those as aliases. */
export function byNames(types: readonly NodeType[], nodes: readonly CustomNode[]): CustomType[] {
  return types
    .flatMap((type) =>
      (type.aliases ?? []).flatMap((name) => {
        const [bare, version = type.version] = name.split("@");
        const node = nodes.find((one) => one.name === bare && one.version === version);
        return node ? [{ type: { ...type, name, aliases: [] }, node, isVersion: name.includes("@") }] : [];
      }),
    )
    .sort((a, b) => a.type.name.localeCompare(b.type.name));
}

const customTypes = queryOptions({
  queryKey: [...NAMED_TYPES, "active"],
  queryFn: async ({ signal }): Promise<CustomType[]> => {
    const nodes = await activeNodes(signal);
    const names = [
      ...new Set([...nodes.map(({ name }) => name), ...nodes.map(({ name, version }) => `${name}@${version}`)]),
    ];
    if (names.length === 0) return [];
    const { items } = await ask("POST /api/v1/catalogue/named", { body: { types: names.slice(0, NAMES_MAX) }, signal });
    return byNames(items as unknown as NodeType[], nodes);
  },
  staleTime: 60_000,
});

const NONE: readonly CustomType[] = [];

/** None for whoever may not see them. */
export function useCustomTypes(): readonly CustomType[] {
  const reads = useMay("custom_nodes.read");
  return useQuery({ ...customTypes, enabled: reads }).data ?? NONE;
}
