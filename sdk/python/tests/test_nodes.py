"""Nodes as their authors see them: declarations, contexts, failures, and the host for tests."""

import asyncio
import os
import subprocess
import sys
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src")
sys.path.insert(0, SOURCE)

from akao import Cancelled, Failure, node  # noqa: E402
from akao.testing import TestHost  # noqa: E402


@node("com.example.add")
def add(context, left: int, right: int = 1, *, note: str = "none"):
    return {"sum": left + right, "note": note}


@node("com.example.wait")
async def wait(context, seconds: float):
    await asyncio.sleep(seconds)
    return {}


@node("com.example.named")
def named(context):
    return {"node_id": context.node_id}


@node("com.example.loop")
def loop(context):
    context.progress(None, "turning")
    while True:
        context.check_cancelled()


@node("com.example.class")
class Counter:
    def __init__(self):
        self.calls = 0

    def validate(self, step):
        return [{"path": "/step", "message": "is zero", "suggestion": "Give another one."}] if step == 0 else []

    def health(self):
        return ("degraded", "counting")

    def execute(self, context, step: int):
        self.calls += step
        return {"calls": self.calls}


class Nameless(BaseException):
    def __str__(self):
        raise ValueError("no text")


class Declarations(unittest.TestCase):
    def test_the_only_node_of_a_package_knows_its_id_when_the_host_leaves_it_out(self):
        with TestHost(named) as host:
            self.assertEqual(host.execute(None, {}).outputs, {"node_id": "com.example.named"})

    def test_a_signature_declares_inputs(self):
        expected = {
            "left": {"type": "integer", "required": True},
            "right": {"type": "integer", "default": 1},
            "note": {"type": "string", "default": "none"},
        }
        self.assertEqual(add.inputs, expected)

    def test_annotations_may_be_text_or_containers(self):
        def work(context, names: "list[str]", table: dict, anything, maybe: int = None):
            return {}

        expected = {
            "names": {"type": "array", "required": True},
            "table": {"type": "object", "required": True},
            "anything": {"required": True},
            "maybe": {"type": "integer"},
        }
        self.assertEqual(node("a")(work).inputs, expected)

    def test_problems_are_named(self):
        cases = [
            ({"left": 1}, []),
            ({"left": 1.0}, []),
            ({"left": True}, ["expected integer, found boolean"]),
            ({"left": 1.5}, ["expected integer, found number"]),
            ({"left": None}, ["expected integer, found null"]),
            ({"left": 2**53}, ["is beyond 2^53, send it as a string"]),
            ({}, ["is required"]),
            ({"left": 1, "lift": 1}, ["is not an input of this node"]),
        ]
        for parameters, expected in cases:
            with self.subTest(parameters):
                self.assertEqual([problem["message"] for problem in add.problems(parameters)], expected)

    def test_a_node_is_still_a_function(self):
        self.assertEqual(add(None, left=1, right=2), {"sum": 3, "note": "none"})


class Calls(unittest.TestCase):
    def test_outputs_come_back(self):
        with TestHost(add) as host:
            self.assertEqual(host.execute("com.example.add", {"left": 2}).outputs, {"sum": 3, "note": "none"})

    def test_an_async_function_is_awaited(self):
        with TestHost(wait) as host:
            self.assertTrue(host.execute("com.example.wait", {"seconds": 0.03}).success)

    def test_a_class_keeps_its_state_and_its_checks(self):
        with TestHost(Counter) as host:
            host.execute("com.example.class", {"step": 1})
            self.assertEqual(host.execute("com.example.class", {"step": 2}).outputs, {"calls": 3})
            self.assertEqual(host.validate("com.example.class", {"step": 0})[0]["message"], "is zero")
            self.assertEqual(host._request("node.health", {}), {"status": "degraded", "detail": "counting"})

    def test_the_worst_word_on_health_counts(self):
        def of(number, says):
            class Sick:
                def health(self):
                    return says() if callable(says) else says

                def execute(self, context):
                    return {}

            return node("com.example.sick%d" % number)(Sick)

        well, less, worse = ("healthy", "well"), ("degraded", "less"), ("unhealthy", "worse")
        cases = [
            ([None, well], well),
            ([well, less], less),
            ([less, worse, well], worse),
            ([well, lambda: 1 / 0], ("unhealthy", "division by zero")),
            ([well, ("odd", "")], ("unhealthy", "`com.example.sick1` says `odd`, known are healthy, degraded, unhealthy")),
        ]
        for words, (status, detail) in cases:
            with self.subTest(words), TestHost(*(of(number, word) for number, word in enumerate(words))) as host:
                self.assertEqual(host._request("node.health", {}), {"status": status, "detail": detail})

    def test_a_loop_without_calls_is_cancelled(self):
        with TestHost(loop, cancel_at_progress=True) as host:
            self.assertEqual(host.execute("com.example.loop", {}).error["kind"], "cancelled")

    def test_short_calls_are_quick_again_after_a_long_one(self):
        with TestHost(add, wait) as host:
            for _ in range(3):
                host.execute("com.example.wait", {"seconds": 0.05})
                self.assertEqual(host.execute("com.example.add", {"left": 1}).outputs["sum"], 2)

    def test_files_travel_as_blobs(self):
        @node("com.example.copy")
        def copy(context, text: str):
            with open(os.path.join(context.workspace, "a.txt"), "w") as file:
                file.write(text)
            blob = context.blob_put("a.txt", "text/plain")
            with open(context.blob_get(blob, "b.txt")) as file:
                return {"blob": blob, "text": file.read()}

        with TestHost(copy) as host:
            result = host.execute("com.example.copy", {"text": "all"})
            reference = {"$blob": "test:1", "bytes": 3, "media_type": "text/plain"}
            self.assertEqual(result.outputs, {"blob": reference, "text": "all"})

    def test_secrets_and_state(self):
        @node("com.example.count")
        def count(context, name: str):
            context.state_put("calls", (context.state_get("calls") or 0) + 1)
            return {"secret": context.secret(name)}

        with TestHost(count, secrets={"A": "a"}) as host:
            self.assertEqual(host.execute("com.example.count", {"name": "A"}).outputs, {"secret": "a"})
            denied = host.execute("com.example.count", {"name": "B"})
            self.assertEqual(denied.error["kind"], "permission")
            self.assertEqual(host.state, {"calls": 2})

    def test_long_output_gets_through(self):
        @node("com.example.rows")
        def rows(context):
            for _ in range(10):
                context.output("rows", "x" * 100_000)
            return {}

        with TestHost(rows) as host:
            self.assertEqual(len(host.execute("com.example.rows", {}).output["rows"]), 1_000_000)

    def test_odd_failures_are_answered(self):
        @node("com.example.odd")
        def odd(context, case: str):
            if case == "detail":
                raise Failure("user", "m", detail={"a": object()})
            if case == "surrogate":
                raise Failure("user", "\ud800")
            if case == "long":
                raise Failure("user", "x" * 2_000_000)
            if case == "exit":
                raise SystemExit(3)
            if case == "asyncio":
                raise asyncio.CancelledError()
            if case == "base":
                raise Nameless()
            if case == "outputs":
                return {"a": object()}
            raise Cancelled()

        cases = {"detail": "user", "surrogate": "user", "long": "user", "exit": "internal", "outputs": "internal"}
        cases.update({"asyncio": "internal", "base": "internal", "other": "cancelled"})
        with TestHost(odd) as host:
            for case, kind in cases.items():
                with self.subTest(case):
                    self.assertEqual(host.execute("com.example.odd", {"case": case}).error["kind"], kind)

    def test_checks_that_exit_are_answered(self):
        def check(**inputs):
            raise SystemExit("no more")

        @node("com.example.checked", validate=check)
        def checked(context):
            return {}

        with TestHost(checked) as host:
            with self.assertRaisesRegex(ValueError, "the check of `com.example.checked` failed: no more"):
                host.validate("com.example.checked", {})
            self.assertEqual(host.execute("com.example.checked", {}).error["message"], "no more")

    def test_unknown_kinds_and_levels_are_mistakes(self):
        with self.assertRaises(ValueError):
            Failure("odd", "m")


class Start(unittest.TestCase):
    def test_importing_loads_few_modules(self):
        code = "import sys; sys.path.insert(0, %r); import akao, akao._session; print(*sys.modules)" % SOURCE
        loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
        slow = {"socket", "threading", "inspect", "typing", "asyncio", "logging", "tempfile", "traceback", "selectors"}
        self.assertEqual(slow & set(loaded.stdout.split()), set())


if __name__ == "__main__":
    unittest.main()
