/** One task: what is asked, a form for the answer, and the decision. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { ask } from "../api/client";
import { queries, task as taskQuery } from "../api/queries";
import type { Decision, Task as Row } from "../api/schema";
import { announce } from "../app/announcer";
import { useKept } from "../app/kept";
import { useMay } from "../app/session";
import { fieldsOfSchema, fill, isSecret, type Typed } from "../model/forms";
import { moment } from "../model/time";
import { Button, Status, TextArea } from "../ui/controls";
import { FormFields } from "../ui/Form";
import { Json, ValuesOf } from "../ui/Json";
import { Facts, Loading, layout, Notice, Page, Panel, Refused, Wrong } from "../ui/layout";

interface Details {
  description?: string;
  form?: unknown;
}

export function Task() {
  const { task } = useParams({ from: "/shell/tasks/$task" });
  const found = useQuery(taskQuery(task));
  if (found.isPending) return <Loading />;
  if (!found.data) return <Wrong error={found.error} again={() => void found.refetch()} />;
  return <Opened key={task} row={found.data} />;
}

function Opened({ row }: { row: Row }) {
  const details = (row.details ?? {}) as Details;
  const mayComplete = useMay("tasks.complete");
  return (
    <Page title={row.title} crumbs={[{ label: "Tasks", to: "/tasks" }]} status={<Status status={row.status} />}>
      <Panel>
        <div className={layout.stack}>
          {details.description && <p style={{ whiteSpace: "pre-wrap", maxWidth: "80ch" }}>{details.description}</p>}
          <Facts
            items={[
              ["For", row.assignee ?? (row.role ? `role ${row.role}` : "anybody who may answer tasks")],
              ["Asked", moment(row.created_at)],
              row.due_at !== null && ["Due", moment(row.due_at)],
              row.closed_at !== null && ["Closed", moment(row.closed_at)],
              [
                "Execution",
                <Link key="execution" to="/executions/$execution" params={{ execution: row.execution }} search={{}}>
                  {row.execution}
                </Link>,
              ],
            ]}
          />
        </div>
      </Panel>
      {row.status !== "open" ? (
        row.result !== null &&
        row.result !== undefined && (
          <Panel title="Decision">
            <ValuesOf execution={row.execution}>
              <Json value={row.result} label="Decision" />
            </ValuesOf>
          </Panel>
        )
      ) : mayComplete ? (
        <Answer row={row} form={details.form} />
      ) : (
        <Notice icon="lock">You may see this task. Answering it needs the permission tasks.complete.</Notice>
      )}
    </Page>
  );
}

/** An answer that was begun: it stays in this tab until it is sent. */
interface Answered {
  typed: Typed;
  comment: string;
}

function Answer({ row, form }: { row: Row; form: unknown }) {
  const navigate = useNavigate();
  const fields = useMemo(() => fieldsOfSchema(form), [form]);
  const [kept, setKept] = useKept<Answered>(`task:${row.task}`);
  // What is secret does not stay in the browser.
  const [secrets, setSecrets] = useState<Typed>({});
  const typed = { ...kept?.typed, ...secrets };
  const comment = kept?.comment ?? "";
  const [tried, setTried] = useState(false);
  const filled = fill(fields, typed);
  const complete = useMutation({
    mutationFn: (body: Decision) => ask("POST /api/v1/tasks/{task}/complete", { path: { task: row.task }, body }),
    onSuccess: (_, body) => {
      setKept(undefined);
      announce(body.approved ? "Approved." : "Rejected.");
      void queries.invalidateQueries({ queryKey: ["tasks"] });
      void queries.invalidateQueries({ queryKey: ["task", row.task] });
      void navigate({ to: "/tasks" });
    },
  });
  const write = (path: string, value: string) => {
    if (isSecret(fields, path)) setSecrets({ ...secrets, [path]: value });
    else setKept({ comment, typed: { ...kept?.typed, [path]: value } });
  };
  const decide = (approved: boolean) => {
    setTried(approved);
    if (approved && Object.keys(filled.wrong).length > 0) return;
    complete.mutate({
      approved,
      ...(comment ? { comment } : {}),
      ...(approved && fields.length > 0 ? { data: filled.value } : {}),
    });
  };
  return (
    <Panel title="Your answer">
      <form
        className={layout.stack}
        style={{ maxWidth: 560 }}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          decide(true);
        }}
      >
        <Refused error={complete.error} />
        <FormFields fields={fields} typed={typed} wrong={tried ? filled.wrong : {}} onChange={write} />
        <TextArea
          label="Comment"
          optional
          rows={2}
          value={comment}
          onChange={(comment) => setKept({ typed: kept?.typed ?? {}, comment })}
        />
        <div className={layout.row}>
          <Button type="submit" look="primary" icon="check" busy={complete.isPending}>
            Approve
          </Button>
          <Button look="danger" icon="cross" disabled={complete.isPending} onClick={() => decide(false)}>
            Reject
          </Button>
        </div>
      </form>
    </Panel>
  );
}
