/** Every execution of the tenant, newest first, with filters that stand in the address. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { executions } from "../api/queries";
import type { ExecutionsSearch } from "../app/router";
import { Choose, Search, STATES, Status } from "../ui/controls";
import { itemsOf, Listing } from "../ui/Listing";
import { layout, Page, Panel } from "../ui/layout";
import { Took, When } from "../ui/time";
import { useTyped } from "../ui/useTyped";

const CHOICES = ["queued", "running", "waiting", "paused", "success", "failure", "cancelled", "skipped", "quarantined"];

const DAY_MS = 86_400_000;
const DAYS = [
  ["", "Any time"],
  ["1", "Last 24 hours"],
  ["7", "Last 7 days"],
  ["30", "Last 30 days"],
] as const;

export function Executions() {
  const search = useSearch({ from: "/shell/executions" });
  const navigate = useNavigate({ from: "/executions" });
  const list = useInfiniteQuery(executions(search));
  const set = (change: Partial<Record<keyof ExecutionsSearch, unknown>>) =>
    void navigate({
      search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value)),
      replace: true,
    });
  return (
    <Page title="Executions" about="Runs of workflows, newest first. The list follows what happens.">
      <Filters search={search} set={set} />
      <Panel flush>
        <Listing
          label="Executions"
          list={list}
          items={itemsOf(list)}
          columns={["Workflow", "State", "Started", { numeric: "Took" }, "Version", "Execution"]}
          empty={
            Object.keys(search).length > 0
              ? {
                  icon: "executions",
                  title: "Nothing fits these filters",
                  words: (
                    <Link to="/executions" search={{}}>
                      Show all executions
                    </Link>
                  ),
                }
              : {
                  icon: "executions",
                  title: "Nothing has run yet",
                  words: (
                    <>
                      Open a <Link to="/workflows">workflow</Link> and run it.
                    </>
                  ),
                }
          }
        >
          {(one) => (
            <tr key={one.execution}>
              <th scope="row">
                <Link to="/executions/$execution" params={{ execution: one.execution }}>
                  {one.workflow}
                </Link>
              </th>
              <td style={{ minWidth: 190 }}>
                <Status status={one.status} />{" "}
                {one.waiting && one.status === "waiting" && <span className={layout.dim}>{one.waiting}</span>}
              </td>
              <td className={layout.nowrap}>
                <When at={one.started_at} />
              </td>
              <td className={layout.numeric}>
                <Took ms={one.duration_ms} since={one.started_at} />
              </td>
              <td className={layout.nowrap}>{one.version}</td>
              <td className={`${layout.mono} ${layout.dim}`}>{one.execution}</td>
            </tr>
          )}
        </Listing>
      </Panel>
    </Page>
  );
}

function Filters({
  search,
  set,
}: {
  search: ExecutionsSearch;
  set: (change: Partial<Record<keyof ExecutionsSearch, unknown>>) => void;
}) {
  const [typed, setTyped] = useTyped(search.text ?? "", (text) => set({ text }));
  const since = search.since === undefined ? undefined : Date.now() - Date.parse(search.since);
  const chosen = DAYS.find(([days]) => since !== undefined && Math.abs(since - Number(days) * DAY_MS) < DAY_MS / 2);
  return (
    <div className={layout.filters}>
      <Search label="Workflow or execution" value={typed} onChange={setTyped} />
      <Choose
        label="State"
        value={search.status?.length === 1 ? (search.status[0] ?? "") : ""}
        onChange={(status) => set({ status: status ? [status] : undefined })}
        options={[
          ["", search.status && search.status.length > 1 ? "Several states" : "Every state"],
          ...CHOICES.map((status) => [status, STATES[status]?.word ?? status] as const),
        ]}
      />
      <Choose
        label="Time"
        value={chosen?.[0] ?? ""}
        onChange={(days) =>
          set({ since: days ? new Date(Date.now() - Number(days) * DAY_MS).toISOString() : undefined })
        }
        options={DAYS}
      />
      {search.workflow && (
        <Link
          to="/executions"
          search={(before: ExecutionsSearch) =>
            Object.fromEntries(Object.entries(before).filter(([name]) => name !== "workflow"))
          }
        >
          Of {search.workflow}; show all workflows
        </Link>
      )}
    </div>
  );
}
