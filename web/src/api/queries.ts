/** What the console asks for, each with its key, so that pages share what was read. */
import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";
import { ask, askTagged, Refusal, rememberCsrf, Unreachable } from "./client";

/** How often a page that shows what changes asks again, in milliseconds: by itself, and when it is told of changes. */
const AGAIN_MS = 3_000;
const TOLD_AGAIN_MS = 30_000;

let isTold = false;

/** Whether changes of lists are told from now on. */
export function hears(told: boolean): void {
  isTold = told;
}

const again = (): number => (isTold ? TOLD_AGAIN_MS : AGAIN_MS);

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => !(error instanceof Refusal) && !(error instanceof Unreachable) && count < 2,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: async ({ signal }) => {
    const answer = await ask("GET /api/v1/me", { signal });
    rememberCsrf(answer.csrf);
    return answer;
  },
  staleTime: 60_000,
});

export const setupStatus = queryOptions({
  queryKey: ["setup"],
  queryFn: ({ signal }) => ask("GET /api/v1/setup", { signal }),
});

/** Where else people can sign in. */
export const providers = queryOptions({
  queryKey: ["providers"],
  queryFn: ({ signal }) => ask("GET /api/v1/oidc", { signal }),
  staleTime: 60_000,
});

export interface ExecutionFilter {
  status?: string[] | undefined;
  workflow?: string | undefined;
  text?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
  parent?: string | undefined;
}

export const executions = (filter: ExecutionFilter, limit = 50) =>
  infiniteQueryOptions({
    queryKey: ["executions", filter, limit],
    queryFn: ({ signal, pageParam }) =>
      ask("GET /api/v1/executions", { query: { ...filter, limit, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: again,
  });

export const execution = (id: string) =>
  queryOptions({
    queryKey: ["execution", id],
    queryFn: ({ signal }) => ask("GET /api/v1/executions/{execution}", { path: { execution: id }, signal }),
  });

export const workflows = infiniteQueryOptions({
  queryKey: ["workflows"],
  queryFn: ({ signal, pageParam }) =>
    ask("GET /api/v1/workflows", { query: { limit: 200, cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

export const workflow = (id: string) =>
  queryOptions({
    queryKey: ["workflow", id],
    queryFn: ({ signal }) => askTagged("GET /api/v1/workflows/{workflow}", { path: { workflow: id }, signal }),
  });

export const versions = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["workflow", id, "versions"],
    queryFn: ({ signal, pageParam }) =>
      ask("GET /api/v1/workflows/{workflow}/versions", {
        path: { workflow: id },
        query: { limit: 50, cursor: pageParam },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const version = (workflow: string, version: string) =>
  queryOptions({
    queryKey: ["workflow", workflow, "version", version],
    queryFn: ({ signal }) =>
      ask("GET /api/v1/workflows/{workflow}/versions/{version}", { path: { workflow, version }, signal }),
    // A version never changes.
    staleTime: Number.POSITIVE_INFINITY,
  });

/** What names of node types in a text stand for: packages by a range, and custom nodes. */
export const NAMED_TYPES = ["named-types"];

export const installedPackages = queryOptions({
  queryKey: ["packages"],
  queryFn: ({ signal }) => ask("GET /api/v1/packages", { query: { limit: 200 }, signal }),
});

/** Where packages are installed from, for the operator alone. */
export const repositories = queryOptions({
  queryKey: ["repositories"],
  queryFn: ({ signal }) => ask("GET /api/v1/packages/repositories", { query: { limit: 200 }, signal }),
});

export interface TaskFilter {
  status?: string[] | undefined;
  assignee?: string | undefined;
  role?: string | undefined;
  execution?: string | undefined;
}

export const tasks = (filter: TaskFilter) =>
  infiniteQueryOptions({
    queryKey: ["tasks", filter],
    queryFn: ({ signal, pageParam }) =>
      ask("GET /api/v1/tasks", { query: { ...filter, limit: 50, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: again,
  });

export const task = (id: string) =>
  queryOptions({
    queryKey: ["task", id],
    queryFn: ({ signal }) => ask("GET /api/v1/tasks/{task}", { path: { task: id }, signal }),
  });

export const members = infiniteQueryOptions({
  queryKey: ["members"],
  queryFn: ({ signal, pageParam }) => ask("GET /api/v1/members", { query: { limit: 200, cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

export const tokens = infiniteQueryOptions({
  queryKey: ["tokens"],
  queryFn: ({ signal, pageParam }) => ask("GET /api/v1/tokens", { query: { limit: 200, cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

export const secrets = infiniteQueryOptions({
  queryKey: ["secrets"],
  queryFn: ({ signal, pageParam }) => ask("GET /api/v1/secrets", { query: { limit: 200, cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

export const audit = infiniteQueryOptions({
  queryKey: ["audit"],
  queryFn: ({ signal, pageParam }) => ask("GET /api/v1/audit", { query: { limit: 100, cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

export const queue = queryOptions({
  queryKey: ["queue"],
  queryFn: ({ signal }) => ask("GET /api/v1/queue", { signal }),
  refetchInterval: again,
});
