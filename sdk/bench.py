"""What a call costs with each SDK, as ratios to a bare JSON echo in Python within the same run.

`cargo xtask test --only sdk` builds the programs that it starts; the one in Rust is built here, because the tests build it
without optimisations. Compare ratios only; the microseconds are the machine's.
"""

import json
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "..", "target", "sdk")
BARE = """
import json, os
descriptor = int(os.environ["AKAO_RPC_FD"])
for line in os.fdopen(descriptor, "rb", closefd=False):
    message = json.loads(line)
    answer = {"jsonrpc": "2.0", "id": message["id"], "result": message["params"]}
    os.write(descriptor, (json.dumps(answer) + "\\n").encode())
"""
PEERS = {
    "bare echo in Python": [sys.executable, "-I", "-c", BARE],
    "python": [sys.executable, "-I", os.path.join(HERE, "python", "conformance", "main.py")],
    "typescript": ["node", os.path.join(HERE, "typescript", "conformance", "dist", "main.js")],
    "go": [os.path.join(TARGET, "go-conformance")],
    "rust": [os.path.join(TARGET, "rust", "release", "examples", "conformance")],
}
BUILD = ["cargo", "build", "--release", "--example", "conformance", "--manifest-path", os.path.join(HERE, "rust", "Cargo.toml")]
ROUNDS = 8
CALLS = 1000
BATCHES = 30
IN_FLIGHT = 64
INFO = {"jsonrpc": "2.0", "id": "0", "method": "node.info", "params": {"protocol": [1]}}
CONTEXT = {"node_id": "com.example.conformance.echo", "workflow_id": "w", "execution_id": "e"}
EXECUTE = {
    "jsonrpc": "2.0",
    "id": "1",
    "method": "node.execute",
    "params": {"context": CONTEXT, "parameters": {"value": "x" * 200}},
}


class Peer:
    """A started program and the figures of its rounds."""

    def __init__(self, command):
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "AKAO_RPC_FD": str(theirs.fileno())}
        started = time.perf_counter()
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
        theirs.close()
        self.socket = ours
        self.file = ours.makefile("rwb")
        self.call(json.dumps(INFO).encode() + b"\n")
        self.start_ms = (time.perf_counter() - started) * 1000
        self.call_us = []
        self.batch_per_s = []

    def call(self, line):
        self.file.write(line)
        self.file.flush()
        return self.file.readline()

    def round(self, line):
        times = []
        for _ in range(CALLS):
            started = time.perf_counter()
            self.call(line)
            times.append(time.perf_counter() - started)
        self.call_us.append(sorted(times)[CALLS // 2] * 1e6)
        started = time.perf_counter()
        for _ in range(BATCHES):
            self.file.write(line * IN_FLIGHT)
            self.file.flush()
            for _ in range(IN_FLIGHT):
                self.file.readline()
        self.batch_per_s.append(BATCHES * IN_FLIGHT / (time.perf_counter() - started))

    def close(self):
        self.file.close()
        self.socket.close()
        self.process.wait(10)


def main():
    subprocess.run(BUILD, env={**os.environ, "CARGO_TARGET_DIR": os.path.join(TARGET, "rust")}, check=True)
    for name, command in PEERS.items():
        if not os.path.exists(command[-1]) and os.sep in command[-1]:
            sys.exit("the program `%s` of `%s` is missing; build it with `cargo xtask test --only sdk`" % (command[-1], name))
    # One processor for both sides: waking another one takes longer than the call.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    line = json.dumps(EXECUTE).encode() + b"\n"
    peers = {name: Peer(command) for name, command in PEERS.items()}
    for _ in range(ROUNDS):
        for peer in peers.values():
            peer.round(line)
    first = next(iter(peers.values()))
    print("%-20s %8s %9s %6s %14s %6s" % ("", "start ms", "call µs", "ratio", "64 in flight/s", "ratio"))
    for name, peer in peers.items():
        call, batch = min(peer.call_us), max(peer.batch_per_s)
        ratios = call / min(first.call_us), batch / max(first.batch_per_s)
        print("%-20s %8.1f %9.1f %6.2f %14.0f %6.2f" % (name, peer.start_ms, call, ratios[0], batch, ratios[1]))
        peer.close()


if __name__ == "__main__":
    main()
