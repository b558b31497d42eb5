//! How reading and work share the threads.
//!
//! | the host allows | who works | who reads |
//! |---|---|---|
//! | one call at a time | the thread that reads | nobody, until the call is found to be a long one |
//! | the same, and the call has run for 20 ms, or a thread that it started waits for the host | the same thread | the other one, which keeps the reading |
//! | several calls at a time | threads, of which each wakes the next one while calls wait | a thread of its own |
//!
//! A short call is thus never handed from thread to thread, which would cost more than the call. There are two threads that
//! take turns: while one reads and works, the other looks every 20 ms whether the same call still runs.
//!
//! Where several calls may run, waking a thread for each would cost more than short calls do. A thread that takes one call of
//! many wakes one other, so that few threads do all that is short, and a long one holds nothing up.

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
            let mut state = self.sleep_at_most(TICK, |state| state.exit.is_some() || state.wants_reader);
            if state.exit.is_some() {
                return false;
            }
            let is_wanted = std::mem::take(&mut state.wants_reader) || state.serial == seen;
            let is_long = state.is_busy && is_wanted && !state.is_waiting_inside;
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
                // Calls that came together are handed over together.
                if !shared.has_line() && !shared.ring_for_work() {
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
        }
    }

    /// Has the other thread read, where the one that reads works: what is waited for would be read only after its work.
    fn want_reader(&self) {
        let mut state = self.state();
        if !state.is_separate && state.is_busy && state.turn == state.busy_turn {
            state.wants_reader = true;
            drop(state);
            self.ring();
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
            self.want_reader();
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

#[cfg(test)]
mod tests {
    use crate::{
        context::Context,
        failure::Failure,
        node::Node,
        serve::Package,
        state::Shared,
        wire::{Lines, Writer},
    };
    use serde_json::{json, Value};
    use std::{
        collections::BTreeSet,
        io::{BufRead, BufReader, Write},
        os::unix::net::UnixStream,
        sync::{Arc, Barrier},
        thread,
        time::Duration,
    };

    crate::inputs! {
        /// Nothing.
        struct Nothing {}
    }

    const PATIENCE: Duration = Duration::from_secs(30);

    /// The host's end of a conversation that runs on threads of this process.
    struct Host {
        reader: BufReader<UnixStream>,
        socket: UnixStream,
    }

    impl Host {
        fn new(nodes: Vec<Node>, concurrency: usize) -> Self {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            ours.set_read_timeout(Some(PATIENCE)).expect("a socket");
            let streams = (Lines::new(theirs.try_clone().expect("a handle")), Writer::new(theirs));
            let package = Package::new("com.example", "1.0.0");
            let shared = Shared::new(streams.0, streams.1, package, nodes, "/tmp".into(), false);
            thread::spawn(move || shared.serve());
            let mut host = Self { reader: BufReader::new(ours.try_clone().expect("a handle")), socket: ours };
            let params = json!({"protocol": [1], "limits": {"concurrency": concurrency}});
            host.send(&[json!({"jsonrpc": "2.0", "id": "i", "method": "node.info", "params": params})]);
            assert_eq!(host.receive()["result"]["protocol"], 1);
            host
        }

        fn send(&mut self, requests: &[Value]) {
            let lines: String = requests.iter().map(|request| format!("{request}\n")).collect();
            self.socket.write_all(lines.as_bytes()).expect("the node reads");
        }

        fn receive(&mut self) -> Value {
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("the node answers");
            serde_json::from_str(&line).expect("a message")
        }

        fn receive_ids(&mut self, count: usize) -> BTreeSet<String> {
            let mut ids = BTreeSet::new();
            for _ in 0..count {
                let answer = self.receive();
                assert_eq!(answer["result"]["success"], true, "{answer}");
                ids.insert(answer["id"].as_str().unwrap_or_default().to_owned());
            }
            ids
        }
    }

    fn execute(id: &str, node: &str) -> Value {
        let params = json!({"context": {"node_id": node}, "parameters": {}});
        json!({"jsonrpc": "2.0", "id": id, "method": "node.execute", "params": params})
    }

    fn nodes(barrier: &Arc<Barrier>) -> Vec<Node> {
        let barrier = Arc::clone(barrier);
        let wait = move |_: &Context, _: Nothing| -> Result<Value, Failure> {
            barrier.wait();
            Ok(json!({}))
        };
        let quick = |_: &Context, _: Nothing| -> Result<Value, Failure> { Ok(json!({})) };
        vec![Node::new("com.example.wait", wait), Node::new("com.example.quick", quick)]
    }

    #[test]
    fn as_many_calls_as_are_allowed_run_at_once_however_they_come() {
        const COUNT: usize = 32;
        let barrier = Arc::new(Barrier::new(COUNT));
        let mut host = Host::new(nodes(&barrier), COUNT);
        for round in 0..20 {
            let requests: Vec<Value> =
                (0..COUNT).map(|at| execute(&format!("{round}-{at}"), "com.example.wait")).collect();
            match round % 2 {
                0 => host.send(&requests),
                _ => requests.iter().for_each(|request| host.send(std::slice::from_ref(request))),
            }
            assert_eq!(host.receive_ids(COUNT).len(), COUNT);
        }
    }

    #[test]
    fn no_answer_waits_for_a_call_that_takes_long() {
        let barrier = Arc::new(Barrier::new(2));
        let mut host = Host::new(nodes(&barrier), 4);
        for round in 0..200 {
            // The long one comes last, first or in between.
            let mut requests: Vec<Value> =
                (0..5).map(|at| execute(&format!("q{round}-{at}"), "com.example.quick")).collect();
            requests.insert(round % 6, execute("long", "com.example.wait"));
            host.send(&requests);
            assert!(!host.receive_ids(5).contains("long"));
            barrier.wait();
            assert_eq!(host.receive()["id"], "long");
        }
    }
}
