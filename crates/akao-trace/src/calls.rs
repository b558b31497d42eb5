//! The system calls that tell what a program uses, and where their arguments stand. All others are let through unread.

use libc::c_long;

/// A path among the arguments: that of the folder it starts from, if the call takes one, and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathArgument {
    pub(crate) folder: Option<usize>,
    pub(crate) path: usize,
}

/// A path that starts from the current folder.
const fn plain(path: usize) -> PathArgument {
    PathArgument { folder: None, path }
}

/// A path that starts from the folder of a descriptor.
const fn at(folder: usize, path: usize) -> PathArgument {
    PathArgument { folder: Some(folder), path }
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Opens a file; the number of the argument that holds the flags.
    Open(PathArgument, usize),
    /// Opens a file; the argument points to a structure that begins with the flags.
    OpenHow(PathArgument, usize),
    /// Makes a file.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only older architectures have the call"))]
    Create(PathArgument),
    /// Changes, makes or removes what stands at one path.
    Change(PathArgument),
    /// The same at two paths.
    ChangeBoth(PathArgument, PathArgument),
    /// Becomes another program.
    Execute(PathArgument),
    /// Connects a socket.
    Connect,
    /// Gives a socket an address of its own.
    Bind,
    /// Waits for connections.
    Listen,
    /// Sends to the address that is given, or to the one that the socket is connected to.
    SendTo,
    /// The same, by a message.
    SendMessage,
    /// The same, by several messages.
    SendMessages,
    /// Writes to a descriptor, which may be a socket.
    Write,
    /// Reads from a descriptor or a socket into a buffer.
    Read,
    /// Receives a message.
    ReceiveMessage,
    /// Receives several.
    ReceiveMessages,
    /// Sets up a ring by which the kernel is asked without system calls.
    Ring,
}

/// Calls that every processor has.
const EVERYWHERE: &[(c_long, Kind)] = &[
    (libc::SYS_openat, Kind::Open(at(0, 1), 2)),
    (libc::SYS_openat2, Kind::OpenHow(at(0, 1), 2)),
    (libc::SYS_truncate, Kind::Change(plain(0))),
    (libc::SYS_mkdirat, Kind::Change(at(0, 1))),
    (libc::SYS_mknodat, Kind::Change(at(0, 1))),
    (libc::SYS_unlinkat, Kind::Change(at(0, 1))),
    (libc::SYS_fchmodat, Kind::Change(at(0, 1))),
    (libc::SYS_fchownat, Kind::Change(at(0, 1))),
    (libc::SYS_utimensat, Kind::Change(at(0, 1))),
    (libc::SYS_setxattr, Kind::Change(plain(0))),
    (libc::SYS_lsetxattr, Kind::Change(plain(0))),
    (libc::SYS_removexattr, Kind::Change(plain(0))),
    (libc::SYS_symlinkat, Kind::Change(at(1, 2))),
    (libc::SYS_linkat, Kind::ChangeBoth(at(0, 1), at(2, 3))),
    (libc::SYS_renameat2, Kind::ChangeBoth(at(0, 1), at(2, 3))),
    (libc::SYS_execve, Kind::Execute(plain(0))),
    (libc::SYS_execveat, Kind::Execute(at(0, 1))),
    (libc::SYS_connect, Kind::Connect),
    (libc::SYS_bind, Kind::Bind),
    (libc::SYS_listen, Kind::Listen),
    (libc::SYS_sendto, Kind::SendTo),
    (libc::SYS_sendmsg, Kind::SendMessage),
    (libc::SYS_sendmmsg, Kind::SendMessages),
    (libc::SYS_write, Kind::Write),
    (libc::SYS_read, Kind::Read),
    (libc::SYS_recvfrom, Kind::Read),
    (libc::SYS_recvmsg, Kind::ReceiveMessage),
    (libc::SYS_recvmmsg, Kind::ReceiveMessages),
    (libc::SYS_io_uring_setup, Kind::Ring),
];

/// Older forms, which newer processors have not got.
#[cfg(target_arch = "x86_64")]
const OLDER: &[(c_long, Kind)] = &[
    (libc::SYS_open, Kind::Open(plain(0), 1)),
    (libc::SYS_creat, Kind::Create(plain(0))),
    (libc::SYS_mkdir, Kind::Change(plain(0))),
    (libc::SYS_mknod, Kind::Change(plain(0))),
    (libc::SYS_rmdir, Kind::Change(plain(0))),
    (libc::SYS_unlink, Kind::Change(plain(0))),
    (libc::SYS_chmod, Kind::Change(plain(0))),
    (libc::SYS_chown, Kind::Change(plain(0))),
    (libc::SYS_lchown, Kind::Change(plain(0))),
    (libc::SYS_utime, Kind::Change(plain(0))),
    (libc::SYS_utimes, Kind::Change(plain(0))),
    (libc::SYS_futimesat, Kind::Change(at(0, 1))),
    (libc::SYS_symlink, Kind::Change(plain(1))),
    (libc::SYS_link, Kind::ChangeBoth(plain(0), plain(1))),
    (libc::SYS_rename, Kind::ChangeBoth(plain(0), plain(1))),
    (libc::SYS_renameat, Kind::ChangeBoth(at(0, 1), at(2, 3))),
];
/// Older forms, which newer processors have not got.
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[(c_long, Kind)] = &[];

/// What the call of this number does, if it matters.
pub(crate) fn kind(number: i64) -> Option<Kind> {
    EVERYWHERE.iter().chain(OLDER).find(|(known, _)| *known == number).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stands_in_the_table_once_and_others_do_not() {
        for (index, (number, kind_of)) in EVERYWHERE.iter().chain(OLDER).enumerate() {
            let first = EVERYWHERE.iter().chain(OLDER).position(|(other, _)| other == number);
            assert_eq!((first, kind(*number)), (Some(index), Some(*kind_of)), "call {number}");
        }
        assert_eq!(kind(libc::SYS_getpid), None);
        assert_eq!(kind(-1), None, "a call that a filter skipped");
    }
}
