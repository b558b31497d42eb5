//! A launcher without isolation: the interpreter in a process group of its own, with its socket as descriptor 3.

use akao_runtime::{EndCause, Ended, Kill, Launch, LaunchError, Process, ProcessSpec, Started, Usage};
use akao_step::BoxFuture;
use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal};
use std::{
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{net::UnixStream, process::Command, sync::watch};

/// The interpreter of the tests' node.
const INTERPRETER: &str = "/usr/bin/python3";

/// Codes by which the node asks to be taken for one that reached a limit.
const LIMITS: [(i32, EndCause); 3] = [(91, EndCause::Memory), (92, EndCause::Pids), (93, EndCause::Deadline)];

/// Starts plain processes and remembers them.
#[derive(Default)]
pub(crate) struct PlainLaunch {
    /// Every process that was started.
    pub(crate) started: Mutex<Vec<u32>>,
    /// Every specification that a process was started from.
    pub(crate) specs: Mutex<Vec<ProcessSpec>>,
    /// Starts that fail.
    pub(crate) fails: Mutex<Option<LaunchError>>,
}

impl PlainLaunch {
    pub(crate) fn count(&self) -> usize {
        self.started.lock().unwrap().len()
    }

    pub(crate) fn alive(&self) -> Vec<u32> {
        self.started.lock().unwrap().iter().copied().filter(|process| super::is_alive(*process)).collect()
    }

    fn spawn(&self, spec: &ProcessSpec) -> std::io::Result<Started> {
        let (host, node) = std::os::unix::net::UnixStream::pair()?;
        host.set_nonblocking(true)?;
        let workspace = tempfile::tempdir()?;
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let opened = rustix::fs::open(workspace.path(), flags, rustix::fs::Mode::empty())?;
        let mut command = Command::new(INTERPRETER);
        command
            .args(["-I", "-S", "-B"])
            .arg(spec.folder.join(&spec.command))
            .args(&spec.args)
            .env_clear()
            .envs(spec.environment.iter().cloned())
            .current_dir(workspace.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mapping = FdMapping { parent_fd: OwnedFd::from(node), child_fd: 3 };
        command.as_std_mut().fd_mappings(vec![mapping]).map_err(std::io::Error::other)?;
        let mut child = command.spawn()?;
        let id = child.id().unwrap_or_default();
        self.started.lock().unwrap().push(id);
        self.specs.lock().unwrap().push(spec.clone());
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let was_killed = Arc::new(AtomicBool::new(false));
        let (sender, end) = watch::channel(None);
        let killed = Arc::clone(&was_killed);
        tokio::spawn(async move {
            let status = child.wait().await;
            // Whatever it started goes with it.
            kill_group(id);
            let cause = status.map_or(EndCause::Unknown, |status| cause_of(status, killed.load(Ordering::Acquire)));
            let usage = Usage { cpu_ms: 1, memory_peak_bytes: 2, pids_peak: 3 };
            sender.send_replace(Some(Ended { cause, usage }));
        });
        Ok(Started {
            socket: UnixStream::from_std(host)?,
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            workspace: Some(opened),
            process: Box::new(PlainProcess { id, was_killed, end, _workspace: workspace }),
        })
    }
}

fn kill_group(id: u32) {
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
}

fn cause_of(status: ExitStatus, was_killed: bool) -> EndCause {
    match (status.code(), status.signal()) {
        (Some(code), _) => {
            LIMITS.iter().find(|(limit, _)| *limit == code).map_or(EndCause::Exited(code), |(_, cause)| *cause)
        }
        (None, Some(_)) if was_killed => EndCause::Killed,
        (None, Some(signal)) => EndCause::Signal(signal),
        (None, None) => EndCause::Unknown,
    }
}

impl Launch for PlainLaunch {
    fn start<'a>(&'a self, spec: &'a ProcessSpec) -> BoxFuture<'a, Result<Started, LaunchError>> {
        Box::pin(async move {
            if let Some(error) = self.fails.lock().unwrap().clone() {
                return Err(error);
            }
            let failed =
                |error: std::io::Error| LaunchError::Failed { stage: "spawn".to_owned(), reason: error.to_string() };
            self.spawn(spec).map_err(failed)
        })
    }
}

struct PlainProcess {
    id: u32,
    was_killed: Arc<AtomicBool>,
    end: watch::Receiver<Option<Ended>>,
    _workspace: tempfile::TempDir,
}

impl Process for PlainProcess {
    fn id(&self) -> u32 {
        self.id
    }

    fn kill(&self, how: Kill) {
        if self.end.borrow().is_some() {
            return;
        }
        self.was_killed.store(true, Ordering::Release);
        match (how, i32::try_from(self.id).ok().and_then(Pid::from_raw)) {
            (Kill::Now, _) => kill_group(self.id),
            (Kill::Ask, Some(process)) => drop(rustix::process::kill_process(process, Signal::TERM)),
            (Kill::Ask, None) => {}
        }
    }

    fn ended(&self) -> BoxFuture<'_, Ended> {
        let mut end = self.end.clone();
        Box::pin(async move {
            let unknown = Ended { cause: EndCause::Unknown, usage: Usage::default() };
            end.wait_for(Option::is_some).await.map_or(unknown, |end| end.unwrap_or(unknown))
        })
    }

    fn memory_bytes(&self) -> Option<u64> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.id)).ok()?;
        Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
    }

    fn usage(&self) -> Option<Usage> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id)).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        let cpu_ms = (ticks()? + ticks()?) * 10;
        Some(Usage { cpu_ms, memory_peak_bytes: self.memory_bytes()?, pids_peak: 1 })
    }
}

impl Drop for PlainProcess {
    fn drop(&mut self) {
        if self.end.borrow().is_none() {
            kill_group(self.id);
        }
    }
}
