/** What the work sees of one call, and what it may ask of the host. */
import { type Json } from "./errors.js";
import type { Session } from "./session.js";
/** How grave a log line is. */
export type Level = "debug" | "info" | "warn" | "error";
/** A reference to a blob, as the host gives it and outputs may hold it. */
export type Blob = {
    [name: string]: Json;
};
type Fields = {
    readonly [name: string]: Json;
};
/** One call: who called, and the ways to report and to ask. */
export declare class Context {
    #private;
    constructor(session: Session, id: string, fields: Fields);
    get node_id(): string;
    get workflow_id(): string;
    get execution_id(): string;
    get step(): string;
    get attempt(): number;
    get idempotency_key(): string;
    get tenant(): string;
    /** When the attempt must have ended, in Unix milliseconds as `Date.now()` counts them. */
    get deadline(): number | null;
    get trace(): string | null;
    /** Whether the host no longer wants the result. */
    get cancelled(): boolean;
    /** Throws `Cancelled` where the host no longer wants the result. */
    checkCancelled(): void;
    /** The same as a signal, for `fetch` and others that take one. */
    get signal(): AbortSignal;
    /** The folder of this node's files, which the host sees too. */
    get workspace(): string;
    /** Tells how far the work is, 0 to 1 or `null`. Between two that are sent lie 100 ms; the last one always goes out. */
    progress(fraction: number | null, message?: string): void;
    /** A log line of this call. */
    log(level: Level, message: string, fields?: {
        [name: string]: Json;
    }): void;
    /** Sends text on a stream, waiting for the host's credit. */
    output(stream: string, chunk: string): Promise<void>;
    /** The value of a secret that the node was granted. */
    secret(name: string): Promise<string>;
    /** The value that was kept under `key` for this node and tenant, or `null`. */
    stateGet(key: string): Promise<Json>;
    /** Keeps a small value under `key` for this node and tenant. */
    statePut(key: string, value: Json): Promise<void>;
    /** Hands a file of the workspace over and gives the reference that outputs may hold. */
    blobPut(file: string, mediaType?: string): Promise<Blob>;
    /** Asks for a blob as the file `file` of the workspace and gives the file's full path. */
    blobGet(blob: Blob, file: string): Promise<string>;
    /** Lets waiting work look again. For the session. */
    ring(): void;
    /** Adds to a stream's credit. For the session. */
    grant(stream: string, bytes: number): void;
    /** Tells the work that nobody wants its result. For the session. */
    cancel(): void;
    /** Sends a progress that still waits for its turn. For the session. */
    progressLast(): void;
}
export {};
