"""The few system calls that Python has no name for."""

import ctypes
import os
import signal

LIBRARY = ctypes.CDLL(None, use_errno=True)
PR_SET_CHILD_SUBREAPER = 36
LANDLOCK_RESTRICT_SELF = 446
M_ARENA_MAX = -8
SCHED_GETATTR = {"x86_64": 315}.get(os.uname().machine, 275)
SCHED_ATTRIBUTES_BYTES = 56
NO_PRIORITY = os.sched_param(0)


def share_heap():
    """Threads of a run have one heap: each of their own would take 64 MB of the addresses that its memory allows."""
    if hasattr(LIBRARY, "mallopt"):
        LIBRARY.mallopt(M_ARENA_MAX, 1)


def adopt_orphans():
    """What a run leaves behind becomes this process's child, and is reaped by it."""
    check(LIBRARY.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "adopting orphans")


def tie_down():
    """From here on this process can neither look into nor signal what is not below it."""
    rules = int(os.environ["AKAO_TIE_FD"])
    check(LIBRARY.syscall(LANDLOCK_RESTRICT_SELF, rules, 0), "tying down a run")
    os.close(rules)


def give_way():
    """From here on waking this process takes the processor from nobody. It is woken by its kill, too, and would give back its
    memory on the server's processor before the answer is out. Its share of the processor stays what it is."""
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, NO_PRIORITY)
    except OSError:
        # It only takes longer.
        pass


def kill_all():
    """Ends every process of this namespace but the first and this one, at once: none can fork away from it."""
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass


def standing():
    """What another process of the same user could change for this one: policy, priority and the length of its turns, and
    its processors."""
    attributes = ctypes.create_string_buffer(SCHED_ATTRIBUTES_BYTES)
    check(LIBRARY.syscall(SCHED_GETATTR, 0, attributes, SCHED_ATTRIBUTES_BYTES, 0), "looking at its own turns")
    return attributes.raw, os.sched_getaffinity(0)


def own_bytes():
    """The memory of its own that this process has: writable data, and addresses in all."""
    with open("/proc/self/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmData", "VmSize"))


def check(answer, what):
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what} failed: {os.strerror(number)}")
