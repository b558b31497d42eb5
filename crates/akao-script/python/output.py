"""What a script tells while it runs: lines of its log, and its progress, as notifications."""

import io
import math
import os
import threading
from json import dumps

import wire

# Longer lines are told in pieces, so that one write is one line whoever else writes.
PIECE_BYTES = 3_000
BUFFER_BYTES = 1 << 16
# What is told of one run; the host keeps less. Beyond the second bound a script is not printing any more, it is flooding.
LINES_MAX, BYTES_MAX, FLOOD_BYTES_MAX = 2_500, 300_000, 100_000_000


class Flood(BaseException):
    """The script writes without end."""


class Teller:
    """Writes whole lines to the server."""

    def __init__(self):
        self.lock = threading.Lock()

    def begin(self, descriptor, run):
        """What is told from here on is told of this run."""
        self.descriptor = descriptor
        self.log_head = wire.notification("$/log", run)
        self.progress_head = wire.notification("$/progress", run)

    def write(self, line):
        with self.lock:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]

    def log(self, level, text):
        self.write(self.log_head + f'"level":"{level}","message":{quoted(text)}}}}}\n'.encode())

    def progress(self, fraction=None, message=""):
        """Tells how far the script is: a number from 0 to 1, or None, and what it is doing."""
        if fraction is not None:
            fraction = float(fraction)
            if not math.isfinite(fraction) or not 0 <= fraction <= 1:
                raise ValueError(f"progress is a number from 0 to 1, not {fraction}")
        message = str(message)[:PIECE_BYTES]
        head = "" if fraction is None else f'"fraction":{fraction!r},'
        self.write(self.progress_head + f'{head}"message":{quoted(message)}}}}}\n'.encode())


def quoted(text):
    """A text in JSON; halves of characters, which JSON cannot say, become question marks."""
    return dumps(text, ensure_ascii=False).encode("utf-8", "replace").decode()


class Voice(io.RawIOBase):
    """A standard stream whose lines are lines of the log."""

    def __init__(self, teller, level):
        self.teller, self.level = teller, level
        self.rest = b""
        self.lines = self.bytes = 0
        # The last lines, for the error of a script that exits.
        self.last = []
        # The stream as scripts use it.
        buffer = io.BufferedWriter(self, BUFFER_BYTES)
        self.text = io.TextIOWrapper(buffer, "utf-8", "backslashreplace", line_buffering=True)

    def writable(self):
        return True

    def write(self, data):
        size = len(data)
        self.bytes += size
        if self.bytes > FLOOD_BYTES_MAX:
            raise Flood
        if self.lines > LINES_MAX or self.bytes - size > BYTES_MAX:
            # More is not kept.
            return size
        *lines, self.rest = (self.rest + bytes(data)).split(b"\n")
        while len(self.rest) > PIECE_BYTES:
            lines.append(self.rest[:PIECE_BYTES])
            self.rest = self.rest[PIECE_BYTES:]
        for line in lines:
            self.tell(line)
        return size

    def tell(self, line):
        for at in range(0, max(len(line), 1), PIECE_BYTES):
            self.lines += 1
            if self.lines > LINES_MAX:
                return
            text = line[at : at + PIECE_BYTES].decode("utf-8", "replace")
            self.last = [*self.last[-9:], text]
            self.teller.log(self.level, text)

    def finish(self):
        """What is still held back is told; a line that was not ended is a line."""
        try:
            self.text.flush()
        except (ValueError, Flood):
            # The script has closed its stream, or has written too much, which it is told elsewhere.
            pass
        if self.rest:
            self.tell(self.rest)
            self.rest = b""
