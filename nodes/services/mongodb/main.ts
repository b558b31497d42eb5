/**
 * One operation on a collection of MongoDB. Each call has a client of its own with one connection.
 *
 * What is asked for is written in the workflow and never a template; values come in as `parameters` (`bind.ts`).
 */

import { Failure, node, serve, type Context, type Inputs, type Json } from "akao";
import { MongoClient, MongoServerError, type AbstractCursor, type Collection, type Document, type MongoClientOptions } from "mongodb";
import { BOUNDS, Rows } from "../shared/rows.ts";
import { networkFailure, unsure, verification, within, SERVER, type Place, type Thrown } from "../shared/server.ts";
import { boundDocument, boundPipeline, read } from "./bind.ts";
import { toJson } from "./values.ts";

const INPUTS = {
  ...SERVER,
  ...BOUNDS,
  port: { type: "integer", default: 27017 },
  authDatabase: { type: "string", default: "admin" },
  replicaSet: { type: "string" },
  tls: { type: "string", default: "verify", enum: ["verify", "none"] },
  database: { type: "string", required: true },
  collection: { type: "string", required: true },
  operation: { type: "string", required: true, enum: ["find", "count", "aggregate", "insert", "update", "delete"] },
  filter: { type: "object", default: {} as { [name: string]: Json } },
  projection: { type: "object" },
  sort: { type: "object" },
  skip: { type: "integer", default: 0 },
  limit: { type: "integer", default: 0 },
  pipeline: { type: "array", default: [] as Json[] },
  documents: { type: "array", default: [] as Json[] },
  update: {},
  many: { type: "boolean", default: false },
  upsert: { type: "boolean", default: false },
  parameters: { type: "object", default: {} as { [name: string]: Json } },
} as const;

type Given = Inputs<typeof INPUTS>;
type Outputs = { documents: Json[]; count: number; affected: number; ids: Json[]; truncated: boolean };

/** How long a server is looked for at most; the library tries again until then, and knows afterwards why it found none. */
const SEARCH_MS_MAX = 5000;
const BATCH_DOCUMENTS = 100;

function options(given: Given, password: string | undefined): MongoClientOptions {
  const { host, user, authDatabase, replicaSet, tls, ca, timeout } = given;
  return {
    ...(replicaSet === undefined ? { directConnection: true } : { replicaSet }),
    ...(user === undefined ? {} : { auth: { username: user, password: password ?? "" }, authSource: authDatabase }),
    ...(tls === "none" ? {} : { tls: true, ...tlsOptions(host, ca) }),
    serverSelectionTimeoutMS: Math.min(Math.ceil(timeout / 2), SEARCH_MS_MAX),
    connectTimeoutMS: timeout,
    maxPoolSize: 1,
    appName: "akao",
    promoteLongs: false,
  };
}

/** The library says for itself which host of a set a certificate must name. */
function tlsOptions(name: string, ca: string | undefined): MongoClientOptions {
  const { host: _, ...rest } = verification(name, ca);
  return rest as MongoClientOptions;
}

async function gather(cursor: AbstractCursor<Document>, given: Given): Promise<Partial<Outputs>> {
  const found = new Rows(given);
  for await (const document of cursor) if (!found.add(toJson(document))) break;
  await cursor.close();
  return { documents: found.rows, count: found.rows.length, truncated: found.truncated };
}

type Work = (collection: Collection, given: Given) => Promise<Partial<Outputs>>;

const filterOf = ({ filter, parameters }: Given) => boundDocument(filter, parameters);

/** The update of a document: operators, or a pipeline. A whole document would replace what is there. */
function updateOf({ update, parameters }: Given): Document | Document[] {
  if (Array.isArray(update)) return boundPipeline(update, parameters);
  const keys = typeof update === "object" && update !== null ? Object.keys(update) : [];
  if (keys.length === 0 || !keys.every((key) => key.startsWith("$"))) throw new Failure("input", "`update` wants operators such as `$set`, or a pipeline");
  return boundDocument(update as { [name: string]: Json }, parameters);
}

const OPERATIONS: { [operation: string]: Work } = {
  async find(collection, given) {
    const { projection, sort, skip, limit, timeout } = given;
    const cursor = collection.find(filterOf(given), {
      skip,
      limit,
      batchSize: BATCH_DOCUMENTS,
      maxTimeMS: timeout,
      ...(projection === undefined ? {} : { projection }),
      ...(sort === undefined ? {} : { sort: sort as { [field: string]: 1 | -1 } }),
    });
    return gather(cursor, given);
  },
  async count(collection, given) {
    return { count: await collection.countDocuments(filterOf(given), { maxTimeMS: given.timeout }) };
  },
  async aggregate(collection, given) {
    const pipeline = boundPipeline(given.pipeline, given.parameters);
    return gather(collection.aggregate(pipeline, { maxTimeMS: given.timeout, batchSize: BATCH_DOCUMENTS }), given);
  },
  async insert(collection, { documents }) {
    if (documents.length === 0) throw new Failure("input", "`insert` needs `documents`");
    const { insertedIds, insertedCount } = await collection.insertMany(read(documents) as Document[]);
    return { affected: insertedCount, ids: Object.values(insertedIds).map(toJson) };
  },
  async update(collection, given) {
    const { many, upsert } = given;
    const change = many ? collection.updateMany.bind(collection) : collection.updateOne.bind(collection);
    const { matchedCount, modifiedCount, upsertedCount, upsertedId } = await change(filterOf(given), updateOf(given), { upsert });
    return { count: matchedCount, affected: modifiedCount + upsertedCount, ids: upsertedId === null ? [] : [toJson(upsertedId)] };
  },
  async delete(collection, given) {
    const remove = given.many ? collection.deleteMany.bind(collection) : collection.deleteOne.bind(collection);
    return { affected: (await remove(filterOf(given))).deletedCount };
  },
};

/** Whether an operation may change something. */
function isWriting({ operation, pipeline }: Given): boolean {
  const writes = (stage: Json) => stage !== null && typeof stage === "object" && ("$out" in stage || "$merge" in stage);
  return operation === "aggregate" ? pipeline.some(writes) : operation !== "find" && operation !== "count";
}

const DENIED = new Set([13, 18, 8000]);
const NOT_FOUND = new Set([26]);
/** The server is going down, is not the primary, or has no room. */
const BUSY = new Set([6, 7, 89, 91, 189, 9001, 10107, 11600, 11602, 13435, 13436]);
const TOO_LATE = new Set([50, 262]);

function serverFailure(error: MongoServerError): Failure {
  const detail = { code: Number(error.code ?? 0), name: error.codeName ?? "" };
  const code = detail.code;
  const told = (kind: "permission" | "not_found" | "connection" | "timeout" | "user", retryable: boolean) => new Failure(kind, error.message, { retryable, detail });
  if (DENIED.has(code)) return told("permission", false);
  if (NOT_FOUND.has(code)) return told("not_found", false);
  if (BUSY.has(code)) return told("connection", true);
  if (TOO_LATE.has(code)) return told("timeout", true);
  return told("user", error.hasErrorLabel("TransientTransactionError"));
}

/** An error with those that it came from, the deepest last. */
function causes(error: unknown): Thrown[] {
  const { reason, cause } = error as { reason?: { servers?: Map<string, { error?: unknown }> }; cause?: unknown };
  const servers = [...(reason?.servers?.values() ?? [])].map((server) => server.error);
  const inner = [...servers, cause].filter((one) => one instanceof Error);
  return [error as Thrown, ...inner.flatMap(causes)];
}

function failure(error: Thrown, place: Place): Failure {
  if (error instanceof Failure) return error;
  const all = causes(error);
  const ofServer = all.find((one) => one instanceof MongoServerError);
  if (ofServer) return serverFailure(ofServer as MongoServerError);
  for (const one of all) {
    const lost = networkFailure(one, place);
    if (lost) return lost;
  }
  if (/^MongoNetwork|^MongoServerSelection|^MongoTopology|^MongoPool/.test(error.name)) {
    const detail = { grant: `network.tcp=${place.host}:${place.port}` };
    return new Failure("connection", `${place.host}:${place.port}: ${all.at(-1)?.message}`, { retryable: true, detail });
  }
  return new Failure(/Invalid|Argument|BSON/.test(error.name) ? "input" : "protocol", error.message, { retryable: false });
}

async function operate(context: Context, given: Given): Promise<Outputs> {
  const { host, port, user, timeout, database, collection, operation } = given;
  const password = user === undefined ? undefined : await context.secret("MONGODB_PASSWORD");
  const address = host.includes(":") ? `[${host}]` : host;
  const client = new MongoClient(`mongodb://${address}:${port}`, options(given, password));
  let isSent = false;
  const work = async () => {
    await client.connect();
    isSent = isWriting(given);
    const nothing = { documents: [], count: 0, affected: 0, ids: [], truncated: false };
    return { ...nothing, ...(await (OPERATIONS[operation] as Work)(client.db(database).collection(collection), given)) };
  };
  const end = () => void client.close(true).catch(() => {});
  return within(context, timeout, work, end).catch((error: Thrown) => {
    const told = failure(error, { host, port });
    throw isSent ? unsure(told) : told;
  });
}

export const mongodb = node("dev.akao.mongodb", { inputs: INPUTS }, operate);

if (require.main === module) serve(mongodb, { version: "1.0.0" });
