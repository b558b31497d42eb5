/** The inbox: what waits for people, and what they decided. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { tasks } from "../api/queries";
import { useMe } from "../app/session";
import { Badge, Segments, Status } from "../ui/controls";
import { itemsOf, Listing } from "../ui/Listing";
import { layout, Page, Panel } from "../ui/layout";
import { useNow, When } from "../ui/time";

type Which = "open" | "mine" | "all";

export function Tasks() {
  const who = useMe();
  const [which, setWhich] = useState<Which>("open");
  const list = useInfiniteQuery(
    tasks({
      ...(which === "all" ? {} : { status: ["open"] }),
      ...(which === "mine" ? { assignee: who.email ?? undefined } : {}),
    }),
  );
  const now = useNow(30_000);
  return (
    <Page
      title="Tasks"
      about="Questions of workflows to people. What is decided here lets an execution go on, and stands in the audit."
    >
      <div className={layout.filters}>
        <Segments
          label="Which tasks"
          value={which}
          onChange={setWhich}
          options={[
            { id: "open", label: "Open" },
            { id: "mine", label: "Assigned to me" },
            { id: "all", label: "All" },
          ]}
        />
      </div>
      <Panel flush>
        <Listing
          label="Tasks"
          list={list}
          items={itemsOf(list)}
          columns={["What", "State", "For", "Due", "Asked", "Execution"]}
          empty={{
            icon: "check",
            title: which === "all" ? "No task was ever asked" : "Nothing waits for you",
            words: (
              <>
                A workflow asks by a <code>HumanTask</code>; what it asks comes here at once.
              </>
            ),
          }}
        >
          {(task) => (
            <tr key={task.task}>
              <th scope="row">
                <Link to="/tasks/$task" params={{ task: task.task }}>
                  {task.title}
                </Link>
              </th>
              <td>
                <Status status={task.status} />
              </td>
              <td>{task.assignee ?? (task.role ? `role ${task.role}` : "anybody who may")}</td>
              <td className={layout.nowrap}>
                {task.due_at && task.status === "open" && Date.parse(task.due_at) < now ? (
                  <Badge tone="failure" icon="clock">
                    overdue
                  </Badge>
                ) : (
                  <When at={task.due_at} />
                )}
              </td>
              <td className={layout.nowrap}>
                <When at={task.created_at} />
              </td>
              <td className={layout.mono}>
                <Link to="/executions/$execution" params={{ execution: task.execution }} search={{}}>
                  {task.execution}
                </Link>
              </td>
            </tr>
          )}
        </Listing>
      </Panel>
    </Page>
  );
}
