/**
 * One statement whose rows are taken page by page.
 *
 * The query of `pg` itself reads all rows at once. Here a statement is committed only when all is read that is wanted, and what goes
 * wrong as it is committed (a constraint that was deferred) is its failure. A connection that ends before has done nothing, unless the
 * statement is one that commits as it runs.
 */

import { Failure } from "akao";
import type { Bound } from "../shared/rows.ts";
import { verb } from "../shared/statements.ts";

type Field = { name: string; dataTypeID: number };

/** What is used of a connection of `pg`. */
type Connection = {
  parse(query: { text: string }): void;
  bind(config: { values: (string | Buffer | null)[] }): void;
  describe(message: { type: "P" }): void;
  execute(config: { rows: number }): void;
  flush(): void;
  sync(): void;
  sendCopyFail(message: string): void;
};

export type Page = { rows: (string | null)[][]; isLast: boolean };

type Waiting = { resolve: (page: Page) => void; reject: (error: Error) => void };

/** Statements that do nothing before they are committed. `CALL` and `DO` can commit themselves, and much of the others is no transaction. */
const STAYING = new Set(["select", "values", "table", "with", "insert", "update", "delete", "merge", "explain", "show"]);

export class Portal {
  fields: Field[] = [];
  /** The tag of a statement that has ended, such as `INSERT 0 1`. */
  tag = "";
  /** Whether the server may commit, or was told to, and has not said that it did not. */
  isCommitting = false;
  readonly #commitsItself: boolean;
  readonly #text: string;
  readonly #values: (string | Buffer | null)[];
  #connection: Connection | undefined;
  #rows: (string | null)[][] = [];
  #waiting: Waiting | undefined;
  #error: Error | undefined;
  #isSynced = false;

  constructor(text: string, values: Bound[]) {
    this.#text = text;
    this.#commitsItself = !STAYING.has(verb(text));
    this.#values = values.map((value) => (value === null || Buffer.isBuffer(value) ? value : written(value)));
  }

  /** Called by the client when the connection is free. */
  submit(connection: Connection): void {
    this.#connection = connection;
    connection.parse({ text: this.#text });
    connection.bind({ values: this.#values });
    connection.describe({ type: "P" });
  }

  /** The next rows, at most so many. */
  page(rows: number): Promise<Page> {
    if (this.#commitsItself) this.isCommitting = true;
    this.#connection?.execute({ rows });
    this.#connection?.flush();
    return this.#wait();
  }

  /** Leaves what is unread and commits. */
  async finish(): Promise<void> {
    this.isCommitting = true;
    this.#sync();
    await this.#wait();
  }

  handleRowDescription(message: { fields: Field[] }): void {
    this.fields = message.fields;
  }

  handleDataRow(message: { fields: (string | null)[] }): void {
    this.#rows.push(message.fields);
  }

  handlePortalSuspended(): void {
    this.#resolve(false);
  }

  handleCommandComplete(message: { text: string }): void {
    this.tag = message.text;
    this.isCommitting = true;
    this.#sync();
  }

  handleEmptyQuery(): void {
    this.#sync();
  }

  handleReadyForQuery(): void {
    this.#resolve(true);
  }

  handleError(error: Error): void {
    this.#error ??= error;
    // What the server says has a severity; a connection that is lost has none. What was committed before the error stays.
    if ("severity" in error && !this.#commitsItself) this.isCommitting = false;
    this.#sync();
    this.#waiting?.reject(this.#error);
    this.#waiting = undefined;
  }

  handleCopyInResponse(connection: Connection): void {
    this.#error = new Failure("input", "`query` copies from the client, which has nothing to copy", { retryable: false });
    connection.sendCopyFail("there is nothing to copy");
  }

  handleCopyData(): void {
    this.handleError(new Failure("input", "`query` copies to the client: select the rows", { retryable: false }));
  }

  #wait(): Promise<Page> {
    return new Promise((resolve, reject) => {
      if (this.#error) reject(this.#error);
      else this.#waiting = { resolve, reject };
    });
  }

  #resolve(isLast: boolean): void {
    const page = { rows: this.#rows, isLast };
    this.#rows = [];
    this.#waiting?.resolve(page);
    this.#waiting = undefined;
  }

  /** Ends the statement, once. */
  #sync(): void {
    if (!this.#isSynced) this.#connection?.sync();
    this.#isSynced = true;
  }
}

/** How many rows a statement changed, by its tag. */
export function affected(tag: string): number {
  const [, command = "", count = "0"] = /^([A-Z]+).*? (\d+)$/.exec(tag) ?? [];
  return ["INSERT", "UPDATE", "DELETE", "MERGE"].includes(command) ? Number(count) : 0;
}

/** A value in the words of PostgreSQL, whose server knows what type is meant. */
function written(value: boolean | number | string | Bound[]): string {
  return Array.isArray(value) ? `{${value.map(item).join(",")}}` : String(value);
}

function item(value: Bound): string {
  if (value === null) return "NULL";
  if (Array.isArray(value)) return written(value);
  const text = Buffer.isBuffer(value) ? `\\x${value.toString("hex")}` : String(value);
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
