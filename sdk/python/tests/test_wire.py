"""Lines of JSON as the host may send them, and several calls at once over a socket."""

import json
import os
import socket
import sys
import threading
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src")
sys.path.insert(0, SOURCE)

from akao import node  # noqa: E402
from akao._errors import Fault  # noqa: E402
from akao._session import Session  # noqa: E402
from akao._wire import Wire, decode  # noqa: E402

PATIENCE_S = 30


class Documents(unittest.TestCase):
    def test_a_name_that_stands_twice_is_found_however_it_is_written(self):
        twice = [
            b'{"a":1,"a":2}',
            b'{"a":1,"a" :2}',
            b'{"a":1,\t"a"\t:2}',
            b'{"a":1,"\\u0061":2}',
            b'{"a":"\\":","b":{"c":1,"c":1}}',
            b'{"b" :"x","a":"\\":","a":1}',
            b'{"a":[{"c":1,"c":1}]}',
        ]
        for line in twice:
            with self.assertRaisesRegex(Fault, "stands twice", msg=line):
                decode(line)

    def test_text_that_looks_like_names_is_text(self):
        for value in ({"a": '":', "b": {"c": '{"a":1,"a":2}'}}, {"a:": ":", '":': "a :"}, {"a": {}, "b": {"a": {"a": 1}}}):
            for line in (json.dumps(value), json.dumps(value, separators=(",", ":")), json.dumps(value, indent="\t")):
                self.assertEqual(decode(line.replace("\n", " ").encode()), value)


class Host:
    """The host's end of a session that runs on threads of this process."""

    def __init__(self, *nodes, concurrency):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(PATIENCE_S)
        self.session = Session(Wire(theirs.fileno()), "com.example", "1.0.0", list(nodes))
        self.session.may_leave = False
        self.theirs = theirs
        self.thread = threading.Thread(target=self.session.serve, daemon=True)
        self.thread.start()
        self.lines = self.socket.makefile("rb")
        self.send(self.request("i", "node.info", {"protocol": [1], "limits": {"concurrency": concurrency}}))
        self.receive()

    def request(self, id, method, params):
        return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode() + b"\n"

    def execute(self, id, node_id, **parameters):
        return self.request(id, "node.execute", {"context": {"node_id": node_id}, "parameters": parameters})

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        return json.loads(self.lines.readline())

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE_S)
        for each in (self.lines, self.socket, self.theirs):
            each.close()


@node("com.example.thread")
def thread(context):
    return {"thread": str(threading.get_ident())}


class Gate:
    """Calls that go on when as many have come."""

    def __init__(self, count):
        self.barrier = threading.Barrier(count)
        self.node = node("com.example.gate", inputs={})(self.work)

    def work(self, context):
        self.barrier.wait(PATIENCE_S)
        return {}


class SeveralAtOnce(unittest.TestCase):
    def host(self, *nodes, concurrency):
        host = Host(*nodes, concurrency=concurrency)
        self.addCleanup(host.close)
        return host

    def test_calls_that_wait_for_each_other_run_at_once(self):
        host = self.host(thread, Gate(4).node, concurrency=4)
        for turn in range(3):
            host.send(b"".join(host.execute("g%d-%d" % (turn, at), "com.example.gate") for at in range(4)))
            self.assertTrue(all(host.receive()["result"]["success"] for _ in range(4)))
            host.send(host.execute("t%d" % turn, "com.example.thread"))
            self.assertTrue(host.receive()["result"]["success"])

    def test_a_call_that_waits_holds_no_short_ones_up(self):
        gate = Gate(2)
        host = self.host(thread, gate.node, concurrency=4)
        host.send(host.execute("long", "com.example.gate"))
        host.send(b"".join(host.execute("s%d" % at, "com.example.thread") for at in range(100)))
        self.assertEqual({host.receive()["id"] for _ in range(100)}, {"s%d" % at for at in range(100)})
        gate.barrier.wait(PATIENCE_S)
        self.assertEqual(host.receive()["id"], "long")

    def test_a_context_takes_one_key_for_two_members(self):
        @node("com.example.names", inputs={})
        def names(context):
            return {"execution": context.execution_id, "key": context.idempotency_key}

        host = self.host(names, concurrency=1)
        context = {"node_id": "com.example.names", "key": "01J-17"}
        host.send(host.request("1", "node.execute", {"context": context, "parameters": {}}))
        self.assertEqual(host.receive()["result"]["outputs"], {"execution": "01J", "key": "01J-17"})


if __name__ == "__main__":
    unittest.main()
