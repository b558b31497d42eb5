/** What every node of this folder knows of the server that it speaks to: the inputs, the TLS, the time, and what went wrong. */

import { Cancelled, Failure, type Context, type Json, type Schemas } from "akao";
import { X509Certificate } from "node:crypto";
import net from "node:net";

/** Inputs that say where the server is and who is there. */
export const SERVER = {
  host: { type: "string", required: true },
  port: { type: "integer" },
  user: { type: "string" },
  ca: { type: "string" },
  timeout: { type: "integer", default: 30_000 },
} as const satisfies Schemas;

/** Where a connection goes. */
export type Place = { host: string; port: number };

/** How a certificate is verified: always, against the name that was meant. */
export type Verification = { rejectUnauthorized: true; host: string; ca?: string };

/** What TLS is told. `ca` stands in the place of the authorities of the web. */
export function verification(host: string, ca: string | undefined): Verification {
  const verified = { rejectUnauthorized: true, host } as const;
  if (ca === undefined) return verified;
  try {
    new X509Certificate(ca);
  } catch {
    throw new Failure("input", "`ca` holds no certificate in PEM form");
  }
  return { ...verified, ca };
}

/** Does work within a time and only as long as its result is wanted; `end` lets go of the connection in any case. */
export async function within<T>(context: Context, timeout: number, work: () => Promise<T>, end: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Failure("timeout", `not finished within ${timeout} ms`)), timeout);
    const cancel = () => reject(new Cancelled());
    if (context.signal.aborted) cancel();
    else context.signal.addEventListener("abort", cancel, { once: true });
  });
  try {
    return await Promise.race([work(), over]);
  } finally {
    clearTimeout(timer);
    end();
  }
}

/** Codes of Node.js for a server that was not reached, or was lost. */
const UNREACHED = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ESOCKET", "ECONNECTION"]);
/** Where nothing at all is granted, the sandbox has no network. */
const CLOSED = new Set(["EPERM", "EACCES"]);
const UNKNOWN = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME", "EDNS"]);
const UNTRUSTED = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

/** What is known of an error that libraries throw. */
export type Thrown = Error & { code?: unknown; cause?: unknown; errors?: unknown };

/** A failure of the network as one of the node; none where the error is something else. */
export function networkFailure(error: Thrown, { host, port }: Place): Failure | undefined {
  // Several addresses of one name were tried in vain.
  const first = Array.isArray(error.errors) ? (error.errors[0] as Thrown | undefined) : undefined;
  const code = String(error.code ?? first?.code ?? "");
  const said = error.message || first?.message || code;
  const detail: Json = { code, grant: `network.tcp=${net.isIPv6(host) ? `[${host}]` : host}:${port}` };
  if (UNTRUSTED.test(code)) {
    return new Failure("protocol", `TLS with ${host}: ${said}; an authority of your own is given by \`ca\``, { retryable: false, detail: { code } });
  }
  if (CLOSED.has(code)) {
    return new Failure("permission", `${host}:${port} is not granted`, { retryable: false, detail });
  }
  if (UNKNOWN.has(code)) {
    return new Failure("connection", `${host} is not known here: is its name right, and is \`detail.grant\` granted?`, { retryable: true, detail });
  }
  if (UNREACHED.has(code)) {
    return new Failure("connection", `${host}:${port}: ${said}; is it up, and is \`detail.grant\` granted?`, { retryable: true, detail });
  }
  return undefined;
}

/** The cause of a failure that is told in the words of the server. */
export function refused(kind: "permission" | "not_found" | "connection" | "timeout" | "user", error: Thrown, retryable: boolean, code: string): Failure {
  return new Failure(kind, error.message, { retryable, detail: { code } });
}

/** A failure after which nobody knows what was done; another try may do it twice. */
export function unsure(failure: Failure): Failure {
  if (failure.kind !== "connection" && failure.kind !== "timeout" && failure.kind !== "protocol") return failure;
  const detail = { ...(failure.detail as { [name: string]: Json } | null), reason: "outcome_unknown" };
  return new Failure(failure.kind, `${failure.message}; whether it was done is not known`, { retryable: false, detail });
}
