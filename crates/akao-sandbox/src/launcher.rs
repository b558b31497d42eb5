//! The launcher: it runs the spawner, learns what the machine can enforce, and sends orders.

use crate::{
    bare::BareFolder,
    base::BaseView,
    embedded,
    error::{SpawnError, StartError, WaitError},
    sandboxed::{Parts, Sandboxed, await_readable},
    source,
    spec::{Command, Network, SpawnSpec},
    tier::{Tier, TierReport},
};
use akao_spawner::wire::{self, Failure, Hello, Settings};
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use std::{
    io,
    path::PathBuf,
    process::{Child, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

/// How long the spawner may take to say what it found.
const HELLO_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to clear everything away at the end, before it is killed.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const CLOSE_STEP: Duration = Duration::from_millis(2);

/// How a launcher works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Host user ids that nothing else on this machine has, for sandboxes when running as root: the first, and how many.
    pub identities: (u32, u32),
    /// The least that this machine must enforce.
    pub minimum: Tier,
    /// How many prepared sandboxes wait.
    pub pool_size: u32,
    /// Where sandboxes take their programs from.
    pub base: BaseView,
    /// Whether control groups may be used.
    pub control_groups: bool,
    /// Where the folders of sandboxes stand that have no mounts of their own, in T2.
    pub bare_folders: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            identities: (524_288, 65_536),
            minimum: Tier::T1,
            pool_size: 2,
            base: BaseView::host(),
            control_groups: true,
            bare_folders: PathBuf::from("/tmp"),
        }
    }
}

/// Makes sandboxes. When it is dropped, or its process ends in any way, all of them end.
#[derive(Debug)]
pub struct Launcher {
    /// Taken at the end, which tells the spawner.
    control: Option<OwnedFd>,
    spawner: Mutex<Child>,
    report: TierReport,
    /// Of sandboxes without namespaces; removed when the spawner is gone.
    bare: Option<BareFolder>,
}

impl Launcher {
    /// Runs the spawner and finds out what this machine can enforce.
    ///
    /// Raises this process's own limit of open files to the most that it may be. By that limit the kernel decides whether it
    /// may pass descriptors to the spawner, and without root it counts those that are under way in sandboxes with it: a
    /// program that is allowed more open files than this process could keep every further sandbox from being made.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let files = getrlimit(Resource::Nofile).maximum;
        // A refusal leaves what there is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: files, maximum: files });
        let launcher = Self::start_as(&options, None)?;
        let launcher = match launcher.report.tier {
            Tier::T2 if options.minimum >= Tier::T2 && options.base.is_host() => launcher.instead(&options)?,
            _ => launcher,
        };
        if launcher.report.tier > options.minimum {
            let report = Box::new(launcher.report.clone());
            return Err(StartError::Tier { minimum: options.minimum, report });
        }
        Ok(launcher)
    }

    /// A launcher that makes sandboxes without namespaces, in place of one that could make none.
    fn instead(self, options: &Options) -> Result<Self, StartError> {
        let folder = BareFolder::new(&options.bare_folders)
            .map_err(|cause| StartError::Folder { path: options.bare_folders.clone(), cause })?;
        let found = self.report.clone();
        // Two spawners of one host would wait for each other's locks.
        drop(self);
        let mut launcher = Self::start_as(options, Some(folder))?;
        let failure = launcher.report.findings.iter().find_map(|finding| finding.failure);
        launcher.report = found.tried_bare(failure);
        Ok(launcher)
    }

    fn start_as(options: &Options, bare: Option<BareFolder>) -> Result<Self, StartError> {
        let (control, theirs) = pair().map_err(StartError::Run)?;
        let program = embedded::spawner().map_err(StartError::Run)?;
        let spawner = std::process::Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(StartError::Run)?;
        let hello = introduce(&control, options, bare.as_ref())?;
        let no_report = TierReport::new(&hello, None);
        let mut launcher = Self { control: Some(control), spawner: Mutex::new(spawner), report: no_report, bare };
        if hello.failure.is_none() {
            let trial = launcher.trial()?;
            launcher.report = TierReport::new(&hello, trial);
        }
        Ok(launcher)
    }

    /// The spawner's process, for display.
    pub fn spawner_pid(&self) -> u32 {
        self.spawner.lock().unwrap_or_else(std::sync::PoisonError::into_inner).id()
    }

    /// Whether the spawner has ended, so that nothing can be made any more.
    pub fn is_gone(&self) -> bool {
        let mut spawner = self.spawner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // What cannot be asked for is taken to be there; making something says the rest.
        spawner.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// What this machine enforces.
    pub fn tier(&self) -> &TierReport {
        &self.report
    }

    /// Makes a sandbox. `descriptors` get the given numbers inside; where 1 or 2 is not among them, a pipe is made.
    ///
    /// When this returns an error, nothing of the sandbox runs.
    pub fn spawn(&self, spec: SpawnSpec, descriptors: Vec<(u32, OwnedFd)>) -> Result<Sandboxed, SpawnError> {
        if !self.report.runs_programs {
            return Err(SpawnError::Tier(self.report.tier));
        }
        if self.bare.is_some() && spec.network != Network::None {
            return Err(SpawnError::NoNetwork);
        }
        self.order(spec, descriptors)
    }

    fn order(&self, spec: SpawnSpec, mut descriptors: Vec<(u32, OwnedFd)>) -> Result<Sandboxed, SpawnError> {
        let gone = |errno: Errno| SpawnError::SpawnerGone(errno.into());
        let stdout = pipe_for(1, &mut descriptors).map_err(gone)?;
        let stderr = pipe_for(2, &mut descriptors).map_err(gone)?;
        let numbers: Vec<u32> = descriptors.iter().map(|(number, _)| *number).collect();
        spec.check(&numbers)?;
        let hash = spec.hash();
        let ports = match &spec.network {
            Network::None => Vec::new(),
            Network::Brokered { tcp_ports } => tcp_ports.clone(),
        };
        let bytes = wire::encode(&spec.order(&numbers));
        let opened = source::open_all(spec)?;
        let (status, theirs) = pair().map_err(SpawnError::SpawnerGone)?;
        let mut passed = vec![theirs.as_fd()];
        passed.extend(opened.iter().map(AsFd::as_fd));
        passed.extend(descriptors.iter().map(|(_, descriptor)| descriptor.as_fd()));
        let control = self.control.as_ref().expect("the socket is there until the launcher is dropped");
        match wire::send(control, &bytes, &passed) {
            Ok(()) => {}
            Err(Errno::MSGSIZE) => return Err(SpawnError::TooLarge(bytes.len())),
            Err(errno) => return Err(gone(errno)),
        }
        // Our copies would keep pipes open and hide the spawner's end.
        drop((theirs, opened, descriptors));
        let is_bare = self.bare.is_some();
        Sandboxed::await_running(Parts { status, stdout, stderr, ports, hash, is_bare })
    }

    /// Runs the probe in a sandbox that uses everything; returns the step that failed.
    fn trial(&self) -> Result<Option<Failure>, StartError> {
        let probe = embedded::probe().map_err(StartError::Run)?;
        let mut spec = SpawnSpec::new(Command::File(probe, "akao-probe".into()));
        spec.arguments = vec!["nothing".into()];
        if self.bare.is_none() {
            spec.network = Network::Brokered { tcp_ports: vec![443] };
        }
        match self.order(spec, Vec::new()) {
            Ok(mut sandboxed) => sandboxed.wait_until(Instant::now() + HELLO_WITHIN).map(|_| None).map_err(unheard),
            Err(SpawnError::Stage { failure, .. }) => Ok(Some(failure)),
            Err(_) => Err(StartError::Silent(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // The end of this socket is the spawner's sign to end everything.
        self.control = None;
        let spawner = self.spawner.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let until = Instant::now() + CLOSE_WITHIN;
        while matches!(spawner.try_wait(), Ok(None)) {
            if Instant::now() > until {
                // Its sandboxes end with it.
                let _ = spawner.kill();
                let _ = spawner.wait();
                break;
            }
            std::thread::sleep(CLOSE_STEP);
        }
    }
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// A pipe whose writing end gets `number` inside, unless the caller passes something by that number.
fn pipe_for(number: u32, descriptors: &mut Vec<(u32, OwnedFd)>) -> Result<Option<OwnedFd>, Errno> {
    if descriptors.iter().any(|(taken, _)| *taken == number) {
        return Ok(None);
    }
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    descriptors.push((number, write));
    Ok(Some(read))
}

/// Tells the spawner its settings and hears what it found.
fn introduce(control: &OwnedFd, options: &Options, bare: Option<&BareFolder>) -> Result<Hello, StartError> {
    let (base, mut passed) = options.base.entries()?;
    let (copied, files) = options.base.copied()?;
    passed.extend(files);
    if bare.is_some() {
        passed.extend(options.base.opened()?);
    }
    let settings = Settings {
        identity_start: options.identities.0,
        identity_count: options.identities.1,
        pool_size: options.pool_size,
        base,
        etc: options.base.etc(),
        copied,
        control_groups: options.control_groups,
        bare: bare.map(BareFolder::name),
    };
    let silent = |errno: Errno| StartError::Silent(errno.into());
    let mut passed: Vec<_> = passed.iter().map(AsFd::as_fd).collect();
    passed.extend(bare.map(BareFolder::opened));
    wire::send(control, &wire::encode(&settings), &passed).map_err(silent)?;
    await_readable(control, Some(Instant::now() + HELLO_WITHIN)).map_err(unheard)?;
    let (bytes, _) = wire::receive(control).map_err(silent)?.ok_or_else(|| silent(Errno::PIPE))?;
    wire::decode(&bytes).map_err(silent)
}

/// An answer of the spawner that did not come.
fn unheard(error: WaitError) -> StartError {
    match error {
        WaitError::Wait(cause) => StartError::Silent(cause),
        WaitError::NotYet => StartError::Silent(io::ErrorKind::TimedOut.into()),
        WaitError::SpawnerGone => StartError::Silent(io::ErrorKind::UnexpectedEof.into()),
    }
}
