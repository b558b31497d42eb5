//! The kill loop for external nodes: the real program is killed with SIGKILL while steps run in sandboxed processes, and is
//! started again on the same data directory. A node that may run again does so with the same idempotency key; one that may
//! not is never run twice, and its step says that nobody knows what it did; no process outlives the program.
//!
//! `AKAO_NODE_KILLS` (default 60) says how many kills, `AKAO_KILL_SEED` where the seeds begin.

#[path = "../kill_loop/outside.rs"]
mod outside;
#[path = "../support/program.rs"]
mod program;
#[path = "../kill_loop/random.rs"]
mod random;

use outside::Outside;
use program::{Place, tail, wait_until_gone};
use random::Random;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

/// How long everything may take to come to rest once nobody is killed any more.
const REST_WITHIN: Duration = Duration::from_secs(120);

/// How long processes may be seen after the program that started them was killed.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// The node of both packages: it does something outside, once it is asked, and takes a while on either side of it.
const CODE: &str = r#"
import http.client, time
from akao import node, serve

@node('com.example.NAME')
def work(context, n: int, port: int, before: int, after: int):
    time.sleep(before / 1000)
    outside = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
    key = context.idempotency_key or ''
    outside.request('POST', '/NAME/%s' % context.execution_id, headers={'Idempotency-Key': key})
    assert outside.getresponse().status == 200
    time.sleep(after / 1000)
    return {'n': n}

if __name__ == '__main__':
    serve(work, version='1.0.0')
"#;

/// The two nodes: their names, and whether they may run again.
const NODES: [(&str, bool); 2] = [("again", true), ("never", false)];

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, found `{text}`")),
        Err(_) => default,
    }
}

/// Writes the packages and the workflows that use them.
fn write_files(folder: &Path, port: u16) {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python/src/akao");
    for (name, idempotent) in NODES {
        let package = folder.join(name);
        fs::create_dir_all(package.join("akao")).expect("a folder");
        for entry in fs::read_dir(&sdk).expect("the SDK").map(|entry| entry.expect("an entry").path()) {
            if entry.extension().is_some_and(|extension| extension == "py") {
                fs::copy(&entry, package.join("akao").join(entry.file_name().expect("a name"))).expect("a copy");
            }
        }
        fs::write(package.join("main.py"), CODE.replace("NAME", name)).expect("the node");
        let manifest = format!(
            "manifest: 1\nid: com.example.{name}\nname: Works\nversion: 1.0.0\nruntime: {{ type: python, command: main.py }}\n\
             resources: {{ cpu: 1, timeout: 60s }}\npermissions:\n  - network.tcp: {{ hosts: [\"127.0.0.1:{port}\"] }}\n\
             nodes:\n  - id: com.example.{name}\n    idempotent: {idempotent}\n    effects: write\n    inputs:\n      \
             n: {{ type: integer, required: true }}\n      port: {{ type: integer, required: true }}\n      \
             before: {{ type: integer, required: true }}\n      after: {{ type: integer, required: true }}\n    \
             outputs: {{ n: {{ type: integer }} }}\n"
        );
        fs::write(package.join("_.yaml"), manifest).expect("the manifest");
        let inputs = "n: { type: integer, required: true }, before: { type: integer, required: true }, after: { type: integer, required: true }";
        let workflow = format!(
            "akao: 1\nid: {name}\nversion: 1.0.0\ninputs: {{ {inputs} }}\noutputs: {{ n: \"${{steps.work.outputs.n}}\" }}\n\
             root:\n  type: Sequence\n  children:\n    - {{ type: ./{name}, id: work, props: {{ n: \"${{input.n}}\", port: {port}, \
             before: \"${{input.before}}\", after: \"${{input.after}}\" }} }}\n"
        );
        fs::write(folder.join(format!("{name}.yaml")), workflow).expect("the workflow");
    }
}

/// Every process below one, and how it was started.
fn below(process: i32) -> BTreeMap<i32, u64> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let texts = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let own: Vec<i32> =
        texts.flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect();
    let mut all = BTreeMap::new();
    for pid in own {
        all.extend(began(pid).map(|at| (pid, at)));
        all.extend(below(pid));
    }
    all
}

/// When a process began, in ticks; a number that was given to another process since has another time.
fn began(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let is_gone = fields.next()? == "Z";
    let at = fields.nth(18)?.parse().ok()?;
    (!is_gone).then_some(at)
}

/// One data directory with its clients' memory.
struct Loop {
    place: Place,
    outside: Outside,
    random: Random,
    next: u64,
    /// Acknowledged executions: the name of their node and their number.
    started: BTreeMap<String, (&'static str, u64)>,
    owners_killed: u64,
    /// Processes that ran below an owner when it was killed.
    orphans: usize,
}

impl Loop {
    /// Starts an execution; a refusal is one that a killed owner explains.
    fn start(&mut self) -> Result<(), String> {
        let (name, _) = NODES[usize::from(self.random.percent(50))];
        let n = self.next;
        self.next += 1;
        let (file, n_set) = (format!("{name}.yaml"), format!("n={n}"));
        let before = format!("before={}", self.random.below(200));
        let after = format!("after={}", self.random.below(300));
        let grant = format!("network.tcp=127.0.0.1:{}", self.outside.port);
        let arguments =
            ["run", &file, "--detach", "--set", &n_set, "--set", &before, "--set", &after, "--grant", &grant];
        let answer = self.place.ask(&arguments)?;
        if answer.is_done() {
            let id = answer.document["execution"].as_str().ok_or_else(|| format!("no id: {}", answer.document))?;
            self.started.insert(id.to_owned(), (name, n));
            return Ok(());
        }
        match answer.error("kind") {
            "stopped" | "locked" => Ok(()),
            _ => Err(format!("a start was refused: {}", answer.document)),
        }
    }

    /// An owner works for a while and is killed; what it had started must go with it.
    fn kill_once(&mut self) -> Result<(), String> {
        let mut child = self.place.spawn(&["owner"]);
        let left = self.work_and_kill(&child);
        // The child may be one that had nothing to do, because a command had become the owner before it.
        let _ = child.kill();
        let ended = child.wait();
        let left = left?;
        ended.map_err(|error| error.to_string())?;
        let end = Instant::now() + GONE_WITHIN;
        loop {
            let there: Vec<i32> =
                left.iter().filter(|(pid, at)| began(**pid) == Some(**at)).map(|(pid, _)| *pid).collect();
            if there.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(format!("processes {there:?} have outlived the program"));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Starts executions, kills the owner at some moment, and gives the processes that were below it.
    fn work_and_kill(&mut self, child: &Child) -> Result<BTreeMap<i32, u64>, String> {
        for _ in 0..=self.random.index(2) {
            self.start()?;
        }
        // Half of the kills come at any moment, half when the owner has begun to work, however long that took.
        let end = Instant::now() + Duration::from_secs(10);
        let at_work = || self.place.owner().is_some_and(|owner| !below(owner.as_raw_nonzero().get()).is_empty());
        let waits = self.random.index(2) == 0;
        while waits && !at_work() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(self.random.below(900)));
        let owner = self.place.owner().unwrap_or_else(|| Pid::from_child(child));
        let left = below(owner.as_raw_nonzero().get());
        if kill_process(owner, Signal::KILL).is_ok() {
            self.owners_killed += 1;
            self.orphans += left.len();
            wait_until_gone(owner)?;
        }
        Ok(left)
    }

    /// Nobody is killed any more: everything must end.
    fn come_to_rest(&mut self) -> Result<(), String> {
        let mut last = self.place.spawn(&["owner"]);
        let rested = self.await_rest();
        let told = self.place.end_owner(Signal::TERM);
        let ended = last.wait();
        rested?;
        told?;
        ended.map(drop).map_err(|error| error.to_string())
    }

    fn await_rest(&self) -> Result<(), String> {
        let end = Instant::now() + REST_WITHIN;
        loop {
            let open = ["--status", "queued", "--status", "running", "--status", "waiting", "--status", "paused"];
            let answer = self.place.ask(&[&["executions", "list"], &open[..]].concat())?;
            let listed = answer.document["executions"].as_array().cloned();
            match listed {
                Some(listed) if listed.is_empty() => return Ok(()),
                _ if Instant::now() >= end => return Err(format!("these are stuck: {}", answer.document)),
                _ => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Every execution ended as its node allows, and acted as often as it may. Gives how many were run again and how many
    /// ended as unknown.
    fn check(&self) -> Result<(usize, usize), String> {
        let (mut again, mut unknown, mut keys) = (0, 0, BTreeSet::new());
        for (id, (name, n)) in &self.started {
            let shown = self.place.ask(&["executions", "show", id])?.document;
            let arrived = self.outside.keys(&format!("/{name}/{id}"));
            let problem = |what: &str| format!("{id} ({name}): {what}; arrived {arrived:?}; {shown}");
            let succeeded = shown["status"] == "success";
            if succeeded && shown["outputs"]["n"] != *n {
                return Err(problem("other outputs"));
            }
            match *name {
                "again" => {
                    let unique: BTreeSet<&String> = arrived.iter().collect();
                    if !succeeded || unique.len() != 1 || unique.iter().any(|key| key.is_empty()) {
                        return Err(problem("it must run again until it succeeds, with one key"));
                    }
                    if !unique.into_iter().all(|key| keys.insert(key.clone())) {
                        return Err(problem("its key belongs to another"));
                    }
                    again += usize::from(arrived.len() > 1);
                }
                _ if arrived.len() > 1 => return Err(problem("it was run twice")),
                _ if succeeded && arrived.len() == 1 => {}
                _ if !succeeded && reason(&shown) == "outcome_unknown" => unknown += 1,
                _ => return Err(problem("it must succeed or say that nobody knows")),
            }
        }
        Ok((again, unknown))
    }
}

/// The reason of the failure of an execution.
fn reason(shown: &Value) -> &str {
    let error = if shown["error"].is_object() { &shown["error"] } else { &shown["failure"]["error"] };
    error["detail"]["reason"].as_str().unwrap_or_default()
}

fn run(folder: &Path, seed: u64, kills: u64) -> Result<String, String> {
    let outside = Outside::start(0);
    write_files(folder, outside.port);
    let place = Place { folder: folder.to_owned() };
    let mut all = Loop {
        place,
        outside,
        random: Random::new(seed),
        next: 0,
        started: BTreeMap::new(),
        owners_killed: 0,
        orphans: 0,
    };
    let done = (|| {
        while all.owners_killed < kills {
            all.kill_once()?;
        }
        all.come_to_rest()?;
        all.check()
    })();
    let _ = all.place.end_owner(Signal::KILL);
    let (again, unknown) =
        done.map_err(|problem| format!("{problem}\n\nowner.log:\n{}", tail(&all.place.data().join("owner.log"))))?;
    if kills >= 50 && (again == 0 || unknown == 0 || all.orphans == 0) {
        return Err(format!("no kill hit a step: {again} again, {unknown} unknown, {} processes", all.orphans));
    }
    Ok(format!(
        "{} kills of owners with {} processes below them, {} executions: {again} acted again, {unknown} ended as unknown",
        all.owners_killed,
        all.orphans,
        all.started.len()
    ))
}

#[test]
fn no_node_acts_twice_or_outlives_the_program_whenever_it_is_killed() {
    let (seed, kills) = (number("AKAO_KILL_SEED", 1), number("AKAO_NODE_KILLS", 60));
    let (folder, began_at) = (tempfile::tempdir().expect("a folder"), Instant::now());
    match run(folder.path(), seed, kills) {
        Ok(told) => println!("{told} in {:.1} s", began_at.elapsed().as_secs_f64()),
        Err(problem) => panic!(
            "seed {seed}: {problem}\n\nthe folder is kept: {}\nrun it again: AKAO_KILL_SEED={seed} AKAO_NODE_KILLS={kills} \
             cargo test -p akao --test node_kills -- --nocapture",
            folder.keep().display()
        ),
    }
}
