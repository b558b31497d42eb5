/** Secrets of the tenant: their names are seen, their values only given. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../api/client";
import { secrets } from "../api/queries";
import type { Secret } from "../api/schema";
import { useMay } from "../app/session";
import { useChange } from "../app/useChange";
import { TextArea, TextField } from "../ui/controls";
import { Confirm, FormDialog } from "../ui/dialogs";
import { Act, itemsOf, ListPage } from "../ui/Listing";
import { layout } from "../ui/layout";
import { When } from "../ui/time";

const STALE = [secrets.queryKey];

export function Secrets() {
  const list = useInfiniteQuery(secrets);
  const writes = useMay("secrets.write");
  const [giving, setGiving] = useState<string>();
  const [ending, setEnding] = useState<Secret>();
  return (
    <ListPage
      title="Secrets"
      about="What the steps of workflows may be given and nobody is shown. Values are sealed where they are kept."
      make={writes ? { words: "New secret", dialog: (close) => <Give name="" onClose={close} /> } : undefined}
      label="Secrets"
      list={list}
      items={itemsOf(list)}
      columns={["Name", { numeric: "Times given" }, "Last given", undefined]}
      empty={{
        icon: "secret",
        title: "There are no secrets",
        words: "A password or a key of another program, by a name that workflows use.",
      }}
      more={
        <>
          {giving && <Give name={giving} onClose={() => setGiving(undefined)} />}
          {ending && <Remove one={ending} onClose={() => setEnding(undefined)} />}
        </>
      }
    >
      {(one) => (
        <tr key={one.name}>
          <th scope="row">
            <code>{one.name}</code>
          </th>
          <td className={layout.numeric}>{one.version}</td>
          <td className={layout.nowrap}>
            <When at={one.updated_at} />
          </td>
          <td className={layout.numeric}>
            {writes && (
              <>
                <Act
                  word="Give another"
                  whole={`Give another value for ${one.name}`}
                  onAct={() => setGiving(one.name)}
                />
                <Act word="Remove" whole={`Remove ${one.name}`} onAct={() => setEnding(one)} />
              </>
            )}
          </td>
        </tr>
      )}
    </ListPage>
  );
}

function Give({ name: given, onClose }: { name: string; onClose: () => void }) {
  const [name, setName] = useState(given);
  const [value, setValue] = useState("");
  const put = useChange({
    ask: () => ask("PUT /api/v1/secrets/{secret}", { path: { secret: name }, body: { value } }),
    said: () => `${name} has its value.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <FormDialog
      title={given ? `Another value for ${given}` : "New secret"}
      act="Give it"
      doing={put}
      disabled={value === ""}
      onSubmit={() => put.mutate()}
      onClose={onClose}
    >
      {!given && (
        <TextField
          label="Name"
          required
          value={name}
          onText={setName}
          hint="As workflows name it, such as mail_password."
        />
      )}
      <TextArea
        label="Value"
        hint="It is sent once and shown to nobody, you included."
        value={value}
        onChange={setValue}
      />
    </FormDialog>
  );
}

function Remove({ one, onClose }: { one: Secret; onClose: () => void }) {
  const remove = useChange({
    ask: () => ask("DELETE /api/v1/secrets/{secret}", { path: { secret: one.name } }),
    said: () => `${one.name} is gone.`,
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  return (
    <Confirm title={`Remove ${one.name}?`} act="Remove" doing={remove} onAct={() => remove.mutate()} onClose={onClose}>
      Steps that need it fail from now on. Its value cannot be brought back.
    </Confirm>
  );
}
