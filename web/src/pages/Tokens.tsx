/** API tokens: made, shown once, revoked. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../api/client";
import { tokens } from "../api/queries";
import type { NewToken, Token } from "../api/schema";
import { type Permission, useMay, useMe } from "../app/session";
import { useChange } from "../app/useChange";
import { Badge, Check, TextField } from "../ui/controls";
import { Choices, FormDialog, ShownOnce } from "../ui/dialogs";
import { Act, itemsOf, ListPage } from "../ui/Listing";
import { layout } from "../ui/layout";
import { useNow, When } from "../ui/time";

const DAYS_USUAL = 90;
const DAYS_MAX = 366;

export function Tokens() {
  const makes = useMay("tokens.own");
  const list = useInfiniteQuery(tokens);
  const revoke = useChange({
    ask: (token: Token) => ask("DELETE /api/v1/tokens/{token}", { path: { token: token.id } }),
    said: (token) => `${token.name} is worth nothing any more.`,
    stale: [tokens.queryKey],
  });
  return (
    <ListPage
      title="API tokens"
      about="For programs. A token does what it was made for, and no more than its person may."
      make={makes ? { words: "Make a token", dialog: (close) => <MakeToken onClose={close} /> } : undefined}
      label="API tokens"
      list={list}
      items={itemsOf(list)}
      columns={["Name", "State", "May", "Made", "Ends", undefined]}
      empty={{
        icon: "tokens",
        title: "There are no tokens",
        words: (
          <>
            Make one for a program that asks the interface at <code>/api/v1</code>.
          </>
        ),
      }}
    >
      {(token) => <Row key={token.id} token={token} onRevoke={() => revoke.mutate(token)} />}
    </ListPage>
  );
}

function Row({ token, onRevoke }: { token: Token; onRevoke: () => void }) {
  const now = useNow(60_000);
  const who = useMe();
  const over = Date.parse(token.expires_at) < now;
  return (
    <tr>
      <th scope="row">
        {token.name} {token.user !== who.user && <Badge tone="idle">of somebody else</Badge>}
      </th>
      <td>
        {token.revoked_at ? (
          <Badge tone="idle" icon="stop">
            Revoked
          </Badge>
        ) : over ? (
          <Badge tone="idle" icon="clock">
            Expired
          </Badge>
        ) : (
          <Badge tone="success" icon="check">
            Active
          </Badge>
        )}
      </td>
      <td className={layout.dim}>
        {token.permissions.length > 3
          ? `${token.permissions.length} permissions`
          : token.permissions.join(", ") || "everything its person may"}
      </td>
      <td className={layout.nowrap}>
        <When at={token.created_at} />
      </td>
      <td className={layout.nowrap}>
        <When at={token.expires_at} />
      </td>
      <td className={layout.numeric}>
        {!token.revoked_at && !over && <Act word="Revoke" whole={`Revoke ${token.name}`} onAct={onRevoke} />}
      </td>
    </tr>
  );
}

/** Makes a token of one's own, or of a program that is a member. */
export function MakeToken({ service, onClose }: { service?: { user: string; name: string }; onClose: () => void }) {
  const who = useMe();
  const [name, setName] = useState("");
  const [days, setDays] = useState(String(DAYS_USUAL));
  const [all, setAll] = useState(true);
  const [chosen, setChosen] = useState<ReadonlySet<Permission>>(new Set());
  const make = useChange({
    ask: (body: NewToken) =>
      service
        ? ask("POST /api/v1/service-accounts/{user}/tokens", { path: { user: service.user }, body })
        : ask("POST /api/v1/tokens", { body }),
    stale: [tokens.queryKey],
    quiet: true,
  });
  if (make.data) {
    return (
      <ShownOnce title={make.data.name} text={make.data.secret} copy="Copy the secret" onClose={onClose}>
        This is the secret of the token. It is shown once; the server keeps a digest of it alone.
      </ShownOnce>
    );
  }
  return (
    <FormDialog
      title={service ? `Make a token of ${service.name}` : "Make a token"}
      act="Make it"
      doing={make}
      disabled={!all && chosen.size === 0}
      onClose={onClose}
      onSubmit={() => {
        make.mutate({ name, days: Number(days), ...(all ? {} : { permissions: [...chosen] }) });
      }}
    >
      <TextField label="Name" required value={name} onText={setName} hint="What it is for, such as nightly import." />
      <TextField label="Days" type="number" required min={1} max={DAYS_MAX} value={days} onText={setDays} />
      <Check
        label={service ? `It may do everything that ${service.name} may` : "It may do everything that I may"}
        checked={all}
        onChange={setAll}
      />
      {!all && <Choices legend="It may" all={who.permissions} chosen={chosen} onChange={setChosen} />}
    </FormDialog>
  );
}
