//! How reading and work share the threads.
//!
//! | the host allows | who works | who reads |
//! |---|---|---|
//! | one call at a time | the thread that reads | nobody, until the call is found to be a long one |
//! | the same, and the call has run for 20 ms | the same thread | the other one, which keeps the reading |
//! | several calls at a time | a thread for each | a thread of its own |
//!
//! A short call is thus never handed from thread to thread, which would cost more than the call. There are two threads that
//! take turns: while one reads and works, the other looks every 20 ms whether the same call still runs.

use crate::state::{Job, Shared, State};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const TICK: Duration = Duration::from_millis(20);
const TICKS_IDLE_MAX: u32 = 50;
/// Answers are held for each other no longer than this.
const HOLD_MAX: Duration = Duration::from_millis(1);

impl Shared {
    /// Reads and works, or watches, until the conversation ends or each gets threads of its own.
    pub(crate) fn take_turns(self: &Arc<Self>, mut is_reader: bool) {
        let goes_on = |state: &State| state.exit.is_none() && !state.is_separate;
        while goes_on(&self.state()) {
            if is_reader {
                self.read_and_work();
                is_reader = false;
            } else {
                is_reader = self.watch_the_other();
            }
        }
    }

    /// Reads as long as the turn is this thread's.
    fn read_and_work(self: &Arc<Self>) {
        let turn = self.state().turn;
        let mut held_since = None;
        let goes_on = |state: &State| state.exit.is_none() && state.turn == turn && !state.is_separate;
        while goes_on(&self.state()) {
            if !self.has_line() {
                self.flush();
                held_since = None;
            }
            if let Some(job) = self.receive() {
                let mut state = self.state();
                state.busy_turn = turn;
                state.busy_thread = Some(thread::current().id());
                drop(state);
                self.work_inline(job, turn, &mut held_since);
            }
        }
    }

    /// Works on the reader's thread, then on what came while another one read.
    fn work_inline(self: &Arc<Self>, job: Arc<Job>, turn: u64, held_since: &mut Option<Instant>) {
        let mut next = Some(job);
        while let Some(job) = next {
            let started = Instant::now();
            self.begin_to_watch();
            self.run(&job);
            let mut state = self.state();
            let is_reader = state.turn == turn;
            next = state.queue.pop_front();
            state.is_busy = next.is_some();
            state.serial += u64::from(next.is_some());
            drop(state);
            if !is_reader || held_since.get_or_insert(started).elapsed() > HOLD_MAX {
                self.flush();
                *held_since = None;
            }
        }
    }

    fn begin_to_watch(self: &Arc<Self>) {
        let mut state = self.state();
        if state.is_watching {
            return;
        }
        state.is_watching = true;
        if state.has_watcher {
            drop(state);
            self.ring();
        } else {
            state.has_watcher = true;
            drop(state);
            let shared = Arc::clone(self);
            thread::spawn(move || shared.take_turns(false));
        }
    }

    /// Looks at the other thread; answers that the reading is now this thread's, because one call takes long.
    fn watch_the_other(&self) -> bool {
        let mut idle = 0;
        loop {
            let seen = self.sleep_until(|state| (state.exit.is_some() || state.is_watching).then_some(state.serial));
            thread::sleep(TICK);
            let mut state = self.state();
            if state.exit.is_some() {
                return false;
            }
            let is_long = state.is_busy && state.serial == seen && !state.is_waiting_inside;
            if is_long && state.turn == state.busy_turn {
                state.turn += 1;
                return true;
            }
            idle = if state.is_busy || state.serial != seen { 0 } else { idle + 1 };
            if idle > TICKS_IDLE_MAX {
                idle = 0;
                state.is_watching = false;
            }
        }
    }

    /// Gives reading and each work a thread of its own, from now on.
    pub(crate) fn separate(self: &Arc<Self>, concurrency: usize) {
        self.state().is_separate = true;
        for _ in 1..concurrency {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.work_until_end());
        }
        let shared = Arc::clone(self);
        thread::spawn(move || {
            while shared.state().exit.is_none() {
                if !shared.has_line() {
                    shared.flush();
                }
                shared.receive();
            }
        });
    }

    /// Works on what is queued, on a thread that does nothing else.
    pub(crate) fn work_until_end(self: &Arc<Self>) {
        while let Some(job) = self.next_job() {
            self.run(&job);
            // The next call may take long, and the answer must not wait for it.
            self.flush();
        }
    }

    /// Waits until the host said something that makes `done` give a value; nothing where the host is gone before.
    pub(crate) fn wait<T>(self: &Arc<Self>, mut done: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let is_reader = {
            let mut state = self.state();
            // A thread that the work started is no reader, even while the work's own one is.
            let is_own = state.busy_thread == Some(thread::current().id());
            let is_inside = !state.is_separate && state.turn == state.busy_turn && is_own;
            state.is_waiting_inside |= is_inside;
            is_inside
        };
        if !is_reader {
            return Some(self.sleep_until(done));
        }
        let value = loop {
            let mut state = self.state();
            let value = done(&mut state);
            if value.is_some() || state.exit.is_some() {
                break value;
            }
            drop(state);
            self.receive();
            self.flush();
        };
        self.state().is_waiting_inside = false;
        value
    }
}
