/** Runs a workflow: a form from its inputs, inputs of earlier runs, and where to stop. */
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useRef, useState } from "react";
import { ask } from "../api/client";
import { queries } from "../api/queries";
import type { Start } from "../api/schema";
import { announce } from "../app/announcer";
import { nameOf } from "../app/kept";
import { useMay, useMe } from "../app/session";
import { useSettings } from "../app/settings";
import { fieldsOf, fill, holdsSecret, type Typed, typedOf } from "../model/forms";
import { Button, Check, Dialog, TextArea } from "../ui/controls";
import { FormDialog } from "../ui/dialogs";
import { FormFields } from "../ui/Form";
import { Loading, layout, Wrong } from "../ui/layout";
import { When } from "../ui/time";
import { usePlan } from "./usePlan";

export function RunDialog({
  workflow,
  version,
  input,
  onClose,
}: {
  workflow: string;
  version: string;
  input?: Record<string, unknown>;
  onClose: () => void;
}) {
  const drawn = usePlan(workflow, version);
  if (!drawn.data) {
    return (
      <Dialog title={`Run ${workflow}`} open onClose={onClose}>
        {drawn.error ? <Wrong error={drawn.error} /> : <Loading />}
      </Dialog>
    );
  }
  return (
    <Ready
      workflow={workflow}
      version={version}
      inputs={drawn.data.definition.inputs ?? {}}
      given={input}
      onClose={onClose}
    />
  );
}

/** Starts the workflow, and goes where it is seen. */
function useStart(workflow: string, keep: (body: Start) => Record<string, unknown>) {
  const who = useMe();
  const keepInput = useSettings((state) => state.keepInput);
  const navigate = useNavigate();
  // The same attempt is sent again with the same key, so that a lost answer does not start it twice.
  const key = useRef<{ text: string; key: string }>({ text: "", key: "" });
  return useMutation({
    mutationFn: (body: Start) => {
      const text = JSON.stringify(body);
      if (key.current.text !== text) key.current = { text, key: crypto.randomUUID() };
      return ask("POST /api/v1/executions", { body, headers: { "idempotency-key": key.current.key } });
    },
    onSuccess: (started, body) => {
      keepInput(who, workflow, keep(body));
      announce(`${workflow} was started.`);
      void queries.invalidateQueries({ queryKey: ["executions"] });
      void navigate({ to: "/executions/$execution", params: { execution: started.execution }, search: {} });
    },
  });
}

/** Inputs of earlier runs, to take them again. */
function Earlier({ workflow, onTake }: { workflow: string; onTake: (input: Record<string, unknown>) => void }) {
  const who = useMe();
  const known = useSettings((state) => state.inputs[nameOf(who, workflow)]) ?? [];
  if (known.length === 0) return null;
  return (
    <div className={layout.row}>
      <span className={layout.dim}>Same as</span>
      {known.map((one) => (
        <Button key={one.at} small onClick={() => onTake(one.input)} title={JSON.stringify(one.input)}>
          <When at={one.at} />
        </Button>
      ))}
    </div>
  );
}

function Ready({
  workflow,
  version,
  inputs,
  given,
  onClose,
}: {
  workflow: string;
  version: string;
  inputs: Record<string, unknown>;
  given: Record<string, unknown> | undefined;
  onClose: () => void;
}) {
  const fields = useMemo(() => fieldsOf(inputs), [inputs]);
  const [typed, setTyped] = useState<Typed>(() => typedOf(fields, given));
  const [tried, setTried] = useState(false);
  const [grants, setGrants] = useState("");
  const [stop, setStop] = useState(false);
  const mayGrant = useMay("executions.grant");
  const filled = fill(fields, typed);
  // What is secret does not stay in the browser.
  const secret = new Set(fields.filter(holdsSecret).map((field) => field.name));
  const start = useStart(workflow, ({ input }) =>
    Object.fromEntries(Object.entries(input ?? {}).filter(([name]) => !secret.has(name))),
  );
  const submit = () => {
    setTried(true);
    if (Object.keys(filled.wrong).length > 0) return;
    const hosts = grants.split(/\s*\n\s*|\s*,\s*/).filter(Boolean);
    start.mutate({
      workflow,
      version,
      input: filled.value,
      ...(hosts.length > 0 ? { grants: hosts } : {}),
      ...(stop ? { breakpoints: [{ at: "/", once: true }] } : {}),
    });
  };
  return (
    <FormDialog
      title={`Run ${workflow}`}
      act="Run"
      icon="play"
      noValidate
      doing={start}
      onSubmit={submit}
      onClose={onClose}
    >
      <p className={layout.dim}>Version {version}.</p>
      <Earlier workflow={workflow} onTake={(input) => setTyped(typedOf(fields, input))} />
      {fields.length === 0 ? (
        <p className={layout.dim}>This workflow takes no input.</p>
      ) : (
        <FormFields
          fields={fields}
          typed={typed}
          wrong={tried ? filled.wrong : {}}
          onChange={(path, value) => setTyped((before) => ({ ...before, [path]: value }))}
        />
      )}
      {mayGrant && (
        <TextArea
          label="Grants"
          optional
          rows={2}
          value={grants}
          onChange={setGrants}
          hint="What its steps may reach, one a line, such as net:api.example.com:443."
        />
      )}
      <Check
        label="Stop before the first step"
        hint="To look and go on step by step."
        checked={stop}
        onChange={setStop}
      />
    </FormDialog>
  );
}
