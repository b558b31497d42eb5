"""One conversation with the host: the five methods, the notifications, and the answers to the node's own calls."""

import os
import sys
from _thread import start_new_thread
from time import perf_counter, sleep

from ._answers import SUCCESS, described, error, error_of, failed, print_exception, result, run_once
from ._context import Context
from ._errors import Failure, Fault
from ._turns import Turns
from ._wire import INVALID_REQUEST, MESSAGE_BYTES_MAX, TooLong, decode, encode, encode_outputs

PROTOCOL = 1
SDK = "akao-python/0.1.0"
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INITIALISATION = -1000
INTERNAL = -1005

# From the best to the worst.
STATUSES = ("healthy", "degraded", "unhealthy")
GRACE_S = 2.0
# After a cancel at the end of the grace, or when the host is gone, work has this long to notice.
LAST_S = 1.0
# When all is answered, the process ends after this even if a thread still waits for a line.
LEAVE_S = 0.05


class Session(Turns):
    """The node's side of one connection."""

    def __init__(self, wire, id, version, nodes):
        super().__init__(wire)
        self._id = id
        self._version = version
        self._nodes = {node.id: node for node in nodes}
        self._only = nodes[0] if len(nodes) == 1 else None
        self._is_ready = False
        self.tenant = None
        self._running = {}
        self._answers = {}
        self._calls = 0
        self._stop_id = None
        # Whether the process may be ended with the session; a test's may not.
        self.may_leave = True

    def _next(self):
        """The next message; nothing where it was refused or where there is none any more."""
        try:
            line = self._wire.read()
            if line is None:
                self._end_of_input()
                return None
            return decode(line) if line.strip() else None
        except TooLong as fault:
            self._wire.hold(error(None, fault))
            self._close(1)
        except Fault as fault:
            self._wire.hold(error(None, fault))
        return None

    def _end_of_input(self):
        code = 0
        if self._wire.has_rest:
            print("akao: the host closed in the middle of a message", file=sys.stderr)
            code = 1
        self._close(code)

    def _close(self, code):
        """Ends the session because there is nothing more to read; work that runs is cancelled."""
        for _, context in list(self._running.values()):
            context._cancel()
        if self._running:
            start_new_thread(self._leave_later, (LAST_S, code))
        self._wire.drain()
        self._finish(code)

    def _finish(self, code):
        """Ends the session; whoever waits for work sees that there is none."""
        self._exit = code
        for _ in range(self._concurrency):
            self._work.put(None)
        if self._watch is not None:
            self._wake_watcher()

    def _leave_later(self, seconds, code):
        """Ends the process even if work does not end."""
        if not self.may_leave:
            return
        sleep(seconds)
        self._wire.drain()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    # Messages.

    def _handle(self, message):
        """Answers a message; gives a job where it asks for work."""
        if "method" not in message:
            self._take_answer(message)
            return None
        method = message["method"]
        params = message.get("params", {})
        if "id" not in message:
            self._notified(method, params)
            return None
        id = message["id"]
        try:
            if message.get("jsonrpc") != "2.0" or type(id) is not str or type(method) is not str:
                id = id if type(id) is str else None
                raise Fault(INVALID_REQUEST, "a request has jsonrpc 2.0, a string as id and a method")
            if type(params) is not dict:
                raise Fault(INVALID_PARAMS, "params are an object")
            if method == "node.execute":
                return self._accept(id, params)
            answer = self._answer_of(method, id, params)
            if answer is not None:
                self._wire.hold(result(id, encode(answer)))
        except Fault as fault:
            self._wire.hold(error(id, fault))
            if fault.code == INITIALISATION and method == "node.info":
                self._finish(1)
        return None

    def _answer_of(self, method, id, params):
        if method == "node.info":
            return self._info(params)
        answer = {"node.validate": self._validate, "node.health": self._health}.get(method)
        if answer is None and method != "node.shutdown":
            raise Fault(METHOD_NOT_FOUND, "unknown method `%s`" % method)
        if not self._is_ready:
            raise Fault(INITIALISATION, "`%s` came before `node.info`" % method)
        return answer(params) if answer else self._shutdown(id, params)

    def _info(self, params):
        offered = params.get("protocol")
        if type(offered) is not list or PROTOCOL not in offered:
            message = "no protocol in common: the host speaks %s, this node speaks %d" % (encode(offered), PROTOCOL)
            print("akao: " + message, file=sys.stderr)
            raise Fault(INITIALISATION, message)
        limits = params.get("limits")
        concurrency = limits.get("concurrency", 1) if type(limits) is dict else 1
        if not self._is_ready:
            # It holds as long as the process lives, so that calls need not name it.
            self.tenant = params.get("tenant")
        if not self._is_ready and type(concurrency) is int and concurrency > 1:
            self._concurrency = concurrency
        self._is_ready = True
        nodes = [{"id": node.id, "inputs": node.inputs, "batch": node.batch} for node in self._nodes.values()]
        # A context may say the execution within its key.
        limits = {"context": ["key"]}
        return {"protocol": PROTOCOL, "id": self._id, "version": self._version, "sdk": SDK, "nodes": nodes, "limits": limits}

    def _validate(self, params):
        node = self._node(params.get("node"))
        parameters = params.get("parameters")
        if type(parameters) is not dict:
            raise Fault(INVALID_PARAMS, "parameters are an object")
        try:
            found = node.problems(parameters)
        except BaseException as error:
            raise Fault(INTERNAL, "the check of `%s` failed: %s" % (node.id, described(error)), "internal") from error
        return {"valid": not found, "problems": found}

    def _health(self, params):
        worst = None
        for node in self._nodes.values():
            try:
                word = node.health()
                if word is not None and word[0] not in STATUSES:
                    word = ("unhealthy", "`%s` says `%s`, known are %s" % (node.id, word[0], ", ".join(STATUSES)))
            except BaseException as error:
                word = ("unhealthy", described(error))
            if word is not None and (worst is None or STATUSES.index(word[0]) > STATUSES.index(worst[0])):
                worst = word
        if worst is None:
            worst = ("healthy", "%d running" % len(self._running))
        return {"status": worst[0], "detail": worst[1]}

    def _shutdown(self, id, params):
        if self._stop_id is not None:
            return {}
        grace = params.get("grace", GRACE_S * 1000)
        with self._lock:
            self._stop_id = id
            is_idle = not self._running
        if is_idle:
            self._stopped()
        else:
            start_new_thread(self._stop_after, (grace / 1000 if type(grace) in (int, float) else GRACE_S,))
        return None

    def _stop_after(self, seconds):
        sleep(seconds)
        # Those that have not begun are answered at once.
        for id in list(self._running):
            self._cancel(id)
        sleep(LAST_S)
        self._stopped()

    def _stopped(self):
        with self._lock:
            id, self._stop_id = self._stop_id, ""
        if id:
            self._wire.hold(result(id, "{}"))
        self._wire.drain()
        self._finish(0)
        # Another thread may wait for a line that never comes; only the end of the process ends it.
        start_new_thread(self._leave_later, (LEAVE_S, 0))

    def _notified(self, method, params):
        """Notifications of the host; unknown ones are ignored, so that later hosts may send more."""
        if type(params) is not dict:
            return
        if method == "$/cancel":
            self._cancel(params.get("id"))
        elif method == "$/credit":
            job = self._running.get(params.get("id"))
            stream, amount = params.get("stream"), params.get("bytes")
            if job is not None and type(amount) is int and type(stream) is str and amount > 0:
                job[1]._grant(stream, amount)

    def _cancel(self, id):
        if type(id) is not str:
            return
        with self._lock:
            job = self._running.get(id)
            if job is None:
                return
            is_queued = not job[1]._started
            # It never begins from now on; what else waits for its end looks at `_running`.
            job[1]._started = True
            job[1]._cancel()
        if is_queued:
            self._wire.send(failed(job[1]._id_text, "cancelled", "cancelled by the host", None, None, 0))
            with self._lock:
                self._running.pop(id, None)
            self._ended()

    def _take_answer(self, message):
        waiting = self._answers.get(message.get("id")) if type(message.get("id")) is str else None
        if waiting is not None:
            waiting[1] = message
            waiting[0]._ring()

    # Work.

    def _node(self, id):
        node = self._nodes.get(id) if type(id) is str else None
        if node is None and id is None:
            node = self._only
        if node is None:
            known = ", ".join(self._nodes)
            raise Fault(INVALID_PARAMS, "unknown node `%s`, this package holds %s" % (id, known), "not_found")
        return node

    def _accept(self, id, params):
        if not self._is_ready:
            raise Fault(INITIALISATION, "`node.execute` came before `node.info`")
        if self._stop_id is not None:
            raise Fault(INTERNAL, "the node is shutting down", "connection", True)
        fields = params.get("context")
        parameters = params.get("parameters")
        if type(fields) is not dict or type(parameters) is not dict:
            raise Fault(INVALID_PARAMS, "context and parameters are objects")
        node = self._node(fields.get("node_id"))
        # The host leaves it out where the package has one node.
        fields["node_id"] = node.id
        with self._lock:
            if id in self._running:
                raise Fault(INVALID_REQUEST, "the id `%s` is in use" % id)
            # The host's ids are numbers, which stand for themselves.
            id_text = '"%s"' % id if id.isalnum() and id.isascii() else encode(id)
            context = Context(self, id, id_text, fields)
            job = (node, context, parameters)
            self._running[id] = job[:2]
            return job if self._takes(job) else None

    def _run(self, job):
        node, context, parameters = job
        with self._lock:
            if context._started:
                # It was cancelled before it began.
                return
            context._started = True
        started = perf_counter()
        try:
            if "$items" in parameters:
                text = self._run_items(node, context, parameters)
            else:
                text = encode_outputs(run_once(node, context, parameters))
            took = (perf_counter() - started) * 1000
            self._answer(context, SUCCESS % (context._id_text, text, took))
        except Failure as failure:
            self._answer_failure(context, failure, started)
        except BaseException as error:
            # Nothing that the work raises may end the thread before the call is answered: neither `SystemExit` nor the
            # `CancelledError` of asyncio is an `Exception`.
            print_exception()
            failure = Failure("internal", described(error), detail={"type": type(error).__name__})
            self._answer_failure(context, failure, started)
        self._ended()

    def _answer_failure(self, context, failure, started):
        took = round((perf_counter() - started) * 1000, 3)
        fields = (context._id_text, failure.kind, failure.message)
        try:
            line = failed(*fields, failure.retryable, failure.detail, took)
            line.encode("utf-8")
        except Exception:
            line = failed(*fields[:2], ascii(failure.message), failure.retryable, None, took)
        try:
            self._answer(context, line)
        except Failure:
            self._answer(context, failed(*fields[:2], "a failure too long for a message", failure.retryable, None, took))

    def _answer(self, context, line):
        """Holds the one answer of a call; a line beyond the bound raises before anything is written."""
        data = line.encode("utf-8")
        if len(data) > MESSAGE_BYTES_MAX:
            hint = "write it to a file of the workspace and give its blob"
            message = "the answer of %d bytes is over the bound of %d, %s" % (len(data), MESSAGE_BYTES_MAX, hint)
            raise Failure("resource", message)
        last = context._progress_last()
        if last is not None:
            self._wire.hold(last)
        # In this order: once nothing runs any more, another thread may end the process.
        self._wire.hold(data)
        with self._lock:
            self._running.pop(context._id, None)

    def _run_items(self, node, context, parameters):
        """A batch: each item is a call of its own, and its failure its own."""
        items = parameters["$items"]
        if not node.batch or type(items) is not list or len(parameters) != 1:
            raise Failure("input", "`%s` takes no batch of items" % node.id if not node.batch else "$items is one list")
        results = []
        for item in items:
            context.check_cancelled()
            try:
                if type(item) is not dict:
                    raise Failure("input", "an item is an object")
                outputs = encode_outputs(run_once(node, context, item))
                results.append('{"success":true,"outputs":%s}' % outputs)
            except Failure as failure:
                if failure.kind == "cancelled" and context.cancelled:
                    raise
                results.append('{"success":false,"outputs":{},"error":%s}' % encode(error_of(failure)))
        return '{"$items":[%s]}' % ",".join(results)

    def _ended(self):
        if self._stop_id and not self._running:
            self._stopped()

    # What a context asks for.

    def notify(self, method, params):
        """Sends a notification at once."""
        self._wire.send('{"jsonrpc":"2.0","method":"%s","params":%s}' % (method, encode(params)))

    def call(self, context, method, params):
        """Asks the host and waits for its answer."""
        with self._lock:
            self._calls += 1
            id = "n%d" % self._calls
        waiting = [context, None]
        self._answers[id] = waiting
        try:
            params = {"id": context._id, **params}
            self._wire.send('{"jsonrpc":"2.0","id":"%s","method":"%s","params":%s}' % (id, method, encode(params)))
            self.wait(context, lambda: waiting[1] is not None or context._cancelled)
        finally:
            del self._answers[id]
        answer = waiting[1]
        if answer is None:
            context.check_cancelled()
        error = answer.get("error")
        if error is None:
            result = answer.get("result")
            return result if type(result) is dict else {}
        data = error.get("data") if type(error.get("data")) is dict else {}
        message = data.get("message") or error.get("message") or "the host refused `%s`" % method
        kind = data.get("kind", "internal")
        try:
            raise Failure(kind, message, retryable=data.get("retryable"), detail=data.get("detail"))
        except ValueError:
            raise Failure("internal", message) from None
