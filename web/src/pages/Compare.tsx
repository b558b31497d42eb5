/** Two executions side by side: how each ended, what each step gave, and where they part. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { ask } from "../api/client";
import { execution as executionQuery, executions } from "../api/queries";
import type { Execution, Step } from "../api/schema";
import { compare, type Pair } from "../model/compare";
import { duration } from "../model/time";
import { Button, Check, SelectField, Status } from "../ui/controls";
import { Diff } from "../ui/Diff";
import { Json, ValuesOf } from "../ui/Json";
import { Empty, Facts, Loading, layout, Notice, Page, Panel, Table, Wrong } from "../ui/layout";
import { Rest } from "../ui/More";
import css from "./workflow.module.css";

/** Steps of each that are compared, and pairs that are shown; more when asked for. */
const STEPS = 2_000;
const PAIRS = 200;

export function Compare() {
  const { left, right } = useSearch({ from: "/shell/compare" });
  const navigate = useNavigate({ from: "/compare" });
  const latest = useInfiniteQuery(executions({}, 50));
  const all = latest.data?.pages.flatMap((page) => page.items) ?? [];
  const known = new Set(all.map((one) => one.execution));
  const extra = [left, right].filter((id): id is string => id !== undefined && !known.has(id));
  const options = [
    ["", "Choose an execution"] as const,
    ...extra.map((id) => [id, id] as const),
    ...all.map((one) => [one.execution, `${one.workflow} ${one.version}, ${one.status}, ${one.execution}`] as const),
  ];
  return (
    <Page
      title="Compare executions"
      about="Where two executions part, step by step."
      crumbs={[{ label: "Executions", to: "/executions" }]}
    >
      <div className={css.sides}>
        <SelectField
          label="Left"
          value={left ?? ""}
          onChange={(left) => void navigate({ search: (before) => ({ ...before, left }), replace: true })}
          options={options}
        />
        <SelectField
          label="Right"
          value={right ?? ""}
          onChange={(right) => void navigate({ search: (before) => ({ ...before, right }), replace: true })}
          options={options}
        />
      </div>
      {left && right ? (
        <Both left={left} right={right} />
      ) : (
        <Panel>
          <Empty icon="compare" title="Choose two executions">
            A fork and its origin, or a run that failed and one that did not.
          </Empty>
        </Panel>
      )}
    </Page>
  );
}

/** Steps of an execution, page by page; and whether there are more than are wanted. */
async function steps(execution: string, most: number, signal: AbortSignal): Promise<{ all: Step[]; more: boolean }> {
  const found: Step[] = [];
  let cursor: string | undefined;
  do {
    const page = await ask("GET /api/v1/executions/{execution}/steps", {
      path: { execution },
      query: { limit: 200, cursor },
      signal,
    });
    found.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && found.length < most);
  return { all: found, more: cursor !== undefined };
}

function useSide(execution: string, most: number) {
  const row = useQuery(executionQuery(execution));
  const all = useQuery({
    queryKey: ["execution", execution, "steps", most],
    queryFn: ({ signal }) => steps(execution, most, signal),
    placeholderData: (before) => before,
  });
  return { row, all };
}

function Both({ left, right }: { left: string; right: string }) {
  const [most, setMost] = useState(STEPS);
  const [pairsShown, setPairsShown] = useState(PAIRS);
  const [a, b] = [useSide(left, most), useSide(right, most)];
  const [changed, setChanged] = useState(true);
  const [chosen, setChosen] = useState<string>();
  const pairs = useMemo(
    () => (a.all.data && b.all.data ? compare(a.all.data.all, b.all.data.all) : undefined),
    [a.all.data, b.all.data],
  );
  const error = a.row.error ?? b.row.error ?? a.all.error ?? b.all.error;
  if (error) return <Wrong error={error} />;
  if (!a.row.data || !b.row.data || !pairs) return <Loading />;
  const shown = pairs.filter((pair) => !changed || pair.differs !== "same");
  const opened = pairs.find((pair) => pair.address === chosen);
  const more = a.all.data?.more || b.all.data?.more;
  return (
    <>
      <div className={css.sides}>
        <Side row={a.row.data} />
        <Side row={b.row.data} />
      </div>
      {more && (
        <Notice icon="info">
          The first {most.toLocaleString()} steps of each are compared, by their addresses. What only one side seems to
          have at the end may be beyond them on the other.{" "}
          <Button small busy={a.all.isFetching || b.all.isFetching} onClick={() => setMost(most + STEPS)}>
            Compare {STEPS.toLocaleString()} more
          </Button>
        </Notice>
      )}
      <Panel flush title="Steps" actions={<Check label="Only what differs" checked={changed} onChange={setChanged} />}>
        {shown.length === 0 ? (
          <Empty icon="check" title="Every step is the same" />
        ) : (
          <Table
            label="Steps of both executions"
            head={
              <>
                <th scope="col">Step</th>
                <th scope="col">Left</th>
                <th scope="col">Right</th>
                <th scope="col">What differs</th>
              </>
            }
          >
            {shown.slice(0, pairsShown).map((pair) => (
              <tr key={pair.address}>
                <th scope="row">
                  <button
                    type="button"
                    onClick={() => setChosen(pair.address)}
                    style={{ border: 0, background: "none", color: "var(--accent)", padding: 0, cursor: "pointer" }}
                  >
                    {pair.name}
                  </button>{" "}
                  <code className={layout.dim}>{pair.address}</code>
                </th>
                <td>
                  <Cell step={pair.left} />
                </td>
                <td>
                  <Cell step={pair.right} />
                </td>
                <td>{WORDS[pair.differs]}</td>
              </tr>
            ))}
          </Table>
        )}
        <Rest shown={pairsShown} of={shown.length} what="steps" onMore={() => setPairsShown(pairsShown + PAIRS)} />
      </Panel>
      {opened && (
        <ValuesOf execution={opened.left ? left : right}>
          <PairPanel pair={opened} />
        </ValuesOf>
      )}
    </>
  );
}

const WORDS: Record<Pair["differs"], string> = {
  same: "Nothing",
  left: "Only on the left",
  right: "Only on the right",
  status: "The state",
  inputs: "What it was given",
  outputs: "What it gave",
};

function Cell({ step }: { step: Step | undefined }) {
  if (!step) return <span className={layout.dim}>–</span>;
  return (
    <span className={layout.row}>
      <Status status={step.status} />
      <span className={layout.dim}>{step.duration_ms === null ? "" : duration(step.duration_ms)}</span>
    </span>
  );
}

function Side({ row }: { row: Execution }) {
  return (
    <Panel
      title={
        <Link to="/executions/$execution" params={{ execution: row.execution }} search={{}}>
          {row.workflow}
        </Link>
      }
      actions={<Status status={row.status} />}
    >
      <Facts
        items={[
          ["Execution", <code key="id">{row.execution}</code>],
          ["Version", row.version],
          ["Took", row.duration_ms === null ? "still runs" : duration(row.duration_ms)],
          row.error !== null && ["Error", row.error.message],
        ]}
      />
    </Panel>
  );
}

function PairPanel({ pair }: { pair: Pair }) {
  const text = (value: unknown) => JSON.stringify(value ?? null, undefined, 2);
  return (
    <Panel title={`${pair.name}, ${pair.address}`}>
      <div className={layout.stack}>
        {pair.left && pair.right ? (
          <>
            <h3>What it was given</h3>
            <Diff before={text(pair.left.props)} after={text(pair.right.props)} label="What it was given" />
            <h3>What it gave</h3>
            <Diff before={text(pair.left.outputs)} after={text(pair.right.outputs)} label="What it gave" />
          </>
        ) : (
          <Json value={(pair.left ?? pair.right)?.outputs ?? {}} label="What it gave" />
        )}
      </div>
    </Panel>
  );
}
