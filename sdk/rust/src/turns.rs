//! How reading and work share the threads.
//!
//! | the host allows | who works | who reads |
//! |---|---|---|
//! | one call at a time | the thread that reads | nobody, until the call is found to be a long one |
//! | the same, and the call has run for 20 ms, or a thread that it started waits for the host | the same thread | the other one, which keeps the reading |
//! | one, of a node that stays on its thread | the thread that the conversation began on | the same; the other one from the time on at which a call has run for 20 ms, to the next call |
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
                if self.stays() {
                    return self.hand_home(job);
                }
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

    /// Whether all work stays on one thread.
    pub(crate) fn stays(&self) -> bool {
        self.nodes.iter().any(crate::node::Node::stays)
    }

    /// Works until the conversation ends, on the one thread on which work stays.
    pub(crate) fn stay_at_home(self: &Arc<Self>) {
        while let Some(job) = self.next_at_home() {
            self.run(&job);
        }
    }

    /// The next call of a node; nothing where the next one is another's, or none comes.
    pub(crate) fn next_at_home_of(self: &Arc<Self>, node: usize) -> Option<Arc<Job>> {
        let job = self.next_at_home()?;
        if job.node == node {
            return Some(job);
        }
        self.state().queue.push_front(job);
        None
    }

    /// The next call, on the thread on which work stays: read here, while the reading is this thread's.
    fn next_at_home(self: &Arc<Self>) -> Option<Arc<Job>> {
        loop {
            self.flush();
            let mut state = self.state();
            if state.exit.is_some() {
                return None;
            }
            let queued = state.queue.pop_front();
            state.is_busy = queued.is_some();
            state.serial += u64::from(queued.is_some());
            let reads = state.is_home_turn();
            drop(state);
            let job = match queued {
                Some(job) => Some(job),
                None if reads => self.receive(),
                None => {
                    self.sleep_until(|state| {
                        (state.exit.is_some() || !state.queue.is_empty() || state.is_home_turn()).then_some(())
                    });
                    None
                }
            };
            if let Some(job) = job {
                let mut state = self.state();
                if state.is_home_turn() {
                    state.busy_turn = state.turn;
                }
                state.busy_thread = Some(thread::current().id());
                drop(state);
                self.begin_to_watch();
                return Some(job);
            }
        }
    }

    /// Gives a call that the other thread has read, and the reading, back to the thread on which work stays.
    fn hand_home(&self, job: Arc<Job>) {
        let mut state = self.state();
        state.queue.push_back(job);
        state.turn += 1;
        drop(state);
        self.ring();
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
        time::{Duration, Instant},
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

    crate::inputs! {
        /// How long the work takes, in milliseconds, and what happens to it.
        struct Stay {
            ms: u64 = 0,
            act: String = "",
        }
    }

    /// A node that counts the calls it had without leaving its work, and tells its thread.
    fn staying() -> Node {
        Node::staying::<Stay>("com.example.stay", |calls| {
            let mut count = 0;
            while let Some((context, stay)) = calls.next_call::<Stay>() {
                count += 1;
                let until = Instant::now() + Duration::from_millis(stay.ms);
                while Instant::now() < until && !context.cancelled() {
                    thread::sleep(Duration::from_millis(1));
                }
                match stay.act.as_str() {
                    "panic" => panic!("on purpose"),
                    "forget" => {}
                    "leave" => return calls.answer(Ok(json!({"count": count}))),
                    "ask" => calls.answer(context.secret("name").map(|_| json!({"count": count}))),
                    _ => {
                        let thread = format!("{:?}", thread::current().id());
                        let answer = context.check_cancelled();
                        calls.answer(answer.map(|()| json!({"count": count, "thread": thread})));
                    }
                }
            }
        })
    }

    fn stay(host: &mut Host, id: &str, parameters: Value) {
        let params = json!({"context": {"node_id": "com.example.stay"}, "parameters": parameters});
        host.send(&[json!({"jsonrpc": "2.0", "id": id, "method": "node.execute", "params": params})]);
    }

    #[test]
    fn work_that_stays_keeps_its_thread_whoever_reads() {
        // However many calls the host allows.
        for concurrency in [1, 8] {
            let barrier = Arc::new(Barrier::new(1));
            let mut nodes = nodes(&barrier);
            nodes.push(staying());
            let mut host = Host::new(nodes, concurrency);
            let (mut threads, mut expected) = (BTreeSet::new(), 0);
            for round in 0..60 {
                // Each third call is a long one, during which the other thread begins to read.
                let ms = if round % 3 == 0 { 50 } else { 0 };
                stay(&mut host, &format!("s{round}"), json!({"ms": ms}));
                let queued = round % 4 == 0;
                if queued {
                    stay(&mut host, &format!("t{round}"), json!({}));
                }
                for id in [Some(format!("s{round}")), queued.then(|| format!("t{round}"))].into_iter().flatten() {
                    expected += 1;
                    let answer = host.receive();
                    let outputs = &answer["result"]["outputs"];
                    assert_eq!((&answer["id"], &outputs["count"]), (&json!(id), &json!(expected)), "{answer}");
                    threads.insert(outputs["thread"].to_string());
                }
            }
            assert_eq!(threads.len(), 1);
            // Another node's call ends the stay, and the next one begins another.
            host.send(&[execute("q", "com.example.quick")]);
            assert_eq!(host.receive()["id"], "q");
            stay(&mut host, "again", json!({}));
            assert_eq!(host.receive()["result"]["outputs"]["count"], 1);
        }
    }

    #[test]
    fn work_that_stays_answers_every_call_once() {
        let mut host = Host::new(vec![staying()], 1);
        let told = |host: &mut Host, id: &str, parameters: Value| {
            stay(host, id, parameters);
            let answer = host.receive();
            assert_eq!(answer["id"], id, "{answer}");
            answer["result"].clone()
        };
        let error = |result: &Value| result["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(told(&mut host, "a", json!({}))["outputs"]["count"], 1);
        assert_eq!(error(&told(&mut host, "b", json!({"act": "forget"}))), "the node gave no answer");
        assert_eq!(error(&told(&mut host, "c", json!({"ms": "long"}))), "/ms expected integer, found string");
        assert_eq!(error(&told(&mut host, "d", json!({"$items": []}))), "`com.example.stay` takes no batch of items");
        assert_eq!(told(&mut host, "e", json!({"act": "leave"}))["outputs"]["count"], 3);
        assert_eq!(told(&mut host, "f", json!({}))["outputs"]["count"], 1);
        assert_eq!(error(&told(&mut host, "g", json!({"act": "panic"}))), "on purpose");
        assert_eq!(told(&mut host, "h", json!({}))["outputs"]["count"], 1);
        // A question to the host is answered on the same thread.
        stay(&mut host, "i", json!({"act": "ask"}));
        let question = host.receive();
        assert_eq!(question["method"], "host.secret", "{question}");
        host.send(&[json!({"jsonrpc": "2.0", "id": question["id"], "result": {"value": "x"}})]);
        assert_eq!(host.receive()["result"]["outputs"]["count"], 2);
        // A call that runs is cancelled, by a word that the other thread reads.
        stay(&mut host, "j", json!({"ms": 20_000}));
        thread::sleep(Duration::from_millis(100));
        host.send(&[json!({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": "j"}})]);
        let cancelled = host.receive();
        assert_eq!((&cancelled["id"], &cancelled["result"]["error"]["kind"]), (&json!("j"), &json!("cancelled")));
        assert_eq!(told(&mut host, "k", json!({}))["outputs"]["count"], 4);
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
