//! Files in a node's `/workspace`, reached from this side. The node can put anything there, also while it is looked at, so
//! each path is resolved by the kernel beneath the folder, without links, and only regular files count.

use akao_contract::{ErrorKind, StepError};
use akao_rpc::WorkspacePath;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
    thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use std::{
    fs::File,
    io::{Read, Write},
    sync::Arc,
};

/// How often a path is resolved again when the kernel saw the tree change meanwhile.
const TRIES_MAX: usize = 16;

/// A node's `/workspace`.
#[derive(Debug, Clone)]
pub(crate) struct WorkspaceFolder(Arc<OwnedFd>);

impl WorkspaceFolder {
    pub(crate) fn new(folder: OwnedFd) -> Self {
        Self(Arc::new(folder))
    }

    /// Runs `work` as the folder's owner. To the kernel the host's root is nobody in a sandbox, and cannot make a file
    /// there; and what is done with the node's own rights reaches nothing that the node could not reach itself.
    pub(crate) fn as_owner<T: Send>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StepError> + Send,
    ) -> Result<T, StepError> {
        let unusable =
            |errno: Errno| StepError::new(ErrorKind::Internal, format!("/workspace cannot be used: {errno}"));
        let owner = rustix::fs::fstat(&*self.0).map_err(unusable)?;
        if owner.st_uid == rustix::process::geteuid().as_raw() {
            return work(self);
        }
        // The kernel keeps users by thread. This one does nothing else, so that it has nothing to take back.
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                become_user(owner.st_uid, owner.st_gid).map_err(unusable)?;
                work(self)
            });
            let broken = |_| Err(StepError::new(ErrorKind::Internal, "the host broke off"));
            thread.join().unwrap_or_else(broken)
        })
    }

    /// Whether it is a file system of the node's own that takes no more bytes or no more names.
    pub(crate) fn is_full(&self) -> bool {
        const IN_MEMORY: i128 = 0x0102_1994;
        rustix::fs::fstatfs(&*self.0)
            .is_ok_and(|found| i128::from(found.f_type) == IN_MEMORY && (found.f_bfree == 0 || found.f_ffree == 0))
    }

    /// The bytes of a regular file.
    pub(crate) fn read(&self, path: &WorkspacePath, bytes_max: u64) -> Result<Vec<u8>, StepError> {
        // Without O_NONBLOCK the opening of a pipe would wait for whoever writes.
        let file = open(self.0.as_fd(), path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| failed(path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(not_a_file(path));
        }
        let too_large = || {
            let message = format!("the file {:?} is larger than {bytes_max} bytes", path.as_str());
            StepError::new(ErrorKind::Resource, message).with_suggestion("Store it in parts.")
        };
        if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > bytes_max {
            return Err(too_large());
        }
        // It may grow while it is read, so the bound holds for the bytes that come.
        let mut bytes = Vec::new();
        let read = File::from(file).take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| storage(path, &error))?;
        if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(bytes) }
    }

    /// Writes a whole file into a folder that is there. What stands under the name is replaced and never written through.
    pub(crate) fn write(&self, path: &WorkspacePath, bytes: &[u8]) -> Result<(), StepError> {
        let (folder, name) = match path.as_str().rsplit_once('/') {
            Some((folder, name)) => (Some(folder), name),
            None => (None, path.as_str()),
        };
        let opened = match folder {
            Some(folder) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                Some(open(self.0.as_fd(), &WorkspacePath::parse(folder)?, flags, Mode::empty())?)
            }
            None => None,
        };
        let folder = opened.as_ref().map_or(self.0.as_fd(), |folder| folder.as_fd());
        match rustix::fs::unlinkat(folder, name, rustix::fs::AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => return Err(not_a_file(path)),
            Err(errno) => return Err(failed(path, errno)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // The node's own user is another one outside; what it is given is no secret to it.
        let mode = Mode::from_raw_mode(0o666);
        let file = rustix::fs::openat(folder, name, flags, mode).map_err(|errno| failed(path, errno))?;
        // The mask of this process would take the bits away that let the node read it.
        rustix::fs::fchmod(&file, mode).map_err(|errno| failed(path, errno))?;
        File::from(file).write_all(bytes).map_err(|error| storage(path, &error))
    }
}

/// Makes the calling thread another user's, without any of its own rights.
fn become_user(user: u32, group: u32) -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

/// Opens a path beneath a folder without following any link.
fn open(folder: BorrowedFd<'_>, path: &WorkspacePath, flags: OFlags, mode: Mode) -> Result<OwnedFd, StepError> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        match rustix::fs::openat2(folder, path.as_str(), flags | OFlags::CLOEXEC, mode, resolve) {
            Ok(file) => return Ok(file),
            Err(Errno::AGAIN) if tries < TRIES_MAX => tries += 1,
            Err(errno) => return Err(failed(path, errno)),
        }
    }
}

fn not_a_file(path: &WorkspacePath) -> StepError {
    StepError::new(ErrorKind::Input, format!("{:?} in /workspace is not a file", path.as_str()))
}

fn failed(path: &WorkspacePath, errno: Errno) -> StepError {
    let shown = path.as_str();
    match errno {
        Errno::NOENT | Errno::NOTDIR => {
            StepError::new(ErrorKind::NotFound, format!("there is no file {shown:?} in /workspace"))
        }
        Errno::LOOP | Errno::XDEV => {
            StepError::new(ErrorKind::Input, format!("{shown:?} in /workspace is a link or behind one"))
                .with_suggestion("Name the file itself.")
        }
        Errno::NXIO | Errno::ISDIR => not_a_file(path),
        Errno::NOSPC | Errno::DQUOT => {
            StepError::new(ErrorKind::Resource, format!("there is no room for {shown:?} in /workspace"))
                .with_suggestion("Raise `resources.disk` in the node's manifest, or remove files.")
        }
        errno => storage(path, &errno.into()),
    }
}

fn storage(path: &WorkspacePath, error: &std::io::Error) -> StepError {
    StepError::new(ErrorKind::Internal, format!("{:?} in /workspace cannot be used: {error}", path.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink, path::Path};

    fn workspace(folder: &Path) -> WorkspaceFolder {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        WorkspaceFolder::new(rustix::fs::open(folder, flags, Mode::empty()).unwrap())
    }

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::parse(text).unwrap()
    }

    #[test]
    fn only_regular_files_beneath_the_folder_are_read() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = folder.path();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::create_dir(at.join("out")).unwrap();
        fs::write(at.join("out/a.txt"), "hello").unwrap();
        symlink(outside.path().join("secret"), at.join("link")).unwrap();
        symlink(outside.path(), at.join("folder")).unwrap();
        symlink("out/a.txt", at.join("inside")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let workspace = workspace(at);
        assert_eq!(workspace.read(&path("out/a.txt"), 5).unwrap(), b"hello");
        let cases = [
            ("out/a.txt", 4, ErrorKind::Resource, "larger than 4 bytes"),
            ("link", 100, ErrorKind::Input, "is a link"),
            ("folder/secret", 100, ErrorKind::Input, "is a link"),
            ("inside", 100, ErrorKind::Input, "is a link"),
            ("pipe", 100, ErrorKind::Input, "is not a file"),
            ("out", 100, ErrorKind::Input, "is not a file"),
            ("none", 100, ErrorKind::NotFound, "there is no file"),
            ("out/a.txt/b", 100, ErrorKind::NotFound, "there is no file"),
        ];
        for (name, bytes_max, kind, fragment) in cases {
            let error = workspace.read(&path(name), bytes_max).unwrap_err();
            assert_eq!(error.kind, kind, "{name}: {error}");
            assert!(error.message.contains(fragment), "{name}: {error}");
        }
    }

    #[test]
    fn a_link_is_replaced_and_not_written_through() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = folder.path();
        let secret = outside.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        symlink(&secret, at.join("link")).unwrap();
        symlink(outside.path(), at.join("folder")).unwrap();
        fs::create_dir(at.join("in")).unwrap();
        let workspace = workspace(at);
        workspace.write(&path("link"), b"new").unwrap();
        workspace.write(&path("in/b"), b"b").unwrap();
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
        assert_eq!(fs::read(at.join("link")).unwrap(), b"new");
        assert_eq!(fs::read(at.join("in/b")).unwrap(), b"b");
        assert_eq!(workspace.write(&path("folder/x"), b"x").unwrap_err().kind, ErrorKind::Input);
        assert_eq!(workspace.write(&path("in"), b"x").unwrap_err().kind, ErrorKind::Input);
        assert_eq!(workspace.write(&path("none/x"), b"x").unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_given_belongs_to_the_folders_owner() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        if !rustix::process::geteuid().is_root() {
            assert_eq!(workspace(at).as_owner(|workspace| workspace.write(&path("a"), b"a")), Ok(()));
            return;
        }
        std::os::unix::fs::chown(at, Some(64_321), Some(64_322)).unwrap();
        fs::set_permissions(at, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(at.join("mine"), "mine").unwrap();
        fs::set_permissions(at.join("mine"), fs::Permissions::from_mode(0o600)).unwrap();
        let workspace = workspace(at);
        workspace.as_owner(|workspace| workspace.write(&path("a"), b"a")).unwrap();
        let made = fs::metadata(at.join("a")).unwrap();
        assert_eq!((made.uid(), made.gid()), (64_321, 64_322));
        let refused = workspace.as_owner(|workspace| workspace.read(&path("mine"), 10)).unwrap_err();
        assert!(refused.message.contains("cannot be used"), "what only root may read is not read: {refused}");
        assert!(rustix::process::geteuid().is_root(), "only the thread was another's");
    }
}
