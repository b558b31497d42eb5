/** What the tenant may use, and how much of it is used. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { ask } from "../api/client";
import type { Quotas as Told } from "../api/schema";
import { amount, QUOTA_NOTES, QUOTA_WORDS, QUOTAS, type Quota, share } from "../model/quotas";
import { Badge } from "../ui/controls";
import { Heads } from "../ui/Listing";
import { Loading, layout, Page, Panel, Table, Wrong } from "../ui/layout";
import css from "./quotas.module.css";

/** Above this share of a limit it is said that it is nearly used up. */
const NEARLY = 0.8;

const quotas = queryOptions({
  queryKey: ["quotas"],
  queryFn: ({ signal }) => ask("GET /api/v1/quotas", { signal }),
  refetchInterval: 5_000,
});

export function Quotas() {
  const found = useQuery(quotas);
  return (
    <Page
      title="Quotas"
      about="What this tenant may use at once, and what it uses now. The operator of the server decides the limits."
      status={found.data && <Badge tone="idle">{found.data.tier}</Badge>}
    >
      {found.data ? (
        <Use told={found.data} />
      ) : found.error ? (
        <Wrong error={found.error} again={() => void found.refetch()} />
      ) : (
        <Loading />
      )}
    </Page>
  );
}

function Use({ told }: { told: Told }) {
  return (
    <>
      <Panel flush>
        <Table label="Quotas" head={<Heads columns={["What", { numeric: "Used" }, { numeric: "Limit" }, "Share"]} />}>
          {QUOTAS.map((quota) => (
            <Row key={quota} quota={quota} told={told} />
          ))}
        </Table>
      </Panel>
      {told.queued > 0 && <p className={layout.dim}>{told.queued} executions wait in the queue for their turn.</p>}
    </>
  );
}

function Row({ quota, told }: { quota: Quota; told: Told }) {
  const limit = told.limits[quota];
  const used = told.used[quota];
  const part = share(used, limit);
  return (
    <tr>
      <th scope="row">
        {QUOTA_WORDS[quota]} {told.overridden.includes(quota) && <Badge tone="idle">not of the tier</Badge>}
        <br />
        <span className={layout.dim} style={{ whiteSpace: "normal" }}>
          {QUOTA_NOTES[quota]}
        </span>
      </th>
      <td className={layout.numeric}>{used === null ? "–" : amount(quota, used)}</td>
      <td className={layout.numeric}>{amount(quota, limit)}</td>
      <td className={layout.nowrap}>
        {part === undefined ? (
          <span className={layout.dim}>–</span>
        ) : (
          <span className={css.share}>
            <span className={css.bar} aria-hidden="true">
              <span style={{ width: `${part * 100}%` }} data-nearly={part >= NEARLY || undefined} />
            </span>
            {Math.round(part * 100)} %
          </span>
        )}
      </td>
    </tr>
  );
}
