"""The process of one run: waits, reads its request, runs the script, writes the answer, ends.

It is forked before there is a request, and has by then tied itself down and gone through a run of its own once, so that
what is left to do between request and answer is little.
"""

import gc
import os
import random
import resource
import select
import socket
import sys
import time
from json import dumps, loads

import kernel
import values
import wire
from output import Flood
from script import FLOODED, Ended, Script

PEEK = int(socket.MSG_PEEK)
# Most requests are shorter.
LOOK_BYTES = 1 << 12
# How long a process waits for its end; a server that has not heard the answer by then hears of the process's own end.
LINGER_S = 1
MEMORY = (resource.RLIMIT_DATA, resource.RLIMIT_AS)
# What it takes to tell that the memory is at its end.
TELLING_BYTES = 16 << 20
REHEARSED = {
    "script": "total = 0\nfor item in items:\n    total += item\nresult = {'total': total, 'text': f'{total:.2f}'}\n",
    "inputs": {"items": [1, 2.5], "text": "text"},
    "timeout_ms": 1,
    "memory_bytes": 0,
}
REHEARSAL = dumps({"jsonrpc": "2.0", "id": "0", "params": {"parameters": REHEARSED}}).encode() + b"\n"


class Descriptors:
    """What a child writes to: what it tells, and the heading of its run, which is read only when the run is not short."""

    def __init__(self, tell, heading):
        self.tell, self.heading = tell, heading


def become(server, go, own, others):
    """The whole life of the process. Nothing comes back from here."""
    status = 1
    try:
        for descriptor in others:
            os.close(descriptor)
        kernel.tie_down()
        kernel.give_way()
        gc.enable()
        # Who is told to begin already would only begin later by that.
        if not is_told(go):
            rehearse(server)
        for end in server.rehearsals:
            end.close()
        seed()
        if server.memory_bytes:
            limit(server.memory_bytes, server.own_bytes)
        if os.read(go, 1):
            os.close(go)
            serve(server, server.socket, own)
        status = 0
    except BaseException as error:
        # A defect here; the server tells the end of the process.
        os.write(2, f"the process of a run failed: {error!r}\n".encode())
    finally:
        os._exit(status)


def is_told(go):
    look = select.poll()
    look.register(go, select.POLLIN)
    return look.poll(0)


def seed():
    """Two runs of one server do not have the same random numbers."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def rehearse(server):
    """Goes the way of a run once, so that its pages are there when they are needed."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    serve(server, server.rehearsals[1], Descriptors(nowhere, os.dup(nowhere)), is_real=False)
    os.close(nowhere)


def serve(server, connection, own, is_real=True):
    message = loads(request(connection))
    run, parameters = message["id"], message["params"]["parameters"]
    # What the server must know of a run that is not short; the request is out of the socket now.
    os.write(own.heading, f"{parameters['timeout_ms']} {parameters['memory_bytes']}\n".encode())
    os.close(own.heading)
    if is_real:
        connection.close()
    if is_real and parameters["memory_bytes"] != server.memory_bytes:
        limit(parameters["memory_bytes"], server.own_bytes)
    teller, voices = server.teller, server.voices
    teller.begin(own.tell, run)
    sys.stdout, sys.stderr = (voice.text for voice in voices)
    pid = os.getpid()
    if server.broken:
        answer = wire.failure(run, "internal", server.broken, "script_environment")
    else:
        answer = outcome(run, parameters, teller, voices, server.message_bytes_max)
    if os.getpid() == pid:
        # What the script has forked has nothing to answer.
        teller.write(answer)
        if is_real:
            # The server ends this process. Were it to end by itself, giving back its memory would come before the server's
            # turn on the processor, and the answer would wait for that.
            time.sleep(LINGER_S)


def request(connection):
    """Exactly one message out of the socket that the server and its children share."""
    pieces = []
    while True:
        seen = connection.recv(LOOK_BYTES, PEEK)
        end = seen.find(b"\n") + 1
        pieces.append(connection.recv(end or len(seen)))
        if not seen:
            raise EOFError("the host closed in the middle of a request")
        if end:
            return b"".join(pieces)


def limit(memory_bytes, own_bytes):
    """A script that wants more memory meets a MemoryError, which has a line, before it meets its end."""
    for kind, own in zip(MEMORY, own_bytes):
        hard = resource.getrlimit(kind)[1]
        most = memory_bytes + own
        if hard == resource.RLIM_INFINITY or most + TELLING_BYTES < hard:
            resource.setrlimit(kind, (most, most + TELLING_BYTES))


def relax():
    """Room to tell of a failure."""
    for kind in MEMORY:
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (hard, hard))


def outcome(run, parameters, teller, voices, message_bytes_max):
    """The answer's line."""
    try:
        try:
            value = Script(parameters["script"], relax).run(parameters["inputs"], teller.progress)
            text = values.to_json(value, message_bytes_max)
        finally:
            # What was printed comes before the answer.
            for voice in voices:
                voice.finish()
        return f'{{"jsonrpc":"2.0","id":{dumps(run)},"result":{{"success":true,"outputs":{{"result":{text}}}}}}}\n'.encode()
    except Ended as ended:
        detail = ended.detail
        if ended.reason == "script_exit":
            detail = {**detail, "stderr": "\n".join(voices[1].last)}
        return wire.failure(run, ended.kind, ended.message, ended.reason, **detail)
    except values.NotJson as error:
        return wire.failure(run, "user", str(error), "script_result", path=error.path)
    except Flood:
        return wire.failure(run, *FLOODED)
    except MemoryError:
        relax()
        return wire.failure(run, "resource", "the script ran out of memory", "script_memory")
