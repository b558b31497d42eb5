"""What a script can import: the standard library, and the packages of its environment.

Both are loaded before the first run, so that a run only has to fork.
"""

import importlib
import json
import os
import sys

# Where the environment's packages and the list of what is loaded of them stand; absent without an environment.
PACKAGES = "/environment/site"
LIST = "/environment/environment.json"

# What scripts import most. Each costs a waiting process nothing, since its pages are shared.
USUAL = (
    "base64 bisect calendar collections collections.abc copy csv dataclasses datetime decimal enum fractions functools "
    "hashlib heapq hmac html io itertools json logging math operator os.path pathlib random re secrets statistics string "
    "struct textwrap time traceback types typing unicodedata urllib.parse uuid zlib zoneinfo"
).split()


def step_aside():
    """Takes the interpreter's own modules, and what else is installed on the machine, out of the way of scripts."""
    own = os.path.dirname(__file__)
    sys.path[:] = [entry for entry in sys.path if entry != own and "-packages" not in entry]
    for name, module in list(sys.modules.items()):
        if os.path.dirname(getattr(module, "__file__", None) or "") == own and name != "__main__":
            del sys.modules[name]


def load():
    """Loads what is to be had at once. What is wrong with the environment, or None."""
    for name in USUAL:
        importlib.import_module(name)
    if not os.path.isdir(PACKAGES):
        return None
    # Their threads would be lost in a fork.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    sys.path.append(PACKAGES)
    try:
        with open(LIST, encoding="utf-8") as file:
            for name in json.load(file)["preload"]:
                importlib.import_module(name)
        if "numpy" in sys.modules:
            # It is loaded when it is first used, which each run would do for itself.
            importlib.import_module("numpy.random")
    except BaseException as error:
        return f"the environment cannot be loaded: {type(error).__name__}: {error}"
    # A fork takes only the thread that asks for it; what the others hold would never be let go of.
    threads = len(os.listdir("/proc/self/task"))
    return "the environment starts threads when it is loaded, which a run could not have" if threads > 1 else None
