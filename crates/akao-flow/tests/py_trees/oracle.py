"""Runs behaviour trees with the py_trees library: one tree per line comes in as JSON, one result per line goes out.

A tree is {"kind", "children"?, "count"?, "name"?, "script"?}. A leaf takes the next entry of its script whenever it
starts; the script begins anew at its end. The result names the tree's end and the leaves in the order of their starts.
"""

import json
import sys

import py_trees
from py_trees.common import ParallelPolicy, Status

TICKS_MAX = 10_000

RESULTS = {"success": Status.SUCCESS, "failure": Status.FAILURE, "hang": Status.RUNNING}


class Leaf(py_trees.behaviour.Behaviour):
    def __init__(self, name, script, runs):
        super().__init__(name)
        self.script = script
        self.runs = runs
        self.starts = 0

    def initialise(self):
        self.result = RESULTS[self.script[self.starts % len(self.script)]]
        self.starts += 1
        self.runs.append(self.name)

    def update(self):
        return self.result


def parallel(node, children):
    kind = node["kind"]
    if kind == "all":
        policy = ParallelPolicy.SuccessOnAll(synchronise=False)
    elif kind == "one":
        policy = ParallelPolicy.SuccessOnOne()
    else:
        policy = ParallelPolicy.SuccessOnSelected(children=children[: node["count"]], synchronise=False)
    return py_trees.composites.Parallel("parallel", policy=policy, children=children)


def build(node, runs):
    kind = node["kind"]
    if kind == "leaf":
        return Leaf(node["name"], node["script"], runs)
    children = [build(child, runs) for child in node["children"]]
    if kind == "sequence":
        return py_trees.composites.Sequence("sequence", memory=True, children=children)
    if kind == "selector":
        return py_trees.composites.Selector("selector", memory=True, children=children)
    if kind in ("all", "one", "selected"):
        return parallel(node, children)
    decorators = py_trees.decorators
    (child,) = children
    if kind == "invert":
        return decorators.Inverter(name=kind, child=child)
    if kind == "force_success":
        return decorators.FailureIsSuccess(name=kind, child=child)
    if kind == "force_failure":
        return decorators.SuccessIsFailure(name=kind, child=child)
    if kind == "retry":
        return decorators.Retry(name=kind, child=child, num_failures=node["count"])
    if kind == "repeat":
        return decorators.Repeat(name=kind, child=child, num_success=node["count"])
    raise ValueError(f"unknown kind {kind}")


def run(tree):
    runs = []
    root = build(tree, runs)
    for _ in range(TICKS_MAX):
        root.tick_once()
        if root.status != Status.RUNNING:
            return {"status": root.status.name.lower(), "runs": runs}
    raise RuntimeError("the tree does not end")


def main():
    py_trees.logging.level = py_trees.logging.Level.ERROR
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))))


main()
