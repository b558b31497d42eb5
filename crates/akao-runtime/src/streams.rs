//! Standard output and standard error of one process, as log lines of the step that runs, or of the process when none does.
//!
//! The process's own task reads them as they come. A step that ends reads once more for itself, so that what the node
//! wrote before its answer still belongs to that step.

use crate::{
    launch::Output,
    lines::{Budget, LineLimits, LineSplitter, plain_text},
    mask::Masks,
};
use akao_contract::{LogLevel, LogLine};
use akao_step::{StepEvent, StepEvents};
use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio::io::ReadBuf;

/// What is read at once.
const READ_BYTES: usize = 16 * 1024;

/// Reads in one turn; then others have theirs.
const READS_PER_TURN_MAX: usize = 4;

/// Lines that the process keeps of what no step was there for.
const OWN_LINES_MAX: usize = 50;

struct Source {
    reader: Option<Output>,
    splitter: LineSplitter,
    level: LogLevel,
}

struct State {
    sources: [Source; 2],
    buffer: Box<[u8]>,
    budget: Budget,
    /// Steps that run, by number.
    runs: Vec<(u64, StepEvents)>,
    own: VecDeque<LogLine>,
    /// Wakes the task that reads.
    waker: Option<Waker>,
    masks: Arc<Masks>,
}

/// See the module.
pub(crate) struct Streams(Mutex<State>);

impl Streams {
    pub(crate) fn new(stdout: Output, stderr: Output, limits: LineLimits, masks: Arc<Masks>) -> Self {
        let source = |reader, level| Source { reader: Some(reader), splitter: LineSplitter::new(), level };
        Self(Mutex::new(State {
            sources: [source(stdout, LogLevel::Info), source(stderr, LogLevel::Warn)],
            buffer: vec![0; READ_BYTES].into(),
            budget: Budget::new(limits),
            runs: Vec::new(),
            own: VecDeque::new(),
            waker: None,
            masks,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step begins. What is told from now on is told to it.
    pub(crate) fn enter(&self, number: u64, events: StepEvents) {
        let mut state = self.lock();
        if state.runs.is_empty() {
            // What is still there was written when no step ran.
            state.read_once();
            state.finish_lines();
            state.budget.reset();
        }
        state.runs.push((number, events));
    }

    /// A step has its answer: what came before it belongs to it.
    pub(crate) fn leave(&self, number: u64) {
        let mut state = self.lock();
        state.read_once();
        if state.runs.len() == 1 {
            state.finish_lines();
            state.budget.reset();
        }
        state.runs.retain(|(run, _)| *run != number);
    }

    /// Tells the steps that run, or keeps it, what this side has to say of the process.
    pub(crate) fn tell(&self, level: LogLevel, message: String) {
        self.lock().line(level, plain_text(message));
    }

    /// The last lines that no step was there for.
    pub(crate) fn own_lines(&self) -> Vec<LogLine> {
        self.lock().own.iter().cloned().collect()
    }

    /// Reads until both streams have ended.
    pub(crate) async fn read_to_end(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                state.waker = Some(context.waker().clone());
            }
            state.poll_read(context)
        })
        .await;
    }

    /// The process is gone and nobody reads on.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        state.read_once();
        state.finish_lines();
        state.waker = None;
    }
}

impl State {
    /// Reads what is there without waiting. The task that reads stays the one to be woken.
    fn read_once(&mut self) {
        if let Some(waker) = self.waker.clone() {
            let _ = self.poll_read(&mut Context::from_waker(&waker));
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for at in 0..self.sources.len() {
            let is_all = (0..READS_PER_TURN_MAX).any(|_| self.poll_source(at, context).is_pending());
            if !is_all {
                // Nothing else would wake the task for what is still there.
                context.waker().wake_by_ref();
            }
        }
        match self.sources.iter().all(|source| source.reader.is_none()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Reads once from one stream; pending also when it has ended.
    fn poll_source(&mut self, at: usize, context: &mut Context<'_>) -> Poll<()> {
        let Some(reader) = &mut self.sources[at].reader else { return Poll::Pending };
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut room = ReadBuf::new(&mut buffer);
        let read = Pin::as_mut(reader).poll_read(context, &mut room);
        let count = room.filled().len();
        let has_ended = match read {
            Poll::Ready(Ok(())) => count == 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => {
                self.buffer = buffer;
                return Poll::Pending;
            }
        };
        self.split(at, &buffer[..count]);
        self.buffer = buffer;
        if has_ended {
            self.sources[at].reader = None;
        }
        Poll::Ready(())
    }

    fn split(&mut self, at: usize, bytes: &[u8]) {
        let mut lines = Vec::new();
        let source = &mut self.sources[at];
        let level = source.level;
        source.splitter.feed(bytes, &mut self.budget, |line| lines.push(line));
        for line in lines {
            self.line(level, line);
        }
    }

    fn finish_lines(&mut self) {
        for at in 0..self.sources.len() {
            let mut lines = Vec::new();
            let source = &mut self.sources[at];
            let level = source.level;
            source.splitter.finish(&mut self.budget, |line| lines.push(line));
            for line in lines {
                self.line(level, line);
            }
        }
    }

    /// Several steps at once cannot be told apart by what the process writes, so each of them is told.
    fn line(&mut self, level: LogLevel, message: String) {
        let line = LogLine { level, message: self.masks.text(message) };
        if self.runs.is_empty() {
            if self.own.len() == OWN_LINES_MAX {
                self.own.pop_front();
            }
            self.own.push_back(line);
            return;
        }
        for (_, events) in &self.runs {
            events.tell(StepEvent::Log(line.clone()));
        }
    }
}
