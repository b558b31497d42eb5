//! The folders of a sandbox that can be written: `/workspace`, `/tmp` and `/dev/shm`.
//!
//! They are made ahead with the usual sizes, and changed only where an order says otherwise.

use crate::wire::{Limits, Order, Workspace};
use rustix::{
    fd::OwnedFd,
    fs::CWD,
    io::Errno,
    mount::{MountFlags, MoveMountFlags, mount, mount_remount, move_mount},
};
use std::ffi::CString;

/// Where the program starts, and what it leaves behind.
pub(crate) const WORKSPACE: &str = "/workspace";
/// Those whose size is the limit of disk.
pub(crate) const PASSING: [&str; 2] = ["/tmp", "/dev/shm"];

/// Bytes of a file system in memory for each name that it may hold.
const BYTES_PER_NAME: u64 = 16 * 1024;
/// The fewest names that it may hold.
const NAMES_LEAST: u64 = 1024;
/// The least that it may hold; a size of 0 would be no limit at all.
const BYTES_LEAST: u64 = 4096;

fn closed() -> MountFlags {
    MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC
}

/// Makes all of them, with the usual sizes.
pub(crate) fn make() -> Result<(), Errno> {
    let options = options(Limits::DEFAULT.disk_bytes)?;
    for place in [WORKSPACE, PASSING[0], PASSING[1]] {
        mount("tmpfs", place, "tmpfs", closed(), options.as_c_str())?;
    }
    Ok(())
}

/// Makes them as `order` says. `trees` gives the folder of the host that becomes the workspace, if one does.
pub(crate) fn fit(order: &Order, trees: &mut impl Iterator<Item = OwnedFd>) -> Result<(), Errno> {
    let usual = Limits::DEFAULT.disk_bytes;
    match order.workspace {
        Workspace::Host => {
            let tree = trees.next().ok_or(Errno::BADMSG)?;
            move_mount(&tree, "", CWD, WORKSPACE, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        }
        Workspace::Memory(bytes) if bytes == usual && !order.allow_exec => {}
        Workspace::Memory(bytes) => {
            let flags = if order.allow_exec { closed() & !MountFlags::NOEXEC } else { closed() };
            mount_remount(WORKSPACE, flags, options(bytes)?)?;
        }
    }
    if order.limits.disk_bytes != usual {
        for place in PASSING {
            mount_remount(place, closed(), options(order.limits.disk_bytes)?)?;
        }
    }
    Ok(())
}

/// Its size and number of names, as mount(2) reads them.
fn options(bytes: u64) -> Result<CString, Errno> {
    let names = (bytes / BYTES_PER_NAME).max(NAMES_LEAST);
    CString::new(format!("mode=0700,size={},nr_inodes={names}", bytes.max(BYTES_LEAST))).map_err(|_| Errno::INVAL)
}
