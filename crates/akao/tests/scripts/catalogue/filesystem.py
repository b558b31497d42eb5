# Files of the host, mounts, devices and programs, from inside Python; `canary` is a file of the host.
import ctypes.util
import shutil
import stat

works("reads the library", lambda: read("/usr/bin/env"))
works("writes its workspace", lambda: open("/workspace/own", "w").write("x"))
for path in ("/etc/shadow", "/root", "/home", "/var", "/srv", "/opt", "/mnt", "/run/akao-sandbox", "/boot", canary, os.path.dirname(canary)):
    refused(f"1 {path}", lambda: os.listdir(path) if os.path.isdir(path) else read(path))
for start in ("/workspace/../../../..", "/proc/self/root", "/proc/1/root", f"/proc/{os.getppid()}/root", "/proc/self/cwd/../../..", "/proc/thread-self/root"):
    refused(f"2 {start}", lambda: read(start + canary))
os.symlink(canary, "/workspace/link")
os.symlink(os.path.dirname(canary), "/workspace/folder")
refused("3 reads through a link", lambda: read("/workspace/link"))
refused("3 writes through a link", lambda: write("/workspace/link"))
refused("3 lists through a link", lambda: os.listdir("/workspace/folder"))
refused("4 a hard link of the library", lambda: os.link("/usr/bin/env", "/workspace/env"))
for path in ("/usr/mine", "/etc/mine", "/package/mine", "/mine", "/proc/mine", "/dev/mine"):
    refused(f"8 {path}", lambda: open(path, "w"))
for path in ("/usr/bin/env", "/etc/passwd", "/etc/resolv.conf", "/package/main.py"):
    refused(f"8 writes {path}", lambda: write(path))
    refused(f"8 removes {path}", lambda: os.unlink(path))
    refused(f"8 renames {path}", lambda: os.rename(path, "/workspace/taken"))
    refused(f"8 changes {path}", lambda: os.chmod(path, 0o777))
refused("9 a file system in memory", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, 0))
refused("9 a folder elsewhere", lambda: call("mount", b"/usr", b"/tmp", 0, 4096, 0))
refused("9 writable again", lambda: call("mount", b"none", b"/usr", 0, 32 | 4096, 0))
refused("9 unmounted", lambda: call("umount2", b"/tmp", 2))
refused("9 fsopen", lambda: call("fsopen", b"tmpfs", 0))
refused("9 open_tree", lambda: call("open_tree", -100, b"/usr", 1))
refused("9 move_mount", lambda: call("move_mount", -100, b"/usr", -100, b"/tmp", 0))
refused("9 mount_setattr", lambda: call("mount_setattr", -100, b"/usr", 0, b"\0" * 32, 32))
refused("10 another root", lambda: os.chroot("/tmp"))
refused("10 pivot_root", lambda: call("pivot_root", b"/tmp", b"/tmp"))


def folders_held():
    held = [number for number in os.listdir("/proc/self/fd") if stat.S_ISDIR(os.stat(f"/proc/self/fd/{number}").st_mode)]
    # The listing has one itself, of /proc.
    return [number for number in held if os.path.exists(f"/proc/self/fd/{number}/../..{canary}")]


try:
    holds("12 no folder is held", not folders_held())
except FileNotFoundError:
    holds("12 no folder is held", True)
refused("13 name_to_handle_at", lambda: call("name_to_handle_at", -100, b"/usr", ctypes.addressof(ctypes.create_string_buffer(64)), 0, 0))
refused("13 open_by_handle_at", lambda: call("open_by_handle_at", -100, b"\x08\0\0\0\1\0\0\0" + b"\0" * 8, 0))
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname", "/sys/kernel/uevent_helper"):
    refused(f"14 {path}", lambda: write(path))
for path in ("sysrq-trigger", "kcore", "kmsg", "kallsyms", "keys", "sys", "timer_list", "config.gz", "vmallocinfo", "slabinfo", "iomem"):
    path = f"/proc/{path}"
    refused(f"15 {path}", lambda: os.listdir(path) if os.path.isdir(path) else read(path) and None)
refused("15 /sys", lambda: os.listdir("/sys"))
for process in ("1", str(os.getppid())):
    for name in ("mem", "environ", "maps", "auxv", "stack", "syscall"):
        refused(f"16 {process} {name}", lambda: read(f"/proc/{process}/{name}"))
    for name in ("fd", "map_files", "task/1/fd"):
        refused(f"16 {process} {name}", lambda: os.listdir(f"/proc/{process}/{name}"))
    for name in ("exe", "cwd", "root"):
        refused(f"16 {process} {name}", lambda: os.readlink(f"/proc/{process}/{name}"))
refused("17 a block device", lambda: os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0)))
refused("17 a character device", lambda: os.mknod("/tmp/null", 0o600 | stat.S_IFCHR, os.makedev(1, 3)))
for path in ("mem", "kvm", "fuse", "vda", "sda", "tty", "ptmx", "console", "kmsg", "net/tun", "loop-control", "vhost-vsock", "snapshot"):
    refused(f"17, 26 /dev/{path}", lambda: open(f"/dev/{path}", "r+b", buffering=0))
for path in ("/proc/self/exe", "/proc/1/exe", f"/proc/{os.getppid()}/exe"):
    refused(f"18 {path}", lambda: write(path))
shutil.copy("/usr/bin/true", "/tmp/true")
refused("19 a program as its owner", lambda: os.chmod("/tmp/true", 0o4755))
refused("19 su", lambda: subprocess.run(["/usr/bin/su", "-c", "true"], check=True, capture_output=True))
refused("20 capabilities of a file", lambda: os.setxattr("/tmp/true", "security.capability", b"\1\0\0\2" + b"\xff" * 16))
library = next(line.split()[-1] for line in open("/proc/self/maps") if "libc.so" in line or "libc-" in line)
for folder in ("/workspace", "/tmp", "/dev/shm"):
    shutil.copy("/usr/bin/true", f"{folder}/program")
    os.chmod(f"{folder}/program", 0o700)
    refused(f"21 a program in {folder}", lambda: subprocess.run([f"{folder}/program"], check=True, capture_output=True))
    loader = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}[platform.machine()]
    refused(f"22 the loader with a program in {folder}", lambda: subprocess.run([loader, f"{folder}/program"], check=True, capture_output=True))
    shutil.copy(library, f"{folder}/library.so")
    refused(f"22 a library in {folder}", lambda: ctypes.CDLL(f"{folder}/library.so"))
refused("22 a program in memory", lambda: call("memfd_create", b"program", 0))
# What it may set on its own folders is its own alone, and gone with it: see state.rs.
for name in ("security.capability", "security.evm", "trusted.overlay.opaque"):
    refused(f"27 {name}", lambda: os.setxattr("/workspace", name, b"\2\0\0\0"))
refused("28 everything watched", lambda: call("fanotify_init", 0, 0))
