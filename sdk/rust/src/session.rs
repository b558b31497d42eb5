//! One conversation with the host: the five methods, the notifications, and the answers to the node's own calls.

use crate::{
    calls::Calls,
    context::Context,
    failure::{Failure, Fault, Kind},
    inputs::Problem,
    node::{Health, Work},
    state::{Job, Shared},
    wire::{Line, MESSAGE_BYTES_MAX},
};
use serde_json::{json, Map, Value};
use std::{
    any::Any,
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{atomic::Ordering, Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

const PROTOCOL: u64 = 1;
const SDK: &str = concat!("akao-rust/", env!("CARGO_PKG_VERSION"));
const GRACE_MS: f64 = 2000.0;
/// Nobody waits longer than a day for a shutdown.
const GRACE_MS_MAX: f64 = 86_400_000.0;
/// After a cancel at the end of the grace, or when the host is gone, work has this long to notice.
const LAST: Duration = Duration::from_secs(1);
/// When all is answered, the process ends after this even if a thread still waits for a line.
const LEAVE: Duration = Duration::from_millis(50);

type Params = Map<String, Value>;

impl Shared {
    /// Answers until the host closes or says so, and gives the exit code.
    pub(crate) fn serve(self: &Arc<Self>) -> u8 {
        if self.stays() {
            self.stay_at_home();
        } else {
            self.take_turns(true);
        }
        // The answer that said so is still held when reading and work part.
        self.flush();
        if self.state().exit.is_none() {
            self.work_until_end();
        }
        self.flush();
        self.state().exit.unwrap_or_default()
    }

    /// Reads a message and answers it, or gives a call that is to be worked on by this thread.
    pub(crate) fn receive(self: &Arc<Self>) -> Option<Arc<Job>> {
        match self.read() {
            Line::Message(message) => return self.handle(message),
            Line::Refused(None) => {}
            Line::Refused(Some(fault)) => self.refuse(None, &fault),
            Line::TooLong(fault) => {
                self.refuse(None, &fault);
                self.close(1);
            }
            Line::End(false) => self.close(0),
            Line::End(true) => {
                eprintln!("akao: the host closed in the middle of a message");
                self.close(1);
            }
        }
        None
    }

    /// Ends the conversation because there is nothing more to read; work that runs is cancelled.
    fn close(self: &Arc<Self>, code: u8) {
        let state = self.state();
        let is_idle = state.jobs.is_empty();
        state.jobs.values().for_each(|job| job.context.cancel());
        drop(state);
        if !is_idle {
            self.leave_later(LAST, code);
        }
        self.drain();
        self.finish(code);
    }

    /// Ends the conversation; whoever waits for work sees that there is none.
    fn finish(&self, code: u8) {
        self.state().exit.get_or_insert(code);
        self.ring();
    }

    /// Ends the process even if work does not end.
    fn leave_later(self: &Arc<Self>, after: Duration, code: u8) {
        if self.may_leave {
            let shared = Arc::clone(self);
            thread::spawn(move || {
                thread::sleep(after);
                shared.drain();
                std::process::exit(code.into());
            });
        }
    }

    fn handle(self: &Arc<Self>, mut message: Params) -> Option<Arc<Job>> {
        let Some(method) = message.shift_remove("method") else {
            self.take_answer(message);
            return None;
        };
        let params = message.shift_remove("params").unwrap_or_else(|| Value::Object(Map::new()));
        let method = method.as_str().unwrap_or_default();
        let Some(id) = message.get("id") else {
            if let Value::Object(params) = params {
                self.notified(method, &params);
            }
            return None;
        };
        let id = id.as_str().map(str::to_owned);
        let answered = match (&id, params) {
            (None, _) => Err(Fault::new(Fault::INVALID_REQUEST, "a request has a string as id")),
            _ if message.get("jsonrpc") != Some(&json!("2.0")) || method.is_empty() => {
                Err(Fault::new(Fault::INVALID_REQUEST, "a request has jsonrpc 2.0 and a method"))
            }
            (Some(id), Value::Object(params)) => self.request(id, method, params),
            (Some(_), _) => Err(Fault::new(Fault::INVALID_PARAMS, "params are an object")),
        };
        answered.unwrap_or_else(|fault| {
            self.refuse(id.as_deref(), &fault);
            if fault.code == Fault::INITIALISATION && method == "node.info" {
                self.finish(1);
            }
            None
        })
    }

    fn request(self: &Arc<Self>, id: &str, method: &str, params: Params) -> Result<Option<Arc<Job>>, Fault> {
        let is_known = ["node.info", "node.execute", "node.validate", "node.health", "node.shutdown"].contains(&method);
        if !is_known {
            return Err(Fault::new(Fault::METHOD_NOT_FOUND, format!("unknown method `{method}`")));
        }
        if method != "node.info" && !self.state().is_ready {
            return Err(Fault::new(Fault::INITIALISATION, format!("`{method}` came before `node.info`")));
        }
        let result = match method {
            "node.execute" => return self.accept(id, params),
            "node.info" => self.handshake(&params)?,
            "node.validate" => self.validate(params)?,
            "node.health" => self.health(),
            _ => {
                self.shutdown(id, &params);
                return Ok(None);
            }
        };
        self.hold(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
        Ok(None)
    }

    fn handshake(self: &Arc<Self>, params: &Params) -> Result<Value, Fault> {
        let offered = params.get("protocol").unwrap_or(&Value::Null);
        if !offered.as_array().is_some_and(|versions| versions.contains(&json!(PROTOCOL))) {
            let message = format!("no protocol in common: the host speaks {offered}, this node speaks {PROTOCOL}");
            eprintln!("akao: {message}");
            return Err(Fault::new(Fault::INITIALISATION, message));
        }
        let limit = params.get("limits").and_then(|limits| limits.get("concurrency")).and_then(Value::as_u64);
        let concurrency = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(1);
        let mut state = self.state();
        let is_first = !std::mem::replace(&mut state.is_ready, true);
        if is_first {
            if let Some(tenant) = params.get("tenant").and_then(Value::as_str) {
                self.tenant.get_or_init(|| tenant.to_owned());
            }
        }
        // Before another thread reads, and would hold the lines while it waits.
        let bytes_max = if is_first { self.agree_on_length(params) } else { None };
        if is_first && concurrency > 1 && !self.stays() {
            state.concurrency = concurrency;
            drop(state);
            self.separate(concurrency);
        }
        let mut info = self.info();
        info["protocol"] = json!(PROTOCOL);
        info["sdk"] = json!(SDK);
        // A context may say the execution within its key.
        info["limits"] = json!({"context": ["key"]});
        if let Some(bytes_max) = bytes_max {
            info["limits"]["message_bytes_max"] = json!(bytes_max);
        }
        Ok(info)
    }

    /// Agrees on messages longer than the usual, if the package wants them and the host takes them.
    fn agree_on_length(&self, params: &Params) -> Option<usize> {
        let offered = params.get("limits")?.get("message_bytes_max")?.as_u64()?;
        let bytes_max = self.package.message_bytes_max.min(usize::try_from(offered).ok()?);
        if bytes_max <= MESSAGE_BYTES_MAX {
            return None;
        }
        self.message_bytes_max.store(bytes_max, Ordering::Release);
        self.allow(bytes_max);
        Some(bytes_max)
    }

    fn validate(&self, mut params: Params) -> Result<Value, Fault> {
        let node = &self.nodes[self.node(params.get("node"))?];
        let Some(Value::Object(parameters)) = params.shift_remove("parameters") else {
            return Err(Fault::new(Fault::INVALID_PARAMS, "parameters are an object"));
        };
        let found = match catch_unwind(AssertUnwindSafe(|| node.problems(&parameters))) {
            Ok(found) => found,
            Err(panic) => Err(Failure::new(Kind::Internal, panic_message(&*panic))),
        };
        let found = found.map_err(|failure| {
            let message = format!("the check of `{}` failed: {}", node.id, failure.message);
            Fault { kind: Kind::Internal, ..Fault::new(Fault::INTERNAL, message) }
        })?;
        let problems: Vec<Value> = found.iter().map(Problem::to_json).collect();
        Ok(json!({"valid": problems.is_empty(), "problems": problems}))
    }

    fn health(&self) -> Value {
        let words = self.nodes.iter().filter_map(|node| node.health.as_ref()).map(|health| {
            catch_unwind(AssertUnwindSafe(health)).unwrap_or_else(|panic| Health::Unhealthy(panic_message(&*panic)))
        });
        // Of several that are as bad, the first.
        let worst = words.reduce(|worst, word| if word.rank() > worst.rank() { word } else { worst });
        worst.unwrap_or_else(|| Health::Healthy(format!("{} running", self.state().jobs.len()))).to_json()
    }

    fn shutdown(self: &Arc<Self>, id: &str, params: &Params) {
        let grace = params.get("grace").and_then(Value::as_f64).unwrap_or(GRACE_MS).clamp(0.0, GRACE_MS_MAX);
        let mut state = self.state();
        if state.is_stopping {
            return;
        }
        state.is_stopping = true;
        state.stop_id = Some(id.to_owned());
        let is_idle = state.jobs.is_empty();
        drop(state);
        if is_idle {
            return self.stopped();
        }
        let shared = Arc::clone(self);
        thread::spawn(move || {
            thread::sleep(Duration::from_secs_f64(grace / 1000.0));
            shared.cancel_all();
            thread::sleep(LAST);
            shared.stopped();
        });
    }

    /// Answers the shutdown once.
    fn stopped(self: &Arc<Self>) {
        if let Some(id) = self.state().stop_id.take() {
            self.hold(&json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string());
        }
        self.drain();
        self.finish(0);
        // Another thread may wait for a line that never comes; only the end of the process ends it.
        self.leave_later(LEAVE, 0);
    }

    /// Notifications of the host; unknown ones are ignored, so that later hosts may send more.
    fn notified(self: &Arc<Self>, method: &str, params: &Params) {
        let Some(id) = params.get("id").and_then(Value::as_str) else { return };
        match method {
            "$/cancel" => self.cancel(id),
            "$/credit" => {
                let stream = params.get("stream").and_then(Value::as_str);
                let bytes = params.get("bytes").and_then(Value::as_u64).and_then(|bytes| usize::try_from(bytes).ok());
                if let (Some(stream), Some(bytes)) = (stream, bytes) {
                    self.grant(id, stream, bytes);
                }
            }
            _ => {}
        }
    }

    /// Cancels every call. Those that have not begun come first, all at once: what runs makes room for them when it ends.
    fn cancel_all(self: &Arc<Self>) {
        let mut state = self.state();
        let queued = std::mem::take(&mut state.queue);
        let ids: Vec<String> = state.jobs.keys().cloned().collect();
        drop(state);
        queued.iter().for_each(|job| self.answer_failure(job, &Failure::cancelled(), Instant::now()));
        self.flush();
        ids.iter().for_each(|id| self.cancel(id));
    }

    fn cancel(self: &Arc<Self>, id: &str) {
        let mut state = self.state();
        let Some(job) = state.jobs.get(id).map(Arc::clone) else { return };
        job.context.cancel();
        let queued = state.queue.iter().position(|other| Arc::ptr_eq(other, &job));
        if let Some(index) = queued {
            state.queue.remove(index);
        }
        drop(state);
        self.ring();
        if queued.is_some() {
            self.answer_failure(&job, &Failure::cancelled(), Instant::now());
            self.flush();
        }
    }

    fn take_answer(&self, message: Params) {
        let Some(id) = message.get("id").and_then(Value::as_str) else { return };
        if let Some(answer) = self.state().answers.get_mut(id) {
            *answer = Some(message);
        }
        self.ring();
    }

    fn node(&self, id: Option<&Value>) -> Result<usize, Fault> {
        if id.is_none() && self.nodes.len() == 1 {
            return Ok(0);
        }
        let id = id.and_then(Value::as_str).unwrap_or_default();
        self.nodes.iter().position(|node| node.id == id).ok_or_else(|| {
            let known: Vec<&str> = self.nodes.iter().map(|node| node.id.as_str()).collect();
            let message = format!("unknown node `{id}`, this package holds {}", known.join(", "));
            Fault { kind: Kind::NotFound, ..Fault::new(Fault::INVALID_PARAMS, message) }
        })
    }

    fn accept(self: &Arc<Self>, id: &str, mut params: Params) -> Result<Option<Arc<Job>>, Fault> {
        let objects = (params.shift_remove("context"), params.shift_remove("parameters"));
        let (Some(Value::Object(fields)), Some(Value::Object(parameters))) = objects else {
            return Err(Fault::new(Fault::INVALID_PARAMS, "context and parameters are objects"));
        };
        let node = self.node(fields.get("node_id"))?;
        let mut state = self.state();
        if state.is_stopping {
            let fault = Fault::new(Fault::INTERNAL, "the node is shutting down");
            return Err(Fault { kind: Kind::Connection, retryable: true, ..fault });
        }
        if state.jobs.contains_key(id) {
            return Err(Fault::new(Fault::INVALID_REQUEST, format!("the id `{id}` is in use")));
        }
        let context = Context::new(Arc::clone(self), id.to_owned(), node, fields);
        let job = Arc::new(Job { node, context, parameters: Mutex::new(Some(parameters)) });
        state.jobs.insert(id.to_owned(), Arc::clone(&job));
        if state.is_separate || state.is_busy {
            state.queue.push_back(job);
            return Ok(None);
        }
        state.is_busy = true;
        state.serial += 1;
        Ok(Some(job))
    }

    /// Works on a call and answers it.
    pub(crate) fn run(self: &Arc<Self>, job: &Arc<Job>) {
        if let Work::Staying(work) = &self.nodes[job.node].work {
            return self.run_staying(work, job);
        }
        let started = Instant::now();
        let parameters = job.parameters.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let work = || match parameters.contains_key("$items") {
            true => self.run_items(job, parameters),
            false => self.nodes[job.node].execute(&job.context, parameters),
        };
        let outputs = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let failure = Failure::new(Kind::Internal, panic_message(&*panic));
            Err(failure.with_detail(json!({"type": "panic"})))
        });
        let answered = outputs.and_then(|outputs| self.answer_outputs(job, &outputs, started));
        if let Err(failure) = answered {
            self.answer_failure(job, &failure, started);
        }
    }

    /// Lets work begin that asks for its calls itself, with this one as the first.
    fn run_staying(self: &Arc<Self>, work: &dyn Fn(&mut Calls<'_>), first: &Arc<Job>) {
        let mut calls = Calls::new(self, Arc::clone(first));
        match catch_unwind(AssertUnwindSafe(|| work(&mut calls))) {
            Ok(()) => calls.refuse_unanswered(),
            Err(panic) => {
                calls.fail(&Failure::new(Kind::Internal, panic_message(&*panic)).with_detail(json!({"type": "panic"})))
            }
        }
    }

    /// A batch: each item is a call of its own, and its failure its own.
    fn run_items(&self, job: &Job, mut parameters: Params) -> Result<String, Failure> {
        let node = &self.nodes[job.node];
        if !node.batch {
            return Err(Failure::new(Kind::Input, format!("`{}` takes no batch of items", node.id)));
        }
        let (Some(Value::Array(items)), true) = (parameters.shift_remove("$items"), parameters.is_empty()) else {
            return Err(Failure::new(Kind::Input, "$items is one list"));
        };
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            job.context.check_cancelled()?;
            let result = match item {
                Value::Object(item) => node.execute(&job.context, item),
                _ => Err(Failure::new(Kind::Input, "an item is an object")),
            };
            results.push(match result {
                Ok(outputs) => format!(r#"{{"success":true,"outputs":{outputs}}}"#),
                Err(failure) if failure.kind == Kind::Cancelled && job.context.cancelled() => return Err(failure),
                Err(failure) => format!(r#"{{"success":false,"outputs":{{}},"error":{}}}"#, failure.to_json()),
            });
        }
        Ok(format!(r#"{{"$items":[{}]}}"#, results.join(",")))
    }

    pub(crate) fn answer_outputs(self: &Arc<Self>, job: &Job, outputs: &str, started: Instant) -> Result<(), Failure> {
        let (id, took) = (json!(job.context.id), milliseconds(started));
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"success":true,"outputs":{outputs},"metadata":{{"execution_time":{took:.3}}}}}}}"#
        );
        let bytes_max = self.bytes_max();
        if line.len() > bytes_max {
            let size = format!("the answer of {} bytes is over the bound of {bytes_max}", line.len());
            let message = format!("{size}, write it to a file of the workspace and give its blob");
            return Err(Failure::new(Kind::Resource, message));
        }
        self.answer(job, &line);
        Ok(())
    }

    pub(crate) fn answer_failure(self: &Arc<Self>, job: &Job, failure: &Failure, started: Instant) {
        let (id, took) = (json!(job.context.id), milliseconds(started));
        let line = |error: Value| {
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"success":false,"outputs":{{}},"error":{error},"metadata":{{"execution_time":{took:.3}}}}}}}"#
            )
        };
        let mut text = line(failure.to_json());
        if text.len() > self.bytes_max() {
            let short = Failure::new(failure.kind, "a failure that fits into no message");
            text = line(Failure { retryable: failure.retryable, ..short }.to_json());
        }
        self.answer(job, &text);
    }

    /// Holds the one answer of a call.
    fn answer(self: &Arc<Self>, job: &Job, line: &str) {
        job.context.progress_last();
        // In this order: once nothing runs any more, another thread may end the process.
        self.hold(line);
        let mut state = self.state();
        state.forget(&job.context.id);
        let is_last = state.stop_id.is_some() && state.jobs.is_empty();
        drop(state);
        if is_last {
            self.stopped();
        }
    }

    fn refuse(&self, id: Option<&str>, fault: &Fault) {
        let data = json!({
            "kind": fault.kind.name(), "retryable": fault.retryable, "message": fault.message, "detail": null,
        });
        let error = json!({"code": fault.code, "message": fault.message, "data": data});
        self.hold(&json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string());
    }
}

fn milliseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "the work panicked".into())
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
        io::{BufRead, BufReader, Write},
        os::unix::net::UnixStream,
        thread,
    };

    crate::inputs! {
        struct Echo {
            text: String,
        }
    }

    /// What a package that wants `wanted` says at the handshake with a host that offers `offered`, and whether a text of
    /// `length` comes back then.
    fn passes(wanted: usize, offered: usize, length: usize) -> (Value, bool) {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let echo = |_: &Context, inputs: Echo| -> Result<Value, Failure> { Ok(json!({"text": inputs.text})) };
        let package = Package::new("com.example", "1.0.0").messages_up_to(wanted);
        let streams = (Lines::new(theirs.try_clone().expect("a handle")), Writer::new(theirs));
        let nodes = vec![Node::new("com.example.echo", echo)];
        let shared = Shared::new(streams.0, streams.1, package, nodes, "/tmp".into(), false);
        thread::spawn(move || shared.serve());
        let mut reader = BufReader::new(ours.try_clone().expect("a handle"));
        let mut ask = |id: &str, method: &str, params: Value| -> Value {
            let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            // A node that refuses a line has closed before all of it is written.
            let _ = ours.write_all(format!("{request}\n").as_bytes());
            let mut line = String::new();
            reader.read_line(&mut line).map_or(Value::Null, |_| serde_json::from_str(&line).unwrap_or_default())
        };
        // With threads of their own for calls where the host is generous.
        let limits = json!({"message_bytes_max": offered, "concurrency": offered >> 20});
        let info = ask("i", "node.info", json!({"protocol": [1], "limits": limits}));
        let parameters = json!({"text": "x".repeat(length)});
        let answer = ask("e", "node.execute", json!({"context": {}, "parameters": parameters}));
        let text = answer["result"]["outputs"]["text"].as_str().map(str::len);
        (info["result"]["limits"]["message_bytes_max"].clone(), text == Some(length))
    }

    #[test]
    fn messages_are_as_long_as_both_sides_want() {
        const MIB: usize = 1 << 20;
        assert_eq!(passes(0, 16 * MIB, MIB / 2), (Value::Null, true));
        assert_eq!(passes(0, 16 * MIB, 2 * MIB), (Value::Null, false));
        assert_eq!(passes(16 * MIB, MIB, 2 * MIB), (Value::Null, false));
        assert_eq!(passes(4 * MIB, 16 * MIB, 2 * MIB), (json!(4 * MIB), true));
        assert_eq!(passes(16 * MIB, 3 * MIB, 2 * MIB), (json!(3 * MIB), true));
    }
}
