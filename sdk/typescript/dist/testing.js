/** A host for tests: it runs nodes in this process, with the protocol and without Akao. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Session } from "./session.js";
/** Runs nodes as Akao does: it asks, answers what they ask for, and keeps what they report. */
export class TestHost {
    state;
    workspace = fs.mkdtempSync(path.join(os.tmpdir(), "akao-test-"));
    #options;
    #session;
    #blobs = new Map();
    #waiting = new Map();
    #reports = new Map();
    #workspaceBefore = process.env["AKAO_WORKSPACE"];
    #ids = 0;
    constructor(nodes, options = {}) {
        const all = "work" in nodes ? [nodes] : nodes;
        this.#options = options;
        this.state = options.state ?? {};
        process.env["AKAO_WORKSPACE"] = this.workspace;
        const host = {
            // The node's lines are taken in a later turn, as they would be from a socket.
            write: (text) => void setImmediate(() => this.#received(text)),
            end: () => { },
            log: () => { },
        };
        this.#session = new Session(host, all, all[0]?.id ?? "test", "0.0.0");
        void this.#request("node.info", { protocol: [1], host: "akao-test", granted: [], limits: {} });
    }
    /** Runs a node once; `context` replaces fields of the context. */
    async execute(nodeId, parameters, context = {}) {
        const fields = {
            node_id: nodeId, workflow_id: "test", execution_id: "test", step: "/0", attempt: 1,
            idempotency_key: "test", tenant: "test", deadline: null, trace: null, ...context,
        };
        const reports = { progress: [], logs: [], output: {} };
        this.#reports.set(`t${this.#ids + 1}`, reports);
        const answer = await this.#request("node.execute", { context: fields, parameters });
        return { ...answer, ...reports };
    }
    /** The problems that a node finds in parameters. */
    async validate(nodeId, parameters) {
        const answer = await this.#request("node.validate", { node: nodeId, parameters });
        return answer["problems"];
    }
    /** The nodes' word on their health. */
    async health() {
        return (await this.#request("node.health", {}));
    }
    /** Ends the conversation and removes the workspace. */
    close() {
        this.#session.close();
        fs.rmSync(this.workspace, { recursive: true, force: true });
        if (this.#workspaceBefore === undefined)
            delete process.env["AKAO_WORKSPACE"];
        else
            process.env["AKAO_WORKSPACE"] = this.#workspaceBefore;
    }
    #send(message) {
        this.#session.receive(Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n"));
    }
    #request(method, params) {
        const id = `t${++this.#ids}`;
        return new Promise((resolve, reject) => {
            this.#waiting.set(id, { resolve, reject });
            this.#send({ id, method, params });
        });
    }
    #received(text) {
        for (const line of text.split("\n").filter((line) => line !== "")) {
            const message = JSON.parse(line);
            const params = (message["params"] ?? {});
            if (message["method"] === undefined)
                this.#answered(message);
            else if (message["id"] === undefined)
                this.#reported(message["method"], params);
            else
                this.#send({ id: message["id"], ...this.#answer(message["method"], params) });
        }
    }
    #answered(message) {
        const id = message["id"];
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        const error = message["error"];
        if (error === undefined)
            waiting?.resolve(message["result"]);
        else
            waiting?.reject(new Error(String(error["message"])));
    }
    #reported(method, params) {
        const reports = this.#reports.get(params["id"]);
        if (method === "$/progress") {
            reports?.progress.push({ fraction: (params["fraction"] ?? null), message: params["message"] });
            if (this.#options.cancelAtProgress)
                this.#send({ method: "$/cancel", params: { id: params["id"] } });
        }
        else if (method === "$/log") {
            reports?.logs.push({ level: params["level"], message: params["message"], fields: params["fields"] });
        }
        else if (method === "$/output" && reports !== undefined) {
            const [stream, chunk] = [params["stream"], params["chunk"]];
            reports.output[stream] = (reports.output[stream] ?? "") + chunk;
            const bytes = Buffer.byteLength(chunk);
            this.#send({ method: "$/credit", params: { id: params["id"], stream, bytes } });
        }
    }
    #answer(method, params) {
        const file = () => path.join(this.workspace, params["path"]);
        switch (method) {
            case "host.secret": {
                const value = this.#options.secrets?.[params["name"]];
                return value === undefined ? denied("permission", `secret \`${params["name"]}\` was not granted`) : { result: { value } };
            }
            case "host.state.get":
                return { result: { value: this.state[params["key"]] ?? null } };
            case "host.state.put":
                this.state[params["key"]] = params["value"];
                return { result: {} };
            case "host.blob.put": {
                const data = fs.readFileSync(file());
                const name = `test:${this.#blobs.size + 1}`;
                this.#blobs.set(name, data);
                const mediaType = params["media_type"] ?? "application/octet-stream";
                return { result: { $blob: name, bytes: data.length, media_type: mediaType } };
            }
            case "host.blob.get": {
                const data = this.#blobs.get(params["blob"]["$blob"]);
                if (data === undefined)
                    return denied("not_found", "no such blob");
                fs.writeFileSync(file(), data);
                return { result: { path: params["path"] } };
            }
            default:
                return denied("protocol", `unknown method \`${method}\``);
        }
    }
}
function denied(kind, message) {
    return { error: { code: -1001, message, data: { kind, retryable: false, message, detail: null } } };
}
