/** Asks the server: one function for every operation, typed by the interface's own document. */
import type { Operations, Problem } from "./schema";

type Operation = keyof Operations;

/** A refusal, with what the server says about it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly suggestion: string | undefined;
  readonly problems: Array<Record<string, unknown>>;
  readonly requestId: string | undefined;

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? `the server answered ${status}`);
    this.name = "Refusal";
    this.status = status;
    this.code = problem.code ?? "internal";
    this.suggestion = problem.suggestion;
    this.problems = problem.problems ?? [];
    this.requestId = problem.request_id;
  }
}

/** The server cannot be reached. */
export class Unreachable extends Error {
  constructor() {
    super("the server cannot be reached");
    this.name = "Unreachable";
  }
}

/** What a session repeats with every change, from its sign-in or from `/me`. It is in memory alone. */
let csrf: string | null = null;

export function rememberCsrf(token: string | null): void {
  csrf = token;
}

export function rememberedCsrf(): string | null {
  return csrf;
}

export interface Asked<O extends Operation> {
  path?: Record<string, string | number>;
  query?: Record<string, string | number | boolean | readonly string[] | undefined>;
  headers?: Record<string, string>;
  body?: Operations[O]["body"];
  signal?: AbortSignal;
}

/** The address of an operation with its parameters filled in. */
export function address(operation: string, asked: Pick<Asked<Operation>, "path" | "query">): string {
  const template = operation.slice(operation.indexOf(" ") + 1);
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(asked.path?.[name] ?? "")),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    if (value === undefined || value === "") continue;
    for (const single of typeof value === "object" ? value : [value]) query.append(name, String(single));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Where a large value of an execution is, by the digest that stands in its place. */
export function blobAddress(execution: string, digest: string): string {
  return address("GET /api/v1/executions/{execution}/blobs/{digest}", { path: { execution, digest } });
}

/** The bytes of a large value. */
export async function askBytes(from: string, signal: AbortSignal): Promise<Blob> {
  const response = await reach(from, { signal });
  if (!response.ok) throw await refusal(response);
  return response.blob();
}

async function reach(where: string, how: RequestInit): Promise<Response> {
  try {
    return await fetch(where, how);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable();
  }
}

async function send(operation: Operation, asked: Asked<Operation>): Promise<Response> {
  const method = operation.slice(0, operation.indexOf(" "));
  const headers: Record<string, string> = { accept: "application/json", ...asked.headers };
  if (asked.body !== undefined) headers["content-type"] = "application/json";
  if (csrf && method !== "GET") headers["x-csrf-token"] = csrf;
  return reach(address(operation, asked), {
    method,
    headers,
    ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
    ...(asked.signal ? { signal: asked.signal } : {}),
  });
}

async function refusal(response: Response): Promise<Refusal> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
  return new Refusal(response.status, problem);
}

/** Asks, and gives the answer with its tag. */
export async function askTagged<O extends Operation>(
  operation: O,
  asked: Asked<O> = {},
): Promise<{ answer: Operations[O]["answer"]; tag: string | null }> {
  const response = await send(operation, asked as Asked<Operation>);
  if (!response.ok) throw await refusal(response);
  const answer = response.status === 204 ? undefined : await response.json();
  return { answer: answer as Operations[O]["answer"], tag: response.headers.get("etag") };
}

/** Asks, and gives the answer. */
export async function ask<O extends Operation>(operation: O, asked: Asked<O> = {}): Promise<Operations[O]["answer"]> {
  return (await askTagged(operation, asked)).answer;
}
