/** Pages and what stands on them: headings, panels, tables, and the states in which there is nothing to show. */
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";
import { Refusal, Unreachable } from "../api/client";
import { Button, classes } from "./controls";
import { Icon, type IconName } from "./icons";
import css from "./layout.module.css";

export { css as layout };

/** Whether a page was shown before: whoever opens another one by a link begins at its title. */
let shownBefore = false;

export function Page({
  title,
  heading,
  about,
  status,
  actions,
  crumbs,
  full,
  children,
}: {
  title: string;
  heading?: ReactNode;
  about?: ReactNode;
  status?: ReactNode;
  actions?: ReactNode;
  crumbs?: ReadonlyArray<{ label: string; to: string }>;
  full?: boolean;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Akao`;
  }, [title]);
  const top = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (shownBefore) top.current?.focus({ preventScroll: true });
    shownBefore = true;
  }, []);
  return (
    <div className={classes(css.page, full && css.full)}>
      <header className={css.head}>
        <div className={css.titles}>
          {crumbs && (
            <nav className={css.crumbs} aria-label="Where this is">
              {crumbs.map((crumb) => (
                <span key={crumb.to} className={css.row} style={{ gap: 6 }}>
                  <Link to={crumb.to}>{crumb.label}</Link>
                  <Icon name="chevron" size={10} />
                </span>
              ))}
            </nav>
          )}
          <div className={css.titleRow}>
            <h1 ref={top} tabIndex={-1}>
              {heading ?? title}
            </h1>
            {status}
          </div>
          {about && <div className={css.about}>{about}</div>}
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Panel({
  title,
  actions,
  flush,
  children,
}: {
  title?: ReactNode;
  actions?: ReactNode;
  flush?: boolean;
  children: ReactNode;
}) {
  return (
    <section className={css.panel}>
      {(title || actions) && (
        <div className={css.panelHead}>
          <h2>{title}</h2>
          {actions && <div className={css.actions}>{actions}</div>}
        </div>
      )}
      <div className={flush ? undefined : css.panelBody}>{children}</div>
    </section>
  );
}

/** A table that scrolls by itself where it is wider than the screen. */
export function Table({ label, head, children }: { label: string; head: ReactNode; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
    <section className={css.scroll} aria-label={label} tabIndex={0}>
      <table className={css.table}>
        <caption className="visually-hidden">{label}</caption>
        <thead>
          <tr>{head}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

export function Empty({
  icon,
  title,
  children,
  bad,
  action,
}: {
  icon: IconName;
  title: string;
  children?: ReactNode;
  bad?: boolean;
  action?: ReactNode;
}) {
  return (
    <div className={classes(css.state, bad && css.bad)} role={bad ? "alert" : undefined}>
      <span className={css.stateIcon}>
        <Icon name={icon} size={20} />
      </span>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

export function Loading({ label = "Loading" }: { label?: string }) {
  return (
    <div className={css.state} role="status" style={{ alignItems: "stretch" }}>
      <span className="visually-hidden">{label}</span>
      {[72, 88, 64, 80].map((width) => (
        <div key={width} className={css.skeleton} style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

/** What went wrong, in the words for it, and what can be done. */
export function Wrong({ error, again }: { error: unknown; again?: () => void }) {
  const retry = again && (
    <Button icon="refresh" onClick={again}>
      Try again
    </Button>
  );
  if (error instanceof Unreachable) {
    return (
      <Empty icon="offline" title="The server cannot be reached" bad action={retry}>
        What you see again comes from the server as soon as it answers. Nothing of yours is lost.
      </Empty>
    );
  }
  if (isMissingPage(error)) {
    return (
      <Empty
        icon="offline"
        title="This page cannot be loaded"
        bad
        action={
          <Button icon="refresh" onClick={() => location.reload()}>
            Load again
          </Button>
        }
      >
        The server cannot be reached, or has another version by now.
      </Empty>
    );
  }
  if (error instanceof Refusal && error.status === 403) {
    return (
      <Empty icon="lock" title="You may not see this">
        {sentence(error.message)} {error.suggestion}
      </Empty>
    );
  }
  if (error instanceof Refusal && error.status === 404) {
    return (
      <Empty icon="search" title="There is no such thing here">
        {sentence(error.message)} {error.suggestion ?? "It may belong to another tenant, or the link may be cut."}
      </Empty>
    );
  }
  return (
    <Empty icon="warning" title="This did not work" bad action={retry}>
      {sentence(messageOf(error))} {error instanceof Refusal ? error.suggestion : ""}{" "}
      {error instanceof Refusal && error.requestId && (
        <>
          The operator finds it in the log as <code>{error.requestId}</code>.
        </>
      )}
    </Empty>
  );
}

/** Whether part of the console itself could not be loaded; browsers say it in words of their own. */
function isMissingPage(error: unknown): boolean {
  return error instanceof TypeError && /module script|imported module|dynamic import/i.test(error.message);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A fragment as a sentence. */
export function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

export function Notice({
  tone = "idle",
  icon = "info",
  children,
}: {
  tone?: "idle" | "failure" | "waiting" | "success";
  icon?: IconName;
  children: ReactNode;
}) {
  return (
    <div className={css.notice} data-tone={tone} role={tone === "failure" ? "alert" : "status"}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

/** A refusal beside what was asked, with its single problems. */
export function Refused({ error }: { error: unknown }) {
  if (!error) return null;
  const problems = error instanceof Refusal ? error.problems : [];
  return (
    <Notice tone="failure" icon="warning">
      <strong>{sentence(messageOf(error))}</strong> {error instanceof Refusal && error.suggestion}
      {problems.length > 0 && (
        <ul>
          {problems.map((problem) => (
            <li key={JSON.stringify(problem)}>{String(problem["message"] ?? JSON.stringify(problem))}</li>
          ))}
        </ul>
      )}
    </Notice>
  );
}

export function Facts({ items }: { items: ReadonlyArray<readonly [string, ReactNode] | false | undefined | null> }) {
  return (
    <dl className={css.facts}>
      {items.map(
        (item) =>
          item && (
            <div key={item[0]} style={{ display: "contents" }}>
              <dt>{item[0]}</dt>
              <dd>{item[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
