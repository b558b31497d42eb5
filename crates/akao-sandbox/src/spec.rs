//! What a caller asks for: plain data that is not changed any more once a sandbox is made from it.

use crate::error::SpawnError;
use akao_spawner::wire::{self, Order};
pub use akao_spawner::wire::{Limits, Network, Profile};
use rustix::fd::OwnedFd;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

/// Numbers of passed descriptors are smaller than this.
const DESCRIPTOR_NUMBERS: u32 = 128;
/// The most ports a brokered network may have.
const PORTS_MAX: usize = 32;

/// The most programs that are named beside the command.
const PROGRAMS_MAX: usize = 64;

/// A process to be: what it runs, what it sees, what it may use.
#[derive(Debug)]
pub struct SpawnSpec {
    /// The program.
    pub command: Command,
    /// Its arguments, without its own name.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder it starts in.
    pub working_folder: PathBuf,
    /// Trees and files of the host that it sees besides the base view.
    pub binds: Vec<Bind>,
    /// Where its `/workspace` comes from.
    pub workspace: Workspace,
    /// What it may use.
    pub limits: Limits,
    /// What it has of the network.
    pub network: Network,
    /// Whether it may run other programs.
    pub allow_exec: bool,
    /// Programs that it may run where it may not run all: names without a path, found by `PATH` of the environment. Holds
    /// where the kernel has Landlock; a name that is not found gives nothing.
    pub programs: Vec<OsString>,
    /// Which list of system calls holds.
    pub profile: Profile,
    /// For whom it runs. In T2, where sandboxes have no namespaces, one of another mark is not made while any lives.
    pub mark: String,
    /// Layers that a test switches off.
    #[cfg(feature = "weaken")]
    pub weaken: Option<wire::Weaken>,
}

/// A program.
#[derive(Debug)]
pub enum Command {
    /// A path inside the sandbox.
    Path(PathBuf),
    /// A file that is open already, with the name it is called by.
    File(OwnedFd, OsString),
}

/// Something of the host that is shown inside.
#[derive(Debug)]
pub struct Bind {
    /// What it is.
    pub source: Source,
    /// The absolute path inside.
    pub target: PathBuf,
    /// Whether it cannot be written.
    pub read_only: bool,
    /// Whether programs in it may be run, as far as the specification lets any be run.
    pub exec: bool,
}

/// A file or folder of the host.
#[derive(Debug)]
pub enum Source {
    /// By its path, in which no part may be a link.
    Path(PathBuf),
    /// Opened already, with the name under which it stands in the specification's hash.
    Opened(OwnedFd, PathBuf),
}

impl Source {
    /// The name of it.
    pub fn name(&self) -> &Path {
        match self {
            Self::Path(path) | Self::Opened(_, path) => path,
        }
    }
}

/// Where `/workspace` comes from.
#[derive(Debug)]
pub enum Workspace {
    /// Memory, up to so many bytes; it counts as the sandbox's memory and is gone with it.
    Memory(u64),
    /// A folder of the host, which shows to the sandbox as its own.
    Host(Source),
}

impl SpawnSpec {
    /// A specification with the default limits, without network, files or other programs.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            arguments: Vec::new(),
            environment: Vec::new(),
            working_folder: PathBuf::from("/workspace"),
            binds: Vec::new(),
            workspace: Workspace::Memory(Limits::DEFAULT.disk_bytes),
            limits: Limits::DEFAULT,
            network: Network::None,
            allow_exec: false,
            programs: Vec::new(),
            profile: Profile::Base,
            mark: String::new(),
            #[cfg(feature = "weaken")]
            weaken: None,
        }
    }

    /// The hash by which the specification is named in an audit: SHA-256 over all that it says. Of what it passes open,
    /// the name counts.
    pub fn hash(&self) -> [u8; 32] {
        #[derive(Serialize)]
        struct Hashed<'a> {
            order: Order,
            command: Option<&'a [u8]>,
            sources: Vec<&'a [u8]>,
            workspace: Option<&'a [u8]>,
        }
        let hashed = Hashed {
            order: self.order(&[]),
            command: match &self.command {
                Command::Path(_) => None,
                Command::File(_, name) => Some(name.as_bytes()),
            },
            sources: self.binds.iter().map(|bind| bind.source.name().as_os_str().as_bytes()).collect(),
            workspace: match &self.workspace {
                Workspace::Memory(_) => None,
                Workspace::Host(source) => Some(source.name().as_os_str().as_bytes()),
            },
        };
        Sha256::digest(wire::encode(&hashed)).into()
    }

    /// The message that asks for it; `numbers` are those of the passed descriptors.
    pub(crate) fn order(&self, numbers: &[u32]) -> Order {
        let name = match &self.command {
            Command::Path(path) => path.as_os_str().as_bytes().to_vec(),
            Command::File(_, name) => name.as_bytes().to_vec(),
        };
        let rest = self.arguments.iter().map(|argument| argument.as_bytes().to_vec());
        Order {
            command: match &self.command {
                Command::Path(path) => wire::Command::Path(path.as_os_str().as_bytes().to_vec()),
                Command::File(..) => wire::Command::Descriptor,
            },
            arguments: std::iter::once(name).chain(rest).collect(),
            environment: self.environment.iter().map(|(name, value)| variable(name, value)).collect(),
            working_folder: self.working_folder.as_os_str().as_bytes().to_vec(),
            binds: self.binds.iter().map(|bind| bind.order(self.allow_exec)).collect(),
            workspace: match &self.workspace {
                Workspace::Memory(bytes) => wire::Workspace::Memory(*bytes),
                Workspace::Host(_) => wire::Workspace::Host,
            },
            limits: self.limits,
            network: self.network.clone(),
            allow_exec: self.allow_exec,
            programs: self.programs.iter().map(|name| name.as_bytes().to_vec()).collect(),
            profile: self.profile,
            descriptors: numbers.to_vec(),
            mark: self.mark.as_bytes().to_vec(),
            #[cfg(feature = "weaken")]
            weaken: self.weaken,
            #[cfg(not(feature = "weaken"))]
            weaken: None,
        }
    }

    /// Refuses what could not be carried out as it is meant.
    pub(crate) fn check(&self, numbers: &[u32]) -> Result<(), SpawnError> {
        let refuse = |what, value: String| Err(SpawnError::Spec { what, value });
        for bind in &self.binds {
            let plain = bind.target.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
            if !bind.target.is_absolute() || !plain || bind.target.parent().is_none() {
                return refuse("the target of a bind", bind.target.display().to_string());
            }
        }
        if let Some((name, _)) = self.environment.iter().find(|(name, _)| !is_name(name.as_bytes())) {
            return refuse("a variable's name", name.display().to_string());
        }
        if self.programs.len() > PROGRAMS_MAX {
            return refuse("a number of programs", self.programs.len().to_string());
        }
        if let Some(name) = self.programs.iter().find(|name| name.is_empty() || name.as_bytes().contains(&b'/')) {
            return refuse("a program's name", name.display().to_string());
        }
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable();
        if let Some(number) = sorted.iter().find(|number| **number == 0 || **number >= DESCRIPTOR_NUMBERS) {
            return refuse("a descriptor's number", number.to_string());
        }
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return refuse("a descriptor's number twice", pair[0].to_string());
        }
        match &self.network {
            Network::Brokered { tcp_ports } if tcp_ports.len() > PORTS_MAX => {
                refuse("a number of ports", tcp_ports.len().to_string())
            }
            Network::Brokered { tcp_ports } if tcp_ports.contains(&0) => refuse("a port", "0".to_owned()),
            _ if self.limits.pids == 0 => refuse("a limit of processes", "0".to_owned()),
            _ if self.limits.memory_bytes == 0 => refuse("a limit of memory", "0".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Bind {
    fn order(&self, allow_exec: bool) -> wire::Bind {
        // A program's own tree must be runnable for the program itself to run; Landlock then narrows it to that.
        let exec = self.exec && (allow_exec || self.read_only);
        wire::Bind { target: self.target.as_os_str().as_bytes().to_vec(), read_only: self.read_only, exec }
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'=') && !name.contains(&0)
}

fn variable(name: &OsStr, value: &OsStr) -> Vec<u8> {
    let mut text = name.as_bytes().to_vec();
    text.push(b'=');
    text.extend(value.as_bytes());
    text
}
