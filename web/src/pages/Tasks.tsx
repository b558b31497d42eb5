/** The inbox: what waits for people, and what they decided. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { tasks } from "../api/queries";
import { useMe } from "../app/session";
import { Badge, Segments, Status } from "../ui/controls";
import { itemsOf, Listing } from "../ui/Listing";
import { layout, Page, Panel } from "../ui/layout";
import { useNow, When } from "../ui/time";

type Which = "open" | "mine" | "all";

const EMPTY: Record<Which, string> = {
  open: "Nothing waits for you",
  mine: "Nothing is assigned to you",
  all: "No task was ever asked",
};

export function Tasks() {
  const who = useMe();
  // What is chosen stands in the address, so that it can be sent and is there after a reload.
  const { which = "open" } = useSearch({ from: "/shell/tasks" });
  const navigate = useNavigate({ from: "/tasks" });
  const setWhich = (which: Which) => void navigate({ search: which === "open" ? {} : { which }, replace: true });
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
            title: EMPTY[which],
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
