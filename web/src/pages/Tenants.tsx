/** For the operator of the server: its tenants, what each may use, and new passwords for people who have lost theirs. */
import { infiniteQueryOptions, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask, askTagged } from "../api/client";
import type { Invitation, Limits, NewTenant, SetQuota, Tenant } from "../api/schema";
import { useMe } from "../app/session";
import { useChange } from "../app/useChange";
import { QUOTA_WORDS, QUOTAS, type Quota } from "../model/quotas";
import { Badge, Button, Check, EmailField, SelectField, TextField } from "../ui/controls";
import { FormDialog, ShownOnce } from "../ui/dialogs";
import { Act, itemsOf, Listing } from "../ui/Listing";
import { Empty, layout, Page, Panel } from "../ui/layout";
import { Tagged } from "../ui/Tagged";
import { When } from "../ui/time";

const TIERS = ["basic", "pro", "enterprise", "unbounded"] as const;

type Tier = (typeof TIERS)[number];

const tenants = infiniteQueryOptions({
  queryKey: ["tenants"],
  queryFn: ({ signal, pageParam }) => ask("GET /api/v1/tenants", { query: { limit: 200, cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

export function Tenants() {
  const who = useMe();
  return (
    <Page
      title="Tenants"
      about="Of this whole server. Only its operator sees this page, and nothing of what is in them."
    >
      {who.operator ? (
        <All />
      ) : (
        <Empty icon="lock" title="You may not see this">
          Only the operator looks after the server: who set it up.
        </Empty>
      )}
    </Page>
  );
}

function All() {
  const list = useInfiniteQuery({
    ...tenants,
    // One that is being deleted goes by itself.
    refetchInterval: ({ state }) => state.data?.pages.some((page) => page.items.some(isEnding)) && 3_000,
  });
  const own = useMe().tenant;
  const [open, setOpen] = useState<"tenant" | "reset" | Tenant>();
  const [ending, setEnding] = useState<string>();
  const close = () => setOpen(undefined);
  return (
    <>
      <div className={layout.row}>
        <Button look="primary" icon="plus" onClick={() => setOpen("tenant")}>
          New tenant
        </Button>
        <Button icon="lock" onClick={() => setOpen("reset")}>
          Give a new password
        </Button>
      </div>
      <Panel flush>
        <Listing
          label="Tenants"
          list={list}
          items={itemsOf(list)}
          columns={["Tenant", "Title", "Since", undefined]}
          empty={{ icon: "team", title: "There is no tenant" }}
        >
          {(one) => (
            <tr key={one.tenant}>
              <th scope="row">
                <code>{one.tenant}</code>
              </th>
              <td>
                {one.title} {isEnding(one) && <Badge tone="failure">is being deleted</Badge>}
              </td>
              <td className={layout.nowrap}>
                <When at={one.created_at} />
              </td>
              <td className={layout.numeric}>
                {!isEnding(one) && (
                  <>
                    <Act word="Quota" whole={`Quota of ${one.tenant}`} onAct={() => setOpen(one)} />
                    {one.tenant !== own && (
                      <Act word="Delete" whole={`Delete ${one.tenant}`} onAct={() => setEnding(one.tenant)} />
                    )}
                  </>
                )}
              </td>
            </tr>
          )}
        </Listing>
      </Panel>
      {open === "tenant" && <Make onClose={close} />}
      {open === "reset" && <Reset onClose={close} />}
      {typeof open === "object" && <Quotas tenant={open.tenant} onClose={close} />}
      {ending !== undefined && <Delete tenant={ending} onClose={() => setEnding(undefined)} />}
    </>
  );
}

/** Whether nobody gets in any more, and what is left is on its way out. */
function isEnding(tenant: Tenant): boolean {
  return tenant.deleted_since !== null;
}

function Delete({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const [confirm, setConfirm] = useState("");
  const [cancel, setCancel] = useState(false);
  const end = useChange({
    ask: () => ask("DELETE /api/v1/tenants/{tenant}", { path: { tenant }, query: { confirm, cancel } }),
    said: () => `${tenant} is being deleted.`,
    stale: [tenants.queryKey],
    done: onClose,
    quiet: true,
  });
  return (
    <FormDialog
      title={`Delete ${tenant}?`}
      act="Delete it"
      look="danger"
      doing={end}
      disabled={confirm !== tenant}
      onSubmit={() => end.mutate()}
      onClose={onClose}
    >
      <p>
        Everything of it goes and does not come back: workflows, executions, secrets, its audit, and the accounts of
        whoever belongs to no other tenant. Nobody gets in from the first moment on.
      </p>
      <TextField label="Its name once more" required hint={`Write ${tenant}.`} value={confirm} onText={setConfirm} />
      <Check
        label="Cancel executions that have not ended"
        hint="Otherwise they keep the tenant."
        checked={cancel}
        onChange={setCancel}
      />
    </FormDialog>
  );
}

function TierField({ value, onChange }: { value: Tier; onChange: (tier: Tier) => void }) {
  return (
    <SelectField label="Tier" value={value} onChange={onChange} options={TIERS.map((tier) => [tier, tier] as const)} />
  );
}

function Make({ onClose }: { onClose: () => void }) {
  const [tenant, setTenant] = useState("");
  const [title, setTitle] = useState("");
  const [owner, setOwner] = useState("");
  const [tier, setTier] = useState<Tier>("basic");
  const make = useChange<NewTenant, Invitation>({
    ask: (body) => ask("POST /api/v1/tenants", { body }),
    stale: [tenants.queryKey],
    quiet: true,
  });
  if (make.data) {
    const link = `${location.origin}/join#${make.data.code}`;
    return (
      <ShownOnce title={`Owner of ${tenant}`} text={link} copy="Copy the link" onClose={onClose}>
        Whoever has this link joins as {make.data.email} and owns the tenant. It is shown once and is good for seven
        days.
      </ShownOnce>
    );
  }
  return (
    <FormDialog
      title="New tenant"
      act="Make it"
      doing={make}
      onSubmit={() => make.mutate({ tenant, owner, tier, ...(title ? { title } : {}) })}
      onClose={onClose}
    >
      <TextField
        label="Tenant"
        required
        pattern="[a-z0-9_\-]{1,64}"
        title="Small letters, digits, - and _"
        hint="Short, in small letters, such as acme."
        value={tenant}
        onText={setTenant}
      />
      <TextField label="Title" optional value={title} onText={setTitle} />
      <EmailField label="Email address of its owner" value={owner} onText={setOwner} />
      <TierField value={tier} onChange={setTier} />
    </FormDialog>
  );
}

function Reset({ onClose }: { onClose: () => void }) {
  const [email, setEmail] = useState("");
  const [factor, setFactor] = useState(false);
  const give = useChange({
    ask: () => ask("POST /api/v1/password-resets", { body: { email, second_factor: factor } }),
    stale: [],
    quiet: true,
  });
  if (give.data) {
    const link = `${location.origin}/reset#${give.data.code}`;
    return (
      <ShownOnce title={`New password for ${email}`} text={link} copy="Copy the link" onClose={onClose}>
        Whoever has this link chooses the password of {email}. It is shown once and is good for a day; the old password
        is good until then.
      </ShownOnce>
    );
  }
  return (
    <FormDialog
      title="Give a new password"
      act="Give a link"
      doing={give}
      onSubmit={() => give.mutate()}
      onClose={onClose}
    >
      <EmailField value={email} onText={setEmail} />
      <Check label="The second factor is lost too" checked={factor} onChange={setFactor} />
    </FormDialog>
  );
}

function Quotas({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  return (
    <Tagged
      title={`Quota of ${tenant}`}
      name={["quota", tenant]}
      read={() => askTagged("GET /api/v1/tenants/{tenant}/quota", { path: { tenant } })}
      onClose={onClose}
    >
      {(limits, tag) => <SetQuotas tenant={tenant} tag={tag} before={limits} onClose={onClose} />}
    </Tagged>
  );
}

/** What does not follow the tier, as it is typed. */
function ownOf({ limits, overridden }: Limits): Partial<Record<Quota, string>> {
  const own = QUOTAS.filter((quota) => overridden.includes(quota));
  return Object.fromEntries(own.map((quota) => [quota, String(limits[quota] ?? "")]));
}

function SetQuotas({
  tenant,
  tag,
  before,
  onClose,
}: {
  tenant: string;
  tag: string;
  before: Limits;
  onClose: () => void;
}) {
  const [tier, setTier] = useState<Tier>(before.tier);
  const [typed, setTyped] = useState(() => ownOf(before));
  const set = useChange({
    ask: (body: SetQuota) =>
      ask("PUT /api/v1/tenants/{tenant}/quota", { path: { tenant }, headers: { "if-match": tag }, body }),
    said: () => `The quota of ${tenant} counts from now on.`,
    stale: [["quotas"]],
    done: onClose,
    quiet: true,
  });
  const submit = () => {
    const given = Object.entries(typed).map(([quota, text]) => [quota, text === "" ? null : Number(text)] as const);
    set.mutate({ tier, overrides: Object.fromEntries(given) });
  };
  return (
    <FormDialog title={`Quota of ${tenant}`} act="Set it" doing={set} onSubmit={submit} onClose={onClose}>
      <TierField value={tier} onChange={setTier} />
      <p className={layout.dim}>What is chosen below does not follow the tier; an empty field is no bound.</p>
      {QUOTAS.map((quota) => {
        const value = typed[quota];
        return (
          <div key={quota} className={layout.stack} style={{ gap: 6 }}>
            <Check
              label={`${QUOTA_WORDS[quota]} of its own`}
              checked={value !== undefined}
              onChange={(on) => setTyped(({ [quota]: _, ...others }) => (on ? { ...others, [quota]: "" } : others))}
            />
            {value !== undefined && (
              <TextField
                label={`${QUOTA_WORDS[quota]} (${quota})`}
                type="number"
                min={0}
                value={value}
                onChange={(event) => setTyped({ ...typed, [quota]: event.target.value })}
              />
            )}
          </div>
        );
      })}
    </FormDialog>
  );
}
