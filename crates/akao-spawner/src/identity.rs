//! Who a sandbox's user is outside: a host user id that nothing else has, so that one sandbox owns nothing of another.

use crate::{USER_INSIDE, base::write_file, sys};
use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags, fstat, open},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};
use std::collections::BTreeSet;

/// The host ids that may be given out, and those that are.
pub(crate) struct Identities {
    start: u32,
    count: u32,
    next: u32,
    taken: BTreeSet<u32>,
}

impl Identities {
    /// All of `count` ids from `start` are free.
    pub(crate) fn new(start: u32, count: u32) -> Self {
        Self { start, count, next: 0, taken: BTreeSet::new() }
    }

    /// An id that no living sandbox has. Ids come back late, so that a file left behind finds no new owner soon.
    pub(crate) fn take(&mut self) -> Option<u32> {
        for _ in 0..self.count {
            let id = self.start.checked_add(self.next)?;
            self.next = (self.next + 1) % self.count;
            // The host's own root must never be inside, whatever the settings say.
            if id != 0 && self.taken.insert(id) {
                return Some(id);
            }
        }
        None
    }

    /// `id` may be given out again.
    pub(crate) fn give_back(&mut self, id: u32) {
        self.taken.remove(&id);
    }
}

/// Maps the sandbox's one user and group to the host's `outside`; nobody else exists inside.
pub(crate) fn map(pid: u32, outside: u32) -> Result<(), Errno> {
    write_maps(pid, USER_INSIDE, USER_INSIDE, outside)
}

fn write_maps(pid: u32, user: u32, group: u32, outside: u32) -> Result<(), Errno> {
    write_file(&format!("/proc/{pid}/setgroups"), b"deny")?;
    write_file(&format!("/proc/{pid}/uid_map"), format!("{user} {outside} 1").as_bytes())?;
    write_file(&format!("/proc/{pid}/gid_map"), format!("{group} {outside} 1").as_bytes())
}

/// A user namespace by which a mount shows the owner of `folder` as the host's `outside`.
///
/// Such a namespace lives in a process, which exists only until the namespace is held by the descriptor.
pub(crate) fn mapping_for(folder: &OwnedFd, outside: u32) -> Result<OwnedFd, Errno> {
    let owner = fstat(folder)?;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let Some(child) = sys::clone_process(libc::CLONE_NEWUSER, None)? else {
        drop(ours);
        // Ends when the parent lets go of its side.
        let _ = rustix::io::read(&theirs, &mut [0_u8; 1]);
        sys::exit_now(0)
    };
    let made = write_maps(child.pid, owner.st_uid, owner.st_gid, outside)
        .and_then(|()| open(format!("/proc/{}/ns/user", child.pid), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()));
    drop(theirs);
    drop(ours);
    // The child has nothing to do but to end; it is taken in at once.
    let _ = rustix::process::waitid(
        rustix::process::WaitId::PidFd(rustix::fd::AsFd::as_fd(&child.pidfd)),
        rustix::process::WaitIdOptions::EXITED,
    );
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_come_back_late_and_are_never_root() {
        let mut identities = Identities::new(0, 4);
        let taken: Vec<_> = std::iter::from_fn(|| identities.take()).collect();
        assert_eq!(taken, [1, 2, 3]);
        identities.give_back(1);
        identities.give_back(2);
        assert_eq!(identities.take(), Some(1));
        identities.give_back(1);
        assert_eq!(identities.take(), Some(2), "an id that was just given back waits its turn");
        assert_eq!(Identities::new(u32::MAX, 2).take(), Some(u32::MAX));
        assert_eq!(Identities::new(5, 0).take(), None);
    }
}
