//! The floors of scripts: the prototype in a sandbox, a fork for each without one, and a Python that is started.

use akao_nodes::ExternalNodes;
use akao_sandbox::{Bind, Command, Launcher, Options, Profile, Sandboxed, Source, SpawnSpec, Tier};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

const PROTOTYPE: &str = include_str!("prototype.py");
const PYTHON: &str = "/usr/bin/python3";

fn request(number: u64) -> String {
    json!({"id": number, "script": super::SCRIPT, "inputs": {"items": [1, 2, 3]}}).to_string() + "\n"
}

/// The prototype in a sandbox like an interpreter's.
pub(super) struct Prototype {
    socket: BufReader<UnixStream>,
    sandboxed: Sandboxed,
    _launcher: Launcher,
    _folder: tempfile::TempDir,
}

impl Prototype {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("prototype.py"), PROTOTYPE).expect("a file");
        let launcher =
            Launcher::start(Options { minimum: Tier::T1, ..Options::default() }).expect("this machine isolates");
        let mut spec = SpawnSpec::new(Command::Path(PYTHON.into()));
        spec.arguments = ["-I", "-B", "/package/prototype.py"].map(Into::into).into();
        let source = Source::Path(folder.path().canonicalize().expect("a folder"));
        spec.binds = vec![Bind { source, target: "/package".into(), read_only: true, exec: false }];
        spec.limits.cpu_millis = 1_000;
        spec.profile = Profile::Python;
        let (ours, theirs) = UnixStream::pair().expect("a socket");
        let sandboxed = launcher.spawn(spec, vec![(3, theirs.into())]).expect("the sandbox is made");
        Self { socket: BufReader::new(ours), sandboxed, _launcher: launcher, _folder: folder }
    }

    /// One run, in milliseconds.
    pub(super) fn time(&mut self, number: u64) -> f64 {
        let line = request(number);
        let start = Instant::now();
        self.socket.get_mut().write_all(line.as_bytes()).expect("it reads");
        let mut answer = String::new();
        self.socket.read_line(&mut answer).expect("it answers");
        let time = super::millis(start);
        assert!(answer.contains("\"result\": 6"), "{answer}");
        time
    }
}

/// The prototype outside of any sandbox, which forks when it is asked.
pub(super) struct ForkServer {
    child: Child,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl ForkServer {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (script, path) = (folder.path().join("prototype.py"), folder.path().join("socket"));
        fs::write(&script, PROTOTYPE).expect("a file");
        let child =
            std::process::Command::new(PYTHON).arg("-I").arg(&script).arg(&path).spawn().expect("Python starts");
        let end = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(&path).is_err() {
            assert!(Instant::now() < end, "the server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { child, path, _folder: folder }
    }

    /// Runs a second, so many at once.
    pub(super) fn rate(&self, count: usize, at_once: usize) -> f64 {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for lane in 0..at_once {
                scope.spawn(move || {
                    for number in 0..count / at_once {
                        let mut socket = UnixStream::connect(&self.path).expect("it listens");
                        socket.write_all(request((lane * count + number) as u64).as_bytes()).expect("it reads");
                        let mut answer = String::new();
                        BufReader::new(socket).read_line(&mut answer).expect("it answers");
                        assert!(answer.contains("\"result\": 6"), "{answer}");
                    }
                });
            }
        });
        count as f64 / start.elapsed().as_secs_f64()
    }
}

impl Drop for ForkServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that is started, in milliseconds.
pub(super) fn cold() -> f64 {
    let start = Instant::now();
    let status = std::process::Command::new(PYTHON).args(["-c", "import json"]).stdin(Stdio::null()).status();
    assert!(status.expect("Python starts").success());
    super::millis(start)
}

/// The megabytes of their own of a process that waits for a script, and of one of the prototype; none where they cannot be read.
pub(super) fn waiting_memory(nodes: &ExternalNodes, prototype: &Prototype) -> Option<(f64, f64)> {
    let ours = nodes.snapshot().first()?.instances.first()?.process;
    Some((own_megabytes(deepest(ours)?)?, own_megabytes(deepest(prototype.sandboxed.pid())?)?))
}

/// The last of the children's children of a process.
fn deepest(pid: u32) -> Option<u32> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let mut others = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |other: &u32| {
        let stat = fs::read_to_string(format!("/proc/{other}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok()) == Some(pid)
    };
    others.find(is_child).map_or(Some(pid), deepest)
}

/// Memory that no other process shares.
fn own_megabytes(pid: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let own = rollup.lines().filter(|line| line.starts_with("Private_"));
    let kilobytes = own.filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).sum::<f64>();
    Some(kilobytes * 1_024.0 / 1e6)
}
