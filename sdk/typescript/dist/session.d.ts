/** One conversation with the host: the five methods, the notifications, and the answers to the node's own calls. */
import { Context } from "./context.js";
import { type Json } from "./errors.js";
import type { Node } from "./node.js";
import { type Message } from "./wire.js";
/** Where a session writes, and how it says that it has ended. */
export interface Host {
    write(text: string): void;
    /** Everything was written; the process may end with `code`. */
    end(code: number): void;
    /** A line for people. */
    log(text: string): void;
}
type Params = {
    [name: string]: Json;
};
/** An answer of the host that a call waits for. */
export type Answer = {
    id: string;
    context: Context;
    message?: Message;
};
/** The node's side of one connection. */
export declare class Session {
    #private;
    /** Named by the handshake, for as long as the process lives. */
    tenant: string;
    constructor(host: Host, nodes: readonly Node[], id: string, version: string);
    /** Takes bytes of the host. */
    receive(chunk: Buffer): void;
    /** The host has closed. */
    close(): void;
    /** Sends a notification. */
    notify(method: string, params: Params): void;
    /** Asks the host; the context is rung when the answer is there. */
    call(context: Context, method: string, params: Params): Answer;
    /** Nobody waits for this answer any more. */
    forget(answer: Answer): void;
}
export {};
