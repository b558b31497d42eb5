/** Nodes that the tenant wrote: uploaded, looked through, let into workflows, retired. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../api/client";
import { NAMED_TYPES } from "../api/queries";
import type { CustomNode, CustomNodePolicy } from "../api/schema";
import { useKept } from "../app/kept";
import { useMay } from "../app/session";
import { useChange } from "../app/useChange";
import { catalogue, nodeTypes } from "../execution/usePlan";
import { entryOf, isSent, nodeName } from "../model/upload";
import { Badge, Button, Dialog, Field, SelectField, TextArea, TextField, type Tone } from "../ui/controls";
import controls from "../ui/controls.module.css";
import { FormDialog } from "../ui/dialogs";
import { Act, ListPage } from "../ui/Listing";
import { Facts, Loading, layout, Panel, Wrong } from "../ui/layout";
import { When } from "../ui/time";

const KEY = ["custom-nodes"];
const STALE = [KEY, nodeTypes.queryKey, catalogue.queryKey, NAMED_TYPES];

function tone(status: string): Tone {
  if (status === "active") return "success";
  if (status === "deprecated") return "idle";
  if (status === "withdrawn") return "failure";
  return status === "draft" ? "queued" : "waiting";
}

const WEIGHTS: Record<CustomNode["scan"][number]["weight"], Tone> = {
  asks: "idle",
  notice: "waiting",
  alarm: "failure",
};

const APPROVALS = [
  ["clean", "At once when its scan is clean; somebody who may approve looks at the others"],
  ["manual", "When somebody who may approve has looked at it"],
  ["off", "At once, whatever its scan found"],
] as const;

export function CustomNodes() {
  const writes = useMay("custom_nodes.write");
  const list = useQuery({
    queryKey: KEY,
    queryFn: () => ask("GET /api/v1/custom-nodes", { query: { limit: 200 } }),
  });
  const [looking, setLooking] = useState<CustomNode>();
  return (
    <ListPage
      title="Custom nodes"
      about="Nodes in TypeScript that belong to this tenant. They are compiled and run in a sandbox."
      make={writes ? { words: "Upload a node", dialog: (close) => <Upload onClose={close} /> } : undefined}
      label="Custom nodes, newest first"
      list={list}
      items={list.data?.items ?? []}
      columns={["Node", "Version", "State", "Scan", "Uploaded", undefined]}
      empty={{
        icon: "nodes",
        title: "There is no custom node",
        words: "A node is a file of TypeScript. Once it is active, workflows use it like one that is built in.",
      }}
      more={
        <>
          <Policy />
          {looking && <Look one={looking} onClose={() => setLooking(undefined)} />}
        </>
      }
    >
      {(one) => <Row key={one.id} one={one} onLook={() => setLooking(one)} />}
    </ListPage>
  );
}

function Row({ one, onLook }: { one: CustomNode; onLook: () => void }) {
  return (
    <tr>
      <th scope="row">
        {one.name}
        <br />
        <span className={layout.dim}>{one.description}</span>
      </th>
      <td>{one.version}</td>
      <td>
        <Badge tone={tone(one.status)}>{one.status.replaceAll("_", " ")}</Badge>
      </td>
      <td>
        {one.scan.length === 0 ? (
          <span className={layout.dim}>nothing</span>
        ) : (
          <Badge tone={one.scan.some((found) => found.weight === "alarm") ? "failure" : "waiting"}>
            {one.scan.length} found
          </Badge>
        )}
      </td>
      <td className={layout.nowrap}>
        <When at={one.created_at} />
      </td>
      <td className={layout.numeric}>
        <Act word="Look" whole={`Look at ${one.name} ${one.version}`} onAct={onLook} />
        <Moves one={one} />
      </td>
    </tr>
  );
}

/** What can be done with a version as it stands. */
function Moves({ one }: { one: CustomNode }) {
  const writes = useMay("custom_nodes.write");
  const approves = useMay("custom_nodes.approve");
  const move = useChange({
    ask: (what: "activate" | "deprecate" | "rollback" | "withdraw") =>
      ask(`POST /api/v1/custom-nodes/{node}/${what}`, {
        path: { node: one.id },
        ...(what === "deprecate" || what === "withdraw" ? { body: {} } : {}),
      }),
    said: (_, told) =>
      "active" in told
        ? `${one.name} ${told.active.version} is used again, ${told.deprecated.version} is retired.`
        : ("message" in told && told.message) || `${one.name} ${one.version}: done.`,
    stale: STALE,
  });
  const name = `${one.name} ${one.version}`;
  const isUsed = one.status === "active" || one.status === "deprecated";
  return (
    <>
      {writes && !isUsed && <Act word="Activate" whole={`Activate ${name}`} onAct={() => move.mutate("activate")} />}
      {writes && one.status === "active" && (
        <>
          <Act word="Roll back" whole={`Roll back ${name}`} onAct={() => move.mutate("rollback")} />
          <Act word="Retire" whole={`Retire ${name}`} onAct={() => move.mutate("deprecate")} />
        </>
      )}
      {approves && isUsed && <Act word="Withdraw" whole={`Withdraw ${name}`} onAct={() => move.mutate("withdraw")} />}
    </>
  );
}

/** How versions come to be active in this tenant. */
function Policy() {
  const approves = useMay("custom_nodes.approve");
  const key = [...KEY, "policy"];
  const policy = useQuery({
    queryKey: key,
    queryFn: () => ask("GET /api/v1/custom-nodes/policy"),
  });
  const set = useChange({
    ask: (approval: CustomNodePolicy["approval"]) => ask("POST /api/v1/custom-nodes/policy", { body: { approval } }),
    said: () => "That counts from now on.",
    stale: [key],
  });
  const now = policy.data?.approval;
  if (now === undefined) return null;
  return (
    <Panel title="Review">
      {approves ? (
        <SelectField
          label="A version that is activated comes into use"
          value={now}
          onChange={(approval) => set.mutate(approval)}
          options={APPROVALS}
        />
      ) : (
        <p>
          A version that is activated comes into use:{" "}
          {APPROVALS.find(([approval]) => approval === now)?.[1].toLowerCase() ?? now}.
        </p>
      )}
    </Panel>
  );
}

function Look({ one, onClose }: { one: CustomNode; onClose: () => void }) {
  const whole = useQuery({
    queryKey: [...KEY, one.id],
    queryFn: () => ask("GET /api/v1/custom-nodes/{node}", { path: { node: one.id } }),
  });
  const used = useQuery({
    queryKey: [...KEY, one.id, "dependents"],
    queryFn: () => ask("GET /api/v1/custom-nodes/{node}/dependents", { path: { node: one.id } }),
  });
  return (
    <Dialog title={`${one.name} ${one.version}`} open wide onClose={onClose}>
      <Facts
        items={[
          ["State", one.status.replaceAll("_", " ")],
          one.message !== null && ["Told", one.message],
          ["Asks for", one.permissions.join(", ") || "nothing"],
          [
            "Used by",
            used.data?.items.map((found) => `${found.workflow} ${found.workflow_version}`).join(", ") || "no workflow",
          ],
        ]}
      />
      {one.scan.length > 0 && (
        <ul className={layout.stack} style={{ gap: 6 }}>
          {one.scan.map((found) => (
            <li key={`${found.file}:${found.line}:${found.rule}`} className={layout.row}>
              <Badge tone={WEIGHTS[found.weight]}>{found.weight}</Badge>
              <code>
                {found.file}:{found.line}
              </code>
              <span>{found.reason}</span>
            </li>
          ))}
        </ul>
      )}
      {whole.data ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
        <pre className={layout.pre} style={{ maxHeight: 420 }} tabIndex={0}>
          {whole.data.source}
        </pre>
      ) : whole.error ? (
        <Wrong error={whole.error} />
      ) : (
        <Loading />
      )}
    </Dialog>
  );
}

const TEMPLATE = `import { defineNode } from "workflow-sdk";

export const description = "Adds two numbers.";
export const schema = {
  type: "object",
  properties: { a: { type: "number" }, b: { type: "number" } },
  required: ["a", "b"],
};

export default defineNode<{ a: number; b: number }>(({ a, b }) => a + b);
`;

/** A node that is being written: it stays in this tab until it is sent or dropped. */
interface Written {
  name: string;
  version: string;
  source: string;
}

/** Several files that were chosen, of which one is the node. */
interface Chosen {
  files: Record<string, string>;
  entry: string;
}

async function readFiles(list: FileList): Promise<Record<string, string>> {
  const wanted = [...list].filter(({ name }) => isSent(name));
  return Object.fromEntries(await Promise.all(wanted.map(async (file) => [file.name, await file.text()] as const)));
}

function Upload({ onClose }: { onClose: () => void }) {
  const [kept, setKept] = useKept<Written>("custom-node");
  const written = kept ?? { name: "", version: "1.0.0", source: TEMPLATE };
  const { name, version, source } = written;
  const [chosen, setChosen] = useState<Chosen>();
  const [wrong, setWrong] = useState<string>();
  const write = (change: Partial<Written>) => setKept({ ...written, ...change });
  const close = () => {
    setKept(undefined);
    onClose();
  };
  const add = useChange({
    ask: () => ask("POST /api/v1/custom-nodes", { body: { name, version, ...(chosen ?? { source }) } }),
    said: () => `${name} ${version} is a draft now.`,
    stale: STALE,
    done: close,
    quiet: true,
  });
  const take = async (list: FileList) => {
    const files = await readFiles(list);
    const paths = Object.keys(files);
    const entry = entryOf(paths);
    setWrong(entry === undefined && list.length > 0 ? "None of these is the TypeScript of a node." : undefined);
    if (entry === undefined) return;
    setChosen(paths.length > 1 ? { files, entry } : undefined);
    write({ name: name || nodeName(entry), ...(paths.length > 1 ? {} : { source: files[entry] ?? "" }) });
  };
  return (
    <FormDialog title="Upload a node" act="Upload" wide doing={add} onSubmit={() => add.mutate()} onClose={close}>
      <Files wrong={wrong} onChoose={(list) => void take(list)} />
      <TextField
        label="Name"
        required
        value={name}
        onText={(name) => write({ name })}
        hint="As workflows name it in `type:`, such as SendSlackMessage."
      />
      <TextField label="Version" required value={version} onText={(version) => write({ version })} />
      {chosen ? (
        <>
          <SelectField
            label="The node is in"
            value={chosen.entry}
            onChange={(entry) => setChosen({ ...chosen, entry })}
            options={Object.keys(chosen.files).map((path) => [path, path] as const)}
            hint={`${Object.keys(chosen.files).length} files are sent; the others are what this one imports.`}
          />
          <div>
            <Button small onClick={() => setChosen(undefined)}>
              Write it here instead
            </Button>
          </div>
        </>
      ) : (
        <TextArea label="Source" rows={14} value={source} onChange={(source) => write({ source })} />
      )}
    </FormDialog>
  );
}

/** Chooses files, which can also be dropped there. */
function Files({ wrong, onChoose }: { wrong: string | undefined; onChoose: (list: FileList) => void }) {
  return (
    <Field
      label="Files"
      optional
      wrong={wrong}
      hint="One file, or several of which one is the node. Choose them here or drop them here; tests are left out."
    >
      {(ids) => (
        <input
          {...ids}
          className={controls.input}
          type="file"
          multiple
          accept=".ts,.tsx,.mts,.js,.mjs,.json"
          onChange={({ target }) => target.files && onChoose(target.files)}
        />
      )}
    </Field>
  );
}
