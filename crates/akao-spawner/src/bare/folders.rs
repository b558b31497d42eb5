//! The folders of a start: made before it, counted while it runs, removed when nothing of it runs any more.

use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{
        AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid, chmod, chownat, fstat, mkdirat, openat, renameat, statat,
        unlinkat,
    },
    io::Errno,
};
use std::ffi::{CStr, CString};

/// The folder that a program knows as its workspace, and the one for passing files.
pub(super) const KEPT: [&str; 2] = ["workspace", "tmp"];

/// What the owner of a folder needs to empty it.
const OWNERS: u32 = 0o700;

/// How deep folders may lie in each other while they are counted; deeper counts as too much.
const DEPTH_MAX: u32 = 128;
/// Bytes of the disk for each name that a start may have, and the fewest names; as in the other tiers.
const BYTES_PER_NAME: u64 = 16 * 1024;
const NAMES_LEAST: u64 = 1024;

/// Makes the folders of the start `name` in `all`, for the user `outside` or this one.
pub(super) fn make(all: &OwnedFd, name: &str, outside: Option<u32>) -> Result<Vec<OwnedFd>, Errno> {
    // Passed through by the program's user, listed by nobody else.
    mkdirat(all, name, Mode::from_raw_mode(0o711))?;
    let own = open(all, name)?;
    let mut made = Vec::new();
    for kept in KEPT {
        mkdirat(&own, kept, Mode::RWXU)?;
        let id = outside.map(|id| (Uid::from_raw(id), Gid::from_raw(id)));
        chownat(&own, kept, id.map(|id| id.0), id.map(|id| id.1), AtFlags::SYMLINK_NOFOLLOW)?;
        made.push(open(&own, kept)?);
    }
    Ok(made)
}

fn open(folder: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

/// Opens a folder whose owner may have denied it to himself. A link is never followed, whoever has put it there meanwhile.
fn open_up(folder: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    match open(folder, name) {
        Ok(opened) if fstat(&opened)?.st_mode & OWNERS == OWNERS => return Ok(opened),
        Ok(_) | Err(Errno::ACCESS) => {}
        Err(errno) => return Err(errno),
    }
    // What is held by its place alone needs no right to be opened, and cannot be changed by itself but through its entry here.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = openat(folder, name, flags, Mode::empty())?;
    chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), Mode::RWXU)?;
    open(&held, c".")
}

fn names(folder: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if ![c".", c".."].contains(&entry.file_name()) {
            found.push(entry.file_name().to_owned());
        }
    }
    Ok(found)
}

/// Removes the folders of the start `name` with all that its programs left, none of which may run any more.
///
/// A program can put folders into each other deeper than any stack or path goes. So each folder is emptied by moving the
/// folders in it up beside it, and no more than two are open at once.
pub(crate) fn remove(all: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let own = match open_up(all, name) {
        Err(Errno::NOENT) => return Ok(()),
        own => own?,
    };
    let mut number = 0_u64;
    loop {
        let entries = names(&own)?;
        if entries.is_empty() {
            return unlinkat(all, name, AtFlags::REMOVEDIR);
        }
        for entry in entries {
            remove_one(&own, &entry, &mut number)?;
        }
    }
}

/// Removes an entry of `own`; the folders in it become entries of `own`.
fn remove_one(own: &OwnedFd, entry: &CStr, number: &mut u64) -> Result<(), Errno> {
    match unlinkat(own, entry, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return other,
    }
    let folder = open_up(own, entry)?;
    for inner in names(&folder)? {
        match unlinkat(&folder, &inner, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {
                // Moving a folder changes it, for which its owner must be allowed to write it.
                drop(open_up(&folder, &inner)?);
                *number += 1;
                // Shorter than any name that was left could be taken for one of these; so it is looked for a free one.
                while statat(own, format!(".{number}"), AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                    *number += 1;
                }
                renameat(&folder, &inner, own, format!(".{number}"))?;
            }
            other => other?,
        }
    }
    unlinkat(own, entry, AtFlags::REMOVEDIR)
}

/// What stands in folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) bytes: u64,
    pub(super) names: u64,
}

impl Room {
    /// Whether that is more than `bytes`, or more names than go with it.
    pub(super) fn exceeds(&self, bytes: u64) -> bool {
        self.bytes > bytes || self.names > (bytes / BYTES_PER_NAME).max(NAMES_LEAST)
    }

    /// Adds what stands in `folder`, but stops where it is more than goes with `most` bytes. What cannot be read, or lies too
    /// deep, is an error.
    pub(super) fn add(&mut self, folder: &OwnedFd, most: u64) -> Result<(), Errno> {
        self.add_at(folder, most, 0)
    }

    fn add_at(&mut self, folder: &OwnedFd, most: u64, depth: u32) -> Result<(), Errno> {
        if depth > DEPTH_MAX {
            return Err(Errno::LOOP);
        }
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if [c".", c".."].contains(&name) {
                continue;
            }
            let found = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                // It is gone meanwhile.
                Err(Errno::NOENT) => continue,
                found => found?,
            };
            self.names += 1;
            self.bytes += found.st_blocks as u64 * 512;
            if self.exceeds(most) {
                return Ok(());
            }
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                match open(folder, name) {
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    inner => self.add_at(&inner?, most, depth + 1)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn all() -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        let opened = fs::File::open(folder.path()).unwrap();
        (folder, opened.into())
    }

    #[test]
    fn what_a_program_left_is_removed_however_deep_and_whatever_its_mode() {
        let (folder, all) = all();
        let made = make(&all, "1", None).unwrap();
        assert_eq!(made.len(), 2);
        let mut place = made[0].try_clone().unwrap();
        for depth in 0..3000 {
            mkdirat(&place, "d", Mode::RWXU).unwrap();
            if depth % 100 == 0 {
                openat(&place, "file", OFlags::CREATE | OFlags::WRONLY, Mode::empty()).unwrap();
                mkdirat(&place, ".1", Mode::empty()).unwrap();
            }
            place = open(&place, "d").unwrap();
        }
        std::os::unix::fs::symlink("/", folder.path().join("1/tmp/link")).unwrap();
        remove(&all, c"1").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        remove(&all, c"1").unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_a_folder_opens_nothing_up() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, all) = all();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        for name in ["closed", "elsewhere"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o000)).unwrap();
        }
        std::os::unix::fs::symlink("elsewhere", folder.path().join("link")).unwrap();
        assert!(matches!(open_up(&all, c"link"), Err(Errno::NOTDIR | Errno::LOOP)));
        assert_eq!(mode("elsewhere"), 0);
        open_up(&all, c"closed").unwrap();
        assert_eq!(mode("closed"), 0o700, "the control is opened up");
        remove(&all, c"elsewhere").unwrap();
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn room_counts_bytes_and_names_and_stops_at_the_limit() {
        let (folder, all) = all();
        make(&all, "1", None).unwrap();
        let workspace = open(&all, "1/workspace").unwrap();
        let mut empty = Room::default();
        empty.add(&workspace, 1_000_000).unwrap();
        assert_eq!(empty, Room::default());
        fs::create_dir(folder.path().join("1/workspace/inner")).unwrap();
        fs::write(folder.path().join("1/workspace/inner/file"), vec![1; 300_000]).unwrap();
        let mut room = Room::default();
        room.add(&workspace, 1_000_000).unwrap();
        assert!(
            room.bytes >= 300_000 && room.names == 2 && !room.exceeds(1_000_000) && room.exceeds(200_000),
            "{room:?}"
        );
        for number in 0..1100 {
            fs::write(folder.path().join(format!("1/workspace/{number}")), "").unwrap();
        }
        let mut many = Room::default();
        many.add(&workspace, 1_000_000).unwrap();
        assert!(many.exceeds(1_000_000), "{many:?}");
    }
}
