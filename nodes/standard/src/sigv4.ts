// AWS Signature Version 4 for one request with a whole body: what S3 and the stores that speak its protocol want.
// The hash and its HMAC are those of @noble/hashes; what is here is the form of what is signed.
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

export interface Signer {
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
}

export interface Unsigned {
  method: string;
  /** As it is sent: each part of the path encoded once. */
  url: URL;
  headers: Record<string, string>;
  body: Uint8Array;
}

const SERVICE = "s3";
const ALGORITHM = "AWS4-HMAC-SHA256";

const mac = (key: Uint8Array, text: string): Uint8Array => hmac(sha256, key, utf8ToBytes(text));

/** What RFC 3986 leaves unreserved stays, everything else is encoded; `encodeURIComponent` leaves five more. */
export const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** A query in the one order and spelling that is signed. */
export const query = (pairs: Record<string, string>): string =>
  Object.keys(pairs)
    .sort()
    .map((name) => `${encode(name)}=${encode(pairs[name])}`)
    .join("&");

/** The headers of the request with those that prove who sends it. `url` must hold a query as `query` writes it. */
export const signed = ({ method, url, headers, body }: Unsigned, signer: Signer, now: Date): Record<string, string> => {
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  const hash = bytesToHex(sha256(body));
  const all: Record<string, string> = { ...headers, "x-amz-content-sha256": hash, "x-amz-date": time };
  // The host's header is set by whoever sends the request, from the same URL.
  const counted: Record<string, string> = { ...all, host: url.host };
  const names = Object.keys(counted).sort();
  const lines = names.map((name) => `${name}:${counted[name].trim().replace(/ +/g, " ")}`);
  const canonical = [method, url.pathname, url.search.slice(1), ...lines, "", names.join(";"), hash].join("\n");
  const scope = `${day}/${signer.region}/${SERVICE}/aws4_request`;
  const text = [ALGORITHM, time, scope, bytesToHex(sha256(utf8ToBytes(canonical)))].join("\n");
  const key = [day, signer.region, SERVICE, "aws4_request"].reduce(mac, utf8ToBytes(`AWS4${signer.secretAccessKey}`));
  const signature = bytesToHex(mac(key, text));
  return { ...all, authorization: `${ALGORITHM} Credential=${signer.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}` };
};
