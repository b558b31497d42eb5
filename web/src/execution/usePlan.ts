/** The drawing of the version that an execution runs, read by the server's own code. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { ask } from "../api/client";
import { queries } from "../api/queries";
import { plan } from "../model/drawing";
import { askFlow } from "../workers/flow";

/** A node type as far as the editor and the catalogue show it. */
export interface NodeType {
  name: string;
  aliases?: string[];
  version: string;
  category: string;
  summary: string;
  description: string;
  props: Record<string, unknown>;
  outputs: Record<string, unknown>;
  main_output?: string;
  errors?: Array<{ kind: string; when: string }>;
  effects: string;
  idempotent: boolean;
  permissions?: string[];
  children_min?: number;
  children_max?: number | null;
  examples?: Array<{ workflow: string }>;
}

/** The node types of the server. */
export const nodeTypes = queryOptions({
  queryKey: ["node-types"],
  queryFn: async ({ signal }) => {
    const { items } = await ask("GET /api/v1/catalogue", { signal });
    return items as unknown as NodeType[];
  },
  staleTime: 60_000,
});

/** The same, once given to the checks. */
export const catalogue = queryOptions({
  queryKey: ["catalogue"],
  queryFn: async () => {
    const types = await queries.fetchQuery(nodeTypes);
    await askFlow("catalogue", { types });
    return types;
  },
  staleTime: 60_000,
});

const drawn = (workflow: string, version: string) =>
  queryOptions({
    queryKey: ["workflow", workflow, "drawn", version],
    queryFn: async ({ signal }) => {
      const found = await ask("GET /api/v1/workflows/{workflow}/versions/{version}", {
        path: { workflow, version },
        signal,
      });
      // It was checked when it was saved; what it names may have been taken away since.
      const { definition, problems } = await askFlow("read", { source: found.source });
      if (!definition) throw new Error(problems?.[0]?.message ?? "this version cannot be read any more");
      return { plan: plan(definition), definition, source: found.source };
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

export function usePlan(workflow: string | undefined, version: string | undefined) {
  return useQuery({
    ...drawn(workflow ?? "", version ?? ""),
    enabled: workflow !== undefined && version !== undefined,
  });
}
