// One operation on objects of S3 or of a store that speaks its protocol, with the secret key that the secret
// S3_SECRET_ACCESS_KEY is. Objects are small: they travel as values of a workflow.
import { parseXml, type XmlElement } from "@rgrove/parse-xml";
import { defineNode } from "workflow-sdk";
import { base, failure, type Failure } from "./http";
import { encode, query, signed } from "./sigv4";

export const description = "Gets, puts, lists or deletes objects of S3 or of a store that speaks its protocol.";
export const permissions = ["network.http", "secrets=S3_SECRET_ACCESS_KEY"];
// What is put, deleted or read twice is as it was after the first time.
export const idempotent = true;
export const schema = {
  type: "object",
  properties: {
    operation: { type: "string", enum: ["get", "put", "list", "delete"], description: "What is done." },
    bucket: { type: "string", pattern: "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description: "The bucket." },
    key: { type: "string", minLength: 1, maxLength: 1024, description: "The object; not for `list`." },
    body: { description: "What is put: a text, or any value with `encoding: json`." },
    encoding: {
      type: "string",
      enum: ["text", "json", "base64"],
      default: "text",
      description: "What `body` is, in both directions: UTF-8 text, a value that is JSON in the object, or base64 of its bytes.",
    },
    contentType: { type: "string", minLength: 1, description: "The type of what is put. Absent: that of the encoding." },
    metadata: { type: "object", additionalProperties: { type: "string" }, default: {}, description: "Metadata of what is put." },
    prefix: { type: "string", default: "", description: "`list`: only keys that begin with it." },
    delimiter: { type: "string", description: "`list`: keys are gathered up to it, as `/` does for folders." },
    limit: { type: "integer", minimum: 1, maximum: 1000, default: 1000, description: "`list`: the most objects at once." },
    continuation: { type: "string", minLength: 1, description: "`list`: the `continuation` of the list before." },
    maxBytes: { type: "integer", minimum: 1, maximum: 700000, default: 262144, description: "`get`: a larger object is an error." },
    region: { type: "string", pattern: "^[a-z0-9-]+$", default: "us-east-1", description: "The bucket's region." },
    endpoint: { type: "string", pattern: "^https?://", description: "Where the store is, if it is not that of Amazon." },
    accessKeyId: { type: "string", minLength: 1, description: "The key that the secret belongs to." },
  },
  required: ["operation", "bucket", "accessKeyId"],
  additionalProperties: false,
};

interface Props {
  operation: "get" | "put" | "list" | "delete";
  bucket: string;
  key?: string;
  body?: unknown;
  encoding?: "text" | "json" | "base64";
  contentType?: string;
  metadata?: Record<string, string>;
  prefix?: string;
  delimiter?: string;
  limit?: number;
  continuation?: string;
  maxBytes?: number;
  region?: string;
  endpoint?: string;
  accessKeyId: string;
}

interface Request {
  method: string;
  key?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Uint8Array;
}

type Send = (request: Request) => Promise<Response>;

const TYPES = { text: "text/plain; charset=utf-8", json: "application/json", base64: "application/octet-stream" };
/** Of metadata, what a header can say and a signature holds in one spelling. */
const METADATA_NAME = /^[a-z0-9][a-z0-9_-]*$/i;
const METADATA_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** The bucket's address: a host of its own at Amazon, so that a grant opens one bucket; a path where an endpoint is given. */
const place = ({ bucket, region = "us-east-1", endpoint }: Props): string => {
  if (endpoint !== undefined) return `${base(endpoint)}/${bucket}`;
  // A certificate's star does not stand for a dot.
  return bucket.includes(".") ? `https://s3.${region}.amazonaws.com/${bucket}` : `https://${bucket}.s3.${region}.amazonaws.com`;
};

/** What is written for an address; half of a character, as JavaScript can hold it, is none. */
const written = (write: () => string): string => {
  try {
    return write();
  } catch {
    throw failure("what names objects holds half of a character (a lone surrogate), which no address can say", "input");
  }
};

/** The address of a key, or of the bucket itself. */
const address = (props: Props, { key, query: pairs = {} }: Request): URL => {
  const parts = key === undefined ? [""] : key.split("/");
  // An address cannot say them: whoever reads it takes them for steps in a path.
  if (parts.some((part) => part === "." || part === "..")) throw failure("`key` has a part `.` or `..`, which no address can say", "input");
  const path = written(() => parts.map(encode).join("/"));
  const search = written(() => query(pairs));
  return new URL(`${place(props)}/${path}${search === "" ? "" : `?${search}`}`);
};

const child = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((one): one is XmlElement => one.type === "element" && (one as XmlElement).name === name);
const children = (element: XmlElement, name: string): XmlElement[] =>
  element.children.filter((one): one is XmlElement => one.type === "element" && (one as XmlElement).name === name);
const text = (element: XmlElement | undefined, name: string): string | null => child(element, name)?.text ?? null;

const document = (xml: string): XmlElement => {
  try {
    const { root } = parseXml(xml);
    if (root !== null) return root;
  } catch {
    // Told below, as an answer without anything in it is.
  }
  throw failure("the store's answer is not XML; is `endpoint` that of a store that speaks the protocol of S3?");
};

/** A refusal as an error with the store's own code. */
const refusal = (answer: Response, xml: string): Failure => {
  let root: XmlElement | undefined;
  try {
    root = document(xml);
  } catch {
    // Proxies answer in words of their own, and some answers have none.
  }
  const code = text(root, "Code") ?? "";
  const said = [code, text(root, "Message") ?? xml.slice(0, 300)].filter((part) => part !== "").join(": ");
  const region = answer.headers.get("x-amz-bucket-region");
  // A bucket that was just made is led to for a while.
  if (answer.status === 307 && region === null) return failure("the store leads elsewhere for now", "connection", true);
  if (answer.status === 301 || answer.status === 307 || (answer.status === 400 && region !== null)) {
    return failure(`the bucket is not in this region${region === null ? "" : `, but in ${region}`}; set \`region\``, "input");
  }
  const busy = answer.status === 429 || answer.status >= 500;
  const kind = answer.status === 401 || answer.status === 403 ? "permission" : answer.status === 404 ? "not_found" : busy ? "connection" : "user";
  return failure(`S3 answered ${answer.status}${said === "" ? "" : `: ${said}`}`, kind, busy);
};

/** What sends signed requests; an answer that is none of success is an error. */
const sender = (props: Props, secretAccessKey: string): Send => async (request) => {
  const { method, headers = {}, body = new Uint8Array() } = request;
  const url = address(props, request);
  const signer = { accessKeyId: props.accessKeyId, secretAccessKey, region: props.region ?? "us-east-1" };
  const answer = await fetch(url.href, {
    method,
    headers: signed({ method, url, headers, body }, signer, new Date()),
    body: method === "PUT" ? body : undefined,
    // A signature holds for one host, and nobody else should see it.
    redirect: "manual",
  });
  if (answer.ok) return answer;
  throw refusal(answer, await answer.text());
};

const toBase64 = (bytes: Uint8Array): string => {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
};

/** An object's bytes as a value. */
const decoded = (bytes: Uint8Array, encoding: Props["encoding"]): unknown => {
  if (encoding === "base64") return toBase64(bytes);
  const body = new TextDecoder().decode(bytes);
  const again = new TextEncoder().encode(body);
  if (again.length !== bytes.length || again.some((byte, at) => byte !== bytes[at])) {
    throw failure("the object is not UTF-8 text; get it with `encoding: base64`", "user");
  }
  if (encoding !== "json") return body;
  try {
    return JSON.parse(body);
  } catch (error) {
    throw failure(`the object is not JSON: ${(error as Error).message}`, "user");
  }
};

/** A value as an object's bytes. */
const encoded = (body: unknown, encoding: Props["encoding"]): Uint8Array => {
  if (body === undefined) throw failure("`put` needs `body`", "input");
  if (encoding === "json") return new TextEncoder().encode(JSON.stringify(body));
  if (typeof body !== "string") throw failure("`body` is no text; put it with `encoding: json`", "input");
  if (encoding !== "base64") return new TextEncoder().encode(body);
  try {
    return Uint8Array.from(atob(body), (char) => char.charCodeAt(0));
  } catch {
    throw failure("`body` is not base64", "input");
  }
};

/** What the store says of an object, in an answer's headers. */
const facts = (answer: Response): Record<string, unknown> => {
  const metadata: Record<string, string> = {};
  answer.headers.forEach((value, name) => {
    if (name.startsWith("x-amz-meta-")) metadata[name.slice("x-amz-meta-".length)] = value;
  });
  return { contentType: answer.headers.get("content-type"), etag: answer.headers.get("etag"), lastModified: answer.headers.get("last-modified"), metadata };
};

const get = async (send: Send, key: string, { encoding, maxBytes = 262_144 }: Props): Promise<unknown> => {
  const answer = await send({ method: "GET", key });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (bytes.length > maxBytes) throw failure(`the object has ${bytes.length} bytes, more than \`maxBytes\`, ${maxBytes}`);
  return { key, body: decoded(bytes, encoding), bytes: bytes.length, ...facts(answer) };
};

const put = async (send: Send, key: string, { body, encoding = "text", contentType = TYPES[encoding], metadata = {} }: Props): Promise<unknown> => {
  const headers: Record<string, string> = { "content-type": contentType };
  for (const [name, value] of Object.entries(metadata)) {
    if (!METADATA_NAME.test(name) || !METADATA_VALUE.test(value)) throw failure(`\`metadata.${name}\` cannot be a header: plain ASCII is wanted`, "input");
    headers[`x-amz-meta-${name.toLowerCase()}`] = value;
  }
  const bytes = encoded(body, encoding);
  const answer = await send({ method: "PUT", key, headers, body: bytes });
  return { key, bytes: bytes.length, etag: answer.headers.get("etag"), version: answer.headers.get("x-amz-version-id") };
};

const remove = async (send: Send, key: string): Promise<unknown> => {
  const answer = await send({ method: "DELETE", key });
  return { key, version: answer.headers.get("x-amz-version-id") };
};

const list = async (send: Send, { prefix = "", delimiter, limit = 1000, continuation }: Props): Promise<unknown> => {
  const pairs: Record<string, string> = { "list-type": "2", "encoding-type": "url", "max-keys": String(limit), prefix };
  if (delimiter !== undefined) pairs.delimiter = delimiter;
  if (continuation !== undefined) pairs["continuation-token"] = continuation;
  const answer = await send({ method: "GET", query: pairs });
  const root = document(await answer.text());
  // Keys may hold what XML cannot say, so they come encoded, with a plus for a space as forms have it.
  const plain = text(root, "EncodingType") === "url" ? (value: string) => decodeURIComponent(value.replaceAll("+", " ")) : (value: string) => value;
  const objects = children(root, "Contents").map((one) => ({
    key: plain(text(one, "Key") ?? ""),
    bytes: Number(text(one, "Size")),
    etag: text(one, "ETag"),
    lastModified: text(one, "LastModified"),
  }));
  const prefixes = children(root, "CommonPrefixes").map((one) => plain(text(one, "Prefix") ?? ""));
  return { objects, prefixes, continuation: text(root, "NextContinuationToken") };
};

export default defineNode<Props>(async (props, context) => {
  const send = sender(props, await context.secret("S3_SECRET_ACCESS_KEY"));
  if (props.operation === "list") return list(send, props);
  const { key } = props;
  if (key === undefined) throw failure(`\`${props.operation}\` needs \`key\``, "input");
  if (props.operation === "get") return get(send, key, props);
  if (props.operation === "put") return put(send, key, props);
  return remove(send, key);
});
