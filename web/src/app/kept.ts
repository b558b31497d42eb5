/**
 * What somebody wrote and has not sent, kept in this tab under their name and tenant: the next person at the same browser is given
 * nothing of it. It outlives a reload and a session that ended by itself, and goes when its owner signs out.
 */
import { useCallback, useState } from "react";
import { useMe } from "./session";

/** Whose it is. */
export interface Owner {
  tenant: string;
  user: string;
}

const PREFIX = "akao-kept:";

/** The name under which something of an owner is kept; neither tenants nor users have a slash in theirs. */
export function nameOf({ tenant, user }: Owner, what: string): string {
  return `${tenant}/${user}/${what}`;
}

export function readKept<T>(owner: Owner, what: string): T | undefined {
  const text = sessionStorage.getItem(PREFIX + nameOf(owner, what));
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Keeps something, or with nothing lets it go. */
export function keep(owner: Owner, what: string, value: unknown): void {
  const name = PREFIX + nameOf(owner, what);
  try {
    if (value === undefined) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // The browser keeps no more of it; what is on the page is asked about before the tab is closed.
  }
}

function namesOf(owner: Owner): string[] {
  return Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX + nameOf(owner, "")));
}

export function keepsAny(owner: Owner): boolean {
  return namesOf(owner).length > 0;
}

export function dropAll(owner: Owner): void {
  for (const name of namesOf(owner)) sessionStorage.removeItem(name);
}

/** What is typed into a form, kept until it is sent: `set` with nothing lets it go. */
export function useKept<T>(what: string): [kept: T | undefined, set: (value: T | undefined) => void] {
  const { tenant, user } = useMe();
  const [kept, setKept] = useState(() => readKept<T>({ tenant, user }, what));
  const set = useCallback(
    (value: T | undefined) => {
      setKept(value);
      keep({ tenant, user }, what, value);
    },
    [tenant, user, what],
  );
  return [kept, set];
}
