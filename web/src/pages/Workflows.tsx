/** The workflows of the tenant. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { workflows } from "../api/queries";
import type { Workflow } from "../api/schema";
import { useMay } from "../app/session";
import { RunDialog } from "../execution/RunDialog";
import { Button, buttonClass, Search } from "../ui/controls";
import { Icon } from "../ui/icons";
import { itemsOf, Listing } from "../ui/Listing";
import { layout, Page, Panel } from "../ui/layout";
import { When } from "../ui/time";
import { useTyped } from "../ui/useTyped";

export function Workflows() {
  const list = useInfiniteQuery(workflows);
  const { text = "" } = useSearch({ from: "/shell/workflows" });
  const navigate = useNavigate({ from: "/workflows" });
  const [typed, setTyped] = useTyped(text, (text) => void navigate({ search: text ? { text } : {}, replace: true }));
  const [running, setRunning] = useState<Workflow>();
  const writes = useMay("workflows.write");
  const starts = useMay("executions.start");
  const all = itemsOf(list);
  const wanted = typed.toLowerCase();
  const shown = all.filter((one) => `${one.workflow} ${one.name ?? ""}`.toLowerCase().includes(wanted));
  const write = (
    <Link to="/new-workflow" className={buttonClass({ look: "primary" })}>
      <Icon name="plus" />
      New workflow
    </Link>
  );
  return (
    <Page
      title="Workflows"
      about="Each version stays as it is; what runs is always one of them."
      actions={writes && write}
    >
      {all.length > 0 && (
        <div className={layout.filters}>
          <Search label="Search workflows" value={typed} onChange={setTyped} />
        </div>
      )}
      <Panel flush>
        <Listing
          label="Workflows"
          list={list}
          items={shown}
          columns={["Workflow", "Name", "Version", "Changed", undefined]}
          empty={
            typed
              ? { icon: "workflows", title: "No workflow has that name" }
              : {
                  icon: "workflows",
                  title: "There is no workflow yet",
                  words: "A workflow is a few lines of text: which nodes, in which order, with what.",
                  action: writes && write,
                }
          }
        >
          {(one) => (
            <tr key={one.workflow}>
              <th scope="row">
                <Link to="/workflows/$workflow" params={{ workflow: one.workflow }} search={{}}>
                  {one.workflow}
                </Link>
              </th>
              <td>{one.name ?? <span className={layout.dim}>–</span>}</td>
              <td className={layout.nowrap}>{one.latest.version}</td>
              <td className={layout.nowrap}>
                <When at={one.changed_at} />
              </td>
              <td className={layout.numeric}>
                {starts && (
                  <Button small icon="play" aria-label={`Run ${one.workflow}`} onClick={() => setRunning(one)}>
                    Run
                  </Button>
                )}
              </td>
            </tr>
          )}
        </Listing>
      </Panel>
      {running && (
        <RunDialog workflow={running.workflow} version={running.latest.version} onClose={() => setRunning(undefined)} />
      )}
    </Page>
  );
}
