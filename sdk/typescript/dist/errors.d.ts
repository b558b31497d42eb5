/** What a node throws when its work fails, and why a message of the host is refused. */
/** The fixed list; it says what the reader of the error should do next. */
export declare const KINDS: readonly ["input", "permission", "not_found", "connection", "timeout", "resource", "cancelled", "protocol", "user", "internal"];
export type Kind = (typeof KINDS)[number];
/** A value that JSON can say. */
export type Json = null | boolean | number | string | Json[] | {
    [name: string]: Json;
};
/** The work failed. The host gets the kind, the message and the detail as they are. */
export declare class Failure extends Error {
    readonly kind: Kind;
    /** Whether another try may succeed; where it is left out, that goes without saying for each kind. */
    readonly retryable: boolean | undefined;
    readonly detail: Json;
    constructor(kind: Kind, message: string, options?: {
        retryable?: boolean;
        detail?: Json;
    });
}
/** The host no longer wants the result. */
export declare class Cancelled extends Failure {
    constructor(message?: string);
}
/** A fault of the protocol, answered as a JSON-RPC error. */
export declare class Fault extends Error {
    readonly code: number;
    readonly kind: Kind;
    readonly retryable: boolean;
    constructor(code: number, message: string, kind?: Kind, retryable?: boolean);
}
