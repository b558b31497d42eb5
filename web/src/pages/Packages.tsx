/** Packages of nodes that are installed: how they are, which nodes they bring; and for the operator of the server, what becomes of them. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ask } from "../api/client";
import { installedPackages, repositories } from "../api/queries";
import type { Package } from "../api/schema";
import { useMe } from "../app/session";
import { useChange } from "../app/useChange";
import { Badge, Button, CopyButton, Dialog, Search, TextField, type Tone } from "../ui/controls";
import { Confirm, FormDialog } from "../ui/dialogs";
import { Act, Heads, Listing, ListPage } from "../ui/Listing";
import { Facts, layout, Notice, Panel, Table } from "../ui/layout";
import { When } from "../ui/time";
import { useTyped } from "../ui/useTyped";
import { HEALTH } from "./health";
import { Find, type Order, Plan, STALE } from "./PackagePlan";

const TONES: Record<Package["status"], Tone> = { installed: "success", disabled: "paused", blocked: "failure" };

/** What is open beside the list. */
type Open = { look: Package } | { disable: Package } | { uninstall: Package } | { order: Order };

export function Packages() {
  const { operator } = useMe();
  const list = useQuery({ ...installedPackages, refetchInterval: 10_000 });
  const { text = "" } = useSearch({ from: "/shell/packages" });
  const navigate = useNavigate({ from: "/packages" });
  const [typed, setTyped] = useTyped(text, (text) => void navigate({ search: text ? { text } : {}, replace: true }));
  const [open, setOpen] = useState<Open>();
  const all = list.data?.items ?? [];
  const wanted = typed.toLowerCase();
  const shown = all.filter((one) => `${one.package} ${one.nodes.join(" ")}`.toLowerCase().includes(wanted));
  const close = () => setOpen(undefined);
  return (
    <ListPage
      title="Packages"
      about="Nodes beside those that Akao has itself. The operator of the server installs them for all tenants."
      make={operator ? { words: "Install a package", dialog: (close) => <Find onClose={close} /> } : undefined}
      above={
        all.length > 0 && (
          <>
            <Search label="Search packages and nodes" value={typed} onChange={setTyped} />
            {operator && (
              <Button icon="refresh" onClick={() => setOpen({ order: { update: true } })}>
                Look for updates
              </Button>
            )}
          </>
        )
      }
      label="Packages"
      list={list}
      items={shown}
      columns={["Package", "Version", "State", "Health", { numeric: "Nodes" }, undefined]}
      empty={
        typed
          ? { icon: "package", title: "No package has that in it" }
          : {
              icon: "package",
              title: "No package is installed",
              words: operator
                ? "Install one from a repository that the server knows; akao repo add makes one known."
                : "Only the operator of the server installs packages.",
            }
      }
      more={
        <>
          {operator && <Repositories />}
          {open && <Opened open={open} onClose={close} />}
        </>
      }
    >
      {(one) => <Row key={one.package} one={one} operator={operator} onOpen={setOpen} />}
    </ListPage>
  );
}

/** Where packages come from, and how old what is known of each place's kill list is. */
function Repositories() {
  const list = useQuery({ ...repositories, refetchInterval: 10_000 });
  return (
    <Panel title="Repositories" flush>
      <Listing
        label="Repositories"
        list={list}
        items={list.data?.items ?? []}
        columns={["Repository", "Packages that begin with", "Kill list looked at"]}
        empty={{ icon: "package", title: "The server knows no repository", words: "akao repo add makes one known." }}
      >
        {(one) => (
          <tr key={one.repository}>
            <th scope="row">{one.repository}</th>
            <td>{one.prefixes.join(", ")}</td>
            <td>
              {one.kill_list.looked_at ? <When at={one.kill_list.looked_at} /> : "never"}
              {one.kill_list.missing && (
                <>
                  {" "}
                  <Badge tone="waiting" icon="warning">
                    not had since
                  </Badge>
                  <br />
                  <span className={layout.dim}>{one.kill_list.missing}</span>
                </>
              )}
            </td>
          </tr>
        )}
      </Listing>
    </Panel>
  );
}

function Opened({ open, onClose }: { open: Open; onClose: () => void }) {
  if ("look" in open) return <Look one={open.look} onClose={onClose} />;
  if ("disable" in open) return <Disable one={open.disable} onClose={onClose} />;
  if ("uninstall" in open) return <Uninstall one={open.uninstall} onClose={onClose} />;
  return <Plan order={open.order} onClose={onClose} />;
}

function Row({ one, operator, onOpen }: { one: Package; operator: boolean; onOpen: (open: Open) => void }) {
  return (
    <tr>
      <th scope="row">{one.package}</th>
      <td className={layout.nowrap}>
        {one.version ?? "–"} {one.update && <Badge tone="waiting">{one.update} is there</Badge>}
      </td>
      <td>
        <Badge tone={TONES[one.status]} icon={one.status === "installed" ? "check" : "pause"}>
          {one.status}
        </Badge>{" "}
        {one.deprecated && <Badge tone="waiting">deprecated</Badge>}
      </td>
      <td>
        <Badge tone={HEALTH[one.health].tone}>{one.health}</Badge>
      </td>
      <td className={layout.numeric}>{one.nodes.length}</td>
      <td className={layout.numeric}>
        <Act word="Look" whole={`Look at ${one.package}`} onAct={() => onOpen({ look: one })} />
        {operator && <Moves one={one} onOpen={onOpen} />}
      </td>
    </tr>
  );
}

/** What the operator can do with a package as it stands. */
function Moves({ one, onOpen }: { one: Package; onOpen: (open: Open) => void }) {
  const enable = useChange({
    ask: () => ask("POST /api/v1/packages/{package}/enable", { path: { package: one.package } }),
    said: () => `${one.package} is enabled.`,
    stale: STALE,
  });
  return (
    <>
      {one.update && (
        <Act
          word="Update"
          whole={`Update ${one.package}`}
          onAct={() => onOpen({ order: { update: true, package: one.package } })}
        />
      )}
      {one.status === "installed" ? (
        <Act word="Disable" whole={`Disable ${one.package}`} onAct={() => onOpen({ disable: one })} />
      ) : (
        <Act word="Enable" whole={`Enable ${one.package}`} onAct={() => enable.mutate()} />
      )}
      <Act word="Uninstall" whole={`Uninstall ${one.package}`} onAct={() => onOpen({ uninstall: one })} />
    </>
  );
}

function Look({ one, onClose }: { one: Package; onClose: () => void }) {
  const { operator } = useMe();
  const back = useChange({
    ask: () => ask("POST /api/v1/packages/{package}/rollback", { path: { package: one.package } }),
    said: (_, { done }) => done.map(({ text }) => text).join(" "),
    stale: STALE,
    done: onClose,
  });
  return (
    <Dialog
      title={one.package}
      open
      onClose={onClose}
      actions={
        <>
          {operator && (
            <Button busy={back.isPending} onClick={() => back.mutate()}>
              Use the version before
            </Button>
          )}
          <Button onClick={onClose}>Done</Button>
        </>
      }
    >
      {one.reason && (
        <Notice tone="waiting" icon="warning">
          {one.reason}
        </Notice>
      )}
      {one.deprecated && (
        <Notice tone="waiting" icon="warning">
          It should not be used any more: {one.deprecated}
        </Notice>
      )}
      <Facts
        items={[
          ["Version", one.version ?? "none is active"],
          one.versions.length > 1 && ["Installed", one.versions.toReversed().join(", ")],
          one.update !== null && ["Newer version", one.update],
          ["Health", HEALTH[one.health].words],
          ["Processes", one.processes],
        ]}
      />
      <Table label={`Nodes of ${one.package}`} head={<Heads columns={["Node, as workflows name it"]} />}>
        {one.nodes.map((node) => (
          <tr key={node}>
            <th scope="row">
              <code>{node}</code> <CopyButton text={node} label={`Copy ${node}`} />
            </th>
          </tr>
        ))}
      </Table>
      <p className={layout.dim}>What a node asks for stands under its node type.</p>
    </Dialog>
  );
}

function Disable({ one, onClose }: { one: Package; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const disable = useChange({
    ask: () => ask("POST /api/v1/packages/{package}/disable", { path: { package: one.package }, body: { reason } }),
    said: () => `${one.package} is disabled.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <FormDialog
      title={`Disable ${one.package}`}
      act="Disable it"
      doing={disable}
      onSubmit={() => disable.mutate()}
      onClose={onClose}
    >
      <p>No workflow that uses it is started any more, in any tenant. What runs ends as it began.</p>
      <TextField label="Why" required hint="Whoever wonders later reads it." value={reason} onText={setReason} />
    </FormDialog>
  );
}

function Uninstall({ one, onClose }: { one: Package; onClose: () => void }) {
  const uninstall = useChange({
    ask: () => ask("DELETE /api/v1/packages/{package}", { path: { package: one.package } }),
    said: () => `${one.package} is not installed any more.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <Confirm
      title={`Uninstall ${one.package}?`}
      act="Uninstall it"
      doing={uninstall}
      onAct={() => uninstall.mutate()}
      onClose={onClose}
    >
      It goes with every version and everything that was granted to it. Nothing happens while workflows are pinned to
      it.
    </Confirm>
  );
}
