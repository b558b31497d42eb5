/**
 * A server for tests that speaks MongoDB's protocol as far as its driver needs it: OP_MSG and the first OP_QUERY, SCRAM-SHA-256, and
 * find, aggregate, insert, update and delete over collections in memory, with the operators that the tests use.
 *
 * `node mongodb.mjs '{"user": …, "password": …, "cert": FILE, "key": FILE}'` writes a line with its port. With a certificate it speaks
 * TLS alone, with a user nothing else is answered before the login. A command that it does not know is an error, as is an operator.
 */

import { BSON, EJSON, Long, calculateObjectSize, deserialize, serialize } from "bson";
import crypto from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import tls from "node:tls";

const given = JSON.parse(process.argv[2] ?? "{}");
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const ITERATIONS = 4096;
const HELLO = { ismaster: true, isWritablePrimary: true, maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000, minWireVersion: 0, maxWireVersion: 21, ok: 1 };

class Refusal extends Error {
  constructor(code, codeName, message) {
    super(message);
    Object.assign(this, { code, codeName });
  }
}

/** Collections by `database.collection`. */
const collections = new Map();
const documentsOf = (name) => collections.get(name) ?? collections.set(name, []).get(name);
const same = (a, b) => EJSON.stringify({ v: a }) === EJSON.stringify({ v: b });
/** A value as it is compared. */
const plain = (value) => (value instanceof Date || Long.isLong(value) ? Number(value) : value);
const at = (document, path) => path.split(".").reduce((value, part) => value?.[part], document);

const COMPARE = {
  $eq: (a, b) => same(a, b),
  $ne: (a, b) => !same(a, b),
  $gt: (a, b) => plain(a) > plain(b),
  $gte: (a, b) => plain(a) >= plain(b),
  $lt: (a, b) => plain(a) < plain(b),
  $in: (a, list) => list.some((item) => same(a, item)),
};

const isOperators = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).some((key) => key.startsWith("$"));

function matches(document, filter) {
  return Object.entries(filter).every(([key, wanted]) => {
    if (key === "$expr") return computed(document, wanted) === true;
    if (key.startsWith("$")) throw new Refusal(2, "BadValue", `unknown top level operator: ${key}`);
    if (!isOperators(wanted)) return same(at(document, key), wanted);
    return Object.entries(wanted).every(([name, value]) => {
      if (COMPARE[name] === undefined) throw new Refusal(2, "BadValue", `unknown operator: ${name}`);
      return COMPARE[name](at(document, key), value);
    });
  });
}

/** An expression of an aggregation. */
function computed(document, expression) {
  if (typeof expression === "string" && expression.startsWith("$")) return at(document, expression.slice(1));
  if (!isOperators(expression)) return expression;
  const [[name, argument]] = Object.entries(expression);
  if (name === "$literal") return argument;
  if (name === "$eq") return same(...argument.map((one) => computed(document, one)));
  throw new Refusal(168, "InvalidPipelineOperator", `unrecognized expression '${name}'`);
}

function sorted(documents, order) {
  const [[key, direction]] = Object.entries(order);
  return [...documents].sort((a, b) => (plain(at(a, key)) > plain(at(b, key)) ? 1 : -1) * Number(direction));
}

function grouped(documents, { _id, ...sums }) {
  const groups = new Map();
  for (const document of documents) {
    const id = computed(document, _id);
    const group = groups.get(EJSON.stringify({ id })) ?? { _id: id, ...Object.fromEntries(Object.keys(sums).map((name) => [name, 0])) };
    groups.set(EJSON.stringify({ id }), group);
    for (const [name, { $sum }] of Object.entries(sums)) group[name] += Number(computed(document, $sum));
  }
  return [...groups.values()];
}

const project = (document, fields) => Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Number(value) === 1 ? document[name] : computed(document, value)]));

const STAGES = {
  $match: (documents, filter) => documents.filter((document) => matches(document, filter)),
  $group: grouped,
  $sort: sorted,
  $limit: (documents, count) => documents.slice(0, Number(count)),
  $project: (documents, fields) => documents.map((document) => project(document, fields)),
};

function changed(document, update) {
  const next = { ...document };
  for (const [operator, fields] of Object.entries(update)) {
    if (operator !== "$set" && operator !== "$inc") throw new Refusal(9, "FailedToParse", `unknown modifier: ${operator}`);
    for (const [name, value] of Object.entries(fields)) next[name] = operator === "$set" ? value : Number(next[name] ?? 0) + Number(value);
  }
  return next;
}

/** A connection with its cursors and its login. */
class Conversation {
  cursors = new Map();
  isKnown = given.user === undefined;

  /** The first documents of a list, and a cursor over the others. */
  batch(name, documents, size = 101) {
    const id = documents.length > size ? Long.fromInt(this.cursors.size + 1) : Long.ZERO;
    this.cursors.set(id.toString(), { name, rest: documents.slice(size) });
    return { cursor: { id, ns: name, firstBatch: documents.slice(0, size) }, ok: 1 };
  }

  commands = {
    hello: () => HELLO,
    ismaster: () => HELLO,
    ping: () => ({ ok: 1 }),
    endSessions: () => ({ ok: 1 }),
    killCursors: ({ cursors }) => ({ cursorsKilled: cursors, ok: 1 }),
    saslStart: ({ payload }) => this.challenge(payload.buffer.toString()),
    saslContinue: ({ payload }) => this.proof(payload.buffer.toString()),
    find: ({ $db, find, filter = {}, sort, skip = 0, limit = 0, projection, batchSize }) => {
      let found = documentsOf(`${$db}.${find}`).filter((document) => matches(document, filter));
      if (sort) found = sorted(found, sort);
      found = found.slice(Number(skip), limit > 0 ? Number(skip) + Number(limit) : undefined);
      return this.batch(`${$db}.${find}`, projection ? found.map((document) => project(document, projection)) : found, batchSize);
    },
    aggregate: ({ $db, aggregate, pipeline, cursor }) => {
      const stage = (documents, one) => {
        const [[name, argument]] = Object.entries(one);
        if (STAGES[name] === undefined) throw new Refusal(40324, "Location40324", `Unrecognized pipeline stage name: '${name}'`);
        return STAGES[name](documents, argument);
      };
      return this.batch(`${$db}.${aggregate}`, pipeline.reduce(stage, documentsOf(`${$db}.${aggregate}`)), cursor.batchSize);
    },
    getMore: ({ getMore, batchSize = 101 }) => {
      const { name, rest } = this.cursors.get(getMore.toString());
      const nextBatch = rest.splice(0, batchSize);
      return { cursor: { id: rest.length > 0 ? getMore : Long.ZERO, ns: name, nextBatch }, ok: 1 };
    },
    insert: ({ $db, insert, documents }) => {
      const all = documentsOf(`${$db}.${insert}`);
      const isThere = ({ _id: id }) => all.some(({ _id }) => same(_id, id));
      for (const [index, document] of documents.entries()) {
        if (isThere(document)) return { n: index, writeErrors: [{ index, code: 11000, errmsg: "E11000 duplicate key error" }], ok: 1 };
        all.push(document);
      }
      return { n: documents.length, ok: 1 };
    },
    update: ({ $db, update, updates: [{ q, u, multi = false, upsert = false }] }) => {
      const all = documentsOf(`${$db}.${update}`);
      const found = all.filter((document) => matches(document, q)).slice(0, multi ? undefined : 1);
      for (const document of found) all[all.indexOf(document)] = changed(document, u);
      if (found.length > 0 || !upsert) return { n: found.length, nModified: found.length, ok: 1 };
      const made = { _id: new BSON.ObjectId(), ...changed(q, u) };
      all.push(made);
      return { n: 1, nModified: 0, upserted: [{ index: 0, _id: made._id }], ok: 1 };
    },
    delete: ({ $db, delete: name, deletes: [{ q, limit }] }) => {
      const all = documentsOf(`${$db}.${name}`);
      const found = all.filter((document) => matches(document, q)).slice(0, limit === 1 ? 1 : undefined);
      collections.set(`${$db}.${name}`, all.filter((document) => !found.includes(document)));
      return { n: found.length, ok: 1 };
    },
  };

  /** RFC 5802: the server's first message. */
  challenge(first) {
    const bare = first.slice("n,,".length);
    const [, user, nonce] = /^n=(.*),r=(.*)$/.exec(bare);
    const salt = crypto.randomBytes(16);
    this.login = { user, salt, first: bare, challenge: `r=${nonce}${crypto.randomBytes(12).toString("base64")},s=${salt.toString("base64")},i=${ITERATIONS}` };
    return { conversationId: 1, done: false, payload: Buffer.from(this.login.challenge), ok: 1 };
  }

  /** RFC 5802: the client's proof is held against the password, and answered by the server's own. */
  proof(last) {
    const { user, salt, first, challenge } = this.login;
    const [, without, proof] = /^(.*),p=(.*)$/.exec(last);
    const hmac = (key, text) => crypto.createHmac("sha256", key).update(text).digest();
    const salted = crypto.pbkdf2Sync(given.password, salt, ITERATIONS, 32, "sha256");
    const key = hmac(salted, "Client Key");
    const message = `${first},${challenge},${without}`;
    const signature = hmac(crypto.createHash("sha256").update(key).digest(), message);
    const wanted = Buffer.from(key.map((byte, index) => byte ^ signature[index]));
    if (user !== given.user || wanted.toString("base64") !== proof) throw new Refusal(18, "AuthenticationFailed", "Authentication failed.");
    this.isKnown = true;
    return { conversationId: 1, done: true, payload: Buffer.from(`v=${hmac(hmac(salted, "Server Key"), message).toString("base64")}`), ok: 1 };
  }

  answer(command) {
    const [name] = Object.keys(command);
    try {
      const work = this.commands[name] ?? this.commands[name.toLowerCase()];
      if (work === undefined) throw new Refusal(59, "CommandNotFound", `no such command: '${name}'`);
      const isOpen = ["hello", "ismaster", "saslstart", "saslcontinue", "ping", "endsessions"].includes(name.toLowerCase());
      if (!isOpen && !this.isKnown) throw new Refusal(13, "Unauthorized", `command ${name} requires authentication`);
      return work(command);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { ok: 0, errmsg: error.message, code: error.code, codeName: error.codeName };
    }
  }
}

/** The command of an OP_MSG: a document, and lists of more of them under names. */
function commandOf(body) {
  let command = {};
  for (let offset = 4; offset < body.length; ) {
    const kind = body[offset++];
    const end = offset + body.readInt32LE(offset);
    if (kind === 0) {
      command = { ...deserialize(body.subarray(offset, end), { promoteLongs: false }), ...command };
      offset = end;
      continue;
    }
    const nameEnd = body.indexOf(0, offset + 4);
    const name = body.toString("utf8", offset + 4, nameEnd);
    const list = [];
    for (offset = nameEnd + 1; offset < end; offset += body.readInt32LE(offset)) list.push(deserialize(body.subarray(offset, offset + body.readInt32LE(offset)), { promoteLongs: false }));
    command[name] = list;
  }
  return command;
}

function message(id, operation, head, document) {
  const start = Buffer.alloc(16 + head.length);
  start.writeInt32LE(start.length + calculateObjectSize(document), 0);
  start.writeInt32LE(id, 8);
  start.writeInt32LE(operation, 12);
  head.copy(start, 16);
  return Buffer.concat([start, serialize(document)]);
}

function serve(socket) {
  const conversation = new Conversation();
  let rest = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 16 && rest.length >= rest.readInt32LE(0)) {
      const [length, id, operation] = [rest.readInt32LE(0), rest.readInt32LE(4), rest.readInt32LE(12)];
      const body = rest.subarray(16, length);
      rest = rest.subarray(length);
      if (operation === OP_MSG) {
        socket.write(message(id, OP_MSG, Buffer.alloc(5), conversation.answer(commandOf(body))));
      } else if (operation === OP_QUERY) {
        const query = deserialize(body.subarray(body.indexOf(0, 4) + 9));
        const head = Buffer.alloc(20);
        head.writeInt32LE(1, 16);
        socket.write(message(id, OP_REPLY, head, conversation.answer(query)));
      }
    }
  });
}

const server = given.cert === undefined ? net.createServer(serve) : tls.createServer({ cert: fs.readFileSync(given.cert), key: fs.readFileSync(given.key) }, serve);
server.on("tlsClientError", () => {});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`));
process.stdin.on("end", () => process.exit(0)).resume();
