/** The addresses of the console. Each page is loaded when it is opened; every address can be shared. */
import { createRootRoute, createRoute, createRouter, Outlet } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import { Empty, Loading, Page } from "../ui/layout";
import { Shell } from "./Shell";

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
/** A number in an address is read as one; what is meant is its text. */
const word = (value: unknown): string | undefined => (typeof value === "number" ? String(value) : text(value));
/** What is searched for on a page, as it stands in the address. */
export interface TextSearch {
  text?: string;
}
const searched = (search: Record<string, unknown>): TextSearch => {
  const found = word(search["text"]);
  return found ? { text: found } : {};
};
const texts = (value: unknown): string[] | undefined => {
  const found = (Array.isArray(value) ? value : [value]).flatMap((one) => text(one) ?? []);
  return found.length > 0 ? found : undefined;
};

const loads: Array<() => Promise<unknown>> = [];

/**
 * A page that is loaded when it is opened, or when there is time. The router waits for it: a page that stands in for it for a moment would
 * stay for 300 ms, because React lets none flash by.
 */
function page<N extends string>(load: () => Promise<Record<N, () => ReactNode>>, name: N): () => ReactNode {
  let Loaded: (() => ReactNode) | undefined;
  const preload = async (): Promise<{ default: () => ReactNode }> => {
    Loaded = (await load())[name];
    return { default: Loaded };
  };
  loads.push(preload);
  const Page = lazy(preload);
  return Object.assign(() => (Loaded === undefined ? <Page /> : <Loaded />), { preload });
}

/** What the page that was asked for has for itself, before the others are loaded beside it. */
const FIRST_MS = 1_000;

/**
 * Loads every page, one after the other while nothing else is to be done, so that each opens at once, also when the server is gone
 * by then.
 */
export function loadPages(): void {
  const idle = globalThis.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 500));
  const next = (at: number): void => {
    const load = loads[at];
    if (load !== undefined)
      idle(() =>
        load()
          .catch(() => {})
          .finally(() => next(at + 1)),
      );
  };
  setTimeout(() => next(0), FIRST_MS);
}

const root = createRootRoute({
  component: () => (
    <Suspense fallback={<Loading />}>
      <Outlet />
    </Suspense>
  ),
});

/** What names of tenants are made of. */
const TENANT = /^[a-z0-9_-]{1,64}$/;

export const signInRoute = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { next?: string; refused?: string; tenant?: string } => {
    const next = text(search["next"]);
    const refused = text(search["refused"]);
    const tenant = word(search["tenant"]);
    return {
      ...(next ? { next } : {}),
      ...(refused ? { refused } : {}),
      ...(tenant && TENANT.test(tenant) ? { tenant } : {}),
    };
  },
  component: page(() => import("../pages/Gate"), "SignIn"),
});

const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: page(() => import("../pages/Gate"), "Setup"),
});

const join = createRoute({
  getParentRoute: () => root,
  path: "/join",
  component: page(() => import("../pages/Gate"), "Join"),
});

const reset = createRoute({
  getParentRoute: () => root,
  path: "/reset",
  component: page(() => import("../pages/Gate"), "Reset"),
});

const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

/** Any address that is none of the others: within the shell, so that the menu is there to go on by. */
const unknown = createRoute({
  getParentRoute: () => shell,
  path: "$",
  component: () => (
    <Page title="There is no such page">
      <Empty icon="search" title="Nothing is at this address">
        The link may be cut. Everything there is stands in the menu.
      </Empty>
    </Page>
  ),
});

const dashboard = createRoute({
  getParentRoute: () => shell,
  path: "/",
  component: page(() => import("../pages/Dashboard"), "Dashboard"),
});

const account = createRoute({
  getParentRoute: () => shell,
  path: "/account",
  component: page(() => import("../pages/Account"), "Account"),
});

export interface ExecutionsSearch {
  status?: string[];
  workflow?: string;
  text?: string;
  since?: string;
}

export const executionsRoute = createRoute({
  getParentRoute: () => shell,
  path: "/executions",
  validateSearch: (search: Record<string, unknown>): ExecutionsSearch => {
    const status = texts(search["status"]);
    const workflow = word(search["workflow"]);
    const words = word(search["text"]);
    const since = word(search["since"]);
    return {
      ...(status ? { status } : {}),
      ...(workflow ? { workflow } : {}),
      ...(words ? { text: words } : {}),
      ...(since ? { since } : {}),
    };
  },
  component: page(() => import("../pages/Executions"), "Executions"),
});

export const membersRoute = createRoute({
  getParentRoute: () => shell,
  path: "/members",
  component: page(() => import("../pages/Members"), "Members"),
});

const roles = createRoute({
  getParentRoute: () => shell,
  path: "/roles",
  component: page(() => import("../pages/Roles"), "Roles"),
});

const tokens = createRoute({
  getParentRoute: () => shell,
  path: "/tokens",
  component: page(() => import("../pages/Tokens"), "Tokens"),
});

const secrets = createRoute({
  getParentRoute: () => shell,
  path: "/secrets",
  component: page(() => import("../pages/Secrets"), "Secrets"),
});

const audit = createRoute({
  getParentRoute: () => shell,
  path: "/audit",
  validateSearch: searched,
  component: page(() => import("../pages/Audit"), "Audit"),
});

interface ExecutionSearch {
  step?: string;
  view?: string;
  at?: number;
  /** What steps and lines are searched for, the state of steps, and the least level of lines. */
  find?: string;
  state?: string;
  level?: string;
}

export const executionRoute = createRoute({
  getParentRoute: () => shell,
  path: "/executions/$execution",
  validateSearch: (search: Record<string, unknown>): ExecutionSearch => {
    const at = typeof search["at"] === "number" ? search["at"] : undefined;
    const told = (["step", "view", "state", "level"] as const).map((name) => [name, text(search[name])] as const);
    const words = [...told, ["find", word(search["find"])] as const].filter(([, value]) => value);
    return { ...Object.fromEntries(words), ...(at === undefined ? {} : { at }) };
  },
  component: page(() => import("../pages/Execution"), "Execution"),
});

export const compareRoute = createRoute({
  getParentRoute: () => shell,
  path: "/compare",
  validateSearch: (search: Record<string, unknown>): { left?: string; right?: string } => {
    const left = word(search["left"]);
    const right = word(search["right"]);
    return { ...(left ? { left } : {}), ...(right ? { right } : {}) };
  },
  component: page(() => import("../pages/Compare"), "Compare"),
});

const workflows = createRoute({
  getParentRoute: () => shell,
  path: "/workflows",
  validateSearch: searched,
  component: page(() => import("../pages/Workflows"), "Workflows"),
});

export const workflowRoute = createRoute({
  getParentRoute: () => shell,
  path: "/workflows/$workflow",
  validateSearch: (search: Record<string, unknown>): { tab?: string; from?: string; to?: string } => {
    const tab = text(search["tab"]);
    const from = word(search["from"]);
    const to = word(search["to"]);
    return { ...(tab ? { tab } : {}), ...(from ? { from } : {}), ...(to ? { to } : {}) };
  },
  component: page(() => import("../pages/Workflow"), "Workflow"),
});

const newWorkflow = createRoute({
  getParentRoute: () => shell,
  path: "/new-workflow",
  component: page(() => import("../pages/Edit"), "NewWorkflow"),
});

export const editRoute = createRoute({
  getParentRoute: () => shell,
  path: "/workflows/$workflow/edit",
  component: page(() => import("../pages/Edit"), "Edit"),
});

export const nodeTypesRoute = createRoute({
  getParentRoute: () => shell,
  path: "/node-types",
  validateSearch: (search: Record<string, unknown>): { type?: string } & TextSearch => {
    const type = text(search["type"]);
    return { ...searched(search), ...(type ? { type } : {}) };
  },
  component: page(() => import("../pages/NodeTypes"), "NodeTypes"),
});

const customNodes = createRoute({
  getParentRoute: () => shell,
  path: "/custom-nodes",
  component: page(() => import("../pages/CustomNodes"), "CustomNodes"),
});

const schedules = createRoute({
  getParentRoute: () => shell,
  path: "/schedules",
  component: page(() => import("../pages/Schedules"), "Schedules"),
});

const webhooks = createRoute({
  getParentRoute: () => shell,
  path: "/webhooks",
  component: page(() => import("../pages/Webhooks"), "Webhooks"),
});

const hooks = createRoute({
  getParentRoute: () => shell,
  path: "/hooks",
  component: page(() => import("../pages/Hooks"), "Hooks"),
});

const packages = createRoute({
  getParentRoute: () => shell,
  path: "/packages",
  validateSearch: searched,
  component: page(() => import("../pages/Packages"), "Packages"),
});

const environments = createRoute({
  getParentRoute: () => shell,
  path: "/environments",
  component: page(() => import("../pages/Environments"), "Environments"),
});

const teams = createRoute({
  getParentRoute: () => shell,
  path: "/teams",
  component: page(() => import("../pages/Teams"), "Teams"),
});

const quotas = createRoute({
  getParentRoute: () => shell,
  path: "/quotas",
  component: page(() => import("../pages/Quotas"), "Quotas"),
});

const tenants = createRoute({
  getParentRoute: () => shell,
  path: "/tenants",
  component: page(() => import("../pages/Tenants"), "Tenants"),
});

const tasks = createRoute({
  getParentRoute: () => shell,
  path: "/tasks",
  validateSearch: (search: Record<string, unknown>): { which?: "mine" | "all" } => {
    const { which } = search;
    return which === "mine" || which === "all" ? { which } : {};
  },
  component: page(() => import("../pages/Tasks"), "Tasks"),
});

export const taskRoute = createRoute({
  getParentRoute: () => shell,
  path: "/tasks/$task",
  component: page(() => import("../pages/Task"), "Task"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signInRoute,
    setup,
    join,
    reset,
    shell.addChildren([
      dashboard,
      account,
      executionsRoute,
      executionRoute,
      compareRoute,
      workflows,
      workflowRoute,
      newWorkflow,
      editRoute,
      nodeTypesRoute,
      customNodes,
      schedules,
      hooks,
      webhooks,
      packages,
      environments,
      tasks,
      taskRoute,
      membersRoute,
      teams,
      roles,
      quotas,
      tenants,
      tokens,
      secrets,
      audit,
      unknown,
    ]),
  ]),
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
