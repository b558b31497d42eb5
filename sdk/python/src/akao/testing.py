"""A host for tests: it runs nodes in this process, over a real socket, without Akao."""

import json
import os
import socket
import tempfile
from threading import Thread

from ._session import Session
from ._wire import Wire

__all__ = ["Result", "TestHost"]


class Result:
    """What one call answered and reported."""

    def __init__(self, result, progress, logs, output):
        self.success = result["success"]
        self.outputs = result["outputs"]
        self.error = result.get("error")
        self.progress = progress
        self.logs = logs
        self.output = output

    def __repr__(self):
        return "Result(success=%r, outputs=%r, error=%r)" % (self.success, self.outputs, self.error)


class TestHost:
    """Runs nodes as Akao does: it asks, answers what they ask for, and keeps what they report.

    `secrets` are those that are granted; others are refused with kind `permission`. `state` is a dictionary that nodes read
    and change. Blobs are files of `workspace`, a temporary folder unless one is given. With `cancel_at_progress`, a call is
    cancelled as soon as it reports progress.
    """

    # For test runners that collect classes by their name.
    __test__ = False

    def __init__(self, *nodes, secrets=None, state=None, workspace=None, cancel_at_progress=False):
        self.secrets = secrets or {}
        self.state = {} if state is None else state
        self.blobs = {}
        self.cancel_at_progress = cancel_at_progress
        self._folder = None if workspace else tempfile.TemporaryDirectory()
        self.workspace = workspace or self._folder.name
        self._workspace_before = os.environ.get("AKAO_WORKSPACE")
        os.environ["AKAO_WORKSPACE"] = self.workspace
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._lines = ours.makefile("r", encoding="utf-8", newline="\n")
        self._theirs = theirs
        session = Session(Wire(theirs.fileno()), nodes[0].id, "0.0.0", nodes)
        session.may_leave = False

        def serve():
            try:
                session.serve()
            finally:
                # Whoever still asks sees the end.
                theirs.shutdown(socket.SHUT_WR)

        self._thread = Thread(target=serve, daemon=True)
        self._thread.start()
        self._ids = 0
        self.info = self._request("node.info", {"protocol": [1], "host": "akao-test", "granted": [], "limits": {}})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def execute(self, node_id, parameters, **context):
        """Runs a node once; keywords are fields of the context."""
        fields = {
            "node_id": node_id,
            "workflow_id": "test",
            "execution_id": "test",
            "step": "/0",
            "attempt": 1,
            "idempotency_key": "test",
            "tenant": "test",
            "deadline": None,
            "trace": None,
            **context,
        }
        progress, logs, output = [], [], {}
        answer = self._request("node.execute", {"context": fields, "parameters": parameters}, (progress, logs, output))
        return Result(answer, progress, logs, output)

    def validate(self, node_id, parameters):
        """The problems that a node finds in parameters."""
        return self._request("node.validate", {"node": node_id, "parameters": parameters})["problems"]

    def close(self):
        """Ends the conversation; called by `with`."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._lines.close()
        self._socket.close()
        self._theirs.close()
        if self._workspace_before is None:
            os.environ.pop("AKAO_WORKSPACE", None)
        else:
            os.environ["AKAO_WORKSPACE"] = self._workspace_before
        if self._folder:
            self._folder.cleanup()

    def _send(self, message):
        line = json.dumps({"jsonrpc": "2.0", **message}, allow_nan=False)
        self._socket.sendall(line.encode("utf-8") + b"\n")

    def _request(self, method, params, reports=None):
        self._ids += 1
        id = "t%d" % self._ids
        self._send({"id": id, "method": method, "params": params})
        for line in self._lines:
            message = json.loads(line)
            if "method" not in message:
                if "error" in message:
                    raise ValueError("%s: %s" % (method, message["error"]["message"]))
                return message["result"]
            if "id" in message:
                self._send({"id": message["id"], **self._answer(message["method"], message["params"])})
            else:
                self._report(message["method"], message["params"], reports)
        raise ConnectionError("the node closed the connection")

    def _report(self, method, params, reports):
        progress, logs, output = reports
        if method == "$/progress":
            progress.append((params.get("fraction"), params["message"]))
            if self.cancel_at_progress:
                self._send({"method": "$/cancel", "params": {"id": params["id"]}})
        elif method == "$/log":
            logs.append((params["level"], params["message"], params["fields"]))
        elif method == "$/output":
            stream, chunk = params["stream"], params["chunk"]
            output[stream] = output.get(stream, "") + chunk
            credit = {"id": params["id"], "stream": stream, "bytes": len(chunk.encode("utf-8"))}
            self._send({"method": "$/credit", "params": credit})

    def _answer(self, method, params):
        if method == "host.secret":
            name = params["name"]
            if name in self.secrets:
                return {"result": {"value": self.secrets[name]}}
            return _denied("permission", "secret `%s` was not granted" % name)
        if method == "host.state.get":
            return {"result": {"value": self.state.get(params["key"])}}
        if method == "host.state.put":
            self.state[params["key"]] = params["value"]
            return {"result": {}}
        if method == "host.blob.put":
            with open(os.path.join(self.workspace, params["path"]), "rb") as file:
                data = file.read()
            name = "test:%d" % (len(self.blobs) + 1)
            self.blobs[name] = data
            media_type = params.get("media_type", "application/octet-stream")
            return {"result": {"$blob": name, "bytes": len(data), "media_type": media_type}}
        if method == "host.blob.get":
            data = self.blobs.get(params["blob"].get("$blob"))
            if data is None:
                return _denied("not_found", "no such blob")
            with open(os.path.join(self.workspace, params["path"]), "wb") as file:
                file.write(data)
            return {"result": {"path": params["path"]}}
        return _denied("protocol", "unknown method `%s`" % method)


def _denied(kind, message):
    data = {"kind": kind, "retryable": False, "message": message, "detail": None}
    return {"error": {"code": -1001, "message": message, "data": data}}
