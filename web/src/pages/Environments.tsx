/** Environments of scripts: languages with their packages, as the operator made them. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../api/client";
import type { Environment } from "../api/schema";
import { size } from "../model/quotas";
import { Button, Dialog } from "../ui/controls";
import { Act, Heads, ListPage } from "../ui/Listing";
import { Facts, layout, Table } from "../ui/layout";

export function Environments() {
  const list = useQuery({
    queryKey: ["environments"],
    queryFn: () => ask("GET /api/v1/environments", { query: { limit: 200 } }),
  });
  const [looking, setLooking] = useState<Environment>();
  return (
    <ListPage
      title="Environments"
      about="What scripts of workflows may import. The operator makes environments; a step names one of them."
      label="Environments"
      list={list}
      items={list.data?.items ?? []}
      columns={["Name", "Language", { numeric: "Packages" }, { numeric: "Size" }, undefined]}
      empty={{
        icon: "environment",
        title: "There is no environment",
        words: (
          <>
            Scripts have what their language brings. The operator makes more by <code>akao env create</code>.
          </>
        ),
      }}
      more={looking && <Look one={looking} onClose={() => setLooking(undefined)} />}
    >
      {(one) => (
        <tr key={`${one.language} ${one.name}`}>
          <th scope="row">
            <code>{one.name}</code>
          </th>
          <td>
            {one.language} {one.version}
          </td>
          <td className={layout.numeric}>{one.packages.length}</td>
          <td className={layout.numeric}>{size(one.bytes)}</td>
          <td className={layout.numeric}>
            <Act word="Look" whole={`Look at ${one.name}`} onAct={() => setLooking(one)} />
          </td>
        </tr>
      )}
    </ListPage>
  );
}

function Look({ one, onClose }: { one: Environment; onClose: () => void }) {
  return (
    <Dialog title={one.name} open onClose={onClose} actions={<Button onClick={onClose}>Done</Button>}>
      <Facts
        items={[
          ["Language", `${one.language} ${one.version}`],
          one.interpreter !== null && ["Run by", <code key="interpreter">{one.interpreter}</code>],
          ["Made by", one.built_in ? "Akao itself" : "the operator"],
        ]}
      />
      {one.packages.length > 0 && (
        <Table label={`Packages of ${one.name}`} head={<Heads columns={["Package", "Version"]} />}>
          {one.packages.map(({ name, version }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{version}</td>
            </tr>
          ))}
        </Table>
      )}
      {one.modules.length > 0 && (
        <section>
          <h3>What scripts may import</h3>
          <p>
            <code>{one.modules.join(", ")}</code>
          </p>
        </section>
      )}
    </Dialog>
  );
}
