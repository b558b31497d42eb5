"""What a node raises when its work fails, and why a message of the host is refused."""

# The fixed list; it says what the reader of the error should do next.
KINDS = (
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
)


class Failure(Exception):
    """The work failed. The host gets the kind, the message and the detail as they are.

    Whether another try may succeed goes without saying for each kind, unless `retryable` says so.
    """

    def __init__(self, kind, message, *, retryable=None, detail=None):
        if kind not in KINDS:
            raise ValueError("unknown kind of failure `%s`, known are %s" % (kind, ", ".join(KINDS)))
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retryable = retryable
        self.detail = detail


class Cancelled(Failure):
    """The host no longer wants the result."""

    def __init__(self, message="cancelled by the host"):
        super().__init__("cancelled", message)


class Fault(Exception):
    """A fault of the protocol, answered as a JSON-RPC error."""

    def __init__(self, code, message, kind="protocol", retryable=False):
        super().__init__(message)
        self.code = code
        self.message = message
        self.kind = kind
        self.retryable = retryable
