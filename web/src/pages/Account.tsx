/** One's own account: who one is, where one belongs, the password, the second factor, identities elsewhere. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ask } from "../api/client";
import { me, providers } from "../api/queries";
import { forget, otherTenants, useMe } from "../app/session";
import { useChange } from "../app/useChange";
import { Badge, Button, CopyButton, TextField } from "../ui/controls";
import { Act, Listing } from "../ui/Listing";
import { Facts, layout, Notice, Page, Panel, Refused } from "../ui/layout";
import { When } from "../ui/time";

export function Account() {
  const who = useMe();
  return (
    <Page title="Account" about="Who you are on this server.">
      <Panel title="You">
        <Facts
          items={[
            ["Name", who.name],
            ["Email address", who.email ?? "None"],
            ["Tenant", who.tenant_title ? `${who.tenant_title} (${who.tenant})` : who.tenant],
            ["Role", who.role],
            who.operator && ["Operator", "You look after this server itself."],
            [
              "Belongs to",
              <span key="all" className={layout.row}>
                {who.memberships.map((one) => (
                  <Badge key={one.tenant} tone={one.tenant === who.tenant ? "running" : "idle"}>
                    {one.tenant}: {one.role}
                  </Badge>
                ))}
              </span>,
            ],
          ]}
        />
        {who.memberships.length > 1 && (
          <p className={layout.dim} style={{ marginTop: 12 }}>
            A session belongs to one tenant. Sign in to{" "}
            {otherTenants(who).map((tenant, index) => (
              <span key={tenant}>
                {index > 0 && ", "}
                <Link to="/sign-in" search={{ tenant }} style={{ textDecoration: "underline" }}>
                  {tenant}
                </Link>
              </span>
            ))}
            , or choose it in the menu of your name.
          </p>
        )}
      </Panel>
      <Password />
      <SecondFactor has={who.second_factor} />
      <Elsewhere />
    </Page>
  );
}

function Password() {
  const navigate = useNavigate();
  const change = useMutation({
    mutationFn: (body: { present: string; new: string }) => ask("POST /api/v1/me/password", { body }),
    onSuccess: () => {
      forget();
      void navigate({ to: "/sign-in", search: {} });
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    change.mutate({ present: String(data.get("present")), new: String(data.get("new")) });
  };
  return (
    <Panel title="Password">
      <form className={layout.stack} style={{ maxWidth: 420 }} onSubmit={submit}>
        <Refused error={change.error} />
        <TextField label="Present password" name="present" type="password" required autoComplete="current-password" />
        <TextField
          label="New password"
          name="new"
          type="password"
          required
          minLength={12}
          autoComplete="new-password"
          hint="At least 12 letters."
        />
        <Notice>Every session of yours ends with it, this one too. API tokens go on.</Notice>
        <div>
          <Button type="submit" busy={change.isPending}>
            Change the password
          </Button>
        </div>
      </form>
    </Panel>
  );
}

/** What is asked of the server for a second factor, one after the other. */
function useSecondFactor() {
  const stale = [me.queryKey];
  const begin = useChange({
    ask: (password: string) => ask("POST /api/v1/me/totp", { body: { password } }),
    stale: [],
    quiet: true,
  });
  const confirm = useChange({
    ask: (code: string) => ask("POST /api/v1/me/totp/confirm", { body: { code: code.replaceAll(" ", "") } }),
    stale,
    quiet: true,
  });
  const disable = useChange({
    ask: (password: string) => ask("POST /api/v1/me/totp/disable", { body: { password } }),
    said: () => "Signing in asks for your password alone.",
    stale,
    quiet: true,
  });
  const busy = begin.isPending || confirm.isPending || disable.isPending;
  return { begin, confirm, disable, busy, error: disable.error ?? confirm.error ?? begin.error };
}

/** A second factor: an authenticator that shows codes, and recovery codes for when it is lost. */
function SecondFactor({ has }: { has: boolean }) {
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const { begin, confirm, disable, busy, error } = useSecondFactor();
  if (confirm.data) return <RecoveryCodes codes={confirm.data.recovery_codes.join("\n")} />;
  return (
    <Panel title="Second factor">
      <form
        className={layout.stack}
        style={{ maxWidth: 420 }}
        onSubmit={(event) => {
          event.preventDefault();
          if (has) disable.mutate(password);
          else if (begin.data) confirm.mutate(code);
          else begin.mutate(password);
        }}
      >
        <Refused error={error} />
        <p>{has ? "Signing in asks for a code of your authenticator." : "Signing in asks for your password alone."}</p>
        {begin.data && !has ? (
          <>
            <p>
              Give this seed to your authenticator, or <a href={begin.data.uri}>open it there</a>, and type the code
              that it shows.
            </p>
            <code className={layout.pre}>{begin.data.seed}</code>
            <TextField
              label="Code"
              required
              inputMode="numeric"
              autoComplete="one-time-code"
              value={code}
              onText={setCode}
            />
          </>
        ) : (
          <TextField
            label="Your password"
            type="password"
            required
            autoComplete="current-password"
            value={password}
            onText={setPassword}
          />
        )}
        <div>
          <Button type="submit" busy={busy}>
            {has ? "Take it away" : begin.data ? "Confirm" : "Set it up"}
          </Button>
        </div>
      </form>
    </Panel>
  );
}

function RecoveryCodes({ codes }: { codes: string }) {
  return (
    <Panel title="Recovery codes">
      <div className={layout.stack}>
        <Notice tone="waiting" icon="warning">
          Each works once, instead of a code. They are shown now and never again.
        </Notice>
        <pre className={layout.pre}>{codes}</pre>
        <CopyButton text={codes} label="Copy the recovery codes" />
      </div>
    </Panel>
  );
}

const IDENTITIES = ["me", "identities"];

/** Identities at providers that lead to one's account. */
function Elsewhere() {
  const found = useQuery(providers);
  const linked = useQuery({ queryKey: IDENTITIES, queryFn: () => ask("GET /api/v1/me/identities") });
  const link = useChange({
    ask: (provider: string) => ask("POST /api/v1/me/identities", { body: { provider } }),
    stale: [],
    done: ({ location: elsewhere }) => location.assign(elsewhere),
  });
  const unlink = useChange({
    ask: (identity: string) => ask("DELETE /api/v1/me/identities/{identity}", { path: { identity } }),
    said: () => "It does not lead here any more.",
    stale: [IDENTITIES],
  });
  const all = linked.data?.items ?? [];
  const offered = found.data?.items ?? [];
  if (all.length === 0 && offered.length === 0) return null;
  const title = (provider: string) => offered.find((one) => one.provider === provider)?.title ?? provider;
  return (
    <Panel
      title="Signing in elsewhere"
      flush
      actions={offered.map((one) => (
        <Button key={one.provider} small busy={link.isPending} onClick={() => link.mutate(one.provider)}>
          Link {one.title}
        </Button>
      ))}
    >
      <Listing
        label="Identities that lead to your account"
        list={linked}
        items={all}
        columns={["Provider", "Who you are there", "Linked", undefined]}
        empty={{
          icon: "account",
          title: "No identity leads to your account",
          words: "Once one is linked, you sign in by it instead of a password.",
        }}
      >
        {(one) => (
          <tr key={one.id}>
            <th scope="row">{title(one.provider)}</th>
            <td className={layout.mono}>{one.subject}</td>
            <td className={layout.nowrap}>
              <When at={one.linked_at} />
            </td>
            <td className={layout.numeric}>
              <Act word="Unlink" whole={`Unlink ${title(one.provider)}`} onAct={() => unlink.mutate(one.id)} />
            </td>
          </tr>
        )}
      </Listing>
    </Panel>
  );
}
