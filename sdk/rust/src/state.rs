//! What the threads of one conversation share.

use crate::{
    context::{Context, CREDIT_BYTES_START},
    failure::{Failure, Kind},
    node::Node,
    serve::Package,
    wire::{Line, Lines, Writer, MESSAGE_BYTES_MAX},
};
use serde_json::{json, Map, Value};
use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError,
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

const DRAIN_MAX: Duration = Duration::from_secs(2);
const DRAIN_POLL: Duration = Duration::from_millis(1);

/// One call.
pub(crate) struct Job {
    pub(crate) node: usize,
    pub(crate) context: Arc<Context>,
    /// Taken when the work begins.
    pub(crate) parameters: Mutex<Option<Map<String, Value>>>,
}

/// What changes.
pub(crate) struct State {
    pub(crate) is_ready: bool,
    pub(crate) concurrency: usize,
    pub(crate) jobs: BTreeMap<String, Arc<Job>>,
    /// Calls that have not begun.
    pub(crate) queue: VecDeque<Arc<Job>>,
    credit: BTreeMap<(String, String), usize>,
    /// Answers of the host that are waited for, and those that have come.
    pub(crate) answers: BTreeMap<String, Option<Map<String, Value>>>,
    calls: u64,
    /// Threads that wait for work, and whether one of them is on its way.
    idle: usize,
    is_waking: bool,
    pub(crate) stop_id: Option<String>,
    pub(crate) is_stopping: bool,
    /// The exit code, once the conversation has ended.
    pub(crate) exit: Option<u8>,
    // Who reads and who works; see `turns.rs`. The turn rises when the reading changes hands.
    pub(crate) is_separate: bool,
    pub(crate) turn: u64,
    pub(crate) busy_turn: u64,
    pub(crate) is_busy: bool,
    /// The thread that works and reads in turn.
    pub(crate) busy_thread: Option<ThreadId>,
    pub(crate) is_waiting_inside: bool,
    pub(crate) serial: u64,
    pub(crate) is_watching: bool,
    pub(crate) has_watcher: bool,
    /// A thread that cannot read waits for the host, so that the other one should read at once.
    pub(crate) wants_reader: bool,
}

impl State {
    /// Whether the thread reads on which the conversation began; the other one has the odd turns.
    pub(crate) fn is_home_turn(&self) -> bool {
        self.turn % 2 == 0
    }

    pub(crate) fn credit(&self, id: &str, stream: &str) -> usize {
        self.credit.get(&(id.to_owned(), stream.to_owned())).copied().unwrap_or(CREDIT_BYTES_START)
    }

    pub(crate) fn set_credit(&mut self, id: &str, stream: &str, bytes: usize) {
        self.credit.insert((id.to_owned(), stream.to_owned()), bytes);
    }

    /// Whether a thread is to be woken for what is queued; whoever asks rings then.
    fn calls_another(&mut self) -> bool {
        let calls = !self.queue.is_empty() && self.idle > 0 && !self.is_waking;
        self.is_waking |= calls;
        calls
    }

    pub(crate) fn forget(&mut self, id: &str) -> Option<Arc<Job>> {
        if !self.credit.is_empty() {
            self.credit.retain(|(owner, _), _| owner != id);
        }
        self.jobs.remove(id)
    }
}

/// What the threads share.
pub(crate) struct Shared {
    pub(crate) package: Package,
    pub(crate) nodes: Vec<Node>,
    pub(crate) workspace: PathBuf,
    /// Named by the handshake, for as long as the process lives.
    pub(crate) tenant: OnceLock<String>,
    /// How long messages may be, as the handshake agreed.
    pub(crate) message_bytes_max: AtomicUsize,
    /// Whether the process may be ended with the conversation; a test's may not.
    pub(crate) may_leave: bool,
    pub(crate) lines: Mutex<Lines>,
    writer: Mutex<Writer>,
    state: Mutex<State>,
    /// Rings at every change that somebody may wait for.
    changed: Condvar,
    /// Rung for those who wait for work when several calls run at once.
    queued: Condvar,
}

impl Shared {
    pub(crate) fn new(
        lines: Lines,
        writer: Writer,
        package: Package,
        nodes: Vec<Node>,
        workspace: PathBuf,
        may_leave: bool,
    ) -> Arc<Self> {
        let state = State {
            is_ready: false,
            concurrency: 1,
            jobs: BTreeMap::new(),
            queue: VecDeque::new(),
            credit: BTreeMap::new(),
            answers: BTreeMap::new(),
            calls: 0,
            idle: 0,
            is_waking: false,
            stop_id: None,
            is_stopping: false,
            exit: None,
            is_separate: false,
            turn: 0,
            busy_turn: 0,
            is_busy: false,
            busy_thread: None,
            is_waiting_inside: false,
            serial: 0,
            is_watching: false,
            has_watcher: false,
            wants_reader: false,
        };
        Arc::new(Self {
            package,
            nodes,
            workspace,
            tenant: OnceLock::new(),
            message_bytes_max: AtomicUsize::new(MESSAGE_BYTES_MAX),
            may_leave,
            lines: Mutex::new(lines),
            writer: Mutex::new(writer),
            state: Mutex::new(state),
            changed: Condvar::new(),
            queued: Condvar::new(),
        })
    }

    /// The state. Work that panics holds no lock, so a poisoned one is as good as another.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done` gives something, on another thread than the one that reads.
    pub(crate) fn sleep_until<T>(&self, mut done: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut state = self.state();
        loop {
            if let Some(value) = done(&mut state) {
                return value;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until `done`, or for that time.
    pub(crate) fn sleep_at_most(&self, time: Duration, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.state(), time, |state| !done(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Lets everybody who waits look again.
    pub(crate) fn ring(&self) {
        self.changed.notify_all();
        self.queued.notify_all();
    }

    /// Wakes one of those who wait for work, where there is some; it wakes the next one when there is more. Says whether one
    /// is on its way, because that one also writes what is held.
    pub(crate) fn ring_for_work(&self) -> bool {
        let mut state = self.state();
        let calls = state.calls_another();
        let is_waking = state.is_waking;
        drop(state);
        if calls {
            self.queued.notify_one();
        }
        is_waking
    }

    /// The next call to work on; nothing once the conversation has ended. What is held has been written by then, or another
    /// thread is on its way that writes it: the call may take long.
    pub(crate) fn next_job(&self) -> Option<Arc<Job>> {
        let mut state = self.state();
        loop {
            if state.exit.is_some() {
                return None;
            }
            if let Some(job) = state.queue.pop_front() {
                let (calls, is_waking) = (state.calls_another(), state.is_waking);
                drop(state);
                match (calls, is_waking) {
                    (true, _) => self.queued.notify_one(),
                    (false, true) => {}
                    (false, false) => self.flush(),
                }
                return Some(job);
            }
            drop(state);
            self.flush();
            state = self.state();
            if state.queue.is_empty() && state.exit.is_none() {
                state.idle += 1;
                state = self.queued.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                state.is_waking = false;
                drop(state);
                self.flush();
                state = self.state();
            }
        }
    }

    /// Keeps a line to be written together with the next ones.
    pub(crate) fn hold(&self, line: &str) {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).hold(line);
    }

    /// Writes what is held.
    pub(crate) fn flush(&self) {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }

    /// Writes what is held and waits for whoever else writes, but not for long: the host may read no more.
    pub(crate) fn drain(&self) {
        let until = Instant::now() + DRAIN_MAX;
        while Instant::now() < until {
            match self.writer.try_lock() {
                Ok(mut writer) => return writer.flush(),
                Err(TryLockError::Poisoned(writer)) => return writer.into_inner().flush(),
                Err(TryLockError::WouldBlock) => thread::sleep(DRAIN_POLL),
            }
        }
    }

    /// How long a message may be.
    pub(crate) fn bytes_max(&self) -> usize {
        self.message_bytes_max.load(Ordering::Acquire)
    }

    fn send(&self, line: &str) -> Result<(), Failure> {
        let bytes_max = self.bytes_max();
        if line.len() > bytes_max {
            let message = format!("a message of {} bytes is over the bound of {bytes_max}", line.len());
            return Err(Failure::new(Kind::Resource, message));
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.hold(line);
        writer.flush();
        Ok(())
    }

    /// Sends a notification at once.
    pub(crate) fn notify(&self, method: &str, params: &Value) -> Result<(), Failure> {
        self.send(&format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#))
    }

    /// Asks the host and waits for its answer.
    pub(crate) fn ask(
        self: &Arc<Self>,
        context: &Context,
        method: &str,
        params: &Value,
    ) -> Result<Map<String, Value>, Failure> {
        let id = {
            let mut state = self.state();
            state.calls += 1;
            let id = format!("n{}", state.calls);
            state.answers.insert(id.clone(), None);
            id
        };
        let sent = self.send(&format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{params}}}"#));
        let answer = sent.map(|()| {
            self.wait(|state| {
                let answer = state.answers.get_mut(&id).and_then(Option::take);
                (answer.is_some() || context.cancelled()).then_some(answer)
            })
        });
        self.state().answers.remove(&id);
        answer?.flatten().ok_or_else(Failure::cancelled)
    }

    /// Adds to a stream's credit.
    pub(crate) fn grant(&self, id: &str, stream: &str, bytes: usize) {
        let mut state = self.state();
        if state.jobs.contains_key(id) {
            let credit = state.credit(id, stream).saturating_add(bytes);
            state.set_credit(id, stream, credit);
        }
        drop(state);
        self.ring();
    }

    /// Reads one line; only the thread that reads calls this.
    pub(crate) fn read(&self) -> Line {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// Lets lines of the host be as long as was agreed.
    pub(crate) fn allow(&self, bytes_max: usize) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).allow(bytes_max);
    }

    /// Whether the next line is here already.
    pub(crate) fn has_line(&self) -> bool {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).has_line()
    }

    /// What this package says of itself.
    pub(crate) fn info(&self) -> Value {
        let describe = |node: &Node| {
            let inputs = node.schemas.iter().map(|schema| (schema.name.to_owned(), schema.to_json()));
            json!({"id": node.id, "inputs": inputs.collect::<Map<_, _>>(), "batch": node.batch})
        };
        let nodes: Vec<Value> = self.nodes.iter().map(describe).collect();
        json!({"id": self.package.id, "version": self.package.version, "nodes": nodes})
    }
}
