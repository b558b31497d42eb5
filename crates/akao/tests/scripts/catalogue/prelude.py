# What stands before each group of attempts: an attempt is refused by the system, or it has reached something.
import ctypes
import os
import platform
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
result = found = {}
# The number of a call on x86-64, and on aarch64.
CALLS = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "capset": (126, 91), "chroot": (161, 51), "clock_settime": (227, 112),
    "clone": (56, 220), "clone3": (435, 435), "fanotify_init": (300, 262), "finit_module": (313, 273), "fsmount": (432, 432),
    "fsopen": (430, 430), "init_module": (175, 105), "io_uring_setup": (425, 425), "kcmp": (312, 272), "kexec_load": (246, 104),
    "keyctl": (250, 219), "memfd_create": (319, 279), "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429),
    "move_pages": (279, 239), "mq_open": (240, 180), "msgget": (68, 186), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "open_tree": (428, 428), "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pivot_root": (155, 41), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "ptrace": (101, 117), "quotactl": (179, 60), "reboot": (169, 142), "request_key": (249, 218), "seccomp": (317, 277),
    "semget": (64, 190), "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170), "shmget": (29, 194),
    "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}


def call(name, *arguments):
    numbers = dict(zip(("x86_64", "aarch64"), CALLS[name]))
    answer = libc.syscall(numbers[platform.machine()], *(ctypes.c_char_p(one) if isinstance(one, bytes) else ctypes.c_long(one) for one in arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), name)
    return answer


def refused(name, act):
    try:
        found[name] = f"reached: {act()!r}"[:200]
    except (OSError, subprocess.SubprocessError):
        found[name] = "as it should"
    except BaseException as error:
        found[name] = f"not tried: {error!r}"


def works(name, act):
    try:
        act()
        found[name] = "as it should"
    except BaseException as error:
        found[name] = f"does not work: {error!r}"


def holds(name, is_so, what=""):
    found[name] = "as it should" if is_so else f"is not so: {what!r}"[:300]


def read(path):
    with open(path, "rb") as file:
        return file.read(9)


def write(path, data=b"x"):
    with open(path, "r+b", buffering=0) as file:
        return file.write(data)
