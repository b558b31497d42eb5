// Requests with JSON, and failures that say whether it may be worth trying again.

export interface Failure extends Error {
  kind?: string;
  retryable?: boolean;
}

/** An error that the step ends with. */
export const failure = (message: string, kind = "user", retryable = false): Failure =>
  Object.assign(new Error(message), { kind, retryable });

/** What a refusal says, in the ways of several services; Jira names what is wrong with each field. */
const reason = (body: any): string => {
  if (typeof body === "string") return body.slice(0, 300);
  const fields = Object.entries(body?.errors ?? {}).map(([field, text]) => `${field}: ${typeof text === "string" ? text : JSON.stringify(text)}`);
  const listed = [...(Array.isArray(body?.errorMessages) ? body.errorMessages : []), ...fields].join("; ");
  return body?.error?.message ?? body?.message ?? (listed !== "" ? listed : JSON.stringify(body).slice(0, 300));
};

/** What a service answered, as JSON; a refusal is an error with what the service said. */
export const send = async (service: string, url: string, init: RequestInit & { json?: unknown }): Promise<any> => {
  const { json, headers, ...rest } = init;
  const answer = await fetch(url, {
    ...rest,
    headers: { accept: "application/json", ...(json === undefined ? {} : { "content-type": "application/json" }), ...(headers as Record<string, string>) },
    body: json === undefined ? undefined : JSON.stringify(json),
  });
  const text = await answer.text();
  let body: any = text;
  try {
    body = text === "" ? null : JSON.parse(text);
  } catch {
    // Proxies answer in words of their own.
  }
  if (answer.ok) return body;
  const busy = answer.status === 429 || answer.status >= 500;
  const kind = answer.status === 401 || answer.status === 403 ? "permission" : answer.status === 404 ? "not_found" : busy ? "connection" : "user";
  throw failure(`${service} answered ${answer.status}: ${reason(body)}`, kind, busy);
};

/** A base URL without the slash at its end. */
export const base = (url: string): string => url.replace(/\/+$/, "");
