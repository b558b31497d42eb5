/**
 * One statement in PostgreSQL. Each call has a connection of its own, so nothing of one session is seen in the next.
 *
 * A statement that gives too much is broken off before it is committed, so that it did nothing.
 */

import { Failure, node, serve, type Context, type Inputs, type Json } from "akao";
import pg from "pg";
import { bound, columns, row, BOUNDS, Rows, type Bound } from "../shared/rows.ts";
import { networkFailure, refused, unsure, verification, within, SERVER, type Place, type Thrown } from "../shared/server.ts";
import { affected, Portal } from "./portal.ts";
import { fromText } from "./values.ts";

const INPUTS = {
  ...SERVER,
  ...BOUNDS,
  port: { type: "integer", default: 5432 },
  user: { type: "string", required: true },
  database: { type: "string", required: true },
  tls: { type: "string", default: "verify", enum: ["verify", "none"] },
  query: { type: "string", required: true },
  parameters: { type: "array", default: [] as Json[] },
  readOnly: { type: "boolean", default: false },
} as const;

type Given = Inputs<typeof INPUTS>;
type Outputs = { rows: Json[]; rowCount: number; rowsAffected?: number; truncated: boolean };

/** Rows that are fetched at once: few enough that large ones find room. */
const PAGE_ROWS = 100;

/** The server ends a statement that nobody waits for any more, this much after the node has. */
const GRACE_MS = 1000;

/** How values are written, and what a session may do. */
function options({ timeout, readOnly }: Given): string {
  const settings = { timezone: "UTC", datestyle: "ISO", intervalstyle: "iso_8601", bytea_output: "hex", extra_float_digits: "1", statement_timeout: String(timeout + GRACE_MS) };
  const all = { ...settings, ...(readOnly ? { default_transaction_read_only: "on" } : {}) };
  return Object.entries(all).map(([name, value]) => `-c ${name}=${value}`).join(" ");
}

/** An array is one of PostgreSQL's, item by item. */
const parameter = (value: Json): Bound => bound(value, (items) => items.map(parameter));

async function run(client: pg.Client, portal: Portal, given: Given): Promise<Outputs> {
  await client.connect();
  // The types of `pg` know a later class of connections than the one that is used.
  client.query(portal as unknown as pg.Submittable);
  const found = new Rows(given);
  for (;;) {
    const { rows, isLast } = await portal.page(Math.min(PAGE_ROWS, found.wanted));
    const names = columns(portal.fields.map((field) => field.name));
    const types = portal.fields.map((field) => field.dataTypeID);
    const values = (cells: (string | null)[]) => cells.map((text, index) => fromText(text, types[index] ?? 0));
    const hasRoom = rows.every((cells) => found.add(row(names, values(cells))));
    if (hasRoom && !isLast) continue;
    if (!isLast) await portal.finish();
    // What was wanted is done; how the farewell goes does not matter.
    await client.end().catch(() => {});
    const counted = { rows: found.rows, rowCount: found.rows.length, truncated: found.truncated };
    // Whoever leaves rows unread is not told how many there were.
    return isLast ? { ...counted, rowsAffected: affected(portal.tag) } : counted;
  }
}

/** SQLSTATE of transactions that another one was in the way of. */
const IN_THE_WAY = new Set(["40001", "40P01", "55P03"]);

function failure(error: Thrown, place: Place): Failure {
  if (error instanceof Failure) return error;
  // Only what the server says has a severity, and a code that is an SQLSTATE.
  const code = "severity" in error && typeof error.code === "string" ? error.code : "";
  if (error.message === "The server does not support SSL connections") {
    return new Failure("protocol", `${place.host} does not offer TLS; \`tls: none\` does without`, { retryable: false });
  }
  const lost = networkFailure(error, place);
  if (lost) return lost;
  // The server's words for parameters that are too few or too many.
  if (code === "08P01") return new Failure("input", error.message, { retryable: false, detail: { code } });
  if (code === "57014") return refused("timeout", error, true, code);
  if (/^28|^42501/.test(code)) return refused("permission", error, false, code);
  if (code === "3D000") return refused("not_found", error, false, code);
  if (/^(?:08|53|57P)/.test(code)) return refused("connection", error, true, code);
  if (code !== "") return refused("user", error, IN_THE_WAY.has(code), code);
  // What the library itself says without a code is said of a connection that broke off, or of an answer it does not expect.
  const kind = /terminated|ended|closed/i.test(error.message) ? "connection" : "protocol";
  return new Failure(kind, error.message);
}

async function query(context: Context, given: Given): Promise<Outputs> {
  const { host, port, user, database, tls, ca, timeout } = given;
  const password = await context.secret("POSTGRES_PASSWORD");
  const ssl = tls === "none" ? false : verification(host, ca);
  const client = new pg.Client({ host, port, user, password, database, ssl, options: options(given), application_name: "akao" });
  // What happens to a connection is told by what is waited for.
  client.on("error", () => {});
  const portal = new Portal(given.query, given.parameters.map(parameter));
  const end = () => client.connection.stream.destroy();
  return within(context, timeout, () => run(client, portal, given), end).catch((error: Thrown) => {
    const told = failure(error, { host, port });
    throw portal.isCommitting && !given.readOnly ? unsure(told) : told;
  });
}

export const postgresql = node("dev.akao.postgresql", { inputs: INPUTS }, query);

if (require.main === module) serve(postgresql, { version: "1.0.0" });
