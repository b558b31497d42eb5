# Namespaces, other processes, capabilities, the kernel's surface and meeting points, from inside Python.
import resource
import signal
import socket

parent = os.getppid()
status = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)

kinds = {os.readlink(f"/proc/self/fd/{number}").split(":")[0] for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")}
holds("45 descriptors", kinds <= {"/dev/null", "pipe", "anon_inode", "/proc/self/fd"} and "socket" not in kinds, kinds)


def fail():
    raise OSError(ctypes.get_errno(), "refused")


def copied(*arguments):
    """A copy of this process in namespaces of its own."""
    if call("clone", *arguments) == 0:
        os._exit(0)
    return "a copy"


for name, flag in (("user", 0x1000_0000), ("mount", 0x2_0000), ("process", 0x2000_0000), ("network", 0x4000_0000), ("group", 0x0200_0000)):
    refused(f"29 a {name} namespace", lambda: call("unshare", flag))
    refused(f"29 a copy in a {name} namespace", lambda: copied(flag | signal.SIGCHLD, 0, 0, 0, 0))
refused("29 clone3", lambda: call("clone3", b"\0\0\0\x10" + b"\0" * 84, 88))
for process in ("self", "1", str(parent)):
    for name in ("user", "mnt", "net", "pid"):
        refused(f"30 {name} of {process}", lambda: call("setns", os.open(f"/proc/{process}/ns/{name}", os.O_RDONLY), 0))
for process in (1, parent, 2):
    refused(f"31 attached to {process}", lambda: call("ptrace", 16, process, 0, 0))
    refused(f"31 seized {process}", lambda: call("ptrace", 0x4206, process, 0, 0))
    memory = ctypes.create_string_buffer(64)
    here = (ctypes.c_long * 2)(ctypes.addressof(memory), 8)
    refused(f"32 memory of {process}", lambda: call("process_vm_readv", process, ctypes.addressof(here), 1, ctypes.addressof(here), 1, 0))
    refused(f"32 memory of {process} written", lambda: call("process_vm_writev", process, ctypes.addressof(here), 1, ctypes.addressof(here), 1, 0))
    refused(f"32 compared with {process}", lambda: call("kcmp", process, os.getpid(), 0, 0, 0))
refused("32 a descriptor of the parent", lambda: call("pidfd_getfd", os.pidfd_open(parent), 3, 0))
for process in (1, 2, parent, 4_000_000):
    refused(f"33 {process} ended", lambda: os.kill(process, signal.SIGKILL))
refused("33 the parent's group ended", lambda: os.killpg(os.getpgid(parent), signal.SIGCONT) if os.getpgid(parent) != os.getpgid(0) else os.kill(parent, 0))
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    holds(f"34 {name} is empty", int(status[name], 16) == 0, status[name])
refused("34 capset", lambda: call("capset", ctypes.addressof(ctypes.create_string_buffer(b"\x22\x05\x08\x20" + b"\0" * 8)), ctypes.addressof(ctypes.create_string_buffer(b"\xff" * 24))))
for name, number, more in (("ambient", 47, (2, 21)), ("securebits", 28, (0, 0)), ("dumpable as root", 4, (2, 0))):
    refused(f"34 {name}", lambda: libc.prctl(number, *more, 0, 0) == 0 or fail())
holds("35 no new privileges", status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status)
refused("35 new privileges", lambda: libc.prctl(38, 0, 0, 0, 0) == 0 or fail())
refused("35 no filter", lambda: libc.prctl(22, 0, 0, 0, 0) == 0 or fail())
for user in (0, 65_534):
    refused(f"34 user {user}", lambda: os.setuid(user))
    refused(f"34 group {user}", lambda: os.setgid(user))
    refused(f"34 groups with {user}", lambda: os.setgroups([user]))
some = ctypes.addressof(ctypes.create_string_buffer(256))
for name, *arguments in (
    ("io_uring_setup", 4, some), ("bpf", 0, some, 48), ("perf_event_open", some, 0, -1, -1, 0), ("userfaultfd", 1),
    ("keyctl", 0, -3, 1), ("add_key", b"user", b"name", b"x", 1, -3), ("request_key", b"user", b"name", 0, -3),
):
    refused(f"36, 37 {name}", lambda: call(name, *arguments))
refused("39 a key typed for another", lambda: libc.ioctl(0, 0x5412, ctypes.c_char_p(b"x")) == 0 or fail())
refused("40 another filter's answers", lambda: call("seccomp", 1, 8, some))
refused("41 another personality", lambda: call("personality", 0x004_0000))
for name, *arguments in (
    ("init_module", some, 0, b""), ("finit_module", 0, b"", 0), ("kexec_load", 0, 0, 0, 0), ("reboot", 0xFEE1_DEAD, 672_274_793, 0, 0), ("swapon", b"/tmp/x", 0),
    ("acct", b"/tmp/x"), ("quotactl", 0, b"/dev/vda", 0, 0), ("settimeofday", some, 0), ("clock_settime", 0, some), ("sethostname", b"x", 1),
    ("syslog", 10, 0, 0), ("vhangup",), ("move_pages", parent, 0, 0, 0, 0, 0),
):
    refused(f"42, 48 {name}", lambda: call(name, *arguments))
for path in ("/sys/fs/cgroup", "/proc/1/cgroup", "/sys/fs/cgroup/cgroup.procs"):
    refused(f"43, 44 {path}", lambda: os.listdir(path) if os.path.isdir(path) else write(path))
known = {"AKAO_RPC_FD", "AKAO_TIE_FD", "HOME", "LANG", "LC_CTYPE", "PATH", "TMPDIR", "PYTHONHASHSEED", "PYTHONUNBUFFERED"}
known |= {name for name in os.environ if name.startswith(("AKAO_LIMIT", "AKAO_NODE", "PYTHON")) or name.endswith("_NUM_THREADS")}
holds("46 environment", set(os.environ) <= known, sorted(set(os.environ) - known))
holds("46 nothing of the host's", canary.rsplit("/", 1)[0] not in " ".join(os.environ.values()))
holds("47 the host's name", os.uname().nodename != host and not os.path.exists("/etc/machine-id") and not os.path.exists("/proc/sys/kernel/random/boot_id"), os.uname())
holds("48 processes of others", all(int(name) < 1_000_000 for name in os.listdir("/proc") if name.isdigit()) and not os.path.exists("/proc/self/net/unix") or not any("/" in line for line in open("/proc/self/net/unix").readlines()[1:]))
holds("49 not the host's root", all(line.split()[1] != "0" or os.getuid() == 0 for line in open("/proc/self/uid_map")) and os.getuid() == 1000, os.getuid())
holds("50 no core", resource.getrlimit(resource.RLIMIT_CORE)[1] <= 1, resource.getrlimit(resource.RLIMIT_CORE))
for name, *arguments in (("shmget", 1, 4096, 0o1600), ("semget", 1, 1, 0o1600), ("msgget", 1, 0o1600), ("mq_open", b"q", 0o102, 0o600, 0)):
    refused(f"51 {name}", lambda: call(name, *arguments))
refused("52 a socket without a path", lambda: socket.socket(socket.AF_UNIX).connect("\0/tmp/.X11-unix/X0"))
for path in ("/var/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/notify", "/run/user/0"):
    refused(f"53 {path}", lambda: os.stat(path))
refused("53 a socket with a path", lambda: socket.socket(socket.AF_UNIX).bind("/tmp/own"))
for name, family, kind, protocol in (
    ("vsock", 40, 1, 0), ("packet", 17, 3, 0), ("netlink", 16, 3, 0), ("crypto", 38, 5, 0), ("xdp", 44, 3, 0), ("raw", 2, 3, 1), ("ping", 2, 2, 1),
    ("bluetooth", 31, 3, 0), ("can", 29, 3, 1), ("tipc", 30, 1, 0),
):
    refused(f"61, 62 {name}", lambda: socket.socket(family, kind, protocol))
holds("54 pairs only", len(socket.socketpair()) == 2)
