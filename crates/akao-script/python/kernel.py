"""The few system calls that Python has no name for."""

import ctypes
import os
import signal

LIBRARY = ctypes.CDLL(None, use_errno=True)
PR_SET_CHILD_SUBREAPER = 36
LANDLOCK_RESTRICT_SELF = 446


def adopt_orphans():
    """What a run leaves behind becomes this process's child, and is reaped by it."""
    check(LIBRARY.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "adopting orphans")


def tie_down():
    """From here on this process can neither look into nor signal what is not below it."""
    rules = int(os.environ["AKAO_TIE_FD"])
    check(LIBRARY.syscall(LANDLOCK_RESTRICT_SELF, rules, 0), "tying down a run")
    os.close(rules)


def kill_all():
    """Ends every process of this namespace but the first and this one, at once: none can fork away from it."""
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass


def standing():
    """What another process of the same user could lower for this one."""
    return os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), os.sched_getaffinity(0)


def own_bytes():
    """The memory of its own that this process has: writable data, and addresses in all."""
    with open("/proc/self/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmData", "VmSize"))


def check(answer, what):
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what} failed: {os.strerror(number)}")
