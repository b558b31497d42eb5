/** Before the console: setting the server up, signing in, joining by an invitation, choosing a new password. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { ask, Refusal, rememberCsrf } from "../api/client";
import { me, providers as providersQuery, queries, setupStatus } from "../api/queries";
import type { SignedIn } from "../api/schema";
import { forget } from "../app/session";
import css from "../app/shell.module.css";
import { Button, TextField } from "../ui/controls";
import { Notice, Refused } from "../ui/layout";

/** Fewest letters of a password; the server decides, this says it before. */
const PASSWORD_LETTERS_MIN = 12;

function Gate({ title, about, children }: { title: string; about: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Akao`;
  }, [title]);
  return (
    <main className={css.gate}>
      <div className={css.card}>
        <div className={css.cardHead}>
          <img src="/icon.svg" alt="" />
          <h1>{title}</h1>
          <p>{about}</p>
        </div>
        {children}
      </div>
      <p className={css.foot}>Akao: workflows and agents, on your own machines.</p>
    </main>
  );
}

/** An address within the console; anything else could lead elsewhere. */
export function ownAddress(next: string | undefined): string {
  return next?.startsWith("/") && !next.startsWith("//") && !next.includes("\\") ? next : "/";
}

/** Goes on as whoever has just come in. */
function useEnter() {
  const navigate = useNavigate();
  return async (signedIn: SignedIn, next?: string) => {
    forget();
    rememberCsrf(signedIn.csrf);
    await queries.prefetchQuery(me);
    await navigate({ href: ownAddress(next), replace: true });
  };
}

function values(event: FormEvent<HTMLFormElement>): Record<string, string> {
  event.preventDefault();
  const entries = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== ""));
}

/** Whether the password was right and a code is missing, which is no mistake. */
function isAskedForCode(error: unknown): boolean {
  return error instanceof Refusal && error.code === "second_factor_required";
}

/** Signs in by address and password; says what else is asked for. */
function useSignIn(next: string | undefined, wanted: string | undefined) {
  const enter = useEnter();
  const [tenant, setTenant] = useState(wanted !== undefined);
  const [second, setSecond] = useState(false);
  const signIn = useMutation({
    mutationFn: (body: Record<string, string>) =>
      ask("POST /api/v1/session", {
        body: {
          email: body["email"] ?? "",
          password: body["password"] ?? "",
          ...(body["tenant"] ? { tenant: body["tenant"] } : {}),
          ...(body["totp"] ? { totp: body["totp"].replaceAll(" ", "") } : {}),
        },
      }),
    onSuccess: (answer) => enter(answer, next),
    onError: (error) => {
      if (!(error instanceof Refusal)) return;
      if (isAskedForCode(error)) setSecond(true);
      else if (/tenant/i.test(error.message)) setTenant(true);
    },
  });
  return { signIn, tenant, setTenant, second };
}

type Words = readonly [what: string, now: string];

/** What became of a sign-in by a provider, by the server's code; that comes in an address, which anybody can write. */
const REFUSALS = new Map<string, Words>([
  [
    "forbidden",
    [
      "You were not let in.",
      "The sign-in took too long, the provider refused it, or nobody here is known by that identity. Begin again; if it ends like this once more, ask an admin for an invitation.",
    ],
  ],
  [
    "conflict",
    [
      "That identity does not lead to your account.",
      "It belongs to another account, or an account with its address is not linked to it. Sign in by password, and link the identity on the page of your account.",
    ],
  ],
  ["unavailable", ["The provider gave no proper answer.", "Try again later; the operator finds more in the log."]],
  ["too_many_requests", ["There were too many attempts.", "Try again in a few minutes."]],
]);
const OTHERWISE: Words = ["The sign-in did not come to its end.", "Begin again; the operator finds more in the log."];

/** A sign-in that came back from a provider and was refused. */
function RefusedByProvider({ code }: { code: string }) {
  const [what, now] = REFUSALS.get(code) ?? OTHERWISE;
  return (
    <Notice tone="failure" icon="warning">
      <strong>{what}</strong> {now} Were you signed in? <Link to="/account">Go back to your account</Link>.
    </Notice>
  );
}

export function SignIn() {
  const { next, refused, tenant: wanted } = useSearch({ from: "/sign-in" });
  const setup = useQuery(setupStatus);
  const { signIn, tenant, setTenant, second } = useSignIn(next, wanted);
  // Whoever comes from another tenant is known; the session there goes on until this one begins.
  const [from] = useState(() => (wanted ? queries.getQueryData(me.queryKey) : undefined));
  if (setup.data?.needed) {
    return (
      <Gate title="Nobody is here yet" about="This server is set up by the link that it printed when it started.">
        <Notice>
          Open the link from the terminal or the log of <code>akao serve</code>. It works once; each start makes a new
          one.
        </Notice>
      </Gate>
    );
  }
  return (
    <Gate
      title={wanted ? `Sign in to ${wanted}` : "Sign in"}
      about={
        from
          ? "A session belongs to one tenant. Your account is the same, with the same password."
          : "With the address and password of your account on this server."
      }
    >
      <form onSubmit={(event) => signIn.mutate(values(event))}>
        {refused !== undefined && signIn.isIdle && <RefusedByProvider code={refused} />}
        <Refused error={isAskedForCode(signIn.error) ? undefined : signIn.error} />
        <TextField
          label="Email address"
          name="email"
          type="email"
          required
          autoComplete="username"
          autoFocus={!from?.email}
          defaultValue={from?.email ?? ""}
        />
        <TextField
          label="Password"
          name="password"
          type="password"
          required
          autoComplete="current-password"
          autoFocus={Boolean(from?.email)}
        />
        {second && <SecondFactorField />}
        {tenant ? (
          <TextField
            label="Tenant"
            name="tenant"
            optional
            hint="Which one, when you belong to several."
            defaultValue={wanted ?? ""}
          />
        ) : (
          <div>
            <Button look="quiet" small onClick={() => setTenant(true)}>
              Choose a tenant
            </Button>
          </div>
        )}
        <Button type="submit" look="primary" busy={signIn.isPending}>
          Sign in
        </Button>
        <ByProvider word="Sign in" {...(wanted ? { tenant: wanted } : {})} />
        {from && (
          <p>
            <Link to="/">Stay in {from.tenant_title || from.tenant}</Link>
          </p>
        )}
        <p>
          Were you invited? <Link to="/join">Join with your code</Link>. Is the password lost? The operator of the
          server gives you a link.
        </p>
      </form>
    </Gate>
  );
}

function SecondFactorField() {
  return (
    <TextField
      label="Code of your authenticator"
      name="totp"
      required
      autoFocus
      autoComplete="one-time-code"
      inputMode="numeric"
      hint="Or one of your recovery codes."
    />
  );
}

function NewPassword({ label }: { label: string }) {
  return (
    <TextField
      label={label}
      name="password"
      type="password"
      required
      minLength={PASSWORD_LETTERS_MIN}
      autoComplete="new-password"
      hint={`At least ${PASSWORD_LETTERS_MIN} letters. A few words nobody guesses are best.`}
    />
  );
}

/** Sends the browser to a provider, where the operator has named one; by an invitation, or a tenant that is named, it leads there. */
function ByProvider({ word, invitation, tenant }: { word: string; invitation?: string; tenant?: string }) {
  const found = useQuery(providersQuery);
  const begin = useMutation({
    mutationFn: (provider: string) =>
      ask("POST /api/v1/oidc/{provider}/login", {
        path: { provider },
        body: { ...(invitation ? { invitation } : {}), ...(tenant ? { tenant } : {}) },
      }),
    onSuccess: ({ location: elsewhere }) => location.assign(elsewhere),
  });
  return (
    <>
      <Refused error={begin.error} />
      {found.data?.items.map((one) => (
        <Button key={one.provider} busy={begin.isPending} onClick={() => begin.mutate(one.provider)}>
          {word} with {one.title}
        </Button>
      ))}
    </>
  );
}

/** The code that a link carries. What follows `#` is not sent to servers; it is taken out of the address once it was read. */
function useCode(): string {
  const [code] = useState(() => location.hash.slice(1));
  useEffect(() => history.replaceState(history.state, "", location.pathname), []);
  return code;
}

export function Setup() {
  const enter = useEnter();
  const code = useCode();
  const status = useQuery(setupStatus);
  const setup = useMutation({
    mutationFn: (body: Record<string, string>) =>
      ask("POST /api/v1/setup", {
        body: {
          code,
          tenant: body["tenant"] ?? "",
          email: body["email"] ?? "",
          name: body["name"] ?? "",
          password: body["password"] ?? "",
          ...(body["title"] ? { title: body["title"] } : {}),
        },
      }),
    onSuccess: (answer) => enter(answer),
  });
  if (status.data && !status.data.needed) {
    return (
      <Gate title="Already set up" about="This server has its first tenant. The link worked once.">
        <p>
          <Link to="/sign-in" search={{}}>
            Sign in
          </Link>
        </p>
      </Gate>
    );
  }
  return (
    <Gate title="Set up this server" about="You make the first tenant, and own it.">
      <form onSubmit={(event) => setup.mutate(values(event))}>
        <Refused error={setup.error} />
        {code === "" && (
          <Notice tone="waiting" icon="warning">
            This address has no code. Open the whole link that the server printed.
          </Notice>
        )}
        <TextField
          label="Tenant"
          name="tenant"
          required
          pattern="[a-z0-9_\-]{1,64}"
          title="Small letters, digits, - and _"
          hint="Short, in small letters, such as acme."
          autoComplete="organization"
          autoFocus
        />
        <TextField label="Your name" name="name" required autoComplete="name" />
        <TextField label="Email address" name="email" type="email" required autoComplete="username" />
        <NewPassword label="Password" />
        <Button type="submit" look="primary" busy={setup.isPending}>
          Set up
        </Button>
      </form>
    </Gate>
  );
}

export function Join() {
  const enter = useEnter();
  const [typed, setTyped] = useState(useCode());
  const [second, setSecond] = useState(false);
  const join = useMutation({
    mutationFn: (body: Record<string, string>) =>
      ask("POST /api/v1/members/join", {
        body: {
          code: body["code"] ?? "",
          password: body["password"] ?? "",
          ...(body["name"] ? { name: body["name"] } : {}),
          ...(body["totp"] ? { totp: body["totp"].replaceAll(" ", "") } : {}),
        },
      }),
    onSuccess: (answer) => enter(answer),
    onError: (error) => isAskedForCode(error) && setSecond(true),
  });
  return (
    <Gate title="Join a tenant" about="With the code of your invitation. It is good for seven days.">
      <form onSubmit={(event) => join.mutate(values(event))}>
        <Refused error={isAskedForCode(join.error) ? undefined : join.error} />
        <TextField label="Code" name="code" required autoComplete="off" value={typed} onText={setTyped} />
        <TextField label="Your name" name="name" optional autoComplete="name" hint="For a new account." />
        <TextField
          label="Password"
          name="password"
          type="password"
          required
          autoComplete="current-password"
          hint={`Of your account, or a new one of at least ${PASSWORD_LETTERS_MIN} letters.`}
        />
        {second && <SecondFactorField />}
        <Button type="submit" look="primary" busy={join.isPending}>
          Join
        </Button>
        {typed !== "" && <ByProvider word="Join" invitation={typed} />}
        <p>
          <Link to="/sign-in" search={{}}>
            Sign in instead
          </Link>
        </p>
      </form>
    </Gate>
  );
}

/** Chooses a new password by a code of the operator. */
export function Reset() {
  const code = useCode();
  const navigate = useNavigate();
  const reset = useMutation({
    mutationFn: (body: Record<string, string>) =>
      ask("POST /api/v1/session/reset", { body: { code: body["code"] ?? "", password: body["password"] ?? "" } }),
    onSuccess: () => {
      forget();
      void navigate({ to: "/sign-in", search: {} });
    },
  });
  return (
    <Gate title="Choose a new password" about="With the code that the operator gave you. It works once, within a day.">
      <form onSubmit={(event) => reset.mutate(values(event))}>
        <Refused error={reset.error} />
        <TextField label="Code" name="code" required defaultValue={code} autoComplete="off" />
        <NewPassword label="New password" />
        <Button type="submit" look="primary" busy={reset.isPending}>
          Choose it
        </Button>
      </form>
    </Gate>
  );
}
