"""The interpreter as Akao starts it.

Nothing of a tenant is ever in this process; see server.py.
"""

import os
import sys

from environment import step_aside
from server import Server


def main():
    # A process namespace of one's own is what makes "end everything" mean this run and nothing else.
    if os.getppid() != 1:
        sys.exit("scripts need a process namespace of their own, which this machine does not give")
    step_aside()
    Server().serve()


if __name__ == "__main__":
    main()
