//! What an order shows: trees of the host, cloned into mounts of their own before the sandbox exists.

use crate::{
    Stage, USER_INSIDE,
    base::{Base, SHOWN},
    sys,
    wire::{Bind, Failure},
};
use rustix::{
    fd::{AsRawFd, OwnedFd},
    fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2, readlink},
    io::Errno,
    mount::{OpenTreeFlags, open_tree},
};

/// A mount of its own of the tree behind `descriptor`, hanging nowhere yet.
///
/// With root the descriptor is used as it is. Without, the spawner's mounts are a copy in another namespace, where the
/// kernel refuses foreign descriptors; so the tree is opened again by its path, without following any link, and must
/// turn out to be the same file.
pub(crate) fn clone_tree(descriptor: &OwnedFd, rootless: bool) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    if !rootless {
        return open_tree(descriptor, "", flags);
    }
    let path = readlink(format!("/proc/self/fd/{}", descriptor.as_raw_fd()), Vec::new())?;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let again = openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?;
    let (expected, found) = (fstat(descriptor)?, fstat(&again)?);
    if (expected.st_dev, expected.st_ino) != (found.st_dev, found.st_ino) {
        return Err(Errno::STALE);
    }
    open_tree(&again, "", flags)
}

/// The mounts of an order, in order.
pub(crate) fn open_binds(base: &Base, binds: &[Bind], descriptors: &[OwnedFd]) -> Result<Vec<OwnedFd>, Failure> {
    let failed = |errno| Failure::new(Stage::Source, errno);
    if binds.is_empty() {
        return Ok(Vec::new());
    }
    let rootless = base.rootless;
    let trees: Vec<OwnedFd> = base
        .among_host_mounts(|| descriptors.iter().map(|descriptor| clone_tree(descriptor, rootless)).collect())
        .map_err(failed)?;
    for (bind, tree) in binds.iter().zip(&trees) {
        sys::set_mount_attributes(tree, attributes(bind), true, None).map_err(failed)?;
    }
    Ok(trees)
}

fn attributes(bind: &Bind) -> u64 {
    let write = if bind.read_only { 0 } else { libc::MOUNT_ATTR_RDONLY };
    let exec = if bind.exec { 0 } else { libc::MOUNT_ATTR_NOEXEC };
    (SHOWN & !write) | exec
}

/// A mount of the folder that becomes `/workspace`; `mapping` makes its owner the sandbox's user.
pub(crate) fn open_workspace(
    base: &Base,
    folder: &OwnedFd,
    exec: bool,
    mapping: Option<&OwnedFd>,
) -> Result<OwnedFd, Failure> {
    let failed = |errno| Failure::new(Stage::Workspace, errno);
    let owner = fstat(folder).map_err(failed)?;
    if !may_be_workspace(owner.st_uid, owner.st_gid, base.rootless) {
        return Err(failed(Errno::PERM));
    }
    let tree = base.among_host_mounts(|| clone_tree(folder, base.rootless)).map_err(failed)?;
    let bind = Bind { target: Vec::new(), read_only: false, exec };
    let mapping = mapping.map(rustix::fd::AsFd::as_fd);
    sys::set_mount_attributes(&tree, attributes(&bind), true, mapping).map_err(failed)?;
    Ok(tree)
}

/// Whether a folder of this user and group may be written by a sandbox, whose files there are its owner's outside.
///
/// As root that owner must not be root. Without root the ids are those of the spawner's own namespace, in which nobody
/// exists but the user it was started by.
fn may_be_workspace(user: u32, group: u32, rootless: bool) -> bool {
    if rootless { user == USER_INSIDE } else { user != 0 && group != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_never_roots() {
        const UNMAPPED: u32 = 65534;
        let cases = [
            (1234, 1234, false, true),
            (0, 1234, false, false),
            (1234, 0, false, false),
            (USER_INSIDE, USER_INSIDE, true, true),
            (UNMAPPED, USER_INSIDE, true, false),
        ];
        for (user, group, rootless, expected) in cases {
            assert_eq!(may_be_workspace(user, group, rootless), expected, "{user} {group} {rootless}");
        }
    }
}
