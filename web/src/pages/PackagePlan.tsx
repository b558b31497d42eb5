/** From a search to an installed package: what would be written is shown with all that it asks for, and somebody agrees to exactly that. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../api/client";
import { installedPackages, NAMED_TYPES, repositories } from "../api/queries";
import type { PackagesFound, PackagePlan as Planned, PlannedPackage } from "../api/schema";
import { useChange } from "../app/useChange";
import { catalogue, nodeTypes } from "../execution/usePlan";
import { Badge, Button, Dialog, TextField, type Tone } from "../ui/controls";
import { Choices, FormDialog } from "../ui/dialogs";
import { Act, Heads } from "../ui/Listing";
import { Empty, Facts, Loading, layout, Notice, Refused, Table } from "../ui/layout";
import { Line } from "../ui/Prose";

const PLAN = ["package-plan"];
const FOUND = ["packages-found"];
/** What is not true any more when packages have changed. */
export const STALE = [
  installedPackages.queryKey,
  // Whoever installs looks at the kill lists as well.
  repositories.queryKey,
  FOUND,
  PLAN,
  nodeTypes.queryKey,
  catalogue.queryKey,
  NAMED_TYPES,
];

/** What is to be installed or updated. */
export interface Order {
  update?: boolean;
  package?: string;
}

const SIGNATURES: Record<PlannedPackage["signature"]["state"], string> = {
  absent: "none",
  valid: "holds, by the key",
  invalid: "does not hold",
  unknown_key: "by a key that the server does not know, number",
};

const EFFECTS: Record<PlannedPackage["changes"][number]["effect"], { tone: Tone; word: string }> = {
  widens: { tone: "failure", word: "may do more" },
  breaks: { tone: "waiting", word: "may break workflows" },
  neutral: { tone: "idle", word: "changes" },
};

/** Looks for packages in the repositories, and leads to the plan of one. */
export function Find({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState<string>();
  const found = useQuery({
    queryKey: [...FOUND, query],
    queryFn: ({ signal }) => ask("GET /api/v1/packages/search", { query: { query }, signal }),
    enabled: query !== "",
    retry: false,
  });
  if (chosen) return <Plan order={{ package: chosen }} onClose={onClose} />;
  return (
    <Dialog title="Install a package" open wide onClose={onClose} actions={<Button onClick={onClose}>Cancel</Button>}>
      <form
        className={layout.stack}
        onSubmit={(event) => {
          event.preventDefault();
          setQuery(typed.trim());
        }}
      >
        <TextField
          label="What it does, or its id"
          type="search"
          required
          hint="It is looked for in the repositories that the server knows."
          value={typed}
          onText={setTyped}
        />
        <div className={layout.row}>
          <Button type="submit" look="primary" icon="search">
            Search
          </Button>
        </div>
      </form>
      {query !== "" && found.isPending && <Loading label="Asking the repositories" />}
      <Refused error={found.error} />
      {found.data && <Hits found={found.data} onChoose={setChosen} />}
    </Dialog>
  );
}

function Hits({ found, onChoose }: { found: PackagesFound; onChoose: (name: string) => void }) {
  return (
    <>
      <Missing plan={found} />
      {found.items.length === 0 ? (
        <Empty icon="package" title="Nothing was found">
          {found.repositories === 0 && "The server knows no repository. The operator adds one by akao repo add."}
        </Empty>
      ) : (
        <Table label="Packages that were found" head={<Heads columns={["Package", "Newest", "From", undefined]} />}>
          {found.items.map((one) => (
            <tr key={one.package}>
              <th scope="row">
                {one.package}
                <br />
                <span className={layout.dim}>{one.description}</span>
              </th>
              <td className={layout.nowrap}>
                {one.version} {one.deprecated && <Badge tone="waiting">deprecated</Badge>}
              </td>
              <td>{one.repository ?? "installed alone"}</td>
              <td className={layout.numeric}>
                {one.installed ? (
                  <>
                    <span className={layout.dim}>{one.installed} is installed</span>{" "}
                    {one.repository && (
                      <Act word="Look" whole={`Look at ${one.package}`} onAct={() => onChoose(one.package)} />
                    )}
                  </>
                ) : (
                  <Act word="Install" whole={`Install ${one.package}`} onAct={() => onChoose(one.package)} />
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}

/** Repositories that could not be asked. */
function Missing({ plan }: { plan: Pick<Planned, "unreachable"> }) {
  return plan.unreachable.map((one) => (
    <Notice key={one.repository} tone="waiting" icon="warning">
      The repository {one.repository} cannot be used now: {one.why}. {one.cure}
    </Notice>
  ));
}

/** Whether there is anything to agree to: what would be written, or what may be granted to what is there. */
const isOpen = (one: PlannedPackage): boolean => one.changes_record || one.grantable.length > 0;

/** What is done with a plan; where nothing of it is new, it is not called an installation. */
function deed(order: Order, plan: Planned): string {
  if (plan.packages.every((one) => !one.changes_record)) return "Grant";
  if (plan.packages.every((one) => one.already)) return "Agree";
  return order.update ? "Agree and update" : "Agree and install";
}

/** Shows what an order would do, and does it once somebody has agreed. */
export function Plan({ order, onClose }: { order: Order; onClose: () => void }) {
  const plan = useQuery({
    queryKey: [...PLAN, order],
    queryFn: ({ signal }) => ask("POST /api/v1/packages/preview", { body: order, signal }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });
  const title = order.update ? `Update ${order.package ?? "packages"}` : `Install ${order.package ?? "a package"}`;
  const open = plan.data?.packages.filter((one) => isOpen(one) || one.refused !== null) ?? [];
  if (plan.data && open.length > 0 && open.every((one) => one.refused === null)) {
    return <Agree key={plan.data.consent} title={title} order={order} plan={plan.data} onClose={onClose} />;
  }
  return (
    <Dialog title={title} open wide onClose={onClose} actions={<Button onClick={onClose}>Done</Button>}>
      {plan.isPending && <Loading label="Asking the repositories" />}
      <Refused error={plan.error} />
      {plan.data && (
        <>
          {open.length === 0 && <Notice icon="check">There is nothing to do.</Notice>}
          <Shown plan={plan.data} />
        </>
      )}
    </Dialog>
  );
}

function Agree({ title, order, plan, onClose }: { title: string; order: Order; plan: Planned; onClose: () => void }) {
  const [grants, setGrants] = useState<ReadonlySet<string>>(new Set());
  const carryOut = useChange({
    ask: () =>
      ask(order.update ? "POST /api/v1/packages/update" : "POST /api/v1/packages/install", {
        body: {
          consent: plan.consent,
          grants: [...grants],
          ...(order.package === undefined ? {} : { package: order.package }),
        },
      }),
    said: (_, { done }) => done.map(({ text }) => text).join(" "),
    stale: STALE,
    done: onClose,
    quiet: true,
  });
  const grantable = [...new Set(plan.packages.flatMap((one) => one.grantable))];
  const act = deed(order, plan);
  return (
    <FormDialog
      title={title}
      act={act}
      // Granting nothing would do nothing.
      disabled={act === "Grant" && grants.size === 0}
      wide
      doing={carryOut}
      onSubmit={() => carryOut.mutate()}
      onClose={onClose}
    >
      <Shown plan={plan} />
      {grantable.length > 0 && (
        <>
          <Choices
            legend="Grant for good, to every tenant that uses it"
            all={grantable}
            chosen={grants}
            onChange={setGrants}
          />
          <p className={layout.dim}>
            What is not granted here has to be granted by whoever starts a workflow, each time.
          </p>
        </>
      )}
    </FormDialog>
  );
}

function Shown({ plan }: { plan: Planned }) {
  return (
    <>
      <Missing plan={plan} />
      {plan.packages.map((one) => (
        <One key={`${one.package} ${one.version}`} one={one} />
      ))}
      {plan.kept.map((one) => (
        <p key={one.package}>
          <strong>{one.package}</strong> {one.version} stays: {one.why}. {one.skipped.join(", ")}
        </p>
      ))}
    </>
  );
}

function One({ one }: { one: PlannedPackage }) {
  const { state, key } = one.signature;
  return (
    <section className={layout.stack} aria-label={`${one.package} ${one.version}`}>
      <h3>
        {one.package} {one.version}{" "}
        {one.installed && one.installed !== one.version && <span className={layout.dim}>now {one.installed}</span>}
      </h3>
      {one.description && <p>{one.description}</p>}
      {one.refused && (
        <Notice tone="failure" icon="warning">
          <strong>It cannot be installed: {one.refused.why}.</strong> {one.refused.cure}
        </Notice>
      )}
      {one.warnings.map((warning) => (
        <Notice key={warning} tone="waiting" icon="warning">
          {warning}
        </Notice>
      ))}
      <Facts
        items={[
          ["From", <Line key="from" text={one.source} />],
          ["Signature", key ? `${SIGNATURES[state]} ${key}` : SIGNATURES[state]],
          ["Content", <code key="content">{one.content}</code>],
          one.needed_by.length > 0 && ["Needed by", one.needed_by.join(", ")],
          ["Asks for", one.asks.map((asked) => asked.permission).join(", ") || "nothing"],
          ["Limits", one.limits.map((limit) => `${limit.limit} ${limit.held}`).join(", ")],
          one.agree.length > 0 && ["You agree that", one.agree.join("; ")],
        ]}
      />
      {one.changes.length > 0 && (
        <ul className={layout.stack} style={{ gap: 6 }} aria-label={`What changes in ${one.package}`}>
          {one.changes.map((change) => (
            <li key={change.text} className={layout.row}>
              <Badge tone={EFFECTS[change.effect].tone}>{EFFECTS[change.effect].word}</Badge>
              {change.effect === "widens" ? <strong>{change.text}</strong> : <span>{change.text}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
