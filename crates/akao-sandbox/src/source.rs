//! Opening what is to be shown, so that no link on the way leads elsewhere.

use crate::{
    error::SpawnError,
    spec::{Command, Source, SpawnSpec, Workspace},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Opens `path` below `folder` without following any link and without leaving `folder`. The result can be shown in a
/// sandbox, but neither read nor written by itself.
pub fn open_beneath(folder: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(folder, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?)
}

/// Opens an absolute path without following any link.
pub(crate) fn open_plain(path: &Path) -> io::Result<OwnedFd> {
    if !path.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not absolute"));
    }
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?)
}

/// Takes out of `spec` what is passed beside the order, in its order; what is given by path is opened.
pub(crate) fn open_all(spec: SpawnSpec) -> Result<Vec<OwnedFd>, SpawnError> {
    let open = |source: Source| match source {
        Source::Opened(descriptor, _) => Ok(descriptor),
        Source::Path(path) => open_plain(&path).map_err(|cause| SpawnError::Source { path, cause }),
    };
    let mut opened = spec.binds.into_iter().map(|bind| open(bind.source)).collect::<Result<Vec<_>, _>>()?;
    if let Workspace::Host(source) = spec.workspace {
        let name = source.name().to_owned();
        let folder = open(source)?;
        check_owner(&folder, name)?;
        opened.push(folder);
    }
    if let Command::File(file, _) = spec.command {
        opened.push(file);
    }
    Ok(opened)
}

/// Refuses a workspace of root's. What a sandbox leaves in its workspace is the folder owner's outside, and nothing that
/// foreign code made may be root's. The spawner looks again; here the refusal can name the folder.
fn check_owner(folder: &OwnedFd, path: PathBuf) -> Result<(), SpawnError> {
    let found = match fstat(folder) {
        Ok(found) => found,
        Err(errno) => return Err(SpawnError::Source { path, cause: errno.into() }),
    };
    if found.st_uid != 0 && found.st_gid != 0 {
        return Ok(());
    }
    let owner = format!("`{}` has the user {} and the group {}", path.display(), found.st_uid, found.st_gid);
    Err(SpawnError::Spec { what: "a workspace of the user or group 0", value: owner })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_and_steps_upwards_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("inner")).unwrap();
        std::fs::write(root.join("inner/file"), "x").unwrap();
        symlink("inner", root.join("link")).unwrap();
        let opened = std::fs::File::open(&root).unwrap();
        let cases = [
            ("inner/file", true),
            ("inner", true),
            ("link/file", false),
            ("link", false),
            ("../outside", false),
            ("inner/../../x", false),
            ("/etc/passwd", false),
            ("missing", false),
        ];
        for (path, holds) in cases {
            assert_eq!(open_beneath(&opened, Path::new(path)).is_ok(), holds, "{path}");
        }
        assert!(open_plain(&root.join("inner/file")).is_ok());
        assert!(open_plain(&root.join("link/file")).is_err());
        assert!(open_plain(Path::new("inner")).is_err());
    }
}
