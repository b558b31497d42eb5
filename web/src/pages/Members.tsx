/** Who belongs to the tenant and as what, people and programs, and whom one asks to join. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../api/client";
import { members } from "../api/queries";
import type { Member } from "../api/schema";
import { useMay, useMe } from "../app/session";
import { useChange } from "../app/useChange";
import { Badge, Button, Choose, EmailField, SelectField, TextField } from "../ui/controls";
import { Confirm, FormDialog, ShownOnce } from "../ui/dialogs";
import { Act, itemsOf, Listing } from "../ui/Listing";
import { layout, Page, Panel } from "../ui/layout";
import { When } from "../ui/time";
import { useRoles } from "./roles";
import { MakeToken } from "./Tokens";

const STALE = [members.queryKey];

type Open = { is: "invite" } | { is: "service" } | { is: "leave"; member: Member } | { is: "token"; member: Member };

export function Members() {
  const list = useInfiniteQuery(members);
  const writes = useMay("members.write");
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  return (
    <Page
      title="Members"
      about="Who belongs to this tenant, and what each may do."
      actions={
        writes && (
          <>
            <Button icon="plus" onClick={() => setOpen({ is: "service" })}>
              Add a program
            </Button>
            <Button look="primary" icon="plus" onClick={() => setOpen({ is: "invite" })}>
              Invite
            </Button>
          </>
        )
      }
    >
      <Panel flush>
        <Listing
          label="Members"
          list={list}
          items={itemsOf(list)}
          columns={["Name", "Email address", "Role", "Since", undefined]}
          empty={{ icon: "members", title: "Nobody belongs to this tenant" }}
        >
          {(member) => <Row key={member.user} member={member} onOpen={setOpen} />}
        </Listing>
      </Panel>
      {open?.is === "invite" && <Invite onClose={close} />}
      {open?.is === "service" && <AddProgram onClose={close} />}
      {open?.is === "leave" && <TakeOut member={open.member} onClose={close} />}
      {open?.is === "token" && <MakeToken service={open.member} onClose={close} />}
    </Page>
  );
}

function Row({ member, onOpen }: { member: Member; onOpen: (open: Open) => void }) {
  const who = useMe();
  const owns = useMay("owners.write");
  const writes = useMay("members.write") && (member.role !== "owner" || owns);
  return (
    <tr>
      <th scope="row">
        {member.name} {member.user === who.user && <Badge tone="idle">You</Badge>}
        {member.kind === "service" && <Badge tone="idle">Program</Badge>}
      </th>
      <td>{member.email ?? <span className={layout.dim}>none</span>}</td>
      <td>{writes ? <ChooseRole member={member} /> : member.role}</td>
      <td className={layout.nowrap}>
        <When at={member.since} />
      </td>
      <td className={layout.numeric}>
        {writes && member.kind === "service" && (
          <Act
            word="Make a token"
            whole={`Make a token of ${member.name}`}
            onAct={() => onOpen({ is: "token", member })}
          />
        )}
        {writes && (
          <Act word="Take out" whole={`Take out ${member.name}`} onAct={() => onOpen({ is: "leave", member })} />
        )}
      </td>
    </tr>
  );
}

/** The names of the roles that one may give. */
function useGivable(): string[] {
  const owns = useMay("owners.write");
  return useRoles()
    .map((one) => one.role)
    .filter((role) => owns || role !== "owner");
}

function ChooseRole({ member }: { member: Member }) {
  const roles = useGivable();
  const set = useChange({
    ask: (role: string) => ask("PUT /api/v1/members/{user}", { path: { user: member.user }, body: { role } }),
    said: () => "The role was changed.",
    stale: STALE,
  });
  return (
    <Choose
      label={`Role of ${member.name}`}
      value={member.role}
      onChange={(role) => set.mutate(role)}
      options={[...new Set([...roles, member.role])].map((role) => [role, role] as const)}
    />
  );
}

function TakeOut({ member, onClose }: { member: Member; onClose: () => void }) {
  const remove = useChange({
    ask: () => ask("DELETE /api/v1/members/{user}", { path: { user: member.user } }),
    said: () => `${member.name} does not belong to this tenant any more.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <Confirm
      title={`Take ${member.name} out?`}
      act="Take out"
      doing={remove}
      onAct={() => remove.mutate()}
      onClose={onClose}
    >
      Every session and API token of theirs in this tenant ends at once. What they made stays.
    </Confirm>
  );
}

function RoleField({ value, onChange }: { value: string; onChange: (role: string) => void }) {
  return (
    <SelectField
      label="Role"
      value={value}
      onChange={onChange}
      options={useGivable().map((one) => [one, one] as const)}
      hint="What each role may do stands in the matrix of roles."
    />
  );
}

function Invite({ onClose }: { onClose: () => void }) {
  const [role, setRole] = useState("viewer");
  const [email, setEmail] = useState("");
  const invite = useChange({
    ask: () => ask("POST /api/v1/members", { body: { email, role } }),
    stale: [],
    quiet: true,
  });
  if (invite.data) {
    const { code, email } = invite.data;
    return (
      <ShownOnce title="Invitation" text={`${location.origin}/join#${code}`} copy="Copy the link" onClose={onClose}>
        Whoever has this link joins as {email}. It is shown once and is good for seven days.
      </ShownOnce>
    );
  }
  return (
    <FormDialog title="Invite somebody" act="Invite" doing={invite} onSubmit={() => invite.mutate()} onClose={onClose}>
      <EmailField value={email} onText={setEmail} />
      <RoleField value={role} onChange={setRole} />
    </FormDialog>
  );
}

function AddProgram({ onClose }: { onClose: () => void }) {
  const [role, setRole] = useState("viewer");
  const [name, setName] = useState("");
  const add = useChange({
    ask: () => ask("POST /api/v1/service-accounts", { body: { name, role } }),
    said: () => `${name} belongs to this tenant.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <FormDialog title="Add a program" act="Add it" doing={add} onSubmit={() => add.mutate()} onClose={onClose}>
      <p className={layout.dim}>
        A member without a password, which asks by tokens. It stays when whoever added it leaves.
      </p>
      <TextField label="Name" required value={name} onText={setName} hint="Such as deployment." />
      <RoleField value={role} onChange={setRole} />
    </FormDialog>
  );
}
