/** What the work sees of one call, and what it may ask of the host. */
import path from "node:path";
import { Cancelled, Failure } from "./errors.js";
const CREDIT_BYTES_START = 262_144;
/** A chunk is cut so that the longest escapes still keep its message within the bound. */
const CHUNK_BYTES_MAX = 65_536;
const PROGRESS_INTERVAL_MS = 100;
/** One call: who called, and the ways to report and to ask. */
export class Context {
    #session;
    #id;
    #fields;
    #isCancelled = false;
    #abort;
    /** Most work needs neither of them. */
    #credit;
    #waiting;
    #progressAt = -Infinity;
    #progressHeld;
    constructor(session, id, fields) {
        this.#session = session;
        this.#id = id;
        this.#fields = fields;
    }
    get node_id() { return this.#fields["node_id"]; }
    get workflow_id() { return this.#fields["workflow_id"]; }
    get execution_id() { return (this.#fields["execution_id"] ?? this.#key()?.split("-", 1)[0]); }
    get step() { return this.#fields["step"]; }
    get attempt() { return (this.#fields["attempt"] ?? 1); }
    get idempotency_key() { return (this.#fields["idempotency_key"] ?? this.#key()); }
    get tenant() { return (this.#fields["tenant"] ?? this.#session.tenant); }
    /** When the attempt must have ended, in Unix milliseconds as `Date.now()` counts them. */
    get deadline() { return (this.#fields["deadline"] ?? null); }
    get trace() { return (this.#fields["trace"] ?? null); }
    /** With it a host says both the execution, up to the dash, and the idempotency key. */
    #key() {
        const key = this.#fields["key"];
        return typeof key === "string" ? key : undefined;
    }
    /** Whether the host no longer wants the result. */
    get cancelled() {
        return this.#isCancelled;
    }
    /** Throws `Cancelled` where the host no longer wants the result. */
    checkCancelled() {
        if (this.#isCancelled)
            throw new Cancelled();
    }
    /** The same as a signal, for `fetch` and others that take one. */
    get signal() {
        this.#abort ??= new AbortController();
        if (this.#isCancelled)
            this.#abort.abort(new Cancelled());
        return this.#abort.signal;
    }
    /** The folder of this node's files, which the host sees too. */
    get workspace() {
        return process.env["AKAO_WORKSPACE"] ?? "/workspace";
    }
    /** Tells how far the work is, 0 to 1 or `null`. Between two that are sent lie 100 ms; the last one always goes out. */
    progress(fraction, message = "") {
        const params = { id: this.#id, ...(fraction === null ? {} : { fraction }), message };
        const now = performance.now();
        if (now - this.#progressAt < PROGRESS_INTERVAL_MS) {
            this.#progressHeld = params;
            return;
        }
        this.#progressAt = now;
        this.#progressHeld = undefined;
        this.#session.notify("$/progress", params);
    }
    /** A log line of this call. */
    log(level, message, fields = {}) {
        this.#session.notify("$/log", { id: this.#id, level, message, fields });
    }
    /** Sends text on a stream, waiting for the host's credit. */
    async output(stream, chunk) {
        const data = Buffer.from(chunk, "utf8");
        let at = 0;
        while (at < data.length) {
            const end = await this.#takeCredit(stream, data, at);
            this.#session.notify("$/output", { id: this.#id, stream, chunk: data.toString("utf8", at, end) });
            at = end;
        }
    }
    /** The value of a secret that the node was granted. */
    async secret(name) {
        return (await this.#ask("host.secret", { name }))["value"];
    }
    /** The value that was kept under `key` for this node and tenant, or `null`. */
    async stateGet(key) {
        return (await this.#ask("host.state.get", { key }))["value"] ?? null;
    }
    /** Keeps a small value under `key` for this node and tenant. */
    async statePut(key, value) {
        await this.#ask("host.state.put", { key, value });
    }
    /** Hands a file of the workspace over and gives the reference that outputs may hold. */
    async blobPut(file, mediaType) {
        const path = this.#inside(file);
        return await this.#ask("host.blob.put", mediaType === undefined ? { path } : { path, media_type: mediaType });
    }
    /** Asks for a blob as the file `file` of the workspace and gives the file's full path. */
    async blobGet(blob, file) {
        const inside = this.#inside(file);
        await this.#ask("host.blob.get", { blob, path: inside });
        return path.join(this.workspace, inside);
    }
    #inside(file) {
        const inside = path.relative(this.workspace, path.resolve(this.workspace, file));
        if (inside === "" || inside === ".." || inside.startsWith("../")) {
            throw new Failure("input", `the file \`${file}\` is not inside the workspace`);
        }
        return inside;
    }
    async #ask(method, params) {
        this.checkCancelled();
        const answer = this.#session.call(this, method, { id: this.#id, ...params });
        await this.#until(() => answer.message !== undefined || this.#isCancelled);
        this.#session.forget(answer);
        if (answer.message === undefined)
            throw new Cancelled();
        return resultOf(answer.message, method);
    }
    /** Waits for credit and gives the end of the piece that it was taken for. */
    async #takeCredit(stream, data, at) {
        let end = at;
        // It is taken in the moment in which it is found, so that two places that write to one stream do not spend it twice.
        await this.#until(() => {
            const credit = this.#credit?.get(stream) ?? CREDIT_BYTES_START;
            if (this.#isCancelled || credit < characterBytes(data[at]))
                return this.#isCancelled;
            end = Math.min(data.length, at + Math.min(credit, CHUNK_BYTES_MAX));
            while (end < data.length && (data[end] & 0xc0) === 0x80)
                end--;
            (this.#credit ??= new Map()).set(stream, credit - (end - at));
            return true;
        });
        this.checkCancelled();
        return end;
    }
    async #until(isDone) {
        while (!isDone()) {
            await new Promise((resolve) => void (this.#waiting ??= []).push(resolve));
        }
    }
    /** Lets waiting work look again. For the session. */
    ring() {
        for (const resolve of this.#waiting?.splice(0) ?? [])
            resolve();
    }
    /** Adds to a stream's credit. For the session. */
    grant(stream, bytes) {
        const credit = this.#credit?.get(stream) ?? CREDIT_BYTES_START;
        (this.#credit ??= new Map()).set(stream, credit + bytes);
        this.ring();
    }
    /** Tells the work that nobody wants its result. For the session. */
    cancel() {
        this.#isCancelled = true;
        this.#abort?.abort(new Cancelled());
        this.ring();
    }
    /** Sends a progress that still waits for its turn. For the session. */
    progressLast() {
        if (this.#progressHeld !== undefined) {
            this.#session.notify("$/progress", this.#progressHeld);
            this.#progressHeld = undefined;
        }
    }
}
/** How many bytes the UTF-8 character has that begins with `first`. */
function characterBytes(first) {
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
function resultOf(message, method) {
    const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
    const error = message["error"];
    if (!isObject(error)) {
        return isObject(message["result"]) ? message["result"] : {};
    }
    const data = isObject(error["data"]) ? error["data"] : {};
    const text = String(data["message"] ?? error["message"] ?? `the host refused \`${method}\``);
    const { retryable } = data;
    const options = { ...(typeof retryable === "boolean" ? { retryable } : {}), detail: data["detail"] ?? null };
    try {
        return failed(data["kind"] ?? "internal", text, options);
    }
    catch (failure) {
        // A kind of a later version is one that this version does not know.
        throw failure instanceof TypeError ? new Failure("internal", text, options) : failure;
    }
}
function failed(kind, message, options) {
    throw new Failure(kind, message, options);
}
