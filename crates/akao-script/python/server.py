"""The fork server: one process that waits, and one child of it that is ready for the next run.

It never reads a request. It looks at the first bytes of what stands in the socket; when that is a run, the child reads it.
What the child writes is passed on as it is: notifications at once, and the first other line as the answer, if it is one, after
everything that the run has started was ended.

    waiting --node.execute--> the child reads it and runs it --answer, end, cancel, time, flood--> ended
    ended: kill all, answer, reap, clear the folders, fork the next child --> waiting
"""

import gc
import json
import mmap
import os
import re
import select
import socket
import sys
import time

import child
import environment
import kernel
import wire
from folders import Folder
from output import Teller, Voice

RPC = 3
MESSAGE_BYTES_MAX = 16 << 20
# Room for one message and what is read beyond it.
TRANSIT_BYTES = MESSAGE_BYTES_MAX + (1 << 16)
# The beginning of a message says its method; nothing of a tenant stands so early.
PEEK_BYTES = 96
# No message of the host's own is longer.
GLANCE_BYTES = 1 << 16
# A run that lasts longer is listened for: whether it is cancelled, and how long it may last. Most do not.
SHORT_MS = 20
# Where a run may write.
FOLDERS = ("/workspace", "/tmp", "/dev/shm")
# How often the way of a run is gone before the first child: after eight times Python writes no other form of a function's code.
REHEARSALS = 10
# What one run may tell while it runs, in bytes.
TOLD_BYTES_MAX = 8 << 20
HEAD = re.compile(rb'\{"jsonrpc":"2\.0",(?:"id":"([0-9A-Za-z_-]{1,64})",)?"method":"([^"]{1,40})"')


class Closed(Exception):
    """The host is gone."""


class Server:
    def __init__(self):
        self.socket = socket.socket(fileno=RPC)
        # Children do not have this memory at all, so that nothing of a run can be found by a later one.
        self.transit = mmap.mmap(-1, TRANSIT_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.transit.madvise(mmap.MADV_DONTFORK)
        self.view = memoryview(self.transit)
        self.glance = mmap.mmap(-1, GLANCE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.glance.madvise(mmap.MADV_DONTFORK)
        self.message_bytes_max = 1 << 20
        self.spare = None
        kernel.adopt_orphans()
        kernel.share_heap()
        self.folders = [Folder(path) for path in FOLDERS]
        self.standing = kernel.standing()
        self.own_bytes = self.broken = None
        self.rehearsals = socket.socketpair()
        # What children tell by. Made here it is a part of the memory that all share.
        self.teller = Teller()
        self.voices = tuple(Voice(self.teller, level) for level in ("info", "warn"))
        # The memory that runs have here: the last one's, which is the next one's too.
        self.memory_bytes = 0

    def serve(self):
        """Answers until the host closes."""
        try:
            while self.step():
                pass
        except (Closed, BrokenPipeError, ConnectionResetError):
            pass

    def step(self):
        call, method = self.peek()
        if method == b"node.execute":
            Run(self, call.decode(), self.take_spare()).watch()
            self.spare = self.fork()
            # A run may have lowered what it can no longer raise.
            return kernel.standing() == self.standing
        return self.control(json.loads(self.line()), None)

    def control(self, message, run):
        """Answers what needs no script. False when nothing more is to be served."""
        method, params = message.get("method"), message.get("params", {})
        if method == "node.info":
            self.message_bytes_max = min(params["limits"].get("message_bytes_max", 1 << 20), MESSAGE_BYTES_MAX)
            result = wire.info(self.message_bytes_max)
            self.send(wire.result(message["id"], result))
            self.get_ready()
        elif method == "node.health":
            self.send(wire.result(message["id"], {"status": "healthy", "detail": "running" if run else "waiting"}))
        elif method == "node.validate":
            self.send(wire.result(message["id"], {"valid": True, "problems": []}))
        elif method == "node.shutdown":
            if run:
                run.end(wire.failure(run.id, "cancelled", "the interpreter is being ended", "cancelled"))
            self.send(wire.result(message["id"], {}))
            return False
        elif method == "$/cancel" and run and params.get("id") == run.id:
            run.end(wire.failure(run.id, "cancelled", "the script was ended because its step was halted", "cancelled"))
        elif "id" in message:
            self.send(wire.no_such_method(message["id"], method))
        return True

    def look(self, count):
        """Up to so many bytes of what comes next, without taking them."""
        count = self.socket.recv_into(self.glance, count, socket.MSG_PEEK)
        if count == 0:
            raise Closed
        return count

    def get_ready(self):
        """Loads what scripts import, which the host need not wait for, and forks the first child."""
        self.broken = environment.load()
        self.rehearse()
        gc.collect()
        gc.freeze()
        gc.disable()
        # What this process has counts in its children.
        self.own_bytes = kernel.own_bytes()
        self.spare = self.fork()

    def rehearse(self):
        """Goes the way of runs here, with a script of our own: what code writes about itself when it runs, no child has to write
        into a copy of its own then."""
        own = sys.stdout, sys.stderr, sys.modules["__main__"]
        for _ in range(REHEARSALS):
            self.ask_for_rehearsal()
            child.rehearse(self)
        sys.stdout, sys.stderr, sys.modules["__main__"] = own

    def ask_for_rehearsal(self):
        """Puts the request of a rehearsal into the children's socket for it. One that did not go its way leaves its own, which is the same."""
        try:
            self.rehearsals[0].send(child.REHEARSAL, socket.MSG_DONTWAIT)
        except BlockingIOError:
            # There are enough.
            pass

    def peek(self):
        """The id and the method of the message that comes next, without taking it."""
        while True:
            count = self.look(PEEK_BYTES)
            found = HEAD.match(self.glance, 0, count)
            if found:
                return found.groups()
            if count == PEEK_BYTES or self.glance.find(b"\n", 0, count) >= 0:
                return None, b""
            # Half a heading: the rest is on its way.
            time.sleep(0.0005)

    def line(self):
        """The message that comes next, which is the host's own and short."""
        line = bytearray()
        while not line.endswith(b"\n"):
            count = self.look(GLANCE_BYTES)
            line += self.socket.recv(self.glance.find(b"\n", 0, count) + 1 or count)
        return line

    def send(self, data):
        self.socket.sendall(data)

    def take_spare(self):
        spare, self.spare = self.spare or self.fork(), None
        return spare

    def fork(self):
        """A child that is ready for one run."""
        self.ask_for_rehearsal()
        go, start = os.pipe()
        told, tell = os.pipe()
        heading, head = os.pipe()
        pid = os.fork()
        if pid == 0:
            child.become(self, go, child.Descriptors(tell, head), (start, told, heading))
        for descriptor in (go, tell, head):
            os.close(descriptor)
        os.set_blocking(told, False)
        return Spare(pid, start, told, heading)


class Spare:
    def __init__(self, pid, start, told, heading):
        self.pid, self.start, self.told, self.heading = pid, start, told, heading
        self.gone = os.pidfd_open(pid)
        self.poll = select.poll()
        self.poll.register(told, select.POLLIN)
        self.poll.register(self.gone, select.POLLIN)


class Run:
    """One run, from the moment its child is told to begin."""

    def __init__(self, server, call, spare):
        self.server, self.id, self.spare = server, call, spare
        self.until, self.timeout_ms = None, 0
        self.ended = False
        # What is in transit: [start, end), searched for a line's end up to `seen`.
        self.start = self.seen = self.end_at = 0
        self.told_bytes = 0
        os.write(spare.start, b".")
        os.close(spare.start)
        self.began = time.monotonic()
        self.prefixes, self.answers = wire.prefixes(call), wire.answers(call)

    def watch(self):
        """Passes on what the run tells until it has ended, one way or another."""
        spare, poll = self.spare, self.spare.poll
        while not self.ended:
            ready = dict(poll.poll(self.rest_ms()))
            if self.until is not None and time.monotonic() >= self.until:
                # Also while it goes on writing.
                self.end(wire.timed_out(self.id, self.timeout_ms))
                break
            if spare.told in ready:
                self.read()
                if ready[spare.told] & select.POLLHUP and not ready[spare.told] & select.POLLIN:
                    poll.unregister(spare.told)
            if self.ended:
                break
            if RPC in ready:
                self.hear(poll)
            elif spare.gone in ready and spare.told not in ready:
                self.died()
            elif self.until is None and (not ready or time.monotonic() - self.began > SHORT_MS / 1000):
                self.settle_in(poll)
            elif not ready:
                self.end(wire.timed_out(self.id, self.timeout_ms))
        self.settle()

    def settle_in(self, poll):
        """The run is not short: it has a time, and may be cancelled."""
        self.read_heading()
        self.until = self.began + self.timeout_ms / 1000
        # Only now is it sure that the child has taken its request out of the socket.
        poll.register(RPC, select.POLLIN)

    def read_heading(self):
        """What the child wrote before the script began; nothing when it had no time to."""
        heading = os.read(self.spare.heading, 100).split()
        if len(heading) == 2:
            self.timeout_ms, self.server.memory_bytes = map(int, heading)

    def rest_ms(self):
        until = self.began + SHORT_MS / 1000 if self.until is None else self.until
        return max(0, (until - time.monotonic()) * 1000 + 0.5)

    def hear(self, poll):
        if self.server.peek()[1] == b"node.execute":
            # The next run waits in the socket.
            poll.unregister(RPC)
            return
        if not self.server.control(json.loads(self.server.line()), self):
            raise Closed

    def read(self):
        """Takes what the child wrote, and passes on what may be."""
        view, transit = self.server.view, self.server.transit
        try:
            count = os.readv(self.spare.told, [view[self.end_at :]])
        except BlockingIOError:
            return
        self.end_at += count
        pass_from = self.start
        while True:
            at = transit.find(b"\n", self.seen, self.end_at)
            if at < 0:
                self.seen = self.end_at
                break
            begin, self.start = self.start, at + 1
            self.seen = at + 1
            if not self.begins_with(self.prefixes, begin):
                self.pass_on(pass_from, begin)
                # Anything else, such as a question to the host, is the script's.
                is_answer = self.begins_with(self.answers, begin)
                self.end(view[begin : at + 1] if is_answer else wire.meddled(self.id))
                return
        self.pass_on(pass_from, self.start)
        if self.ended:
            return
        if self.start == self.end_at:
            self.start = self.seen = self.end_at = 0
        elif self.end_at == TRANSIT_BYTES:
            if self.start == 0:
                return self.end(wire.flood(self.id, "one line of more than 16 MiB"))
            transit.move(0, self.start, self.end_at - self.start)
            self.seen -= self.start
            self.end_at -= self.start
            self.start = 0

    def begins_with(self, heads, begin):
        """Whether the line that begins there has one of these heads."""
        return any(self.server.transit[begin : begin + len(head)] == head for head in heads)

    def pass_on(self, begin, end):
        if begin == end:
            return
        self.told_bytes += end - begin
        if self.told_bytes > TOLD_BYTES_MAX:
            return self.end(wire.flood(self.id, "more than 8 MiB of lines"))
        self.server.send(self.server.view[begin:end])

    def died(self):
        """The child has ended without an answer."""
        _, status, _ = os.wait4(self.spare.pid, 0)
        self.end(wire.died(self.id, status))

    def end(self, answer):
        """Ends everything that the run has started, then answers."""
        if self.ended:
            return
        self.ended = True
        kernel.kill_all()
        self.server.send(answer)

    def settle(self):
        """Leaves nothing of the run behind."""
        self.read_heading()
        for descriptor in (self.spare.told, self.spare.gone, self.spare.heading):
            os.close(descriptor)
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                break
        for folder in self.server.folders:
            folder.clear()
        self.server.transit.madvise(mmap.MADV_DONTNEED)
