/** Webhooks: addresses that are told of executions, and whether they listened. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../api/client";
import type { Delivery, Webhook } from "../api/schema";
import { useMay } from "../app/session";
import { useChange } from "../app/useChange";
import { Badge, Dialog, TextField } from "../ui/controls";
import { Choices, FormDialog, ShownOnce } from "../ui/dialogs";
import { Act, Listing, ListPage } from "../ui/Listing";
import { layout } from "../ui/layout";
import { When } from "../ui/time";
import { Remove, Rotate, State, Turn } from "./automation";

const KEY = ["webhooks"];
const EVENTS = ["execution.succeeded", "execution.failed", "execution.cancelled", "task.opened"] as const;
const DELIVERED = { pending: "waiting", delivered: "success", dead: "failure" } as const;

export function Webhooks() {
  const writes = useMay("webhooks.write");
  const list = useQuery({
    queryKey: KEY,
    queryFn: () => ask("GET /api/v1/webhooks", { query: { limit: 200 } }),
    refetchInterval: 10_000,
  });
  const [looking, setLooking] = useState<Webhook>();
  return (
    <ListPage
      title="Webhooks"
      about="Addresses that are told when executions end or ask people. What is told is signed."
      make={writes ? { words: "New webhook", dialog: (close) => <Make onClose={close} /> } : undefined}
      label="Webhooks"
      list={list}
      items={list.data?.items ?? []}
      columns={["Name", "Address", "Told of", "State", undefined]}
      empty={{
        icon: "webhook",
        title: "Nobody is told",
        words: "A webhook tells another program when an execution has ended.",
      }}
      more={looking && <Deliveries one={looking} writes={writes} onClose={() => setLooking(undefined)} />}
    >
      {(one) => <Row key={one.webhook} one={one} writes={writes} onLook={() => setLooking(one)} />}
    </ListPage>
  );
}

function Row({ one, writes, onLook }: { one: Webhook; writes: boolean; onLook: () => void }) {
  const it = { kind: "webhooks", id: one.webhook, name: one.name } as const;
  return (
    <tr>
      <th scope="row">{one.name}</th>
      <td className={layout.mono} style={{ overflowWrap: "anywhere", minWidth: 200 }}>
        {one.spec.url}
      </td>
      <td>
        {one.spec.events?.length ? one.spec.events.join(", ") : "everything"}
        {one.spec.workflow && <span className={layout.dim}> of {one.spec.workflow}</span>}
      </td>
      <td>
        <State state={one.state} reason={one.reason} /> {one.failing_since && <Badge tone="failure">fails</Badge>}
      </td>
      <td className={layout.numeric}>
        <Act word="Deliveries" whole={`Deliveries of ${one.name}`} onAct={onLook} />
        {writes && (
          <>
            <Turn one={it} state={one.state} />
            <Rotate one={it} />
            <Remove one={it} what="Its address is told nothing more, and what was told is forgotten." />
          </>
        )}
      </td>
    </tr>
  );
}

function Make({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("https://");
  const [events, setEvents] = useState<ReadonlySet<Delivery["event"]>>(new Set());
  const make = useChange({
    ask: () => ask("POST /api/v1/webhooks", { body: { name, spec: { url, events: [...events] } } }),
    stale: [KEY],
    quiet: true,
  });
  if (make.data) {
    return (
      <ShownOnce title={name} text={make.data.secret} copy="Copy the secret" onClose={onClose}>
        By this secret the other program knows that it is told by this server. It is shown once.
      </ShownOnce>
    );
  }
  return (
    <FormDialog title="New webhook" act="Make it" doing={make} onSubmit={() => make.mutate()} onClose={onClose}>
      <TextField label="Name" required value={name} onText={setName} />
      <TextField label="Address" type="url" required value={url} onText={setUrl} />
      <Choices
        legend="It is told of; of everything, when none is chosen"
        all={EVENTS}
        chosen={events}
        onChange={setEvents}
      />
    </FormDialog>
  );
}

function Deliveries({ one, writes, onClose }: { one: Webhook; writes: boolean; onClose: () => void }) {
  const key = [...KEY, one.webhook, "deliveries"];
  const list = useQuery({
    queryKey: key,
    queryFn: () =>
      ask("GET /api/v1/webhooks/{webhook}/deliveries", {
        path: { webhook: one.webhook },
      }),
    refetchInterval: 5_000,
  });
  const again = useChange({
    ask: (delivery: string) =>
      ask("POST /api/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver", {
        path: { webhook: one.webhook, delivery },
      }),
    said: () => "It is sent again.",
    stale: [key],
  });
  return (
    <Dialog title={`Deliveries of ${one.name}`} open wide onClose={onClose}>
      <Listing
        label={`Deliveries of ${one.name}, newest first`}
        list={list}
        items={list.data?.items ?? []}
        columns={["When", "What", "State", "Answer", undefined]}
        empty={{ icon: "webhook", title: "Nothing was told yet" }}
      >
        {(delivery) => (
          <tr key={delivery.delivery}>
            <td className={layout.nowrap}>
              <When at={delivery.created_at} />
            </td>
            <td>{delivery.event}</td>
            <td>
              <Badge tone={DELIVERED[delivery.state]}>{delivery.state}</Badge>{" "}
              <span className={layout.dim}>{delivery.attempts} attempts</span>
            </td>
            <td>{delivery.status ?? delivery.error ?? "–"}</td>
            <td className={layout.numeric}>
              {writes && delivery.state !== "pending" && (
                <Act
                  word="Send again"
                  whole={`Send again: ${delivery.event}`}
                  onAct={() => again.mutate(delivery.delivery)}
                />
              )}
            </td>
          </tr>
        )}
      </Listing>
    </Dialog>
  );
}
