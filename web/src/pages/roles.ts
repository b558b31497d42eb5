/** The permissions with what each allows, and the roles that every tenant has. `roles.test.ts` holds both against the server's code. */
import { useQuery } from "@tanstack/react-query";
import { ask, Refusal } from "../api/client";
import type { Role } from "../api/schema";
import type { Permission } from "../app/session";

export const ROLES = ["viewer", "editor", "operator", "admin", "owner"] as const;

export interface PermissionRow {
  permission: Permission;
  what: string;
  roles: ReadonlyArray<(typeof ROLES)[number]>;
}

const EVERYBODY = ROLES;
const ADMINS = ["admin", "owner"] as const;
const EDITORS = ["editor", ...ADMINS] as const;
const OPERATORS = ["operator", ...ADMINS] as const;
const WORKERS = ["editor", "operator", ...ADMINS] as const;

export const PERMISSIONS: readonly PermissionRow[] = [
  {
    permission: "workflows.read",
    what: "See workflows, their versions and what differs between them",
    roles: EVERYBODY,
  },
  { permission: "workflows.write", what: "Add versions of workflows", roles: EDITORS },
  { permission: "executions.read", what: "See executions, their steps, values and events", roles: EVERYBODY },
  { permission: "executions.start", what: "Start executions", roles: WORKERS },
  { permission: "executions.steer", what: "Cancel, pause, resume, signal and fork executions", roles: WORKERS },
  { permission: "executions.remove", what: "Remove executions that have ended, with their record", roles: ADMINS },
  { permission: "executions.grant", what: "Let the steps of an execution reach hosts and use secrets", roles: ADMINS },
  {
    permission: "schedules.read",
    what: "See schedules, their next times and what became of the past ones",
    roles: EVERYBODY,
  },
  { permission: "schedules.write", what: "Make, change, pause and remove schedules", roles: WORKERS },
  { permission: "webhooks.read", what: "See hooks and webhooks, and what was delivered", roles: EVERYBODY },
  {
    permission: "webhooks.write",
    what: "Make, change, pause and remove hooks and webhooks, and see their new secrets",
    roles: WORKERS,
  },
  { permission: "tasks.read", what: "See what waits for people", roles: EVERYBODY },
  { permission: "tasks.complete", what: "Answer what waits for people", roles: OPERATORS },
  { permission: "tokens.own", what: "Make and revoke API tokens of one's own", roles: EVERYBODY },
  { permission: "tokens.all", what: "See and revoke everybody's API tokens", roles: ADMINS },
  { permission: "members.read", what: "See who belongs to the tenant", roles: ADMINS },
  { permission: "members.write", what: "Invite people, change their roles, take them out", roles: ADMINS },
  { permission: "roles.write", what: "Make roles and teams, and change them", roles: ADMINS },
  { permission: "owners.write", what: "Make people owners, and take that away", roles: ["owner"] },
  {
    permission: "custom_nodes.read",
    what: "See custom nodes, their sources and what their scans found",
    roles: EVERYBODY,
  },
  { permission: "custom_nodes.write", what: "Upload versions of custom nodes and retire them", roles: EDITORS },
  { permission: "custom_nodes.approve", what: "Let custom nodes be used, and decide who has to", roles: ADMINS },
  { permission: "audit.read", what: "See and verify what was done", roles: ADMINS },
  {
    permission: "secrets.read",
    what: "See the names of secrets; their values are shown to nobody",
    roles: WORKERS,
  },
  { permission: "secrets.write", what: "Give secrets their values, and take secrets away", roles: ADMINS },
  {
    permission: "server.metrics",
    what: "Read what the server counts; only its operator can have and give it",
    roles: [],
  },
];

const WORDS = new Map<string, string>(PERMISSIONS.map((row) => [row.permission, row.what]));

/** What a permission allows, in words. */
export function allows(permission: string): string | undefined {
  return WORDS.get(permission);
}

export type Named = Pick<Role, "role" | "title" | "built_in"> & { permissions: string[] };

/** The roles that every tenant has, from what is known of them here. */
export const BUILT_IN: readonly Named[] = ROLES.map((role) => ({
  role,
  title: role,
  permissions: PERMISSIONS.filter((row) => row.roles.includes(role)).map((row) => row.permission),
  built_in: true,
}));

export const ROLES_KEY = ["roles"];

/** The tenant's roles; whoever may not see them is shown those that every tenant has. */
export function useRoles(): readonly Named[] {
  const told = useQuery({
    queryKey: ROLES_KEY,
    queryFn: async (): Promise<{ items: readonly Named[] }> => {
      try {
        return await ask("GET /api/v1/roles");
      } catch (error) {
        if (error instanceof Refusal && error.status === 403) return { items: BUILT_IN };
        throw error;
      }
    },
    staleTime: 30_000,
  });
  return told.data?.items ?? BUILT_IN;
}
