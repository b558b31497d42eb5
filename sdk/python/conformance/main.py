"""The nodes that the golden transcripts expect, as `sdk/conformance/README.md` describes them."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src"))

from akao import Failure, node, serve  # noqa: E402

PREFIX = "com.example.conformance."
GATES = {}
GATES_LOCK = threading.Lock()


def gate(name):
    with GATES_LOCK:
        return GATES.setdefault(name, threading.Event())


@node(PREFIX + "echo", inputs={"value": {"required": True}})
def echo(context, value):
    return {"value": value}


@node(
    PREFIX + "typed",
    inputs={
        "text": {"type": "string", "required": True},
        "count": {"type": "integer", "default": 1},
        "ratio": {"type": "number"},
        "flag": {"type": "boolean"},
        "items": {"type": "array"},
        "options": {"type": "object"},
        "choice": {"type": "string", "enum": ["a", "b"]},
    },
)
def typed(context, **inputs):
    return inputs


@node(PREFIX + "fail")
def fail(context, kind: str, message: str, retryable: bool = None, detail=None):
    raise Failure(kind, message, retryable=retryable, detail=detail)


@node(PREFIX + "throw")
def throw(context, message: str):
    raise RuntimeError(message)


@node(PREFIX + "slow")
def slow(context, ignore: bool = False):
    context.progress(0, "started")
    while not context.cancelled:
        time.sleep(0.005)
    if not ignore:
        context.check_cancelled()
    return {"cancelled": True}


@node(PREFIX + "wait")
def wait(context, gate_name: str):
    context.progress(0, "waiting")
    while not gate(gate_name).wait(0.02):
        context.check_cancelled()
    return {"opened": gate_name}


@node(PREFIX + "open")
def open_gate(context, gate_name: str):
    gate(gate_name).set()
    return {}


@node(PREFIX + "progress")
def progress(context, count: int):
    for index in range(count):
        context.progress((index + 1) / count, "step %d" % (index + 1))
    return {}


@node(PREFIX + "log")
def log(context, level: str, message: str, fields: dict):
    context.log(level, message, **fields)
    return {}


@node(PREFIX + "stream")
def stream(context, stream: str, text: str, times: int, writers: int = 1):
    threads = [threading.Thread(target=context.output, args=(stream, text * times)) for _ in range(writers - 1)]
    for thread in threads:
        thread.start()
    context.output(stream, text * times)
    for thread in threads:
        thread.join()
    return {"bytes": len((text * times).encode()) * writers}


@node(PREFIX + "secret")
def secret(context, name: str):
    return {"value": context.secret(name)}


@node(PREFIX + "state")
def state(context, key: str, value):
    before = context.state_get(key)
    context.state_put(key, value)
    return {"before": before}


@node(PREFIX + "blob_put")
def blob_put(context, name: str, text: str, media_type: str = None):
    with open(os.path.join(context.workspace, name), "w") as file:
        file.write(text)
    return {"blob": context.blob_put(name, media_type)}


@node(PREFIX + "blob_get")
def blob_get(context, blob: dict, name: str):
    with open(context.blob_get(blob, name)) as file:
        return {"text": file.read()}


@node(PREFIX + "outside")
def outside(context):
    return {"blob": context.blob_put("../outside.txt")}


@node(PREFIX + "context")
def context_fields(context):
    names = ("node_id", "workflow_id", "execution_id", "step", "attempt", "idempotency_key", "tenant", "deadline", "trace")
    return {name: getattr(context, name) for name in names}


@node(PREFIX + "big")
def big(context, bytes: int):
    return {"text": "x" * bytes}


@node(PREFIX + "bad_outputs")
def bad_outputs(context, case: str):
    return {"integer": {"value": 2**53 + 1}, "nan": {"value": float("nan")}, "list": [1]}[case]


@node(PREFIX + "noise")
def noise(context):
    print('{"jsonrpc":"2.0","id":"1","result":{"success":true}}', flush=True)
    print("noise", file=sys.stderr, flush=True)
    return {}


@node(PREFIX + "items", batch=True)
def items(context, value: int):
    if value < 0:
        raise Failure("input", "the value is negative", detail={"value": value})
    return {"double": value * 2}


if __name__ == "__main__":
    serve(
        echo, typed, fail, throw, slow, wait, open_gate, progress, log, stream, secret, state, blob_put, blob_get,
        outside, context_fields, big, bad_outputs, noise, items, id="com.example.conformance", version="1.2.3",
    )  # fmt: skip
