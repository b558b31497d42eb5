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
] as const;

export type Kind = (typeof KINDS)[number];

/** A value that JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The work failed. The host gets the kind, the message and the detail as they are. */
export class Failure extends Error {
  readonly kind: Kind;
  /** Whether another try may succeed; where it is left out, that goes without saying for each kind. */
  readonly retryable: boolean | undefined;
  readonly detail: Json;

  constructor(kind: Kind, message: string, options: { retryable?: boolean; detail?: Json } = {}) {
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
  constructor(
    readonly code: number,
    message: string,
    readonly kind: Kind = "protocol",
    readonly retryable = false,
  ) {
    super(message);
  }
}
