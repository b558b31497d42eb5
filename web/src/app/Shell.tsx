/** What stands around every page of somebody who is signed in: the ways through the console, the tenant, the person. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { Suspense, useEffect, useRef, useState, useSyncExternalStore } from "react";
import {
  Dialog,
  Menu,
  MenuItem,
  MenuTrigger,
  Modal,
  ModalOverlay,
  Popover,
  Button as Press,
} from "react-aria-components";
import { ask, Refusal, Unreachable } from "../api/client";
import { me, queries, tasks } from "../api/queries";
import type { Me } from "../api/schema";
import { Button } from "../ui/controls";
import controls from "../ui/controls.module.css";
import { Confirm } from "../ui/dialogs";
import { Icon, type IconName } from "../ui/icons";
import { Loading, Wrong } from "../ui/layout";
import { Announcer, announce } from "./announcer";
import { ErrorBoundary } from "./ErrorBoundary";
import { dropAll, keepsAny } from "./kept";
import { Live } from "./Live";
import { forget, may, otherTenants, type Permission } from "./session";
import { type Theme, useSettings } from "./settings";
import css from "./shell.module.css";

interface Way {
  to: string;
  label: string;
  icon: IconName;
  needs?: Permission;
  /** Whether it is for the operator of the server alone. */
  operator?: boolean;
}

/** The ways through the console. What is built later gets its line here, with its page. */
const GROUPS: ReadonlyArray<{ name: string; ways: readonly Way[] }> = [
  {
    name: "Work",
    ways: [
      { to: "/", label: "Dashboard", icon: "dashboard" },
      { to: "/executions", label: "Executions", icon: "executions", needs: "executions.read" },
      { to: "/tasks", label: "Tasks", icon: "tasks", needs: "tasks.read" },
    ],
  },
  {
    name: "Build",
    ways: [
      { to: "/workflows", label: "Workflows", icon: "workflows", needs: "workflows.read" },
      { to: "/node-types", label: "Node types", icon: "nodes", needs: "workflows.read" },
      { to: "/custom-nodes", label: "Custom nodes", icon: "edit", needs: "custom_nodes.read" },
      { to: "/packages", label: "Packages", icon: "package", needs: "workflows.read" },
      { to: "/environments", label: "Environments", icon: "environment", needs: "workflows.read" },
      { to: "/schedules", label: "Schedules", icon: "schedule", needs: "schedules.read" },
      { to: "/hooks", label: "Hooks", icon: "hook", needs: "webhooks.read" },
      { to: "/webhooks", label: "Webhooks", icon: "webhook", needs: "webhooks.read" },
    ],
  },
  {
    name: "Tenant",
    ways: [
      { to: "/members", label: "Members", icon: "members", needs: "members.read" },
      { to: "/teams", label: "Teams", icon: "team", needs: "members.read" },
      { to: "/roles", label: "Roles", icon: "roles" },
      { to: "/tokens", label: "API tokens", icon: "tokens", needs: "tokens.own" },
      { to: "/secrets", label: "Secrets", icon: "secret", needs: "secrets.read" },
      { to: "/quotas", label: "Quotas", icon: "gauge" },
      { to: "/audit", label: "Audit", icon: "audit", needs: "audit.read" },
    ],
  },
  { name: "Server", ways: [{ to: "/tenants", label: "Tenants", icon: "tenants", operator: true }] },
];

export function Shell() {
  const who = useQuery(me);
  const { pathname, href } = useLocation();
  const navigate = useNavigate();
  const strange = who.error instanceof Refusal && who.error.status === 401;
  const asked = useRef(href);
  // While one is being sent away, the address is that of the sign-in already; what was asked for is what stood there before.
  if (!strange) asked.current = href;
  useEffect(() => {
    if (strange) void navigate({ to: "/sign-in", search: { next: asked.current }, replace: true });
  }, [strange, navigate]);
  if (strange || who.isPending) return <Loading />;
  if (!who.data) return <Wrong error={who.error} again={() => void who.refetch()} />;
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#content">
        Skip to the content
      </a>
      <Ways who={who.data} />
      <div className={css.main}>
        <Top who={who.data} />
        {who.error instanceof Unreachable && <Offline />}
        <main id="content" className={css.content} tabIndex={-1}>
          <ErrorBoundary key={pathname}>
            <Suspense fallback={<Loading />}>
              <Outlet />
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
      <Announcer />
      <Reach />
      <Live />
    </div>
  );
}

/**
 * Asks again now and then, so that whoever only looks learns that the server is gone, and that it is back. What could not be
 * read meanwhile is read then, also by pages that ask once only.
 */
function Reach() {
  const isGone = useSyncExternalStore(hearsOfAnswers, isUnread);
  const { dataUpdatedAt } = useQuery({ ...me, refetchInterval: isGone ? 2_000 : 15_000 });
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer says that the server is there.
  useEffect(() => {
    void queries.refetchQueries({ type: "active", predicate: isUnreachable });
  }, [dataUpdatedAt]);
  return null;
}

const isUnreachable = ({ state }: { state: { error: unknown } }) => state.error instanceof Unreachable;
const isUnread = () => queries.getQueryCache().findAll({ type: "active", predicate: isUnreachable }).length > 0;
const hearsOfAnswers = (changed: () => void) => queries.getQueryCache().subscribe(changed);

function Offline() {
  return (
    <div className={css.offline} role="alert">
      <Icon name="offline" />
      The server cannot be reached. What you see may be old; it comes back by itself.
    </div>
  );
}

function Ways({ who, onLeave }: { who: Me; onLeave?: () => void }) {
  const { pathname } = useLocation();
  const ways = useRef<HTMLElement>(null);
  // There are more ways than a low screen has lines; where one is stays in sight.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address says which way is the present one.
  useEffect(() => {
    ways.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: "nearest" });
  }, [pathname]);
  return (
    <nav ref={ways} className={css.side} aria-label="Console">
      <Link to="/" className={css.brand} {...(onLeave ? { onClick: onLeave } : {})}>
        <img src="/icon.svg" alt="" />
        <span className={css.brandWords}>
          Akao
          <span className={css.tenant}>{who.tenant_title || who.tenant}</span>
        </span>
      </Link>
      {GROUPS.map((group) => (
        <Group key={group.name} who={who} {...group} {...(onLeave ? { onLeave } : {})} />
      ))}
      <div className={css.bottom}>
        <Person who={who} {...(onLeave ? { onLeave } : {})} />
      </div>
    </nav>
  );
}

function Group({ name, ways, who, onLeave }: { name: string; ways: readonly Way[]; who: Me; onLeave?: () => void }) {
  const { pathname } = useLocation();
  const open = ways.filter((way) => (!way.needs || may(who, way.needs)) && (!way.operator || who.operator));
  const isHere = (way: Way) => (way.to === "/" ? pathname === "/" : pathname.startsWith(way.to));
  if (open.length === 0) return null;
  return (
    <div className={css.group}>
      <span className={css.groupName}>{name}</span>
      {open.map((way) => (
        <Link
          key={way.to}
          to={way.to}
          className={css.link}
          aria-current={isHere(way) ? "page" : undefined}
          activeProps={{}}
          {...(onLeave ? { onClick: onLeave } : {})}
        >
          <Icon name={way.icon} />
          {way.label}
          {way.to === "/tasks" && <OpenTasks />}
        </Link>
      ))}
    </div>
  );
}

function OpenTasks() {
  const open = useInfiniteQuery(tasks({ status: ["open"] }));
  const count = open.data?.pages[0]?.items.length ?? 0;
  if (count === 0) return null;
  return (
    <span className={css.count}>
      {open.hasNextPage ? `${count}+` : count}
      <span className="visually-hidden"> open</span>
    </span>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return (words.length > 1 ? `${words[0]?.[0]}${words.at(-1)?.[0]}` : name.slice(0, 2)).toUpperCase();
}

const THEMES: ReadonlyArray<{ id: Theme; label: string; icon: IconName }> = [
  { id: "light", label: "Light", icon: "sun" },
  { id: "dark", label: "Dark", icon: "moon" },
  { id: "system", label: "As the system", icon: "system" },
];

/** What the keys of the menu begin with that lead to another tenant. */
const TENANT = "tenant:";

function Person({ who, onLeave }: { who: Me; onLeave?: () => void }) {
  const { theme, setTheme, dropInputs } = useSettings();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const leave = async () => {
    setLeaving(true);
    try {
      await ask("DELETE /api/v1/session");
    } catch (error) {
      setLeaving(false);
      if (!(error instanceof Refusal)) return announce("The server cannot be reached; you are still signed in.", true);
    }
    dropAll(who);
    dropInputs(who);
    forget();
    void navigate({ to: "/sign-in", search: {} });
  };
  const act = (key: string | number) => {
    const chosen = THEMES.find((known) => known.id === key);
    if (chosen) return setTheme(chosen.id);
    const tenant = String(key).startsWith(TENANT) ? String(key).slice(TENANT.length) : undefined;
    if (key === "out" && keepsAny(who)) return setAsking(true);
    onLeave?.();
    if (tenant !== undefined) void navigate({ to: "/sign-in", search: { tenant } });
    else if (key === "account") void navigate({ to: "/account" });
    else void leave();
  };
  return (
    <>
      <MenuTrigger>
        <Press className={css.person}>
          <span className={css.initials} aria-hidden="true">
            {initials(who.name)}
          </span>
          <span className={css.personWords}>
            <span>{who.name}</span>
            <span>{who.role}</span>
          </span>
          <span className="visually-hidden">
            {otherTenants(who).length > 0 ? "Account, tenants, colours, sign out" : "Account, colours, sign out"}
          </span>
        </Press>
        <Popover placement="top start">
          <Menu className={controls.menu} onAction={act} aria-label="Account">
            <MenuItem id="account" className={controls.menuItem ?? ""} textValue="Account">
              <Icon name="account" /> Account
            </MenuItem>
            {otherTenants(who).map((tenant) => (
              <MenuItem
                key={tenant}
                id={`${TENANT}${tenant}`}
                className={controls.menuItem ?? ""}
                textValue={`Go to ${tenant}`}
              >
                <Icon name="tenants" /> Go to {tenant}
              </MenuItem>
            ))}
            {THEMES.map((one) => (
              <MenuItem key={one.id} id={one.id} className={controls.menuItem ?? ""} textValue={one.label}>
                <Icon name={one.icon} /> {one.label}
                {theme === one.id && <Icon name="check" style={{ marginLeft: "auto" }} />}
              </MenuItem>
            ))}
            <MenuItem id="out" className={controls.menuItem ?? ""} textValue="Sign out">
              <Icon name="out" /> Sign out
            </MenuItem>
          </Menu>
        </Popover>
      </MenuTrigger>
      {asking && (
        <Confirm
          title="Sign out and drop what is not saved?"
          act="Sign out"
          doing={{ isPending: leaving, error: null }}
          onAct={() => void leave()}
          onClose={() => setAsking(false)}
        >
          In this tab there is something that you wrote and did not publish or send. It is not kept for the next person.
        </Confirm>
      )}
    </>
  );
}

/** The line at the top of a small screen. */
function Top({ who }: { who: Me }) {
  const [open, setOpen] = useState(false);
  return (
    <section className={css.top} aria-label="This tenant">
      <Button look="quiet" icon="menu" aria-label="Menu" onClick={() => setOpen(true)} />
      <strong>{who.tenant_title || who.tenant}</strong>
      <ModalOverlay className={css.drawer} isOpen={open} onOpenChange={setOpen} isDismissable>
        <Modal className={css.drawerPanel}>
          <Dialog aria-label="Menu">
            <Ways who={who} onLeave={() => setOpen(false)} />
          </Dialog>
        </Modal>
      </ModalOverlay>
    </section>
  );
}
