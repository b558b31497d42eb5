/**
 * One statement in MySQL or MariaDB. Each call has a connection of its own, so nothing of one session is seen in the next.
 *
 * The statement is prepared, and committed when all that is wanted was read: one that gives too much is broken off and did nothing,
 * as far as its tables know transactions.
 */

import { Failure, node, serve, type Context, type Inputs, type Json } from "akao";
import mysql, { type Connection, type ConnectionOptions, type FieldPacket, type PrepareStatementInfo, type ResultSetHeader } from "mysql2";
import net from "node:net";
import { bound, columns, row, BOUNDS, Rows, type Bound } from "../shared/rows.ts";
import { verb } from "../shared/statements.ts";
import { networkFailure, refused, unsure, verification, within, SERVER, type Place, type Thrown } from "../shared/server.ts";
import { fromMysql } from "./values.ts";

const INPUTS = {
  ...SERVER,
  ...BOUNDS,
  port: { type: "integer", default: 3306 },
  user: { type: "string", required: true },
  database: { type: "string" },
  tls: { type: "string", default: "verify", enum: ["verify", "none"] },
  query: { type: "string", required: true },
  parameters: { type: "array", default: [] as Json[] },
  readOnly: { type: "boolean", default: false },
} as const;

type Given = Inputs<typeof INPUTS>;
type Outputs = { rows: Json[]; rowCount: number; rowsAffected: number; insertId: Json; truncated: boolean };

function options(given: Given, password: string): ConnectionOptions {
  const { host, port, user, database, tls, ca, timeout } = given;
  // The library holds a certificate against a name, and would hold that of an address against `localhost`.
  if (tls !== "none" && net.isIP(host) !== 0) {
    throw new Failure("input", "`host` is an address, and a certificate is verified for a name: give the name, or `tls: none`");
  }
  return {
    host,
    port,
    user,
    password,
    ...(database === undefined ? {} : { database }),
    ...(tls === "none" ? {} : { ssl: { ...verification(host, ca), verifyIdentity: true } }),
    connectTimeout: timeout,
    charset: "utf8mb4",
    // The server may not ask for a file of this machine.
    flags: ["-LOCAL_FILES"],
    rowsAsArray: true,
    supportBigNumbers: true,
    jsonStrings: true,
    dateStrings: true,
    disableEval: true,
  };
}

/** The server ends a statement that nobody waits for any more, this much after the node has. */
const GRACE_MS = 1000;

/** What holds for the session. MariaDB and MySQL each have a bound of their own, in their own comments. */
function session({ timeout }: Given): string {
  const late = `/*M!100100 , max_statement_time = ${(timeout + GRACE_MS) / 1000} */ /*!50708 , max_execution_time = ${timeout + GRACE_MS} */`;
  return `SET autocommit = 0, time_zone = '+00:00' ${late}`;
}

/** A parameter in its own type; what is not a number is text, and arrays are JSON. */
function parameter(value: Json): unknown {
  const taken: Bound = bound(value, (items) => JSON.stringify(items));
  return typeof taken === "number" && Number.isSafeInteger(taken) ? mysql.TypedParameter.LONGLONG(taken) : taken;
}

/** Runs a statement of this node's own. */
function tell(connection: Connection, statement: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.query(statement, (error) => (error ? reject(error) : resolve()));
  });
}

/** What a statement has given so far. */
class Results {
  readonly found: Rows;
  rowsAffected = 0;
  insertId: Json = null;
  /** Whether rows were left unread, and the connection with them. */
  isLeft = false;
  #fields: FieldPacket[] = [];
  #names: string[] = [];
  #sets = 0;

  constructor(given: Given) {
    this.found = new Rows(given);
  }

  takeFields(fields: FieldPacket[]): void {
    this.#sets += 1;
    if (this.#sets > 1) throw new Failure("user", "the statement gives several sets of rows: call what gives one", { retryable: false });
    this.#fields = fields;
    this.#names = columns(fields.map((field) => field.name));
  }

  /** Takes a row or what a statement did; whether another row is wanted. */
  take(result: unknown[] | ResultSetHeader): boolean {
    if (!Array.isArray(result)) {
      this.rowsAffected += result.affectedRows;
      this.insertId = result.insertId || null;
    } else if (!this.found.truncated) {
      this.found.add(row(this.#names, result.map((value, index) => fromMysql(value, this.#fields[index]))));
    }
    return !this.found.truncated;
  }
}

/** The statement as the server has read it. */
function prepare(connection: Connection, given: Given): Promise<PrepareStatementInfo> {
  return new Promise((resolve, reject) => {
    const prepared = (error: Error | null, statement: PrepareStatementInfo) => (error ? reject(error) : resolve(statement));
    connection.prepare(given.query, prepared);
  });
}

/** Statements that change nothing. */
const READING = new Set(["select", "show", "describe", "desc", "explain", "values", "table"]);
/** Statements that can commit as they run. */
const COMMITTING = new Set(["call", "execute", "begin"]);

/** Whether nothing is to be committed after a statement. */
function isReading({ query, readOnly }: Given): boolean {
  const first = verb(query);
  return readOnly || READING.has(first) || (first === "with" && !/\b(?:delete|insert|replace|update)\b/i.test(query));
}

/** How far a call is, and so whether something may have been done though nobody heard of it. */
type Progress = { isWriting: boolean; isCommitting: boolean };

/** Lets go of a connection. The library by itself only says goodbye, and goes on reading what the server sends. */
function hangUp(connection: Connection): void {
  connection.destroy();
  (connection as unknown as { stream: net.Socket }).stream.destroy();
}

/**
 * Runs the statement and reads what it gives, row by row. What comes after the last row that is wanted is left where nothing is to be
 * committed; else it is read, since the statement is committed after it, and dropped.
 */
async function read(connection: Connection, given: Given, progress: Progress): Promise<Results> {
  const statement = (await prepare(connection, given)) as PrepareStatementInfo & { parameters: unknown[] };
  const [wanted, count] = [statement.parameters.length, given.parameters.length];
  // The library would send what it has, and the server would read what is not there.
  if (wanted !== count) throw new Failure("input", `the statement has ${wanted} parameters, but ${count} are given`, { retryable: false });
  progress.isWriting = !isReading(given);
  return new Promise((resolve, reject) => {
    const results = new Results(given);
    const attempt = (work: () => void) => {
      try {
        work();
      } catch (error) {
        hangUp(connection);
        reject(error as Error);
      }
    };
    // The library tells a connection that is lost to the connection, where a statement is listened to.
    connection.on("error", reject);
    const running = statement.execute(given.parameters.map(parameter) as never);
    running.on("error", reject);
    running.on("fields", (fields?: FieldPacket[]) => attempt(() => fields && results.takeFields(fields)));
    running.on("result", (result: unknown[] | ResultSetHeader) => {
      attempt(() => {
        if (results.take(result) || progress.isWriting || results.isLeft) return;
        results.isLeft = true;
        hangUp(connection);
        resolve(results);
      });
    });
    running.on("end", () => resolve(results));
  });
}

async function run(connection: Connection, given: Given, progress: Progress): Promise<Outputs> {
  if (given.readOnly) await tell(connection, "SET SESSION TRANSACTION READ ONLY");
  await tell(connection, session(given));
  const { found, rowsAffected, insertId, isLeft } = await read(connection, given, progress);
  if (!isLeft) {
    progress.isCommitting = !given.readOnly;
    await tell(connection, "COMMIT");
    // What was wanted is done; how the farewell goes does not matter.
    connection.end(() => {});
  }
  return { rows: found.rows, rowCount: found.rows.length, rowsAffected, insertId, truncated: found.truncated };
}

/** Numbers of the server for what is no fault of the statement. */
const DENIED = new Set([1044, 1045, 1142, 1143, 1227, 1370, 1698, 3118]);
const BUSY = new Set([1040, 1053, 1129, 1203, 1226, 1927, 2006, 2013, 4031]);
const IN_THE_WAY = new Set([1205, 1213]);
const TOO_LATE = new Set([1317, 1969, 3024]);

function failure(error: Thrown & { errno?: unknown }, place: Place): Failure {
  if (error instanceof Failure) return error;
  const code = String(error.code ?? "");
  const number = Number(error.errno);
  if (code === "HANDSHAKE_NO_SSL_SUPPORT") {
    return new Failure("protocol", `${place.host} does not offer TLS; \`tls: none\` does without`, { retryable: false });
  }
  const lost = networkFailure(error, place);
  if (lost) return lost;
  if (DENIED.has(number)) return refused("permission", error, false, code);
  if (number === 1049) return refused("not_found", error, false, code);
  if (BUSY.has(number) || code === "PROTOCOL_CONNECTION_LOST") return refused("connection", error, true, code);
  if (TOO_LATE.has(number)) return refused("timeout", error, true, code);
  if (code === "HANDSHAKE_SSL_ERROR") {
    return new Failure("protocol", `TLS with ${place.host}: ${error.message}; an authority of your own is given by \`ca\``, { retryable: false });
  }
  if (number > 0) return refused("user", error, IN_THE_WAY.has(number), code);
  return new Failure("protocol", error.message);
}

/** Whether a failure leaves open what was done. What the server itself says of a statement is sure, unless it commits as it runs. */
function leavesOpen({ isWriting, isCommitting }: Progress, error: Thrown & { errno?: unknown }, query: string): boolean {
  // Numbers of the server are positive, and those of the system are not.
  const isSaid = Number(error.errno) > 0 && !COMMITTING.has(verb(query));
  return isCommitting || (isWriting && !isSaid);
}

async function query(context: Context, given: Given): Promise<Outputs> {
  const { host, port, timeout } = given;
  const settings = options(given, await context.secret("MYSQL_PASSWORD"));
  const connection = mysql.createConnection(settings);
  // What happens to a connection is told by what is waited for.
  connection.on("error", () => {});
  const progress = { isWriting: false, isCommitting: false };
  return within(context, timeout, () => run(connection, given, progress), () => connection.destroy()).catch((error: Thrown) => {
    hangUp(connection);
    const told = failure(error, { host, port });
    throw leavesOpen(progress, error, given.query) ? unsure(told) : told;
  });
}

export const mysqlNode = node("dev.akao.mysql", { inputs: INPUTS }, query);

if (require.main === module) serve(mysqlNode, { version: "1.0.0" });
