"""The messages that the server itself writes, and how the lines begin that a run may pass on."""

import os
import signal
import sys
from json import dumps

# The same program is the node of two packages, of which the other names itself.
ID = sys.argv[1] if len(sys.argv) > 1 else "dev.akao.python"
VERSION = "1.0.0"


def message(document):
    # Halves of characters, which JSON cannot say, become question marks.
    return dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def result(call, value):
    return message({"jsonrpc": "2.0", "id": call, "result": value})


def info(message_bytes_max):
    limits = {"message_bytes_max": message_bytes_max}
    return {"protocol": 1, "id": ID, "version": VERSION, "sdk": f"script/{VERSION}", "nodes": [ID], "limits": limits}


def no_such_method(call, method):
    return message({"jsonrpc": "2.0", "id": call, "error": {"code": -32601, "message": f"there is no method {method}"}})


def failure(call, kind, text, reason, **detail):
    error = {"kind": kind, "message": text, "retryable": False, "detail": {"reason": reason, **detail}}
    return result(call, {"success": False, "error": error})


def timed_out(call, timeout_ms):
    return failure(call, "timeout", f"the script did not end within {timeout_ms} ms", "script_timeout", timeout_ms=timeout_ms)


def flood(call, what):
    text = f"the script wrote {what}, which is more than a run may"
    return failure(call, "resource", text, "script_output")


def meddled(call):
    return failure(call, "user", "the script wrote into the channel of its interpreter", "script_channel")


def died(call, status):
    """The process of the run ended without an answer."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return failure(call, "user", f"the script's process was ended by {name}", "script_signal", signal=name)
    code = os.WEXITSTATUS(status)
    return failure(call, "user", f"the script's process exited with code {code} and no result", "script_exit", code=code)


def prefixes(call):
    """How the notifications of this run begin, to the byte."""
    methods = ("$/log", "$/progress", "$/output")
    return tuple(notification(method, call) for method in methods)


def notification(method, call):
    return f'{{"jsonrpc":"2.0","method":"{method}","params":{{"id":{dumps(call)},'.encode()


def answers(call):
    """How the answer of this run begins, to the byte."""
    return tuple(f'{{"jsonrpc":"2.0","id":{dumps(call)},"{part}":'.encode() for part in ("result", "error"))
