/** Hooks: addresses at which other systems start workflows, by messages that are signed. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ask } from "../api/client";
import type { Hook } from "../api/schema";
import { useMay } from "../app/session";
import { useChange } from "../app/useChange";
import { CopyButton, SelectField, TextArea, TextField } from "../ui/controls";
import { Copied, FormDialog, ShownOnce } from "../ui/dialogs";
import { ListPage } from "../ui/Listing";
import { layout } from "../ui/layout";
import { Remove, Rotate, State, Turn } from "./automation";
import { WorkflowField } from "./WorkflowField";

const KEY = ["hooks"];

const SCHEMES = [
  ["standard", "Standard Webhooks"],
  ["github", "As GitHub does"],
] as const;

type Scheme = (typeof SCHEMES)[number][0];

/** Messages in a minute that a hook takes unless somebody says otherwise. */
const PER_MINUTE_USUAL = 60;
const PER_MINUTE_MAX = 6_000;

/** An address of this server as others reach it. */
function whole(path: string): string {
  return `${location.origin}${path}`;
}

export function Hooks() {
  const writes = useMay("webhooks.write");
  const list = useQuery({
    queryKey: KEY,
    queryFn: () => ask("GET /api/v1/hooks", { query: { limit: 200 } }),
    refetchInterval: 10_000,
  });
  return (
    <ListPage
      title="Hooks"
      about="Addresses at which other systems start workflows without an account here. Their messages are signed."
      make={writes ? { words: "New hook", dialog: (close) => <Make onClose={close} /> } : undefined}
      label="Hooks"
      list={list}
      items={list.data?.items ?? []}
      columns={["Name", "Workflow", "Address", "Signed", "State", undefined]}
      empty={{
        icon: "hook",
        title: "There is no hook",
        words: "A hook starts a workflow when another system sends a message to its address.",
      }}
    >
      {(one) => <Row key={one.hook} one={one} writes={writes} />}
    </ListPage>
  );
}

function Row({ one, writes }: { one: Hook; writes: boolean }) {
  const it = { kind: "hooks", id: one.hook, name: one.name } as const;
  return (
    <tr>
      <th scope="row">{one.name}</th>
      <td>
        <Link to="/workflows/$workflow" params={{ workflow: one.spec.workflow }} search={{}}>
          {one.spec.workflow}
        </Link>
      </td>
      <td className={layout.mono} style={{ overflowWrap: "anywhere", minWidth: 200 }}>
        {one.path} <CopyButton text={whole(one.path)} label={`Copy the address of ${one.name}`} />
      </td>
      <td>{SCHEMES.find(([scheme]) => scheme === one.spec.scheme)?.[1] ?? SCHEMES[0][1]}</td>
      <td>
        <State state={one.state} reason={one.reason} />
      </td>
      <td className={layout.numeric}>
        {writes && (
          <>
            <Turn one={it} state={one.state} />
            <Rotate one={it} />
            <Remove one={it} what="Messages to its address are refused from now on. What it has started goes on." />
          </>
        )}
      </td>
    </tr>
  );
}

function Make({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [workflow, setWorkflow] = useState("");
  const [scheme, setScheme] = useState<Scheme>("standard");
  const [perMinute, setPerMinute] = useState(String(PER_MINUTE_USUAL));
  const [input, setInput] = useState("");
  const [wrong, setWrong] = useState<string>();
  const make = useChange({
    ask: (read: Record<string, unknown> | null) =>
      ask("POST /api/v1/hooks", {
        body: { name, spec: { workflow, scheme, per_minute: Number(perMinute), input: read } },
      }),
    stale: [KEY],
    quiet: true,
  });
  if (make.data) {
    return (
      <ShownOnce
        title={name}
        text={make.data.secret}
        copy="Copy the secret"
        more={<Copied text={whole(make.data.path)} copy="Copy the address" />}
        onClose={onClose}
      >
        The other system signs its messages by this secret and sends them to the address below. The secret is shown
        once.
      </ShownOnce>
    );
  }
  const submit = () => {
    try {
      setWrong(undefined);
      make.mutate(input.trim() ? JSON.parse(input) : null);
    } catch {
      setWrong("This is not JSON.");
    }
  };
  return (
    <FormDialog title="New hook" act="Make it" doing={make} onSubmit={submit} onClose={onClose}>
      <TextField label="Name" required value={name} onText={setName} />
      <WorkflowField value={workflow} onChange={setWorkflow} />
      <SelectField label="How messages are signed" value={scheme} onChange={setScheme} options={SCHEMES} />
      <TextField
        label="Messages in a minute"
        type="number"
        required
        min={1}
        max={PER_MINUTE_MAX}
        value={perMinute}
        onText={setPerMinute}
        hint="More are refused."
      />
      <TextArea
        label="Input"
        optional
        value={input}
        wrong={wrong}
        onChange={setInput}
        hint={
          'Where each input comes from, as JSON: {"tag": {"pointer": "/body/release/tag_name"}}. Without it the message is the input.'
        }
      />
    </FormDialog>
  );
}
