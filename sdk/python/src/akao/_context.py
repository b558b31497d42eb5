"""What the work sees of one call, and what it may ask of the host."""

import os
from _thread import allocate_lock
from time import monotonic

from ._errors import Cancelled, Failure
from ._wire import encode

CREDIT_BYTES_START = 262_144
# A chunk is cut so that the longest escapes still keep its message within the bound.
CHUNK_BYTES_MAX = 65_536
PROGRESS_INTERVAL_S = 0.1
FIELDS = (
    "node_id", "workflow_id", "execution_id", "step", "attempt", "idempotency_key", "tenant", "deadline", "trace",
)  # fmt: skip
# What a host may say with one `key`: the execution, a dash, and what is left of the idempotency key.
_IN_KEY = ("execution_id", "idempotency_key")
LEVELS = ("debug", "info", "warn", "error")


class Context:
    """One call: who called, and the ways to report and to ask."""

    # How each call begins; the class has it, because most work changes none of it.
    _cancelled = False
    _started = False
    # Both are replaced, never changed.
    _credit = {}
    _bells = ()
    _progress_at = 0.0
    _progress_held = None

    def __init__(self, session, id, id_text, fields):
        # The fields of the call are looked up when they are asked for; most work asks for none.
        self._fields = fields
        self._session = session
        self._id = id
        self._id_text = id_text

    def __getattr__(self, name):
        if name in FIELDS:
            value = self._fields.get(name)
            if value is None and name in _IN_KEY and type(self._fields.get("key")) is str:
                key = self._fields["key"]
                return key if name == "idempotency_key" else key.partition("-")[0]
            # Neither the first attempt need be named, nor the tenant of the handshake.
            return {"attempt": 1, "tenant": self._session.tenant}.get(name) if value is None else value
        raise AttributeError("a context has no `%s`" % name)

    @property
    def cancelled(self):
        """Whether the host no longer wants the result."""
        return self._cancelled

    def check_cancelled(self):
        """Raises `Cancelled` where the host no longer wants the result."""
        if self._cancelled:
            raise Cancelled()

    @property
    def workspace(self):
        """The folder of this node's files, which the host sees too."""
        return os.environ.get("AKAO_WORKSPACE", "/workspace")

    def progress(self, fraction, message=""):
        """Tells how far the work is, 0 to 1 or `None`. Between two that are sent lie 100 ms; the last one always goes out."""
        params = {"id": self._id, "message": message}
        if fraction is not None:
            params["fraction"] = fraction
        now = monotonic()
        if now - self._progress_at < PROGRESS_INTERVAL_S:
            self._progress_held = params
            return
        self._progress_at = now
        self._progress_held = None
        self._session.notify("$/progress", params)

    def log(self, level, message, **fields):
        """A log line of this call; the level is debug, info, warn or error."""
        if level not in LEVELS:
            raise ValueError("unknown level `%s`, known are %s" % (level, ", ".join(LEVELS)))
        self._session.notify("$/log", {"id": self._id, "level": level, "message": message, "fields": fields})

    def output(self, stream, chunk):
        """Sends text on a stream, waiting for the host's credit."""
        data = chunk.encode("utf-8")
        at = 0
        while at < len(data):
            end = self._take_credit(stream, data, at)
            params = {"id": self._id, "stream": stream, "chunk": data[at:end].decode("utf-8")}
            self._session.notify("$/output", params)
            at = end

    def secret(self, name):
        """The value of a secret that the node was granted."""
        return self._session.call(self, "host.secret", {"name": name})["value"]

    def state_get(self, key):
        """The value that was kept under `key` for this node and tenant, or `None`."""
        return self._session.call(self, "host.state.get", {"key": key}).get("value")

    def state_put(self, key, value):
        """Keeps a small value under `key` for this node and tenant."""
        self._session.call(self, "host.state.put", {"key": key, "value": value})

    def blob_put(self, path, media_type=None):
        """Hands a file of the workspace over and gives the reference that outputs may hold."""
        params = {"path": self._inside(path)}
        if media_type is not None:
            params["media_type"] = media_type
        return self._session.call(self, "host.blob.put", params)

    def blob_get(self, reference, path):
        """Asks for a blob as the file `path` of the workspace and gives the file's full path."""
        inside = self._inside(path)
        self._session.call(self, "host.blob.get", {"blob": reference, "path": inside})
        return os.path.join(self.workspace, inside)

    def _inside(self, path):
        inside = os.path.normpath(os.path.join(self.workspace, path))
        root = os.path.join(os.path.normpath(self.workspace), "")
        if not inside.startswith(root):
            raise Failure("input", "the file `%s` is not inside the workspace" % path)
        return inside[len(root) :]

    def _take_credit(self, stream, data, at):
        """Waits for credit and gives the end of the piece that it was taken for.

        It is taken in the moment in which it is found, so that threads which write to one stream do not spend it twice.
        """
        end = at

        def is_taken():
            nonlocal end
            credit = self._credit.get(stream, CREDIT_BYTES_START)
            if self._cancelled or credit < _character_bytes(data[at]):
                return self._cancelled
            end = min(len(data), at + min(credit, CHUNK_BYTES_MAX))
            while end < len(data) and data[end] & 0xC0 == 0x80:
                end -= 1
            self._credit = {**self._credit, stream: credit - (end - at)}
            return True

        self._session.wait(self, is_taken)
        self.check_cancelled()
        return end

    # What follows is for the session.

    def _bell_made(self):
        """A lock that the next ring releases; the session's lock for waiting is held."""
        bell = allocate_lock()
        bell.acquire()
        self._bells += (bell,)
        return bell

    def _ring(self):
        """Lets every thread that waits look again."""
        with self._session.waiting:
            bells, self._bells = self._bells, ()
        for bell in bells:
            bell.release()

    def _grant(self, stream, amount):
        with self._session.waiting:
            credit = self._credit.get(stream, CREDIT_BYTES_START) + amount
            self._credit = {**self._credit, stream: credit}
        self._ring()

    def _cancel(self):
        self._cancelled = True
        self._ring()

    def _progress_last(self):
        """The line of a progress that still waits for its turn."""
        held = self._progress_held
        if held is None:
            return None
        self._progress_held = None
        return '{"jsonrpc":"2.0","method":"$/progress","params":%s}' % encode(held)


def _character_bytes(first):
    """How many bytes the UTF-8 character has that begins with `first`."""
    return 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
