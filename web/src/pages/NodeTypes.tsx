/** The node types that workflows may use: what each does, what it is given and gives, what it needs, how it fails. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type NodeType, nodeTypes } from "../execution/usePlan";
import { grouped } from "../model/grouped";
import { Badge, CopyButton, Search } from "../ui/controls";
import { Empty, Facts, Loading, layout, Page, Panel, Table, Wrong } from "../ui/layout";
import { Line, Prose } from "../ui/Prose";
import { useTyped } from "../ui/useTyped";
import css from "./nodes.module.css";

const CATEGORIES: Record<string, string> = {
  composite: "Control: order of children",
  decorator: "Control: one child",
  waiting: "Waiting",
  condition: "Conditions",
  data: "Data",
  file: "Files",
  network: "Network",
  test: "Tests",
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
  const shown = (types.data ?? []).filter((one) =>
    `${one.name} ${one.aliases?.join(" ") ?? ""} ${one.summary}`.toLowerCase().includes(wanted),
  );
  const chosen = types.data?.find((one) => one.name === type) ?? shown[0];
  const groups = grouped(shown, (one) => one.category);
  return (
    <Page title="Node types" about="What workflows may be made of.">
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
                            {one.name}
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
          {chosen && <Details key={chosen.name} type={chosen} />}
        </div>
      )}
    </Page>
  );
}

function Details({ type }: { type: NodeType }) {
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
              type.aliases !== undefined && type.aliases.length > 0 && ["Also called", type.aliases.join(", ")],
              ["Outside", EFFECTS[type.effects] ?? type.effects],
              ["Again", type.idempotent ? "May run twice without harm" : "Runs at most once"],
              type.permissions !== undefined && type.permissions.length > 0 && ["Needs", type.permissions.join(", ")],
              type.main_output !== undefined && ["Main output", <code key="main">{type.main_output}</code>],
            ]}
          />
        </div>
      </Panel>
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
