/** Schedules: when a workflow is started by itself, and what became of the times. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ask } from "../api/client";
import type { Schedule } from "../api/schema";
import { useMay } from "../app/session";
import { useChange } from "../app/useChange";
import { moment } from "../model/time";
import { Dialog, SelectField, TextArea, TextField } from "../ui/controls";
import { FormDialog } from "../ui/dialogs";
import { Act, Listing, ListPage } from "../ui/Listing";
import { layout, messageOf } from "../ui/layout";
import { When } from "../ui/time";
import { Remove, State, Turn } from "./automation";
import { WorkflowField } from "./WorkflowField";

const KEY = ["schedules"];
const STALE = [KEY];

export function Schedules() {
  const writes = useMay("schedules.write");
  const list = useQuery({
    queryKey: KEY,
    queryFn: () => ask("GET /api/v1/schedules", { query: { limit: 200 } }),
    refetchInterval: 10_000,
  });
  const [looking, setLooking] = useState<Schedule>();
  return (
    <ListPage
      title="Schedules"
      about="Workflows that start by themselves, in the name of whoever made the schedule."
      make={writes ? { words: "New schedule", dialog: (close) => <Make onClose={close} /> } : undefined}
      label="Schedules"
      list={list}
      items={list.data?.items ?? []}
      columns={["Name", "Workflow", "When", "State", "Next", undefined]}
      empty={{
        icon: "schedule",
        title: "There is no schedule",
        words: "A schedule starts a workflow at times that a cron expression names.",
      }}
      more={looking && <History one={looking} onClose={() => setLooking(undefined)} />}
    >
      {(one) => <Row key={one.schedule} one={one} onLook={() => setLooking(one)} />}
    </ListPage>
  );
}

function Row({ one, onLook }: { one: Schedule; onLook: () => void }) {
  const writes = useMay("schedules.write");
  const start = useChange({
    ask: () => ask("POST /api/v1/schedules/{schedule}/trigger", { path: { schedule: one.schedule } }),
    said: () => `${one.spec.workflow} was started.`,
    stale: STALE,
  });
  const it = { kind: "schedules", id: one.schedule, name: one.name } as const;
  return (
    <tr>
      <th scope="row">{one.name}</th>
      <td>
        <Link to="/workflows/$workflow" params={{ workflow: one.spec.workflow }} search={{}}>
          {one.spec.workflow}
        </Link>
      </td>
      <td>
        <code>{one.spec.cron}</code> <span className={layout.dim}>{one.spec.zone}</span>
      </td>
      <td>
        <State state={one.state} reason={one.reason} />
      </td>
      <td className={layout.nowrap}>
        <When at={one.next_at} />
      </td>
      <td className={layout.numeric}>
        <Act word="History" whole={`History of ${one.name}`} onAct={onLook} />
        {writes && (
          <>
            <Act word="Start" whole={`Start ${one.name} now`} onAct={() => start.mutate()} />
            <Turn one={it} state={one.state} />
            <Remove one={it} what="What it has started goes on." />
          </>
        )}
      </td>
    </tr>
  );
}

function History({ one, onClose }: { one: Schedule; onClose: () => void }) {
  const fires = useQuery({
    queryKey: [...KEY, one.schedule, "fires"],
    queryFn: () => ask("GET /api/v1/schedules/{schedule}/fires", { path: { schedule: one.schedule } }),
  });
  return (
    <Dialog title={`History of ${one.name}`} open wide onClose={onClose}>
      <Listing
        label={`Times of ${one.name}, newest first`}
        list={fires}
        items={fires.data?.items ?? []}
        columns={["Time", "What became of it", "Execution"]}
        empty={{ icon: "schedule", title: "Its first time has not come yet" }}
      >
        {(fire) => (
          <tr key={fire.at}>
            <th scope="row">{moment(fire.at)}</th>
            <td>
              {fire.state} <span className={layout.dim}>{fire.reason}</span>
            </td>
            <td className={layout.mono}>
              {fire.execution && (
                <Link to="/executions/$execution" params={{ execution: fire.execution }} search={{}}>
                  {fire.execution}
                </Link>
              )}
            </td>
          </tr>
        )}
      </Listing>
    </Dialog>
  );
}

const OVERLAPS = [
  ["skip", "Leave the time out"],
  ["queue", "Wait until it has ended"],
  ["allow", "Start beside it"],
  ["cancel", "Cancel the one before"],
] as const;

const CATCH_UPS = [
  ["one", "Make up for the last one"],
  ["skip", "Leave them out"],
  ["all", "Make up for all"],
] as const;

/** The next times of an expression, or what is wrong with it. */
function useTimes(cron: string, zone: string): string {
  const times = useQuery({
    queryKey: [...KEY, "preview", cron, zone],
    queryFn: () =>
      ask("POST /api/v1/schedules/preview", {
        body: { cron, zone, count: 3 },
      }),
    enabled: cron.trim() !== "",
  });
  if (times.error) return messageOf(times.error);
  const next = times.data?.items.map((one) => one.local).join(", ") ?? "…";
  return `Minute, hour, day, month, weekday. Next: ${next}`;
}

function Make({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [workflow, setWorkflow] = useState("");
  const [cron, setCron] = useState("0 3 * * *");
  const [zone, setZone] = useState(() => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  const [overlap, setOverlap] = useState<(typeof OVERLAPS)[number][0]>("skip");
  const [catchUp, setCatchUp] = useState<(typeof CATCH_UPS)[number][0]>("one");
  const [input, setInput] = useState("{}");
  const [wrong, setWrong] = useState<string>();
  const times = useTimes(cron, zone);
  const make = useChange({
    ask: (value: Record<string, unknown>) =>
      ask("POST /api/v1/schedules", {
        body: { name, spec: { workflow, cron, zone, overlap, catch_up: catchUp, input: value } },
      }),
    said: () => `${name} was made.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  const submit = () => {
    try {
      setWrong(undefined);
      make.mutate(JSON.parse(input));
    } catch {
      setWrong("This is not JSON.");
    }
  };
  return (
    <FormDialog title="New schedule" act="Make it" doing={make} onSubmit={submit} onClose={onClose}>
      <TextField label="Name" required value={name} onText={setName} />
      <WorkflowField value={workflow} onChange={setWorkflow} />
      <TextField label="When" required value={cron} onText={setCron} hint={times} />
      <TextField label="Time zone" required value={zone} onText={setZone} />
      <SelectField label="While the one before runs" value={overlap} onChange={setOverlap} options={OVERLAPS} />
      <SelectField label="Times that were missed" value={catchUp} onChange={setCatchUp} options={CATCH_UPS} />
      <TextArea label="Input" hint="As JSON." value={input} wrong={wrong} onChange={setInput} />
    </FormDialog>
  );
}
