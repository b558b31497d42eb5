"""The least that runs scripts in processes forked ahead: the floor of a step of a script. Nothing of it is kept apart or told.

With a path it listens there and forks when it is asked, without any confinement: the floor of how many steps there can be.
"""

import gc
import json
import os
import socket
import sys


def answer(line):
    request = json.loads(line)
    names = dict(request["inputs"])
    exec(compile(request["script"], "<script>", "exec"), names)
    return json.dumps({"id": request["id"], "result": names["result"]}).encode() + b"\n"


def one(connection):
    data = b""
    while not data.endswith(b"\n"):
        more = connection.recv(65536)
        if not more:
            # Whoever asked has gone.
            os._exit(0)
        data += more
    connection.sendall(answer(data))
    os._exit(0)


gc.freeze()
if len(sys.argv) > 1:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            one(connection)
        connection.close()
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
connection = socket.socket(fileno=3)
while True:
    pid = os.fork()
    if pid == 0:
        # Gone through once, so that its pages are there.
        answer('{"id": 0, "script": "result = sum(items)", "inputs": {"items": [1]}}')
        one(connection)
    os.waitpid(pid, 0)
