"""Lines of JSON on a descriptor: reading within bounds, checking, and writing many lines at once.

Only `json` and `os` are imported, because a node's start is part of its first answer. A socket's descriptor is read and
written by `os` like any other; the `socket` module would cost several milliseconds.
"""

import json
import os
import re
from _thread import allocate_lock

from ._errors import Failure, Fault

MESSAGE_BYTES_MAX = 1_048_576
DEPTH_MAX = 64
INTEGER_MAX = 2**53 - 1
READ_BYTES = 32_768
# Answers wait for each other up to this many bytes.
BATCH_BYTES_MAX = 65_536
DRAIN_S_MAX = 2

PARSE_ERROR = -32700
INVALID_REQUEST = -32600

_LONG_NUMBER = re.compile(r"\d{16}")
# Values that cannot hold a long number.
_SHORT = (str, bool, float, type(None))


class TooLong(Fault):
    """A line beyond the bound; nothing can be read after it, because nobody knows where the next one begins."""

    def __init__(self):
        super().__init__(INVALID_REQUEST, "a message is longer than %d bytes" % MESSAGE_BYTES_MAX)


def _object(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError("the key `%s` stands twice" % twice)
    return value


def _constant(name):
    raise ValueError("%s is not a number in JSON" % name)


_scan = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant).scan_once
_scan_quickly = json.JSONDecoder(parse_constant=_constant).scan_once
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def _quick_encode():
    """The encoder that `JSONEncoder.encode` makes anew for each document, made once."""
    make = getattr(json.encoder, "c_make_encoder", None)
    quote = json.encoder.encode_basestring
    if make is None:
        return _encoder.encode
    pieces = make(None, _encoder.default, quote, None, ":", ",", False, False, False)

    def encode(value):
        return quote(value) if type(value) is str else "".join(pieces(value, 0))

    return encode


_encode = _quick_encode()


def decode(line):
    """The object in a line of the host; a `Fault` says what is wrong with it."""
    try:
        text = line.decode("utf-8").strip(" \t\r")
        depth_most = text.count("[") + text.count("{")
        # Without lists and without space before a colon, counting names says whether one stands twice, and costs less than
        # a look at each object.
        is_plain = depth_most <= DEPTH_MAX and not ("[" in text or " :" in text or "\t" in text or "\r" in text)
        message, end = (_scan_quickly if is_plain else _scan)(text, 0)
        if is_plain and _names(message) != text.count('":'):
            message, end = _scan(text, 0)
        if end != len(text):
            raise ValueError("more than one value")
        if "\\u" in text:
            _encode(message).encode("utf-8")
    except (ValueError, RecursionError, StopIteration) as error:
        reason = {RecursionError: "nested too deeply", StopIteration: "no value"}.get(type(error)) or str(error)
        raise Fault(PARSE_ERROR, "not a JSON document: %s" % reason) from None
    # A document with few brackets cannot be deep, and counting them is cheap.
    if depth_most > DEPTH_MAX:
        _check_depth(message)
    if type(message) is not dict:
        raise Fault(INVALID_REQUEST, "a message is an object")
    return message


def _names(value):
    """How many names the objects of a document without lists hold. Where one stood twice, the text has more."""
    if type(value) is not dict:
        return 0
    count = len(value)
    for item in value.values():
        if type(item) is dict:
            count += _names(item)
    return count


def _check_depth(value):
    level = [value]
    for _ in range(DEPTH_MAX):
        below = []
        for item in level:
            below.extend(item.values() if type(item) is dict else item)
        level = [item for item in below if type(item) is dict or type(item) is list]
        if not level:
            return
    raise Fault(PARSE_ERROR, "not a JSON document: nested deeper than %d" % DEPTH_MAX)


def encode(value):
    """`value` as JSON; what JSON cannot say raises `TypeError` or `ValueError`."""
    return _encode(value)


def encode_outputs(outputs):
    """A node's outputs as JSON, refused with a `Failure` where a reader elsewhere would see something else."""
    if not isinstance(outputs, dict):
        raise Failure("internal", "outputs are an object, this node returned %s" % type(outputs).__name__)
    try:
        text = _encode(outputs)
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure("internal", "outputs cannot be written as JSON: %s" % error) from None
    for value in outputs.values():
        if not isinstance(value, _SHORT) and _LONG_NUMBER.search(text):
            _check_numbers(outputs, "outputs")
            break
    return text


def _check_numbers(value, path):
    if type(value) is dict:
        for name, item in value.items():
            _check_numbers(item, "%s.%s" % (path, name))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check_numbers(item, "%s[%d]" % (path, index))
    elif isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise Failure("internal", "%s is an integer beyond 2^53, give it as a string" % path)


class Wire:
    """One descriptor, read by one thread at a time and written by any."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._rest = b""
        self._lines = []
        self._ready = []
        self._ready_bytes = 0
        self._writing = allocate_lock()
        self.is_broken = False

    def has_line(self):
        """Whether the next `read` answers without waiting."""
        return bool(self._lines)

    def read(self):
        """The next line, or nothing at the end. A line beyond the bound raises `TooLong`."""
        while not self._lines:
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except OSError:
                return None
            if not data:
                return None
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop()
            if len(self._rest) > MESSAGE_BYTES_MAX:
                lines.append(self._rest)
            lines.reverse()
            self._lines = lines
        line = self._lines.pop()
        if len(line) > MESSAGE_BYTES_MAX:
            raise TooLong()
        return line

    @property
    def has_rest(self):
        """Whether the host closed in the middle of a line."""
        return bool(self._rest)

    def hold(self, text):
        """Keeps a line to be written together with the next ones."""
        data = text if type(text) is bytes else text.encode("utf-8")
        with self._writing:
            self._ready.append(data)
            self._ready_bytes += len(data)
            if self._ready_bytes >= BATCH_BYTES_MAX:
                self._write()

    def flush(self):
        """Writes what is held."""
        if self._ready:
            with self._writing:
                self._write()

    def drain(self):
        """Writes what is held and waits for whoever else writes, but not for long: the host may read no more."""
        if self._writing.acquire(True, DRAIN_S_MAX):
            try:
                self._write()
            finally:
                self._writing.release()

    def send(self, text):
        """Writes a line, after those that are held."""
        data = text.encode("utf-8")
        if len(data) > MESSAGE_BYTES_MAX:
            raise Failure("resource", "a message of %d bytes is over the bound of %d" % (len(data), MESSAGE_BYTES_MAX))
        with self._writing:
            self._ready.append(data)
            self._write()

    def _write(self):
        if not self._ready:
            return
        data = b"\n".join(self._ready) + b"\n"
        self._ready = []
        self._ready_bytes = 0
        try:
            written = os.write(self._descriptor, data)
            while written < len(data):
                data = data[written:]
                written = os.write(self._descriptor, data)
        except OSError:
            # The host is gone; the reader sees the end and stops everything.
            self.is_broken = True
