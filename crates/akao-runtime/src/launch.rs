//! The port through which processes are started: a specification in, a process with its socket out.
//!
//! How a process is isolated is the implementation's business. What this crate relies on: the node holds the other end of
//! `socket` as descriptor 3, nothing of a process survives [`Kill::Now`], and [`Process::ended`] answers only when nothing
//! of it is left.

use akao_contract::{
    Digest, ErrorKind, Permission, StepError, Tenant,
    manifest::{PackageId, Resources, RuntimeKind},
};
use akao_step::BoxFuture;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags, fstat, openat},
};
use std::{
    cmp::Ordering,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};
use tokio::{io::AsyncRead, net::UnixStream};

/// A process to be: whose it is, what it runs, what it sees, what it may use. It does not change once it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSpec {
    /// Whom it works for.
    pub tenant: Tenant,
    /// The package.
    pub package: PackageId,
    /// The package's version.
    pub version: String,
    /// What the package's folder held when it was pinned.
    pub digest: Digest,
    /// The package's folder on this machine; the process sees it read-only.
    pub folder: PathBuf,
    /// What runs the command.
    pub kind: RuntimeKind,
    /// The file that is run, relative to the folder.
    pub command: String,
    /// Arguments after the command.
    pub args: Vec<String>,
    /// Variables beside those that the launcher sets itself; `AKAO_RPC_FD` is among them.
    pub environment: Vec<(String, String)>,
    /// The limits that hold.
    pub resources: Resources,
    /// What was granted, as narrow as both the manifest and the grants say.
    pub grants: Vec<Permission>,
    /// Whether none but public addresses are open to it, whatever the operator opens to others: a tenant of a server has let
    /// it reach hosts that the operator has not, and does not look after this machine.
    pub public_only: bool,
    /// Folders of this machine that it sees.
    pub volumes: Vec<VolumeMount>,
    /// What it was wished beside its manifest.
    pub wish: Wish,
}

/// A folder of this machine that is held open. Two are the same only where they are the same folder on the disk: as long as one
/// is held, no other gets its number.
#[derive(Debug, Clone)]
pub struct HeldFolder {
    path: PathBuf,
    number: (u64, u64),
    opened: Arc<OwnedFd>,
}

impl HeldFolder {
    /// The folder that was opened, with the path at which it stood. It is held by itself, so that no lock of `folder` is kept.
    ///
    /// # Errors
    /// It cannot be opened once more.
    pub fn new(folder: impl AsFd, path: PathBuf) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(folder, ".", flags, Mode::empty())?;
        let found = fstat(&opened)?;
        Ok(Self { path, number: (found.st_dev, found.st_ino), opened: Arc::new(opened) })
    }

    /// A descriptor of it, which can be shown in a sandbox, and the path at which it stood.
    ///
    /// # Errors
    /// This process has no descriptor left.
    pub fn open(&self) -> io::Result<(OwnedFd, PathBuf)> {
        Ok((self.opened.try_clone()?, self.path.clone()))
    }

    fn key(&self) -> (&Path, (u64, u64)) {
        (&self.path, self.number)
    }
}

impl PartialEq for HeldFolder {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for HeldFolder {}

impl Ord for HeldFolder {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for HeldFolder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What whoever runs a step wishes for its process beside the manifest. Two steps that differ in it never share a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// Memory in the place of the manifest's, in bytes. The operator's cap holds all the same.
    pub memory_bytes: Option<u64>,
    /// Folders of this machine by the absolute paths at which the process sees them, read-only.
    pub folders: BTreeMap<PathBuf, PathBuf>,
    /// More of them, each the one that was opened, whatever stands at its path by now.
    pub held: BTreeMap<PathBuf, HeldFolder>,
    /// What runs its command in the place of the machine's usual interpreter of its kind. What that needs beside the folders
    /// that every sandbox sees is among `folders`.
    pub interpreter: Option<PathBuf>,
    /// Whether it has no network of its own, whatever is granted, because the host sends its requests.
    pub without_network: bool,
    /// Whether the host answers none of its calls for secrets, blobs, state, requests and activities, because what it runs is not its
    /// own and may speak in its name.
    pub without_host_calls: bool,
    /// Whether it is handed what it can tie its children down with, so that they cannot touch the process itself.
    pub ties_children: bool,
    /// How long one call may take once a process has it, in milliseconds; then the process is ended with it, without a grace. Which
    /// process that is does not depend on it.
    pub call_ms: Option<u64>,
    /// How the reason begins of every error that the node tells by itself, where what it runs is not its own: an error with
    /// another reason is not believed, since it may pass for one of the host's. That goes for cancels nobody has asked for, too.
    pub reasons: Option<&'static str>,
}

impl Wish {
    /// What of it is a process's own.
    pub(crate) fn of_process(&self) -> Self {
        Self { call_ms: None, reasons: None, ..self.clone() }
    }
}

/// A volume, or a place in one, that a process sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VolumeMount {
    /// The volume's name.
    pub name: String,
    /// The place in it; empty for the whole volume.
    pub path: String,
    /// The volume's folder on this machine.
    pub folder: PathBuf,
    /// Whether it may be written.
    pub writable: bool,
}

/// Bytes that a process writes for people.
pub type Output = Pin<Box<dyn AsyncRead + Send>>;

/// A process that runs.
pub struct Started {
    /// Connected to the node's descriptor 3.
    pub socket: UnixStream,
    /// What it writes to standard output.
    pub stdout: Output,
    /// What it writes to standard error.
    pub stderr: Output,
    /// The folder that it sees as `/workspace`; none where this side cannot open it.
    pub workspace: Option<OwnedFd>,
    /// The process itself.
    pub process: Box<dyn Process>,
}

/// How a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// It is asked: SIGTERM to the program.
    Ask,
    /// It and everything it started is gone: SIGKILL.
    Now,
}

/// A process that runs or has run.
pub trait Process: Send + Sync {
    /// The number by which the host knows it, for people.
    fn id(&self) -> u32;
    /// Ends it. Does nothing when it has ended.
    fn kill(&self, how: Kill);
    /// Waits until nothing of it is left. May be asked again.
    fn ended(&self) -> BoxFuture<'_, Ended>;
    /// The memory that it uses now, where that is known.
    fn memory_bytes(&self) -> Option<u64>;
    /// What it has used so far, where that is known. It is asked for calls that are not short, twice for each.
    fn usage(&self) -> Option<Usage>;
}

/// How a process ended, and what it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub cause: EndCause,
    /// What it used.
    pub usage: Usage,
}

/// Why a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that this side did not send.
    Signal(i32),
    /// It reached its limit of memory.
    Memory,
    /// It reached its limit of processes and ended over it.
    Pids,
    /// It failed while its folders took no more, or wrote a larger file than it may.
    Disk,
    /// It reached the end of its time.
    Deadline,
    /// It was ended from here.
    Killed,
    /// Nobody knows.
    Unknown,
}

/// What a process used in all; zero where that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Milliseconds of processor time.
    pub cpu_ms: u64,
    /// The most bytes of memory at once.
    pub memory_peak_bytes: u64,
    /// The most processes and threads at once.
    pub pids_peak: u64,
}

/// Why a process was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// This machine cannot isolate it as the operator demands.
    #[error("this machine cannot isolate the node: {reason}")]
    Isolation {
        /// What is missing.
        reason: String,
    },
    /// It asks for network, and on this machine nothing would stand between it and the host's.
    #[error("the node asks for network, which it cannot have here: {reason}")]
    NoNetwork {
        /// Why.
        reason: String,
    },
    /// Another tenant's processes run, and on this machine nothing would stand between them.
    #[error("the node cannot run beside another tenant's: {reason}")]
    MixedTenants {
        /// Why.
        reason: String,
    },
    /// What should be run is not there.
    #[error("`{program}` cannot be run: {reason}")]
    Program {
        /// The command or its interpreter.
        program: String,
        /// Why.
        reason: String,
    },
    /// The package is not any more what it was when it was checked.
    #[error("the package was changed after it was checked: {reason}")]
    Changed {
        /// Where, and how.
        reason: String,
    },
    /// The machine has no room for it now.
    #[error("there is no room for another process: {reason}")]
    NoRoom {
        /// What has run out.
        reason: String,
    },
    /// Anything else.
    #[error("the process could not be started at `{stage}`: {reason}")]
    Failed {
        /// Which step of making it failed.
        stage: String,
        /// Why.
        reason: String,
    },
}

impl LaunchError {
    /// What the step is told. Nothing has run, so that another attempt does no harm where it may help.
    pub fn to_step_error(&self) -> StepError {
        let (kind, retryable, reason, suggestion) = match self {
            Self::Isolation { .. } => {
                (ErrorKind::Internal, false, "isolation", "See in docs/sandbox.md what this tier needs and its cure.")
            }
            Self::NoNetwork { .. } => (
                ErrorKind::Internal,
                false,
                "no_network",
                "Run it on a machine with user namespaces; see T2 in docs/sandbox.md.",
            ),
            Self::MixedTenants { .. } => (
                ErrorKind::Resource,
                true,
                "mixed_tenants",
                "Try again when the other tenant's processes have ended, or run it on a machine with user namespaces.",
            ),
            Self::Program { .. } => {
                (ErrorKind::NotFound, false, "no_program", "Install it, or correct `runtime` in the node's manifest.")
            }
            Self::Changed { .. } => (
                ErrorKind::Internal,
                false,
                "changed",
                "See what differs with `akao verify`, then install the package or start the workflow again.",
            ),
            Self::NoRoom { .. } => (
                ErrorKind::Resource,
                true,
                "no_room",
                "Try again later, or lower `runtime.instances.max` of the nodes.",
            ),
            Self::Failed { .. } => (
                ErrorKind::Internal,
                true,
                "not_started",
                "Look at the system log; docs/sandbox.md says what a machine needs.",
            ),
        };
        let mut error = StepError::new(kind, self.to_string());
        error.retryable = retryable;
        error.with_detail("reason", reason).with_suggestion(suggestion)
    }
}

/// Starts processes.
pub trait Launch: Send + Sync {
    /// Starts one. A future that is dropped leaves nothing behind.
    fn start<'a>(&'a self, spec: &'a ProcessSpec) -> BoxFuture<'a, Result<Started, LaunchError>>;
}
