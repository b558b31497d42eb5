/** Who did what, line by line, and whether the chain of lines is whole. */
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ask } from "../api/client";
import { audit } from "../api/queries";
import type { AuditLine } from "../api/schema";
import { useMay } from "../app/session";
import { Button, CopyButton, Search } from "../ui/controls";
import { itemsOf, Listing } from "../ui/Listing";
import { layout, Notice, Page, Panel, Refused } from "../ui/layout";
import { When } from "../ui/time";
import { useTyped } from "../ui/useTyped";

export function Audit() {
  const reads = useMay("audit.read");
  const list = useInfiniteQuery(audit);
  const { text = "" } = useSearch({ from: "/shell/audit" });
  const navigate = useNavigate({ from: "/audit" });
  const [typed, setTyped] = useTyped(text, (text) => void navigate({ search: text ? { text } : {}, replace: true }));
  const verify = useMutation({ mutationFn: () => ask("POST /api/v1/audit/verify") });
  const lines = itemsOf(list);
  const shown = lines.filter((line) => JSON.stringify(line).toLowerCase().includes(typed.toLowerCase()));
  return (
    <Page
      title="Audit"
      about="Every change in this tenant, with who did it. Each line names the digest of the line before."
      actions={
        reads && (
          <Button icon="check" busy={verify.isPending} onClick={() => verify.mutate()}>
            Verify the chain
          </Button>
        )
      }
    >
      <Refused error={verify.error} />
      {verify.data &&
        (verify.data.sound ? (
          <Notice tone="success" icon="check">
            The chain of {verify.data.lines} lines is whole. The last line has the digest{" "}
            <code>{verify.data.last}</code>
            <CopyButton text={verify.data.last ?? ""} label="Copy the digest" /> It is worth keeping elsewhere.
          </Notice>
        ) : (
          <Notice tone="failure" icon="warning">
            The chain is broken: {verify.data.break}
          </Notice>
        ))}
      <div className={layout.filters}>
        <Search label="Search the lines shown" value={typed} onChange={setTyped} />
      </div>
      <Panel flush>
        <Listing
          label="Audit, newest first"
          list={list}
          items={shown}
          columns={[{ numeric: "Line" }, "When", "Who", "What", "Details"]}
          empty={{ icon: "audit", title: typed ? "No line shown has that in it" : "Nothing was done yet" }}
        >
          {(line) => <Line key={line.seq} line={line} />}
        </Listing>
      </Panel>
    </Page>
  );
}

function Line({ line }: { line: AuditLine }) {
  const by = line.by ?? {};
  const who = String(by["email"] ?? by["name"] ?? by["user"] ?? by["kind"] ?? "the server");
  return (
    <tr>
      <td className={layout.numeric}>{line.seq}</td>
      <td className={layout.nowrap}>
        <When at={line.at_ms === undefined ? undefined : new Date(line.at_ms).toISOString()} />
      </td>
      <td title={JSON.stringify(by)}>{who}</td>
      <td className={layout.mono}>{line.what}</td>
      <td className={`${layout.mono} ${layout.dim}`} style={{ overflowWrap: "anywhere", minWidth: 320 }}>
        {Object.entries(line.details ?? {})
          .filter(([, value]) => value !== null)
          .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
          .join(", ")}
      </td>
    </tr>
  );
}
