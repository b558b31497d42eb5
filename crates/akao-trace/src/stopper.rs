//! Ends a program that is being followed, from another thread.

use rustix::{
    fd::OwnedFd,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Ends a program that is being followed. What it did until then is told all the same.
#[derive(Debug, Default)]
pub struct Stopper {
    /// The program's own process; by a descriptor, since its number may be somebody else's once it has ended.
    process: Mutex<Option<OwnedFd>>,
    asked: AtomicBool,
}

impl Stopper {
    /// Asks the program to end. It may take its time or not listen.
    pub fn ask(&self) {
        self.send(Signal::TERM);
    }

    /// Ends the program at once.
    pub fn kill(&self) {
        self.send(Signal::KILL);
    }

    fn send(&self, signal: Signal) {
        self.asked.store(true, Ordering::SeqCst);
        if let Some(process) = self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // It may have ended meanwhile, which is what is wanted.
            let _ = pidfd_send_signal(process, signal);
        }
    }

    /// Whether somebody wants an end.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn watch(&self, process: Pid) {
        let opened = pidfd_open(process, PidfdFlags::empty()).ok();
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = opened;
        // Whoever asked before there was a process is heard now.
        if self.is_asked() {
            self.kill();
        }
    }

    pub(crate) fn forget(&self) {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
