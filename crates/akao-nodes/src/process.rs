//! A sandbox as the process manager sees it.

use crate::audit::{Audit, AuditEvent, Subject};
use akao_broker::Attached;
use akao_runtime::{EndCause, Ended, Kill, Process, Usage};
use akao_sandbox::{Cause, Sandboxed, WaitError};
use akao_step::BoxFuture;
use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tokio::io::unix::AsyncFd;

/// A node's process in its sandbox, with its network. Dropping it ends both.
pub(crate) struct SandboxedProcess {
    sandboxed: Mutex<Sandboxed>,
    pid: u32,
    /// Readable when the sandbox has something to say.
    status: AsyncFd<OwnedFd>,
    network: Mutex<Option<Attached>>,
    subject: Subject,
    audit: Arc<dyn Audit>,
    is_told: AtomicBool,
}

impl SandboxedProcess {
    pub(crate) fn new(
        sandboxed: Sandboxed,
        network: Option<Attached>,
        subject: Subject,
        audit: Arc<dyn Audit>,
    ) -> io::Result<Self> {
        #[expect(deprecated, reason = "what the newer, unsafe call asks for holds for every owned descriptor")]
        let status = AsyncFd::new(sandboxed.status_fd().try_clone_to_owned()?)?;
        Ok(Self {
            pid: sandboxed.pid(),
            sandboxed: Mutex::new(sandboxed),
            status,
            network: Mutex::new(network),
            subject,
            audit,
            is_told: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Sandboxed> {
        self.sandboxed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end, if it is known by now.
    fn end(&self) -> Option<Ended> {
        match self.lock().wait_until(Instant::now()) {
            Ok(ended) => Some(Ended { cause: cause_of(ended.cause), usage: usage_of(ended.usage) }),
            Err(WaitError::NotYet) => None,
            // Its sandboxes end with the spawner.
            Err(WaitError::SpawnerGone | WaitError::Wait(_)) => {
                Some(Ended { cause: EndCause::Unknown, usage: Usage::default() })
            }
        }
    }

    async fn wait(&self) -> Ended {
        loop {
            if let Some(ended) = self.end() {
                self.tell(&ended);
                return ended;
            }
            match self.status.readable().await {
                Ok(mut guard) => guard.clear_ready(),
                Err(_) => return Ended { cause: EndCause::Unknown, usage: Usage::default() },
            }
            // What came between the look above and the clearing must not be waited for.
            if let Some(ended) = self.end() {
                self.tell(&ended);
                return ended;
            }
        }
    }

    /// Lets go of the network and records the end, once.
    fn tell(&self, ended: &Ended) {
        self.network.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.is_told.swap(true, Ordering::AcqRel) {
            return;
        }
        let cause = match ended.cause {
            EndCause::Exited(code) => format!("exited {code}"),
            EndCause::Signal(signal) => format!("signal {signal}"),
            EndCause::Memory => "memory".to_owned(),
            EndCause::Pids => "pids".to_owned(),
            EndCause::Disk => "disk".to_owned(),
            EndCause::Deadline => "deadline".to_owned(),
            EndCause::Killed => "killed".to_owned(),
            EndCause::Unknown => "unknown".to_owned(),
        };
        let Usage { cpu_ms, memory_peak_bytes, .. } = ended.usage;
        self.audit.record(&self.subject, AuditEvent::Ended { cause, cpu_ms, memory_peak_bytes });
    }
}

impl Process for SandboxedProcess {
    fn id(&self) -> u32 {
        self.pid
    }

    fn kill(&self, how: Kill) {
        let mut sandboxed = self.lock();
        // A process that cannot be reached any more has ended.
        let _ = match how {
            Kill::Ask => sandboxed.terminate(),
            Kill::Now => sandboxed.kill(),
        };
    }

    fn ended(&self) -> BoxFuture<'_, Ended> {
        Box::pin(self.wait())
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.lock().memory_now()
    }

    fn usage(&self) -> Option<Usage> {
        self.lock().usage_now().map(usage_of)
    }
}

fn cause_of(cause: Cause) -> EndCause {
    match cause {
        Cause::Exited(code) => EndCause::Exited(code),
        Cause::Signalled(signal) => EndCause::Signal(signal),
        Cause::Memory => EndCause::Memory,
        Cause::Pids => EndCause::Pids,
        Cause::Disk => EndCause::Disk,
        Cause::Deadline => EndCause::Deadline,
        Cause::Killed => EndCause::Killed,
        Cause::Lost => EndCause::Unknown,
    }
}

fn usage_of(usage: akao_sandbox::Usage) -> Usage {
    Usage { cpu_ms: usage.cpu_us / 1000, memory_peak_bytes: usage.memory_bytes_peak, pids_peak: usage.pids_peak }
}
