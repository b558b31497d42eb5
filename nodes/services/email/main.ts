/**
 * One message over SMTP. The message is composed and handed over by nodemailer; addresses are read before, one at a time, so that
 * a value of a workflow is one recipient and nothing else.
 */

import { Failure, node, serve, type Context, type Inputs, type Json } from "akao";
import net from "node:net";
import { createTransport, type SendMailOptions } from "nodemailer";
import addressparser from "nodemailer/lib/addressparser/index.js";
import type SMTPTransport from "nodemailer/lib/smtp-transport/index.js";
import { fromBase64 } from "../shared/rows.ts";
import { networkFailure, unsure, verification, within, SERVER, type Place, type Thrown } from "../shared/server.ts";

const LIST = { type: "array", default: [] as Json[] } as const;

const INPUTS = {
  ...SERVER,
  tls: { type: "string", default: "starttls", enum: ["starttls", "implicit", "none"] },
  from: { type: "string", required: true },
  to: { type: "array", required: true },
  cc: LIST,
  bcc: LIST,
  replyTo: { type: "string" },
  subject: { type: "string", default: "" },
  text: { type: "string" },
  html: { type: "string" },
  attachments: LIST,
} as const;

type Given = Inputs<typeof INPUTS>;
type Outputs = { messageId: string; accepted: string[]; rejected: Json[]; response: string };

/** Recipients of one message, over all three fields. */
const RECIPIENTS_MAX = 100;
const PORTS: { [tls: string]: number } = { starttls: 587, implicit: 465, none: 25 };
const CONTROL = /[\u0000-\u001f\u007f]/;
const ADDRESS = /^[^\s<>()[\],;:@"\\]+@[^\s<>()[\],;:@"\\]+$/;

type Mailbox = { name: string; address: string };

/** Exactly one address, as `a@example.com` or `Name <a@example.com>`. */
function mailbox(field: string, text: Json): Mailbox {
  const bad = (reason: string) => new Failure("input", `${JSON.stringify(text)} in \`${field}\` is not an address: ${reason}`);
  if (typeof text !== "string") throw bad("a text is wanted");
  if (CONTROL.test(text)) throw bad("it holds a control character");
  const [found, ...more] = addressparser(text);
  if (found === undefined || more.length > 0 || "group" in found) throw bad("one address is wanted");
  if (!ADDRESS.test(found.address)) throw bad("`name@host` is wanted");
  return found;
}

/** A part of a message: text, or bytes as `{"$base64": …}`. */
function attachment(value: Json): { filename: string; content: string | Buffer; contentType?: string } {
  const bad = (reason: string) => new Failure("input", `one of \`attachments\` ${reason}`);
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw bad("is not `{filename, content}`");
  const { filename, content, contentType } = value;
  if (typeof filename !== "string" || CONTROL.test(filename)) throw bad("has no `filename`");
  if (contentType !== undefined && (typeof contentType !== "string" || !/^[\w.+-]+\/[\w.+-]+$/.test(contentType))) {
    throw bad("has a `contentType` that is not one, such as `text/csv`");
  }
  const type = contentType === undefined ? {} : { contentType };
  if (typeof content === "string") return { filename, content, ...type };
  const data = content !== null && typeof content === "object" && !Array.isArray(content) ? content["$base64"] : undefined;
  if (typeof data !== "string") throw bad("has a `content` that is neither text nor `{\"$base64\": …}`");
  const bytes = fromBase64(data);
  if (bytes === undefined) throw bad("has a `content` whose `$base64` is not base64");
  return { filename, content: bytes, ...type };
}

/** The message, or what is wrong with it. */
function message(given: Given): SendMailOptions {
  const { to, cc, bcc, replyTo, subject, text, html } = given;
  if (to.length === 0) throw new Failure("input", "`to` names nobody");
  if (to.length + cc.length + bcc.length > RECIPIENTS_MAX) throw new Failure("input", `there are more than ${RECIPIENTS_MAX} recipients`);
  if (text === undefined && html === undefined) throw new Failure("input", "give `text`, `html` or both");
  if (CONTROL.test(subject)) throw new Failure("input", "`subject` holds a line break or another control character");
  const all = (field: string, list: Json[]) => list.map((one) => mailbox(field, one));
  return {
    from: mailbox("from", given.from),
    to: all("to", to),
    cc: all("cc", cc),
    bcc: all("bcc", bcc),
    subject,
    attachments: given.attachments.map(attachment),
    ...(replyTo === undefined ? {} : { replyTo: mailbox("replyTo", replyTo) }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    // A value of a workflow is never the name of a file or an address to load from.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** A connection to the server, made here so that a name is looked up as the sandbox has it. */
function connect({ host, port }: Place): { socket: net.Socket; isOpen: Promise<void> } {
  const socket = net.connect({ host, port });
  // What happens later is told by what is waited for.
  socket.on("error", () => {});
  const isOpen = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return { socket, isOpen };
}

/** How the message is handed over; the password is asked for where somebody signs in. */
async function options(context: Context, given: Given, place: Place): Promise<SMTPTransport.Options> {
  const { tls, user, ca, timeout } = given;
  const isLocal = /^(?:localhost|127(?:\.\d+){3}|::1)$/.test(place.host);
  if (user !== undefined && tls === "none" && !isLocal) {
    throw new Failure("input", "a password is not sent without TLS: set `tls` to `starttls` or `implicit`");
  }
  return {
    ...place,
    secure: tls === "implicit",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    tls: verification(place.host, ca),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    ...(user === undefined ? {} : { auth: { user, pass: await context.secret("SMTP_PASSWORD") } }),
  };
}

/** What nodemailer throws. */
type Refusal = Thrown & { responseCode?: number; response?: string };

function failure(error: Refusal, place: Place): Failure {
  if (error instanceof Failure) return error;
  const code = String(error.code ?? "");
  const status = error.responseCode ?? 0;
  const detail = { code, ...(status === 0 ? {} : { status }) };
  // The library gives errors of the socket a code of its own; those of certificates and of TLS are known by their words.
  if (code === "ETLS" || (code === "ESOCKET" && /certificate|SSL routines|Hostname\/IP/i.test(error.message))) {
    const message = `no secure connection with ${place.host}: ${error.message.trim()}; see \`tls\` and \`ca\``;
    return new Failure("protocol", message, { retryable: false, detail });
  }
  if (code === "EAUTH") return new Failure("permission", error.message, { retryable: status >= 400 && status < 500, detail });
  if (status >= 500) return new Failure("user", error.message, { retryable: false, detail });
  if (status >= 400) return new Failure("connection", error.message, { retryable: true, detail });
  return networkFailure(error, place) ?? new Failure("protocol", error.message, { retryable: false, detail });
}

async function send(context: Context, given: Given): Promise<Outputs> {
  const mail = message(given);
  const place = { host: given.host, port: given.port ?? PORTS[given.tls] ?? 25 };
  const how = await options(context, given, place);
  const { socket, isOpen } = connect(place);
  let isTalking = false;
  const work = async () => {
    await isOpen;
    isTalking = true;
    return createTransport({ ...how, connection: socket }).sendMail(mail);
  };
  const sent = await within(context, given.timeout, work, () => socket.destroy()).catch((error: Refusal) => {
    const told = failure(error, place);
    // What the server says is sure; a conversation that broke off may have been after the last word.
    throw isTalking && error.responseCode === undefined && told.kind !== "protocol" ? unsure(told) : told;
  });
  const address = (one: string | { address: string }) => (typeof one === "string" ? one : one.address);
  const { rejectedErrors = [] } = sent as { rejectedErrors?: (Refusal & { recipient: string })[] };
  const rejected = rejectedErrors.map(({ recipient, response }) => ({ address: recipient, response: response ?? "" }));
  return { messageId: sent.messageId, accepted: sent.accepted.map(address), rejected, response: sent.response };
}

export const email = node("dev.akao.email", { inputs: INPUTS }, send);

if (require.main === module) serve(email, { version: "1.0.0" });
