"""Write nodes for Akao in Python.

A node is a function of a context and its inputs; `serve` answers the host until it closes. Nothing beyond the standard
library is needed, and only a few of its modules are loaded.
"""

import os
import sys

from ._context import Context
from ._errors import KINDS, Cancelled, Failure
from ._node import Node, node

__all__ = ["KINDS", "Cancelled", "Context", "Failure", "Node", "node", "serve"]
__version__ = "0.1.0"

_BY_HAND = """\
This program is a node of Akao and speaks with Akao over descriptor 3, which is not there.

Start it with `akao node run DIR`, or test it with `akao node test DIR`."""


def serve(*nodes, id=None, version="0.0.0"):
    """Answers the host with these nodes, then ends the process.

    `id` names the package; a package of one node may leave it out. Started by hand, it says so and ends with 2.
    """
    if not nodes:
        raise ValueError("serve needs a node")
    descriptor = _descriptor()
    if descriptor is None:
        print(_BY_HAND, file=sys.stderr)
        sys.exit(2)
    from ._session import Session
    from ._wire import Wire

    code = Session(Wire(descriptor), id or nodes[0].id, version, nodes).serve()
    sys.stdout.flush()
    sys.exit(code)


def _descriptor():
    """The inherited descriptor; it is hidden from programs that the node starts."""
    try:
        descriptor = int(os.environ.pop("AKAO_RPC_FD", ""))
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, True)
    except (ValueError, OSError):
        return None
    return descriptor
