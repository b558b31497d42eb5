/** What can be done with an execution: paused, gone on with, signalled, cancelled, forked, run again. */
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ask } from "../api/client";
import { queries } from "../api/queries";
import type { Execution } from "../api/schema";
import { announce } from "../app/announcer";
import { useMay } from "../app/session";
import { useChange } from "../app/useChange";
import { FINAL } from "../model/run";
import { Button, Check, Dialog, TextArea, TextField } from "../ui/controls";
import { Confirm, FormDialog } from "../ui/dialogs";
import { layout, messageOf, Notice, Refused } from "../ui/layout";
import { RunDialog } from "./RunDialog";

function again(execution: string): void {
  void queries.invalidateQueries({ queryKey: ["execution", execution] });
}

export function Actions({ row, input }: { row: Execution; input: Record<string, unknown> | undefined }) {
  const steers = useMay("executions.steer");
  const starts = useMay("executions.start");
  const removes = useMay("executions.remove");
  const [open, setOpen] = useState<"cancel" | "signal" | "run" | "remove">();
  const over = FINAL.has(row.status) || row.status === "quarantined";
  const path = { execution: row.execution };
  const steer = useMutation({
    mutationFn: (what: "pause" | "resume") => ask(`POST /api/v1/executions/{execution}/${what}`, { path }),
    onSuccess: (_, what) => announce(what === "pause" ? "It starts nothing new." : "It goes on."),
    onError: (error) => announce(messageOf(error), true),
    onSettled: () => again(row.execution),
  });
  const close = () => setOpen(undefined);
  return (
    <>
      {steers && !over && (
        <>
          {row.status === "paused" ? (
            <Button icon="play" busy={steer.isPending} onClick={() => steer.mutate("resume")}>
              Resume
            </Button>
          ) : (
            <Button icon="pause" busy={steer.isPending} onClick={() => steer.mutate("pause")}>
              Pause
            </Button>
          )}
          <Button icon="signal" onClick={() => setOpen("signal")}>
            Signal
          </Button>
          <Button icon="stop" look="danger" onClick={() => setOpen("cancel")}>
            Cancel
          </Button>
        </>
      )}
      {starts && over && (
        <Button icon="play" onClick={() => setOpen("run")}>
          Run again
        </Button>
      )}
      {removes && over && <Button onClick={() => setOpen("remove")}>Remove</Button>}
      {open === "remove" && <Remove execution={row.execution} onClose={close} />}
      {open === "cancel" && <Cancel execution={row.execution} onClose={close} />}
      {open === "signal" && <Signal row={row} onClose={close} />}
      {open === "run" && (
        <RunDialog workflow={row.workflow} version={row.version} {...(input ? { input } : {})} onClose={close} />
      )}
    </>
  );
}

function Remove({ execution, onClose }: { execution: string; onClose: () => void }) {
  const navigate = useNavigate();
  const remove = useChange({
    ask: () => ask("DELETE /api/v1/executions/{execution}", { path: { execution } }),
    said: () => "The execution was removed.",
    stale: [["executions"]],
    done: () => void navigate({ to: "/executions", search: {} }),
    quiet: true,
  });
  return (
    <Confirm
      title="Remove this execution?"
      act="Remove it"
      doing={remove}
      onAct={() => remove.mutate()}
      onClose={onClose}
    >
      Its history, values and lines go and do not come back; that it was removed stands in the audit.
    </Confirm>
  );
}

function Cancel({ execution, onClose }: { execution: string; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const [force, setForce] = useState(false);
  const cancel = useMutation({
    mutationFn: () =>
      ask("POST /api/v1/executions/{execution}/cancel", {
        path: { execution },
        body: { force, ...(reason ? { reason } : {}) },
      }),
    onSuccess: () => {
      announce("It was asked to end.");
      onClose();
    },
    onSettled: () => again(execution),
  });
  return (
    <Dialog
      title="Cancel this execution?"
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Let it go on</Button>
          <Button look="danger" busy={cancel.isPending} onClick={() => cancel.mutate()}>
            Cancel it
          </Button>
        </>
      }
    >
      <Refused error={cancel.error} />
      <p>Steps under way are halted. What cleans up is still run.</p>
      <TextField label="Reason" optional value={reason} onText={setReason} />
      <Check
        label="Halt what cleans up too"
        hint="Only when it hangs: something may be left behind."
        checked={force}
        onChange={setForce}
      />
    </Dialog>
  );
}

/** The name of the signal that is waited for, from the words of what it waits for. */
export function awaitedSignal(waiting: string | null): string {
  return waiting?.match(/^signal ([^\s,]+)/)?.[1] ?? "";
}

function Signal({ row, onClose }: { row: Execution; onClose: () => void }) {
  // What is waited for may become known after the dialog was opened.
  const [typed, setName] = useState<string>();
  const name = typed ?? awaitedSignal(row.waiting);
  const [key, setKey] = useState("");
  const [payload, setPayload] = useState("");
  const [wrong, setWrong] = useState<string>();
  const signal = useMutation({
    mutationFn: (value: unknown) =>
      ask("POST /api/v1/executions/{execution}/signal", {
        path: { execution: row.execution },
        headers: { "idempotency-key": crypto.randomUUID() },
        body: { name, payload: value, ...(key ? { key } : {}) },
      }),
    onSuccess: () => {
      announce(`The signal ${name} was sent.`);
      onClose();
    },
    onSettled: () => again(row.execution),
  });
  const submit = () => {
    try {
      setWrong(undefined);
      signal.mutate(payload.trim() ? JSON.parse(payload) : null);
    } catch {
      setWrong("This is not JSON. Texts stand in double quotes.");
    }
  };
  return (
    <FormDialog title="Send a signal" act="Send" doing={signal} onSubmit={submit} onClose={onClose}>
      <TextField label="Name" required value={name} onText={setName} />
      <TextField label="Key" optional hint="Where the wait has a correlation key." value={key} onText={setKey} />
      <TextArea label="What it carries" optional hint="As JSON." value={payload} wrong={wrong} onChange={setPayload} />
    </FormDialog>
  );
}

export function ForkDialog({
  execution,
  at,
  name,
  onClose,
}: {
  execution: string;
  at: string;
  name: string;
  onClose: () => void;
}) {
  const navigate = useNavigate();
  const [edits, setEdits] = useState<Array<{ path: string; value: string }>>([]);
  const [wrong, setWrong] = useState<number>();
  const fork = useMutation({
    mutationFn: (read: Array<{ path: string; value: unknown }>) =>
      ask("POST /api/v1/executions/{execution}/fork", { path: { execution }, body: { at, edits: read } }),
    onSuccess: (made) => {
      announce("The fork was started.");
      if (made.execution) {
        void navigate({ to: "/executions/$execution", params: { execution: made.execution }, search: {} });
      }
      onClose();
    },
  });
  const submit = () => {
    const read: Array<{ path: string; value: unknown }> = [];
    for (const [index, edit] of edits.entries()) {
      if (!edit.path) continue;
      try {
        read.push({ path: edit.path, value: JSON.parse(edit.value) });
      } catch {
        setWrong(index);
        return;
      }
    }
    setWrong(undefined);
    fork.mutate(read);
  };
  const set = (index: number, change: Partial<{ path: string; value: string }>) =>
    setEdits((before) => before.map((edit, at) => (at === index ? { ...edit, ...change } : edit)));
  return (
    <Dialog
      title={`Fork before ${name}`}
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button look="primary" icon="fork" busy={fork.isPending} onClick={submit}>
            Start the fork
          </Button>
        </>
      }
    >
      <Refused error={fork.error} />
      <Notice>
        A new execution begins with everything as it was before this step, and goes on from there. The steps before are
        not run again.
      </Notice>
      {edits.map((edit, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added and removed at the end.
        <div key={index} className={layout.row} style={{ flexWrap: "nowrap", alignItems: "flex-start" }}>
          <TextField
            label="Value"
            placeholder="input.name"
            value={edit.path}
            onChange={(event) => set(index, { path: event.target.value })}
          />
          <TextField
            label="is"
            placeholder={'"Ada"'}
            value={edit.value}
            wrong={wrong === index ? "Not JSON." : undefined}
            onChange={(event) => set(index, { value: event.target.value })}
          />
        </div>
      ))}
      <div>
        <Button small icon="plus" onClick={() => setEdits([...edits, { path: "", value: "" }])}>
          Change a value
        </Button>
      </div>
    </Dialog>
  );
}
