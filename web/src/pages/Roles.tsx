/** What each role may do, as a matrix; and roles of the tenant's own, made out of permissions. */
import { useState } from "react";
import { ask, askTagged } from "../api/client";
import type { Role } from "../api/schema";
import { type Permission, useMay, useMe } from "../app/session";
import { useChange } from "../app/useChange";
import { Badge, Button, TextField } from "../ui/controls";
import { Choices, Confirm, FormDialog } from "../ui/dialogs";
import { Icon } from "../ui/icons";
import { Act, Heads } from "../ui/Listing";
import { layout, Page, Panel, Table } from "../ui/layout";
import { Tagged } from "../ui/Tagged";
import { allows, type Named, PERMISSIONS, ROLES_KEY, useRoles } from "./roles";

type Open = { is: "make" } | { is: "change" | "remove"; role: Named };

export function Roles() {
  const roles = useRoles();
  const writes = useMay("roles.write");
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  return (
    <Page
      title="Roles"
      about="What each role may do in this tenant. Nobody gives away more than they have."
      actions={
        writes && (
          <Button look="primary" icon="plus" onClick={() => setOpen({ is: "make" })}>
            New role
          </Button>
        )
      }
    >
      <Own roles={roles} writes={writes} onOpen={setOpen} />
      <Panel flush>
        <Matrix roles={roles} />
      </Panel>
      {open?.is === "make" && <Make onClose={close} />}
      {open?.is === "change" && <Change role={open.role.role} onClose={close} />}
      {open?.is === "remove" && <Remove role={open.role} onClose={close} />}
    </Page>
  );
}

/** Roles that the tenant made for itself. */
function Own({ roles, writes, onOpen }: { roles: readonly Named[]; writes: boolean; onOpen: (open: Open) => void }) {
  const own = roles.filter((role) => !role.built_in);
  if (own.length === 0) return null;
  return (
    <Panel title="Of this tenant's own" flush>
      <Table
        label="Roles of this tenant's own"
        head={<Heads columns={["Role", { numeric: "Permissions" }, undefined]} />}
      >
        {own.map((role) => (
          <tr key={role.role}>
            <th scope="row">
              {role.title} <code className={layout.dim}>{role.role}</code>
            </th>
            <td className={layout.numeric}>{role.permissions.length}</td>
            <td className={layout.numeric}>
              {writes && (
                <>
                  <Act word="Change" whole={`Change ${role.role}`} onAct={() => onOpen({ is: "change", role })} />
                  <Act word="Remove" whole={`Remove ${role.role}`} onAct={() => onOpen({ is: "remove", role })} />
                </>
              )}
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function Matrix({ roles }: { roles: readonly Named[] }) {
  const who = useMe();
  const all = [...new Set([...PERMISSIONS.map((row) => row.permission), ...roles.flatMap((role) => role.permissions)])];
  const known = all.filter((permission) => roles.some((role) => role.permissions.includes(permission)));
  return (
    <Table
      label="Permissions by role"
      head={
        <>
          <th scope="col">Permission</th>
          {roles.map((role) => (
            <th key={role.role} scope="col" style={{ textAlign: "center" }}>
              {role.title || role.role} {role.role === who.role && <Badge tone="running">yours</Badge>}
            </th>
          ))}
        </>
      }
    >
      {known.map((permission) => (
        <tr key={permission}>
          <th scope="row" style={{ whiteSpace: "normal", minWidth: 200 }}>
            {allows(permission) ?? permission}
            <br />
            <code className={layout.dim}>{permission}</code>
          </th>
          {roles.map((role) => (
            <Cell key={role.role} may={role.permissions.includes(permission)} />
          ))}
        </tr>
      ))}
    </Table>
  );
}

function Cell({ may }: { may: boolean }) {
  return (
    <td style={{ textAlign: "center" }}>
      {may ? (
        <Icon name="check" style={{ color: "var(--success)" }} />
      ) : (
        <span className={layout.dim} aria-hidden="true">
          –
        </span>
      )}
      <span className="visually-hidden">{may ? "yes" : "no"}</span>
    </td>
  );
}

/** The title of a role and what it may do: of that which one may do oneself. */
function Fields({
  title,
  chosen,
  onTitle,
  onChoose,
}: {
  title: string;
  chosen: ReadonlySet<Permission>;
  onTitle: (title: string) => void;
  onChoose: (chosen: ReadonlySet<Permission>) => void;
}) {
  const who = useMe();
  const all = [...new Set([...who.permissions, ...chosen])];
  return (
    <>
      <TextField label="Title" optional value={title} onText={onTitle} />
      <Choices legend="It may" all={all} chosen={chosen} onChange={onChoose} hint={allows} />
    </>
  );
}

function Make({ onClose }: { onClose: () => void }) {
  const [role, setRole] = useState("");
  const [title, setTitle] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<Permission>>(new Set());
  const make = useChange({
    ask: () =>
      ask("POST /api/v1/roles", {
        body: { role, permissions: [...chosen], ...(title ? { title } : {}) },
      }),
    said: () => `The role ${role} was made.`,
    stale: [ROLES_KEY],
    done: onClose,
    quiet: true,
  });
  return (
    <FormDialog
      title="New role"
      act="Make it"
      doing={make}
      disabled={chosen.size === 0}
      onSubmit={() => make.mutate()}
      onClose={onClose}
    >
      <TextField
        label="Name"
        required
        value={role}
        onText={setRole}
        hint="Small letters, digits and hyphens, such as release-manager."
      />
      <Fields title={title} chosen={chosen} onTitle={setTitle} onChoose={setChosen} />
    </FormDialog>
  );
}

function Change({ role, onClose }: { role: string; onClose: () => void }) {
  return (
    <Tagged
      title={`Change ${role}`}
      name={["roles", role]}
      read={() => askTagged("GET /api/v1/roles/{role}", { path: { role } })}
      onClose={onClose}
    >
      {(role, tag) => <Changing role={role} tag={tag} onClose={onClose} />}
    </Tagged>
  );
}

function Changing({ role, tag, onClose }: { role: Role; tag: string; onClose: () => void }) {
  const [title, setTitle] = useState(role.title);
  const [chosen, setChosen] = useState<ReadonlySet<Permission>>(new Set(role.permissions));
  const change = useChange({
    ask: () =>
      ask("PUT /api/v1/roles/{role}", {
        path: { role: role.role },
        headers: { "if-match": tag },
        body: { title, permissions: [...chosen] },
      }),
    said: () => `The role ${role.role} was changed, for all who have it.`,
    stale: [ROLES_KEY, ["me"]],
    done: onClose,
    quiet: true,
  });
  return (
    <FormDialog
      title={`Change ${role.role}`}
      act="Change"
      doing={change}
      disabled={chosen.size === 0}
      onSubmit={() => change.mutate()}
      onClose={onClose}
    >
      <Fields title={title} chosen={chosen} onTitle={setTitle} onChoose={setChosen} />
    </FormDialog>
  );
}

function Remove({ role, onClose }: { role: Named; onClose: () => void }) {
  const remove = useChange({
    ask: () => ask("DELETE /api/v1/roles/{role}", { path: { role: role.role } }),
    said: () => `The role ${role.role} is gone.`,
    stale: [ROLES_KEY],
    done: onClose,
    quiet: true,
  });
  return (
    <Confirm title={`Remove ${role.role}?`} act="Remove" doing={remove} onAct={() => remove.mutate()} onClose={onClose}>
      A role that somebody has, or a team, cannot be removed.
    </Confirm>
  );
}
