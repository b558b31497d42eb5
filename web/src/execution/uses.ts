/** Which workflows use which node types, by their latest versions: read when it is asked for, as the server keeps no such list. */
import { queryOptions } from "@tanstack/react-query";
import { ask } from "../api/client";
import { queries, version } from "../api/queries";
import type { Workflow } from "../api/schema";
import { typesOf } from "../model/uses";
import { askFlow } from "../workers/flow";

export interface Uses {
  workflows: Array<{ workflow: string; version: string; types: ReadonlySet<string> }>;
  /** Whether there are more workflows than were read. */
  more: boolean;
  /** Workflows that cannot be read any more. */
  unread: string[];
}

/** Workflows of one page of the list, pages that are read, and workflows that are read at once. */
const OF_A_PAGE = 200;
const PAGES_MAX = 10;
const AT_ONCE = 6;

/** The workflows, as many as are read. */
async function listed(signal: AbortSignal): Promise<{ items: Workflow[]; more: boolean }> {
  const items: Workflow[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await ask("GET /api/v1/workflows", { query: { limit: OF_A_PAGE, cursor }, signal });
    items.push(...answer.items);
    if (!answer.next) return { items, more: false };
    cursor = answer.next;
  }
  return { items, more: true };
}

export const uses = queryOptions({
  queryKey: ["workflows", "uses"],
  queryFn: async ({ signal }): Promise<Uses> => {
    const { items, more } = await listed(signal);
    const found: Uses = { workflows: [], more, unread: [] };
    const open = items.toReversed();
    const reader = async () => {
      for (let one = open.pop(); one !== undefined; one = open.pop()) {
        const { workflow, latest } = one;
        const { source } = await queries.fetchQuery(version(workflow, latest.version));
        const { definition } = await askFlow("read", { source });
        if (definition) found.workflows.push({ workflow, version: latest.version, types: typesOf(definition) });
        else found.unread.push(workflow);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, reader));
    found.workflows.sort((a, b) => a.workflow.localeCompare(b.workflow));
    return found;
  },
  staleTime: 60_000,
});
