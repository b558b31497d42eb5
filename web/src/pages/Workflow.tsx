/** One workflow: its drawing, its text, its versions and what differs between any two. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { ask } from "../api/client";
import { executions, versions as versionsQuery, workflow as workflowQuery } from "../api/queries";
import type { WorkflowVersion } from "../api/schema";
import { useMay } from "../app/session";
import { Drawing } from "../drawing/Drawing";
import { Outline } from "../drawing/Outline";
import { Chosen } from "../drawing/Rules";
import { RunDialog } from "../execution/RunDialog";
import { usePlan } from "../execution/usePlan";
import { type Changes, changesOf, type Mark } from "../model/changes";
import type { Plan } from "../model/drawing";
import { Button, buttonClass, CopyButton, Segments, SelectField, Status, Tabs } from "../ui/controls";
import { Diff } from "../ui/Diff";
import { Icon } from "../ui/icons";
import { Empty, Loading, layout, Notice, Page, Panel, Table, Wrong } from "../ui/layout";
import { More } from "../ui/More";
import { Took, When } from "../ui/time";
import css from "./workflow.module.css";

export function Workflow() {
  const { workflow } = useParams({ from: "/shell/workflows/$workflow" });
  const { tab } = useSearch({ from: "/shell/workflows/$workflow" });
  const navigate = useNavigate({ from: "/workflows/$workflow" });
  const found = useQuery(workflowQuery(workflow));
  const [running, setRunning] = useState(false);
  const writes = useMay("workflows.write");
  const starts = useMay("executions.start");
  const reads = useMay("executions.read");
  if (found.isPending) return <Loading />;
  if (!found.data) return <Wrong error={found.error} again={() => void found.refetch()} />;
  const one = found.data.answer;
  const items = [
    {
      id: "drawing",
      label: "Drawing",
      icon: "tree" as const,
      content: <Drawn workflow={workflow} version={one.latest.version} />,
    },
    { id: "versions", label: "Versions", icon: "list" as const, content: <Versions workflow={workflow} /> },
    { id: "difference", label: "Difference", icon: "compare" as const, content: <Difference workflow={workflow} /> },
    ...(reads
      ? [
          {
            id: "executions",
            label: "Executions",
            icon: "executions" as const,
            content: <Latest workflow={workflow} />,
          },
        ]
      : []),
  ];
  return (
    <Page
      title={one.workflow}
      crumbs={[{ label: "Workflows", to: "/workflows" }]}
      about={
        <>
          {one.name && `${one.name}. `}Version {one.latest.version}, changed <When at={one.changed_at} />.
        </>
      }
      actions={
        <>
          {writes && (
            <Link to="/workflows/$workflow/edit" params={{ workflow }} className={buttonClass({})}>
              <Icon name="edit" />
              Edit
            </Link>
          )}
          {starts && (
            <Button look="primary" icon="play" onClick={() => setRunning(true)}>
              Run
            </Button>
          )}
        </>
      }
    >
      <Tabs
        label="About this workflow"
        items={items}
        selected={tab ?? "drawing"}
        onSelect={(tab) => void navigate({ search: (before) => ({ ...before, tab }), replace: true })}
      />
      {running && <RunDialog workflow={workflow} version={one.latest.version} onClose={() => setRunning(false)} />}
    </Page>
  );
}

function Drawn({ workflow, version }: { workflow: string; version: string }) {
  const drawn = usePlan(workflow, version);
  const [selected, setSelected] = useState<string>();
  const [view, setView] = useState<"drawing" | "outline" | "text">("drawing");
  if (drawn.error) {
    return (
      <Notice tone="waiting" icon="warning">
        The drawing cannot be made: {drawn.error.message}
      </Notice>
    );
  }
  if (!drawn.data) return <Loading />;
  const overlay = { places: undefined, selected };
  return (
    <div className={layout.stack} style={{ gap: 8 }}>
      <Segments
        label="View"
        value={view}
        onChange={setView}
        options={[
          { id: "drawing", label: "Drawing", icon: "tree" },
          { id: "outline", label: "Outline", icon: "list" },
          { id: "text", label: "Text", icon: "logs" },
        ]}
      />
      {view === "text" ? (
        <Panel flush title="Text" actions={<CopyButton text={drawn.data.source} label="Copy the text" />}>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys. */}
          <pre className={css.source} tabIndex={0}>
            {drawn.data.source}
          </pre>
        </Panel>
      ) : (
        <div className={css.beside}>
          <div className={css.tall}>
            {view === "outline" ? (
              <Outline
                plan={drawn.data.plan}
                overlay={overlay}
                label={`Outline of ${workflow}`}
                onSelect={setSelected}
              />
            ) : (
              <Drawing
                plan={drawn.data.plan}
                overlay={overlay}
                label={`Drawing of ${workflow}`}
                onSelect={setSelected}
              />
            )}
          </div>
          {selected !== undefined && <Chosen card={drawn.data.plan.cards.get(selected)} />}
        </div>
      )}
    </div>
  );
}

function useVersions(workflow: string) {
  const list = useInfiniteQuery(versionsQuery(workflow));
  return { list, all: list.data?.pages.flatMap((page) => page.items) ?? [] };
}

function Versions({ workflow }: { workflow: string }) {
  const { list, all } = useVersions(workflow);
  const [running, setRunning] = useState<WorkflowVersion>();
  const starts = useMay("executions.start");
  if (list.isPending) return <Loading />;
  if (list.error && !list.data) return <Wrong error={list.error} again={() => void list.refetch()} />;
  return (
    <Panel flush>
      <Table
        label="Versions, newest first"
        head={
          <>
            <th scope="col">Version</th>
            <th scope="col">Saved</th>
            <th scope="col">Content</th>
            <th scope="col">
              <span className="visually-hidden">What can be done</span>
            </th>
          </>
        }
      >
        {all.map((one, index) => {
          const older = all[index + 1];
          return (
            <tr key={one.number}>
              <th scope="row">{one.version}</th>
              <td className={layout.nowrap}>
                <When at={one.created_at} />
              </td>
              <td className={`${layout.mono} ${layout.dim}`}>{one.digest.slice(0, 19)}…</td>
              <td className={layout.numeric}>
                {older && (
                  <Link
                    to="/workflows/$workflow"
                    params={{ workflow }}
                    search={{ tab: "difference", from: older.version, to: one.version }}
                  >
                    What changed<span className="visually-hidden"> in {one.version}</span>
                  </Link>
                )}{" "}
                {starts && (
                  <Button small icon="play" aria-label={`Run ${one.version}`} onClick={() => setRunning(one)}>
                    Run
                  </Button>
                )}
              </td>
            </tr>
          );
        })}
      </Table>
      <More list={list} />
      {running && <RunDialog workflow={workflow} version={running.version} onClose={() => setRunning(undefined)} />}
    </Panel>
  );
}

function Difference({ workflow }: { workflow: string }) {
  const { list, all } = useVersions(workflow);
  const search = useSearch({ from: "/shell/workflows/$workflow" });
  const navigate = useNavigate({ from: "/workflows/$workflow" });
  const to = search.to ?? all[0]?.version ?? "";
  const from = search.from ?? all[1]?.version ?? to;
  const ready = to !== "" && from !== "";
  const meaning = useQuery({
    queryKey: ["workflow", workflow, "diff", from, to],
    queryFn: ({ signal }) =>
      ask("GET /api/v1/workflows/{workflow}/diff", { path: { workflow }, query: { from, to }, signal }),
    enabled: ready,
  });
  const before = usePlan(ready ? workflow : undefined, ready ? from : undefined);
  const after = usePlan(ready ? workflow : undefined, ready ? to : undefined);
  const changes = useMemo(() => (meaning.data ? changesOf(meaning.data) : undefined), [meaning.data]);
  if (list.isPending) return <Loading />;
  if (all.length < 2) {
    return (
      <Panel>
        <Empty icon="compare" title="There is one version">
          When there is a second one, this shows what it changes.
        </Empty>
      </Panel>
    );
  }
  const options = all.map((one) => [one.version, one.version] as const);
  const set = (change: { from?: string; to?: string }) =>
    void navigate({ search: (known) => ({ ...known, ...change }), replace: true });
  return (
    <div className={layout.stack}>
      <div className={layout.filters}>
        <SelectField label="From" value={from} onChange={(from) => set({ from })} options={options} />
        <SelectField label="To" value={to} onChange={(to) => set({ to })} options={options} />
      </div>
      {changes && <Meaning changes={changes} same={meaning.data?.same ?? false} />}
      {before.data && after.data && (
        <>
          <div className={css.sides}>
            <Side title={`Version ${from}`} plan={before.data.plan} marks={changes?.before} />
            <Side title={`Version ${to}`} plan={after.data.plan} marks={changes?.after} />
          </div>
          <Diff before={before.data.source} after={after.data.source} label={`Lines from ${from} to ${to}`} />
        </>
      )}
      {(meaning.error || before.error || after.error) && <Wrong error={meaning.error ?? before.error ?? after.error} />}
    </div>
  );
}

/** One side, with what differs marked. */
function Side({ title, plan, marks }: { title: string; plan: Plan; marks: ReadonlyMap<string, Mark> | undefined }) {
  const [selected, setSelected] = useState<string>();
  const places = useMemo(() => {
    const marked = [...plan.cards.values()].flatMap((card) => {
      const mark = marks?.get(card.source);
      return mark ? [[card.place, { status: mark, runs: 1, failures: 0, last: card.place }] as const] : [];
    });
    return new Map(marked);
  }, [plan, marks]);
  return (
    <div className={layout.stack} style={{ gap: 6 }}>
      <h2>{title}</h2>
      <div style={{ display: "flex", height: 320 }}>
        <Drawing plan={plan} label={title} overlay={{ places, selected }} onSelect={setSelected} />
      </div>
    </div>
  );
}

/** What differs in meaning. */
function Meaning({ changes, same }: { changes: Changes; same: boolean }) {
  if (same) return <Notice icon="check">Both mean the same; only layout or comments differ.</Notice>;
  return (
    <Panel title="What differs in meaning" flush>
      <Table
        label="What differs in meaning"
        head={
          <>
            <th scope="col">What</th>
            <th scope="col">Node</th>
            <th scope="col">How</th>
          </>
        }
      >
        {changes.header.length > 0 && (
          <tr>
            <td>
              <Status status="changed" />
            </td>
            <th scope="row">the workflow</th>
            <td className={layout.mono}>{changes.header.join("; ")}</td>
          </tr>
        )}
        {changes.nodes.slice(0, 100).map((node) => (
          <tr key={`${node.mark} ${node.name} ${node.details.join()}`}>
            <td>
              <Status status={node.mark} />
            </td>
            <th scope="row">
              {node.name} <span className={layout.dim}>{node.type}</span>
            </th>
            <td className={layout.mono}>{node.details.join("; ")}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function Latest({ workflow }: { workflow: string }) {
  const list = useInfiniteQuery(executions({ workflow }, 50));
  const all = list.data?.pages.flatMap((page) => page.items) ?? [];
  if (list.isPending) return <Loading />;
  return (
    <Panel flush>
      {all.length === 0 ? (
        <Empty icon="executions" title="It has not run yet" />
      ) : (
        <Table
          label={`Executions of ${workflow}`}
          head={
            <>
              <th scope="col">Execution</th>
              <th scope="col">State</th>
              <th scope="col">Version</th>
              <th scope="col">Started</th>
              <th scope="col" className={layout.numeric}>
                Took
              </th>
            </>
          }
        >
          {all.map((one) => (
            <tr key={one.execution}>
              <th scope="row" className={layout.mono}>
                <Link to="/executions/$execution" params={{ execution: one.execution }} search={{}}>
                  {one.execution}
                </Link>
              </th>
              <td>
                <Status status={one.status} />
              </td>
              <td>{one.version}</td>
              <td className={layout.nowrap}>
                <When at={one.started_at} />
              </td>
              <td className={layout.numeric}>
                <Took ms={one.duration_ms} since={one.started_at} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      <More list={list} />
    </Panel>
  );
}
