/** The node types that workflows may use: what each does, what it is given and gives, what it needs, how it fails. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { ask } from "../api/client";
import { installedPackages, queries } from "../api/queries";
import type { CustomNode, Package } from "../api/schema";
import { useCustomTypes } from "../execution/customTypes";
import { type NodeType, nodeTypes } from "../execution/usePlan";
import { uses } from "../execution/uses";
import { grouped } from "../model/grouped";
import { means } from "../model/uses";
import { Badge, Button, CopyButton, Search } from "../ui/controls";
import { Empty, Facts, Loading, layout, Page, Panel, Table, Wrong } from "../ui/layout";
import { Line, Prose } from "../ui/Prose";
import { useTyped } from "../ui/useTyped";
import { HEALTH } from "./health";
import css from "./nodes.module.css";

const CUSTOM = "custom";

const CATEGORIES: Record<string, string> = {
  composite: "Control: order of children",
  decorator: "Control: one child",
  waiting: "Waiting",
  condition: "Conditions",
  data: "Data",
  file: "Files",
  network: "Network",
  test: "Tests",
  [CUSTOM]: "Custom nodes of this tenant",
};

const EFFECTS: Record<string, string> = {
  none: "Changes nothing outside",
  read: "Looks at the outside",
  write: "Changes something outside",
};

export function NodeTypes() {
  const types = useQuery(nodeTypes);
  const { type, text = "" } = useSearch({ from: "/shell/node-types" });
  const navigate = useNavigate({ from: "/node-types" });
  const [typed, setTyped] = useTyped(
    text,
    (text) => void navigate({ search: { ...(type ? { type } : {}), ...(text ? { text } : {}) }, replace: true }),
  );
  const wanted = typed.toLowerCase();
  const custom = useCustomTypes().filter((one) => !one.isVersion);
  const packages = useQuery(installedPackages).data?.items ?? [];
  const all = [...(types.data ?? []), ...custom.map(({ type }) => type)];
  const isCustom = (type: NodeType) => custom.some((one) => one.type === type);
  const shown = all.filter((one) =>
    `${one.name} ${one.aliases?.join(" ") ?? ""} ${one.summary}`.toLowerCase().includes(wanted),
  );
  const chosen = all.find((one) => one.name === type) ?? shown[0];
  const groups = grouped(shown, (one) => (isCustom(one) ? CUSTOM : one.category));
  return (
    <Page title="Node types" about="What workflows may be made of: nodes of Akao, of packages, and of this tenant.">
      {types.isPending ? (
        <Loading />
      ) : types.error && !types.data ? (
        <Wrong error={types.error} again={() => void types.refetch()} />
      ) : (
        <div className={css.split}>
          <div className={layout.stack} style={{ gap: 8 }}>
            <Search label="Search node types" value={typed} onChange={setTyped} />
            <Panel flush>
              <nav className={css.list} aria-label="Node types">
                {shown.length === 0 && <Empty icon="nodes" title="No node type fits" />}
                {Object.entries(CATEGORIES).map(([category, words]) => {
                  const members = groups.get(category);
                  return (
                    members && (
                      <div key={category}>
                        <div className={css.group}>{words}</div>
                        {members.map((one) => (
                          <Link
                            key={one.name}
                            to="/node-types"
                            search={{ type: one.name, ...(typed ? { text: typed } : {}) }}
                            className={css.item}
                            aria-current={one === chosen ? "page" : undefined}
                            activeProps={{}}
                          >
                            {one.name} <Unwell from={packageOf(one, packages)} />
                            <span>
                              <Line text={one.summary} />
                            </span>
                          </Link>
                        ))}
                      </div>
                    )
                  );
                })}
              </nav>
            </Panel>
          </div>
          {chosen && (
            <Details
              key={chosen.name}
              type={chosen}
              custom={custom.find((one) => one.type === chosen)?.node}
              from={packageOf(chosen, packages)}
            />
          )}
        </div>
      )}
    </Page>
  );
}

/** The package that a node comes from; none for those of Akao itself and of the tenant. */
function packageOf({ name }: NodeType, packages: readonly Package[]): Package | undefined {
  return packages.find(({ nodes }) => nodes.includes(name));
}

/** Says beside a node of a package that it cannot be counted on now. */
function Unwell({ from }: { from: Package | undefined }) {
  if (from === undefined) return null;
  if (from.status !== "installed") return <Badge tone="failure">{from.status}</Badge>;
  return from.health === "unwell" || from.health === "failing" || from.health === "stopped" ? (
    <Badge tone={HEALTH[from.health].tone}>{from.health}</Badge>
  ) : null;
}

/** Where a node comes from, and how that is. */
function origin(custom: CustomNode | undefined, from: Package | undefined): ReactNode {
  if (custom !== undefined) {
    return (
      <>
        This tenant: <Link to="/custom-nodes" className={css.within}>{`${custom.name} ${custom.version}`}</Link>
      </>
    );
  }
  if (from === undefined) return "Akao itself";
  return (
    <>
      <Link to="/packages" search={{ text: from.package }} className={css.within}>
        {from.package}
      </Link>{" "}
      {from.versions.length > 1 ? `${from.version ?? "–"}, installed: ${from.versions.join(", ")}` : from.version}
    </>
  );
}

function healthOf(from: Package): ReactNode {
  const { tone, words } = HEALTH[from.health];
  return (
    <>
      <Badge tone={tone}>{from.health}</Badge> {words} {from.reason}
    </>
  );
}

function Details({
  type,
  custom,
  from,
}: {
  type: NodeType;
  custom: CustomNode | undefined;
  from: Package | undefined;
}) {
  const example = (type.examples ?? [])[0];
  return (
    <div className={layout.stack}>
      <Panel title={type.name} actions={<Badge tone="idle">{type.version}</Badge>}>
        <div className={layout.stack}>
          <p>
            <strong>
              <Line text={type.summary} />
            </strong>
          </p>
          <Prose text={type.description} />
          <Facts
            items={[
              ["Category", CATEGORIES[type.category] ?? type.category],
              ["Comes from", origin(custom, from)],
              from !== undefined && ["Health", healthOf(from)],
              type.aliases !== undefined && type.aliases.length > 0 && ["Also called", type.aliases.join(", ")],
              ["Outside", EFFECTS[type.effects] ?? type.effects],
              ["Again", type.idempotent ? "May run twice without harm" : "Runs at most once"],
              type.permissions !== undefined && type.permissions.length > 0 && ["Needs", type.permissions.join(", ")],
              type.main_output !== undefined && ["Main output", <code key="main">{type.main_output}</code>],
            ]}
          />
        </div>
      </Panel>
      {custom ? <UsedBy custom={custom} /> : <Uses type={type} />}
      <Fields title="Props" schema={type.props} empty="It takes no props." />
      <Fields title="Outputs" schema={type.outputs} empty="It gives nothing." />
      {type.errors !== undefined && type.errors.length > 0 && (
        <Panel title="How it fails">
          <Facts items={type.errors.map((error) => [error.kind, error.when] as const)} />
        </Panel>
      )}
      {example && (
        <Panel title="Example" actions={<CopyButton text={example.workflow} label="Copy the example" />}>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys. */}
          <pre className={layout.pre} tabIndex={0}>
            {example.workflow}
          </pre>
        </Panel>
      )}
    </div>
  );
}

/** The workflows that use a custom node, which the server knows. */
function UsedBy({ custom }: { custom: CustomNode }) {
  const found = useQuery({
    queryKey: ["custom-nodes", custom.id, "dependents"],
    queryFn: () => ask("GET /api/v1/custom-nodes/{node}/dependents", { path: { node: custom.id } }),
  });
  return (
    <Panel title="Used by">
      {found.data ? (
        <Workflows
          all={found.data.items.map((one) => ({
            workflow: one.workflow,
            version: one.workflow_version,
            note: `uses ${one.version}${one.latest ? "" : ", in an earlier version"}`,
          }))}
        />
      ) : found.error ? (
        <Wrong error={found.error} again={() => void found.refetch()} />
      ) : (
        <Loading />
      )}
    </Panel>
  );
}

/** The workflows that use any other node type: their latest versions are read when somebody asks. */
function Uses({ type }: { type: NodeType }) {
  // Once it was read for one, it is there for the others.
  const [asked, setAsked] = useState(() => queries.getQueryData(uses.queryKey) !== undefined);
  const found = useQuery({ ...uses, enabled: asked });
  const told = found.data;
  return (
    <Panel title="Used by">
      {told ? (
        <div className={layout.stack}>
          <Workflows all={told.workflows.filter(({ types }) => [...types].some((used) => means(used, type)))} />
          <p className={layout.dim}>
            In the latest versions of {told.more ? "the first " : ""}
            {told.workflows.length} workflows.
            {told.unread.length > 0 && ` Of these no drawing can be made any more: ${told.unread.join(", ")}.`}
          </p>
        </div>
      ) : found.error ? (
        <Wrong error={found.error} again={() => void found.refetch()} />
      ) : asked ? (
        <Loading label="Reading the workflows" />
      ) : (
        <Button icon="search" onClick={() => setAsked(true)}>
          Look for workflows that use it
        </Button>
      )}
    </Panel>
  );
}

function Workflows({ all }: { all: ReadonlyArray<{ workflow: string; version: string; note?: string }> }) {
  if (all.length === 0) return <p>No workflow uses it.</p>;
  return (
    <ul className={layout.stack} style={{ gap: 4, margin: 0, paddingLeft: 18 }}>
      {all.map(({ workflow, version, note }) => (
        <li key={`${workflow} ${version} ${note}`}>
          <Link to="/workflows/$workflow" params={{ workflow }} search={{}} className={css.within}>
            {workflow}
          </Link>{" "}
          <span className={layout.dim}>
            {version}
            {note && `, ${note}`}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Fields({ title, schema, empty }: { title: string; schema: Record<string, unknown>; empty: string }) {
  const fields = Object.entries((schema["properties"] ?? {}) as Record<string, Record<string, unknown>>);
  const needed = Array.isArray(schema["required"]) ? schema["required"] : [];
  return (
    <Panel title={title} flush>
      {fields.length === 0 ? (
        <p style={{ padding: 16 }} className={layout.dim}>
          {empty}
        </p>
      ) : (
        <Table
          label={title}
          head={
            <>
              <th scope="col">Name</th>
              <th scope="col">Kind</th>
              <th scope="col">What</th>
            </>
          }
        >
          {fields.map(([name, field]) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code> {needed.includes(name) && <Badge tone="waiting">needed</Badge>}
              </th>
              <td className={layout.dim}>{kind(field)}</td>
              <td>
                {String(field["description"] ?? "")}
                {field["default"] !== undefined && (
                  <span className={layout.dim}>
                    {" "}
                    Default: <code>{JSON.stringify(field["default"])}</code>
                  </span>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

function kind(field: Record<string, unknown>): string {
  if (Array.isArray(field["enum"])) return field["enum"].map(String).join(", ");
  const type = field["type"];
  return Array.isArray(type) ? type.join(" or ") : typeof type === "string" ? type : "any";
}
