//! Answers the host over the inherited descriptor, and ends the process with it.

use crate::{
    node::Node,
    state::Shared,
    wire::{Lines, Writer, MESSAGE_BYTES_MAX},
};
use std::{
    env, fs,
    os::{
        fd::{FromRawFd, OwnedFd, RawFd},
        unix::{fs::FileTypeExt, net::UnixStream},
    },
    path::PathBuf,
    process,
};

const BY_HAND: &str = "\
This program is a node of Akao and speaks with Akao over descriptor 3, which is not there.

Start it with `akao node run DIR`, or test it with `akao node test DIR`.";

/// What names the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    pub(crate) message_bytes_max: usize,
}

impl Package {
    /// A package of that name.
    pub fn new(id: impl Into<String>, version: impl Into<String>) -> Self {
        Self { id: id.into(), version: version.into(), message_bytes_max: MESSAGE_BYTES_MAX }
    }

    /// Lets messages be longer than 1 MiB, where the host agrees; hosts go up to 16 MiB.
    #[must_use]
    pub fn messages_up_to(self, bytes: usize) -> Self {
        Self { message_bytes_max: bytes.max(MESSAGE_BYTES_MAX), ..self }
    }
}

/// Answers the host with these nodes, then ends the process. Started by hand, it says so and ends with 2.
pub fn serve(package: Package, nodes: Vec<Node>) -> ! {
    let streams = inherited().and_then(|stream| Some((stream.try_clone().ok()?, stream)));
    let Some((reading, writing)) = streams else {
        eprintln!("{BY_HAND}");
        process::exit(2);
    };
    let workspace = env::var_os("AKAO_WORKSPACE").map_or_else(|| PathBuf::from("/workspace"), PathBuf::from);
    let shared = Shared::new(Lines::new(reading), Writer::new(writing), package, nodes, workspace, true);
    process::exit(shared.serve().into());
}

/// The socket that the host passed. Programs that the node starts see neither it nor its name: the copy that is used closes
/// itself when a program is started.
fn inherited() -> Option<UnixStream> {
    let descriptor: RawFd = env::var("AKAO_RPC_FD").ok()?.parse().ok()?;
    env::remove_var("AKAO_RPC_FD");
    let is_socket = fs::metadata(format!("/proc/self/fd/{descriptor}")).is_ok_and(|data| data.file_type().is_socket());
    if descriptor <= 2 || !is_socket {
        return None;
    }
    let stream = adopt(descriptor).try_clone().ok()?;
    stream.set_nonblocking(false).ok()?;
    Some(stream)
}

/// Takes the descriptor over.
#[allow(unsafe_code)]
fn adopt(descriptor: RawFd) -> UnixStream {
    // SAFETY: the descriptor is open, as its entry in /proc showed just now, and nobody else in this process owns it: the
    // variable that named it is gone, so this happens once, before the node's own work begins.
    UnixStream::from(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
