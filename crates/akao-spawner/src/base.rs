//! Where the spawner lives: a small root folder of its own, from which every sandbox copies what it shows.
//!
//! A sandbox starts with a copy of the spawner's mounts. Were these the host's, each start would copy and drop all of
//! them; so the spawner moves into a folder that holds nothing but the shared trees, the generated `/etc`, the devices,
//! and a view of processes, without which the kernel lets nobody mount another one. The host's mounts stay reachable
//! through a descriptor, because what an order shows is opened there.

use crate::{
    Stage, USER_INSIDE, source, sys,
    wire::{BaseEntry, Failure, Settings},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, makedev, mkdirat, mknodat, open, symlink},
    io::Errno,
    mount::{
        MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change,
        move_mount, open_tree, unmount,
    },
    process::{chdir, pivot_root},
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, set_thread_groups},
};
use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

/// Devices that are safe to share: name, and the numbers by which the kernel knows them.
pub(crate) const DEVICES: [(&str, u32, u32); 5] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9)];

/// Links that programs expect below `/dev`.
const DEVICE_LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// The largest file that is copied into `/etc`.
const COPIED_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Read-only, without devices and without programs that gain privileges.
pub(crate) const SHOWN: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// The folder in the spawner's root below which the shared trees hang.
pub(crate) const VIEW: &str = "/view";
/// The empty folder in the spawner's root on which a sandbox builds its own.
pub(crate) const NEW_ROOT: &str = "/new";

/// The spawner's place.
pub(crate) struct Base {
    /// Whether there is a user namespace around it, because it does not run as root.
    pub(crate) rootless: bool,
    /// What the root folder of a sandbox holds.
    pub(crate) entries: Vec<BaseEntry>,
    /// The mounts in which the owner's paths are opened.
    host_mounts: OwnedFd,
    /// The spawner's own.
    own_mounts: OwnedFd,
}

impl Base {
    /// Moves this process into a place built from `settings`; `trees` are the descriptors that came with it. `enforced`
    /// says whether something will keep programs from the device `zero` where its memory would not be counted.
    pub(crate) fn build(settings: &Settings, trees: &[OwnedFd], enforced: bool) -> Result<Self, Failure> {
        let rootless = !rustix::process::geteuid().is_root();
        enter_user(rootless)?;
        let place = |errno| Failure::new(Stage::Base, errno);
        let host_mounts = namespace_of_mounts().map_err(place)?;
        let named = settings.base.iter().filter_map(|entry| match entry {
            BaseEntry::Tree(name) => Some(name.as_str()),
            BaseEntry::Link(..) => None,
        });
        let mut shown = Vec::new();
        let mut descriptors = trees.iter();
        for (name, descriptor) in named.zip(descriptors.by_ref()) {
            let tree = source::clone_tree(descriptor, rootless).map_err(place)?;
            sys::set_mount_attributes(&tree, SHOWN, true, None).map_err(place)?;
            shown.push((name, tree));
        }
        let devices = if rootless { clone_devices().map_err(place)? } else { Vec::new() };
        let processes = clone_processes().map_err(place)?;
        let etc = etc_files(settings, descriptors).map_err(place)?;
        let devices = Devices { shared: devices, left_out: if enforced { None } else { Some("zero") } };
        furnish(&etc, &shown, &devices, &processes).map_err(place)?;
        let own_mounts = namespace_of_mounts().map_err(place)?;
        Ok(Self { rootless, entries: settings.base.clone(), host_mounts, own_mounts })
    }

    /// Runs `work` where the owner's paths mean what the owner means by them.
    pub(crate) fn among_host_mounts<T>(&self, work: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        move_into_link_name_space(self.host_mounts.as_fd(), Some(LinkNameSpaceType::Mount))?;
        let result = work();
        // Going on among the host's mounts would show them to the next sandbox.
        if move_into_link_name_space(self.own_mounts.as_fd(), Some(LinkNameSpaceType::Mount)).is_err() {
            sys::exit_now(70);
        }
        result
    }
}

/// As root: forgets root's further groups. Otherwise: becomes the user of a namespace that maps this one user.
fn enter_user(rootless: bool) -> Result<(), Failure> {
    let at = |stage| move |errno| Failure::new(stage, errno);
    if !rootless {
        return set_thread_groups(&[]).map_err(at(Stage::Credentials));
    }
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    sys::unshare(UnshareFlags::NEWUSER).map_err(at(Stage::Clone))?;
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{USER_INSIDE} {user} 1")),
        ("gid_map", format!("{USER_INSIDE} {group} 1")),
    ];
    for (file, line) in maps {
        write_file(&format!("/proc/self/{file}"), line.as_bytes()).map_err(at(Stage::IdMap))?;
    }
    sys::unshare(UnshareFlags::NEWNS).map_err(at(Stage::Clone))
}

fn namespace_of_mounts() -> Result<OwnedFd, Errno> {
    open("/proc/self/ns/mnt", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// The host's devices one by one; without root no device can be made.
fn clone_devices() -> Result<Vec<(&'static str, OwnedFd)>, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    DEVICES.iter().map(|(name, ..)| Ok((*name, open_tree(CWD, format!("/dev/{name}"), flags)?))).collect()
}

/// The view of processes. What the host has mounted within it comes along only where the kernel insists.
fn clone_processes() -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match open_tree(CWD, "/proc", flags) {
        Err(Errno::INVAL) => open_tree(CWD, "/proc", flags | OpenTreeFlags::AT_RECURSIVE),
        other => other,
    }
}

/// Which devices there are.
struct Devices {
    /// Those of the host, where none can be made.
    shared: Vec<(&'static str, OwnedFd)>,
    /// One that there is not.
    left_out: Option<&'static str>,
}

/// Builds the root folder and moves into it.
fn furnish(
    etc: &[(String, Vec<u8>)],
    trees: &[(&str, OwnedFd)],
    devices: &Devices,
    processes: &OwnedFd,
) -> Result<(), Errno> {
    sys::unshare(UnshareFlags::NEWNS)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", "/tmp", "tmpfs", flags, c"mode=0755,size=16m")?;
    chdir("/tmp")?;
    for folder in ["proc", "new", "view", "view/etc", "view/dev"] {
        make_folder(folder)?;
    }
    attach(processes, "proc")?;
    fill_etc(etc)?;
    fill_devices(devices)?;
    for (name, tree) in trees {
        let place = format!("view/{name}");
        make_folders(Path::new(&place))?;
        attach(tree, &place)?;
    }
    // Only now, since some trees hang below it.
    lock("view/etc")?;
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")?;
    // What was attached since is still tied to the host's mounts.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
}

/// All files of `/etc`: those that were told, and those that are copied from `descriptors`.
fn etc_files<'a>(
    settings: &Settings,
    descriptors: impl Iterator<Item = &'a OwnedFd>,
) -> Result<Vec<(String, Vec<u8>)>, Errno> {
    let mut files = settings.etc.clone();
    for (name, descriptor) in settings.copied.iter().zip(descriptors) {
        let mut content = Vec::new();
        let file = fs::File::from(descriptor.try_clone().map_err(errno_of)?);
        file.take(COPIED_BYTES_MAX).read_to_end(&mut content).map_err(errno_of)?;
        files.push((name.clone(), content));
    }
    Ok(files)
}

/// Writes the generated `/etc`.
fn fill_etc(files: &[(String, Vec<u8>)]) -> Result<(), Errno> {
    // Files shown read-only by a mount of their own, since a flag set within a shared file system would be shared.
    mount(
        "tmpfs",
        "view/etc",
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
        c"mode=0755,size=8m",
    )?;
    for (name, content) in files {
        let path = Path::new("view/etc").join(name);
        if let Some(parent) = path.parent() {
            make_folders(parent)?;
        }
        let mut file = fs::File::create(&path).map_err(errno_of)?;
        file.write_all(content).map_err(errno_of)?;
    }
    Ok(())
}

/// Puts devices and links below `view/dev`: nodes of our own as root, else those of the host.
fn fill_devices(devices: &Devices) -> Result<(), Errno> {
    mount("tmpfs", "view/dev", "tmpfs", MountFlags::NOSUID | MountFlags::NOEXEC, c"mode=0755,size=64k")?;
    for (name, major, minor) in DEVICES.into_iter().filter(|(name, ..)| Some(*name) != devices.left_out) {
        let path = format!("view/dev/{name}");
        match devices.shared.iter().find(|(shared, _)| *shared == name) {
            Some((_, device)) => {
                fs::File::create(&path).map_err(errno_of)?;
                attach(device, &path)?;
            }
            None => {
                let mode = Mode::from_raw_mode(0o666);
                mknodat(CWD, &path, FileType::CharacterDevice, mode, makedev(major, minor))?;
                rustix::fs::chmod(&path, mode)?;
            }
        }
    }
    for (name, target) in DEVICE_LINKS {
        symlink(target, format!("view/dev/{name}"))?;
    }
    make_folder("view/dev/shm")?;
    lock("view/dev")
}

/// Makes the mount at `path` read-only. Copies in other user namespaces cannot undo that.
fn lock(path: &str) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = open(path, flags, Mode::empty())?;
    sys::set_mount_attributes(&folder, libc::MOUNT_ATTR_RDONLY, false, None)
}

/// Hangs a detached tree at `place`.
pub(crate) fn attach(tree: &OwnedFd, place: &str) -> Result<(), Errno> {
    move_mount(tree, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Makes a folder; one that is there already is fine.
pub(crate) fn make_folder(path: &str) -> Result<(), Errno> {
    match mkdirat(CWD, path, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn make_folders(path: &Path) -> Result<(), Errno> {
    fs::create_dir_all(path).map_err(errno_of)
}

/// Writes all of `content` into an existing file at once.
pub(crate) fn write_file(path: &str, content: &[u8]) -> Result<(), Errno> {
    let file = open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    let written = rustix::io::write(&file, content)?;
    if written == content.len() { Ok(()) } else { Err(Errno::IO) }
}

/// The kernel's error number within an error of the standard library.
pub(crate) fn errno_of(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
