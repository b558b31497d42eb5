/** Who is signed in, as pages ask for it. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { me, queries } from "../api/queries";
import type { Me } from "../api/schema";

export type Permission = Me["permissions"][number];

/** Who is signed in. Only below the shell, which has asked before. */
export function useMe(): Me {
  return useSuspenseQuery(me).data;
}

export function useMay(permission: Permission): boolean {
  return may(useMe(), permission);
}

export function may(who: Me, permission: Permission): boolean {
  return who.permissions.includes(permission);
}

/** The other tenants that somebody belongs to. */
export function otherTenants({ memberships, tenant }: Me): string[] {
  return memberships.map((one) => one.tenant).filter((one) => one !== tenant);
}

/**
 * Forgets everything that was read for whoever was signed in. What they wrote and did not send stays under their name, for when they
 * come back: a session also ends by itself.
 */
export function forget(): void {
  queries.clear();
}
