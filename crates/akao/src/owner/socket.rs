//! The control socket's place in the file system.
//!
//! A socket's path is bounded to about a hundred bytes. A longer one is reached through the open folder, whose path below
//! `/proc` is short.

use std::{
    fs::{self, File, Permissions},
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
};
use tokio::net::{UnixListener, UnixStream};

/// The socket's name within the data directory.
pub(super) const SOCKET_FILE: &str = "control.sock";

/// Longest path that every system takes, with its closing zero.
const PATH_BYTES_MAX: usize = 100;

/// A path to the socket that is short enough, and what must stay open while it is used.
fn short_path(folder: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = folder.join(SOCKET_FILE);
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok((path, None));
    }
    let open = File::open(folder)?;
    let short = format!("/proc/self/fd/{}/{SOCKET_FILE}", open.as_raw_fd());
    Ok((short.into(), Some(open)))
}

/// Listens at the socket, in place of one that an earlier owner left. Only the holder of the lock may call this.
pub(super) fn listen(folder: &Path) -> io::Result<UnixListener> {
    remove(folder)?;
    let (path, _open) = short_path(folder)?;
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(folder.join(SOCKET_FILE), Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes the socket. Only the holder of the lock may call this.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(SOCKET_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Connects to the socket.
pub(super) async fn connect(folder: &Path) -> io::Result<UnixStream> {
    let (path, _open) = short_path(folder)?;
    UnixStream::connect(path).await
}
