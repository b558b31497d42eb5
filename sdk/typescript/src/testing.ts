/** A host for tests: it runs nodes in this process, with the protocol and without Akao. */

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Json, Kind } from "./errors.js";
import type { Health, Node, Problem } from "./node.js";
import { Session } from "./session.js";

type Fields = { [name: string]: Json };

/** What one call answered and reported. */
export type Result = {
  success: boolean;
  outputs: Fields;
  error?: { kind: Kind; retryable?: boolean; message: string; detail: Json };
  progress: { fraction: number | null; message: string }[];
  logs: { level: string; message: string; fields: Fields }[];
  output: { [stream: string]: string };
};

export type TestOptions = {
  /** Secrets that are granted; others are refused with kind `permission`. */
  secrets?: { [name: string]: string };
  /** What nodes read and change. */
  state?: Fields;
  /** Cancels a call as soon as it reports progress. */
  cancelAtProgress?: boolean;
};

type Reports = Pick<Result, "progress" | "logs" | "output">;
type Waiting = { resolve: (value: Fields) => void; reject: (error: Error) => void };

/** Runs nodes as Akao does: it asks, answers what they ask for, and keeps what they report. */
export class TestHost {
  readonly state: Fields;
  readonly workspace = fs.mkdtempSync(path.join(os.tmpdir(), "akao-test-"));
  readonly #options: TestOptions;
  readonly #session: Session;
  readonly #blobs = new Map<string, Buffer>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #reports = new Map<string, Reports>();
  readonly #workspaceBefore = process.env["AKAO_WORKSPACE"];
  #ids = 0;

  constructor(nodes: Node | readonly Node[], options: TestOptions = {}) {
    const all: readonly Node[] = "work" in nodes ? [nodes] : nodes;
    this.#options = options;
    this.state = options.state ?? {};
    process.env["AKAO_WORKSPACE"] = this.workspace;
    const host = {
      // The node's lines are taken in a later turn, as they would be from a socket.
      write: (text: string) => void setImmediate(() => this.#received(text)),
      end: () => {},
      log: () => {},
    };
    this.#session = new Session(host, all, all[0]?.id ?? "test", "0.0.0");
    void this.#request("node.info", { protocol: [1], host: "akao-test", granted: [], limits: {} });
  }

  /** Runs a node once; `context` replaces fields of the context. */
  async execute(nodeId: string, parameters: Fields, context: Fields = {}): Promise<Result> {
    const fields = {
      node_id: nodeId, workflow_id: "test", execution_id: "test", step: "/0", attempt: 1,
      idempotency_key: "test", tenant: "test", deadline: null, trace: null, ...context,
    };
    const reports: Reports = { progress: [], logs: [], output: {} };
    this.#reports.set(`t${this.#ids + 1}`, reports);
    const answer = await this.#request("node.execute", { context: fields, parameters });
    return { ...(answer as unknown as Result), ...reports };
  }

  /** The problems that a node finds in parameters. */
  async validate(nodeId: string, parameters: Fields): Promise<Problem[]> {
    const answer = await this.#request("node.validate", { node: nodeId, parameters });
    return answer["problems"] as Problem[];
  }

  /** The nodes' word on their health. */
  async health(): Promise<Health> {
    return (await this.#request("node.health", {})) as Health;
  }

  /** Ends the conversation and removes the workspace. */
  close(): void {
    this.#session.close();
    fs.rmSync(this.workspace, { recursive: true, force: true });
    if (this.#workspaceBefore === undefined) delete process.env["AKAO_WORKSPACE"];
    else process.env["AKAO_WORKSPACE"] = this.#workspaceBefore;
  }

  #send(message: Fields): void {
    this.#session.receive(Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n"));
  }

  #request(method: string, params: Fields): Promise<Fields> {
    const id = `t${++this.#ids}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ id, method, params });
    });
  }

  #received(text: string): void {
    for (const line of text.split("\n").filter((line) => line !== "")) {
      const message = JSON.parse(line) as Fields;
      const params = (message["params"] ?? {}) as Fields;
      if (message["method"] === undefined) this.#answered(message);
      else if (message["id"] === undefined) this.#reported(message["method"] as string, params);
      else this.#send({ id: message["id"], ...this.#answer(message["method"] as string, params) });
    }
  }

  #answered(message: Fields): void {
    const id = message["id"] as string;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    const error = message["error"] as Fields | undefined;
    if (error === undefined) waiting?.resolve(message["result"] as Fields);
    else waiting?.reject(new Error(String(error["message"])));
  }

  #reported(method: string, params: Fields): void {
    const reports = this.#reports.get(params["id"] as string);
    if (method === "$/progress") {
      reports?.progress.push({ fraction: (params["fraction"] ?? null) as number | null, message: params["message"] as string });
      if (this.#options.cancelAtProgress) this.#send({ method: "$/cancel", params: { id: params["id"] as string } });
    } else if (method === "$/log") {
      reports?.logs.push({ level: params["level"] as string, message: params["message"] as string, fields: params["fields"] as Fields });
    } else if (method === "$/output" && reports !== undefined) {
      const [stream, chunk] = [params["stream"] as string, params["chunk"] as string];
      reports.output[stream] = (reports.output[stream] ?? "") + chunk;
      const bytes = Buffer.byteLength(chunk);
      this.#send({ method: "$/credit", params: { id: params["id"] as string, stream, bytes } });
    }
  }

  #answer(method: string, params: Fields): Fields {
    const file = () => path.join(this.workspace, params["path"] as string);
    switch (method) {
      case "host.secret": {
        const value = this.#options.secrets?.[params["name"] as string];
        return value === undefined ? denied("permission", `secret \`${params["name"]}\` was not granted`) : { result: { value } };
      }
      case "host.state.get":
        return { result: { value: this.state[params["key"] as string] ?? null } };
      case "host.state.put":
        this.state[params["key"] as string] = params["value"] as Json;
        return { result: {} };
      case "host.blob.put": {
        const data = fs.readFileSync(file());
        const name = `test:${this.#blobs.size + 1}`;
        this.#blobs.set(name, data);
        const mediaType = params["media_type"] ?? "application/octet-stream";
        return { result: { $blob: name, bytes: data.length, media_type: mediaType } };
      }
      case "host.blob.get": {
        const data = this.#blobs.get((params["blob"] as Fields)["$blob"] as string);
        if (data === undefined) return denied("not_found", "no such blob");
        fs.writeFileSync(file(), data);
        return { result: { path: params["path"] as string } };
      }
      default:
        return denied("protocol", `unknown method \`${method}\``);
    }
  }
}

function denied(kind: Kind, message: string): Fields {
  return { error: { code: -1001, message, data: { kind, retryable: false, message, detail: null } } };
}
