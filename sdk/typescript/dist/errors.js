/** What a node throws when its work fails, and why a message of the host is refused. */
/** The fixed list; it says what the reader of the error should do next. */
export const KINDS = [
    "input",
    "permission",
    "not_found",
    "connection",
    "timeout",
    "resource",
    "cancelled",
    "protocol",
    "user",
    "internal",
];
/** The work failed. The host gets the kind, the message and the detail as they are. */
export class Failure extends Error {
    kind;
    /** Whether another try may succeed; where it is left out, that goes without saying for each kind. */
    retryable;
    detail;
    constructor(kind, message, options = {}) {
        super(message);
        if (!KINDS.includes(kind)) {
            throw new TypeError(`unknown kind of failure \`${kind}\`, known are ${KINDS.join(", ")}`);
        }
        this.name = "Failure";
        this.kind = kind;
        this.retryable = options.retryable;
        this.detail = options.detail ?? null;
    }
}
/** The host no longer wants the result. */
export class Cancelled extends Failure {
    constructor(message = "cancelled by the host") {
        super("cancelled", message);
        this.name = "Cancelled";
    }
}
/** A fault of the protocol, answered as a JSON-RPC error. */
export class Fault extends Error {
    code;
    kind;
    retryable;
    constructor(code, message, kind = "protocol", retryable = false) {
        super(message);
        this.code = code;
        this.kind = kind;
        this.retryable = retryable;
    }
}
