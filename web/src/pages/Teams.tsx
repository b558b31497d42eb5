/** Teams: members who have a role together, beside the one that each has. */
import { infiniteQueryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask, askTagged } from "../api/client";
import { members } from "../api/queries";
import type { Team } from "../api/schema";
import { useMay } from "../app/session";
import { useChange } from "../app/useChange";
import { Button, Check, Dialog, SelectField, TextField } from "../ui/controls";
import { Confirm, FormDialog } from "../ui/dialogs";
import { Act, itemsOf, ListPage } from "../ui/Listing";
import { Loading, layout, Wrong } from "../ui/layout";
import { More } from "../ui/More";
import { Tagged } from "../ui/Tagged";
import { useRoles } from "./roles";

const teams = infiniteQueryOptions({
  queryKey: ["teams"],
  queryFn: ({ signal, pageParam }) => ask("GET /api/v1/teams", { query: { limit: 200, cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

const STALE = [teams.queryKey];

type Open = { is: "change" | "people" | "remove"; team: Team };

export function Teams() {
  const list = useInfiniteQuery(teams);
  const writes = useMay("roles.write");
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  return (
    <ListPage
      title="Teams"
      about="A team gives its members its role beside the one that each has."
      make={writes ? { words: "New team", dialog: (close) => <Make onClose={close} /> } : undefined}
      label="Teams"
      list={list}
      items={itemsOf(list)}
      columns={["Team", "Role", { numeric: "Members" }, undefined]}
      empty={{
        icon: "team",
        title: "There is no team",
        words: "Who works on the same gets its role at once by joining a team, and loses it by leaving.",
      }}
      more={
        <>
          {open?.is === "change" && <Change team={open.team} onClose={close} />}
          {open?.is === "people" && <People team={open.team.team} onClose={close} />}
          {open?.is === "remove" && <Remove team={open.team} onClose={close} />}
        </>
      }
    >
      {(team) => <Row key={team.team} team={team} writes={writes} onOpen={setOpen} />}
    </ListPage>
  );
}

function Row({ team, writes, onOpen }: { team: Team; writes: boolean; onOpen: (open: Open) => void }) {
  return (
    <tr>
      <th scope="row">
        {team.title || team.team} <code className={layout.dim}>{team.team}</code>
      </th>
      <td>{team.role}</td>
      <td className={layout.numeric}>{team.members.length}</td>
      <td className={layout.numeric}>
        <Act word="Members" whole={`Members of ${team.team}`} onAct={() => onOpen({ is: "people", team })} />
        {writes && (
          <>
            <Act word="Change" whole={`Change ${team.team}`} onAct={() => onOpen({ is: "change", team })} />
            <Act word="Remove" whole={`Remove ${team.team}`} onAct={() => onOpen({ is: "remove", team })} />
          </>
        )}
      </td>
    </tr>
  );
}

/** Title and role of a team. A team cannot own the tenant. */
function Fields({
  title,
  role,
  onTitle,
  onRole,
}: {
  title: string;
  role: string;
  onTitle: (title: string) => void;
  onRole: (role: string) => void;
}) {
  const roles = useRoles().filter((one) => one.role !== "owner");
  return (
    <>
      <TextField label="Title" optional value={title} onText={onTitle} />
      <SelectField
        label="Role"
        value={role}
        onChange={onRole}
        options={roles.map((one) => [one.role, one.title || one.role] as const)}
        hint="What each role may do stands in the matrix of roles."
      />
    </>
  );
}

function Make({ onClose }: { onClose: () => void }) {
  const [team, setTeam] = useState("");
  const [title, setTitle] = useState("");
  const [role, setRole] = useState("viewer");
  const make = useChange({
    ask: () => ask("POST /api/v1/teams", { body: { team, role, ...(title ? { title } : {}) } }),
    said: () => `The team ${team} was made.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <FormDialog title="New team" act="Make it" doing={make} onSubmit={() => make.mutate()} onClose={onClose}>
      <TextField
        label="Name"
        required
        value={team}
        onText={setTeam}
        hint="Small letters, digits and hyphens, such as release-managers."
      />
      <Fields title={title} role={role} onTitle={setTitle} onRole={setRole} />
    </FormDialog>
  );
}

function Change({ team: { team }, onClose }: { team: Team; onClose: () => void }) {
  return (
    <Tagged
      title={`Change ${team}`}
      name={["teams", team]}
      read={() => askTagged("GET /api/v1/teams/{team}", { path: { team } })}
      onClose={onClose}
    >
      {(team, tag) => <Changing team={team} tag={tag} onClose={onClose} />}
    </Tagged>
  );
}

function Changing({ team, tag, onClose }: { team: Team; tag: string; onClose: () => void }) {
  const [title, setTitle] = useState(team.title);
  const [role, setRole] = useState(team.role);
  const change = useChange({
    ask: () =>
      ask("PUT /api/v1/teams/{team}", {
        path: { team: team.team },
        headers: { "if-match": tag },
        body: { title, role },
      }),
    said: () => `The team ${team.team} was changed.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <FormDialog
      title={`Change ${team.team}`}
      act="Change"
      doing={change}
      onSubmit={() => change.mutate()}
      onClose={onClose}
    >
      <Fields title={title} role={role} onTitle={setTitle} onRole={setRole} />
    </FormDialog>
  );
}

function Remove({ team, onClose }: { team: Team; onClose: () => void }) {
  const remove = useChange({
    ask: () => ask("DELETE /api/v1/teams/{team}", { path: { team: team.team } }),
    said: () => `The team ${team.team} is gone.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <Confirm title={`Remove ${team.team}?`} act="Remove" doing={remove} onAct={() => remove.mutate()} onClose={onClose}>
      Its members stay, without what they had by it.
    </Confirm>
  );
}

/** Who is in a team. */
function People({ team, onClose }: { team: string; onClose: () => void }) {
  const writes = useMay("roles.write");
  const all = useInfiniteQuery(members);
  const found = useQuery({
    queryKey: ["teams", team],
    queryFn: () => ask("GET /api/v1/teams/{team}", { path: { team } }),
  });
  const set = useChange({
    ask: ({ user, is }: { user: string; name: string; is: boolean }) =>
      ask(`${is ? "PUT" : "DELETE"} /api/v1/teams/{team}/members/{user}`, { path: { team, user } }),
    said: ({ name, is }) => (is ? `${name} is in ${team}.` : `${name} is not in ${team} any more.`),
    stale: STALE,
  });
  return (
    <Dialog title={`Members of ${team}`} open onClose={onClose} actions={<Button onClick={onClose}>Done</Button>}>
      {found.data && all.data ? (
        <div className={layout.stack} style={{ gap: 8 }}>
          {itemsOf(all).map((member) => (
            <Check
              key={member.user}
              label={member.name}
              hint={member.email ?? "a program"}
              disabled={!writes || set.isPending}
              checked={found.data.members.includes(member.user)}
              onChange={(is) => set.mutate({ user: member.user, name: member.name, is })}
            />
          ))}
          <More list={all} />
        </div>
      ) : found.error || all.error ? (
        <Wrong error={found.error ?? all.error} />
      ) : (
        <Loading />
      )}
    </Dialog>
  );
}
