"""The one run of a node's work, and the texts of answers."""

import sys

from ._wire import encode

SUCCESS = '{"jsonrpc":"2.0","id":%s,"result":{"success":true,"outputs":%s,"metadata":{"execution_time":%.3f}}}'


def run_once(node, context, parameters):
    outputs = node.work(context, **node.arguments(parameters))
    if hasattr(outputs, "__await__"):
        import asyncio

        outputs = asyncio.run(outputs)
    return {} if outputs is None else outputs


def print_exception():
    # Only a failing node pays for this import.
    import traceback

    traceback.print_exc(file=sys.stderr)


def described(error):
    """The message of an exception; its class may be one whose text fails too."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def result(id, text, is_id_text=False):
    return '{"jsonrpc":"2.0","id":%s,"result":%s}' % (id if is_id_text else encode(id), text)


def error(id, fault):
    data = {"kind": fault.kind, "retryable": fault.retryable, "message": fault.message, "detail": None}
    fields = {"code": fault.code, "message": fault.message, "data": data}
    return encode({"jsonrpc": "2.0", "id": id, "error": fields})


def error_of(failure):
    return _error_fields(failure.kind, failure.message, failure.retryable, failure.detail)


def _error_fields(kind, message, retryable, detail):
    # What nobody said is left out, so that the host's default for the kind counts.
    said = {} if retryable is None else {"retryable": bool(retryable)}
    return {"kind": kind, **said, "message": str(message), "detail": detail}


def failed(id_text, kind, message, retryable, detail, took):
    fields = _error_fields(kind, message, retryable, detail)
    body = '{"success":false,"outputs":{},"error":%s,"metadata":{"execution_time":%s}}' % (encode(fields), took)
    return result(id_text, body, True)
