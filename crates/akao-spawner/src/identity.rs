//! Who a sandbox's user is outside: a host user id that nothing else has, so that one sandbox owns nothing of another.

use crate::{USER_INSIDE, base::write_file, sys};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, FlockOperation, Mode, OFlags, flock, fstat, mkdirat, open, openat},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};
use std::collections::VecDeque;

/// How many ids are locked together. A launcher takes as many such blocks as it has use for.
const BLOCK: u32 = 1024;
/// Folders for the files by which blocks are locked; the first that can be had is used. What is below is root's alone.
const LOCKS: [&str; 2] = ["/run/akao-sandbox", "/var/lib/akao-sandbox"];

/// The host ids that may be given out, and those that are.
///
/// Several launchers may run on one host with the same settings. Each locks the blocks of ids that it uses, and no id of
/// a block that another has locked is given out. The kernel drops the locks when the spawner ends in whatever way.
pub(crate) struct Identities {
    /// The first id, and the first behind the last.
    range: (u32, u32),
    locks: Option<OwnedFd>,
    /// The locked files, by the number of their block.
    blocks: Vec<(u32, OwnedFd)>,
    free: VecDeque<u32>,
}

impl Identities {
    /// `count` ids from `start`, locked by files in the folder `locks`. Without a folder there are none.
    pub(crate) fn new(start: u32, count: u32, locks: Option<OwnedFd>) -> Self {
        let range = (start, start.saturating_add(count));
        Self { range, locks, blocks: Vec::new(), free: VecDeque::new() }
    }

    /// An id that no living sandbox of this host has. Ids come back late, so that a file left behind finds no new owner
    /// soon.
    pub(crate) fn take(&mut self) -> Option<u32> {
        if self.free.is_empty() {
            self.lock_a_block();
        }
        self.free.pop_front()
    }

    /// `id` may be given out again.
    pub(crate) fn give_back(&mut self, id: u32) {
        self.free.push_back(id);
    }

    /// Takes the first block that nobody has.
    fn lock_a_block(&mut self) {
        let Some(folder) = &self.locks else { return };
        let (start, end) = self.range;
        for block in start / BLOCK..end.div_ceil(BLOCK) {
            if self.blocks.iter().any(|(taken, _)| *taken == block) {
                continue;
            }
            let Some(lock) = lock(folder, block) else { continue };
            self.blocks.push((block, lock));
            let first = block * BLOCK;
            let ids = first.max(start)..first.saturating_add(BLOCK).min(end);
            // The host's own root must never be inside, whatever the settings say.
            self.free.extend(ids.filter(|id| *id != 0));
            return;
        }
    }
}

/// Locks a block, unless somebody else has.
fn lock(folder: &OwnedFd, block: u32) -> Option<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder, format!("ids-{block}"), flags, Mode::RUSR | Mode::WUSR).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// The folder for locks, made if it is missing. Called while the host's folders are still those of this process.
pub(crate) fn open_locks() -> Result<OwnedFd, Errno> {
    LOCKS.iter().map(|path| open_locks_at(path)).reduce(Result::or).unwrap_or(Err(Errno::NOENT))
}

fn open_locks_at(path: &str) -> Result<OwnedFd, Errno> {
    match mkdirat(CWD, path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = open(path, flags, Mode::empty())?;
    let found = fstat(&folder)?;
    let writable = Mode::from_raw_mode(found.st_mode).intersects(Mode::WGRP | Mode::WOTH);
    let own = found.st_uid == rustix::process::geteuid().as_raw();
    if own && !writable { Ok(folder) } else { Err(Errno::PERM) }
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
    use std::collections::BTreeSet;

    fn locks() -> (tempfile::TempDir, impl Fn() -> OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        (folder, move || open_locks_at(&path).unwrap())
    }

    #[test]
    fn ids_are_distinct_come_back_late_and_are_never_root() {
        let (_folder, locks) = locks();
        let mut identities = Identities::new(0, 4, Some(locks()));
        let taken: Vec<_> = std::iter::from_fn(|| identities.take()).collect();
        assert_eq!(taken, [1, 2, 3]);
        identities.give_back(1);
        identities.give_back(2);
        assert_eq!(identities.take(), Some(1));
        identities.give_back(1);
        assert_eq!(identities.take(), Some(2), "an id that was just given back waits its turn");
        assert_eq!(Identities::new(5, 0, Some(locks())).take(), None);
        assert_eq!(Identities::new(u32::MAX, 2, Some(locks())).take(), None, "the last number stands for no id");
        assert_eq!(Identities::new(5, 5, None).take(), None, "without locks there are none");
    }

    #[test]
    fn two_launchers_never_have_the_same_id() {
        let (_folder, locks) = locks();
        let launcher = |start| Identities::new(start, 3 * BLOCK, Some(locks()));
        let (mut one, mut other) = (launcher(524_288), launcher(524_288));
        // A range of other settings that begins within one of these.
        let mut third = launcher(524_288 + BLOCK / 2);
        let mut taken = BTreeSet::new();
        for _ in 0..BLOCK / 2 {
            for identities in [&mut one, &mut other, &mut third] {
                let id = identities.take().unwrap();
                assert!(taken.insert(id), "{id} twice");
            }
        }
        // The first needs more than its block, and gets what is left.
        let more: Vec<u32> = std::iter::from_fn(|| one.take()).collect();
        assert!(more.iter().all(|id| taken.insert(*id)), "an id twice");
        assert_eq!(more.len() as u32, BLOCK / 2);
        drop(other);
        assert!(one.take().is_some(), "what an ended launcher had can be had again");
    }

    #[test]
    fn locks_stand_where_nobody_else_can_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        open_locks_at(&path("fresh")).unwrap();
        std::os::unix::fs::symlink("fresh", path("link")).unwrap();
        assert!(open_locks_at(&path("link")).is_err());
        std::fs::create_dir(path("open")).unwrap();
        std::fs::set_permissions(path("open"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        assert_eq!(open_locks_at(&path("open")).unwrap_err(), Errno::PERM);
    }
}
