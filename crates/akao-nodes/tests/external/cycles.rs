//! Processes that come and go: what is left of them, and whether the thousandth comes as quickly as the first.

use crate::{
    CANARY_VARIABLE, Case, PART,
    ground::{Ground, Heard, Package, is_alive, is_root, run, until},
    world::Names,
};
use akao_contract::{
    Permission, Tenant,
    manifest::{Resources, RuntimeKind},
};
use akao_nodes::{LaunchOptions, SandboxLaunch, pin};
use akao_runtime::{Kill, Launch, ProcessSpec};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) const CASES: &[Case] = &[
    ("case_88_processes_that_come_and_go_leave_nothing_behind", cycles),
    ("case_59_nothing_outlives_an_owner_that_is_killed", killed_owner),
    ("case_59_a_spawner_that_is_killed_is_replaced", killed_spawner),
];

/// Cycles whose times are compared at either end.
const COMPARED: usize = 100;

/// Plays a part in a process of its own, so that what it counts is its own.
pub(crate) fn play(part: &str) {
    match part.split_once(' ') {
        Some(("cycles", count)) => run(come_and_go(count.parse().unwrap())),
        _ => run(hold()),
    }
}

/// This program with a part to play.
pub(crate) fn player(part: &str) -> Command {
    let mut player = Command::new("/proc/self/exe");
    player.env(PART, part).env(CANARY_VARIABLE, "").stdout(Stdio::piped());
    player
}

fn cycles() {
    let count = std::env::var("AKAO_CYCLES").unwrap_or_else(|_| "100".to_owned());
    // A folder for passing files that nobody else uses, so that all that stands in it was left by these processes.
    let passing = tempfile::tempdir().unwrap();
    let mut player = player(&format!("cycles {count}"));
    let output = player.env("TMPDIR", passing.path()).stderr(Stdio::piped()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(std::fs::read_dir(passing.path()).unwrap().count(), 0, "the folder for passing files is empty again");
    println!("{}", out.trim_end());
}

fn spec(folder: &Path, grants: Vec<Permission>) -> ProcessSpec {
    let pinned = pin(folder).unwrap();
    ProcessSpec {
        tenant: Tenant::local(),
        package: pinned.folder.manifest().id.clone(),
        version: "1.0.0".into(),
        digest: pinned.digest,
        folder: folder.to_owned(),
        kind: RuntimeKind::Python,
        command: "main.py".into(),
        args: Vec::new(),
        environment: vec![("AKAO_RPC_FD".into(), "3".into())],
        resources: Resources::default(),
        grants,
        public_only: false,
        volumes: Vec::new(),
        wish: akao_runtime::Wish::default(),
    }
}

/// Starts and ends processes one after the other, counts what is there before and after, and compares the times.
async fn come_and_go(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("package");
    std::fs::create_dir(&package).unwrap();
    Package::acts().write(&package);
    let sandbox = akao_sandbox::Options { pool_size: 0, ..akao_sandbox::Options::default() };
    let bytecode = folder.path().join("bytecode");
    let options = LaunchOptions {
        sandbox,
        bytecode: Some(bytecode.clone()),
        resolver: Some(Arc::new(Names::default())),
        ..LaunchOptions::default()
    };
    let launch = SandboxLaunch::new(options, Arc::new(Heard::default()));
    let specs = [Vec::new(), vec!["network.tcp=api.example:443".parse().unwrap()]].map(|grants| spec(&package, grants));
    let mut times = Vec::new();
    let mut cycle = async |number: usize| {
        let begun = Instant::now();
        let started = launch.start(&specs[number % 2]).await.unwrap();
        let time = begun.elapsed();
        // Some are ended and waited for, some are let go of, some go while they start to speak.
        match number % 3 {
            0 => drop(started),
            1 => {
                started.process.kill(Kill::Now);
                started.process.ended().await;
            }
            _ => {
                let asks = b"{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"node.info\",\"params\":{}}\n";
                started.socket.writable().await.unwrap();
                started.socket.try_write(asks).unwrap();
                started.socket.readable().await.unwrap();
                drop(started.socket);
                started.process.kill(Kill::Now);
                started.process.ended().await;
            }
        }
        times.push(time);
    };
    // Threads of the runtime and the spawner are there after a few.
    for number in 0..10 {
        cycle(number).await;
    }
    // So are the compiled modules of the package, which are the only file that is meant to stay.
    let kept = || std::fs::read_dir(&bytecode).map_or(0, |found| found.flatten().filter(is_compiled).count());
    until("the compiled modules", kept, |count| *count == 1).await;
    let spawner = children()[0];
    let is_quiet = |seen: &BTreeMap<&'static str, usize>| seen["spawner's children"] == 0;
    until("a quiet start", || census(spawner), is_quiet).await;
    let before = census(spawner);
    for number in 0..count {
        cycle(number).await;
    }
    let same = |seen: &BTreeMap<&'static str, usize>| seen.iter().all(|(what, number)| *number <= before[what]);
    until(&format!("what was before, {before:?},"), || census(spawner), same).await;
    let times = times.split_off(10);
    let (first, last) = (median(&times[..COMPARED.min(count)]), median(&times[count - COMPARED.min(count)..]));
    let ratio = last.as_secs_f64() / first.as_secs_f64();
    println!("{count} cycles: first hundred {first:?}, last hundred {last:?}, ratio {ratio:.2}");
    if count > COMPARED {
        assert!(ratio < 1.3, "starts have become slower: {first:?}, {last:?}");
    }
    if !is_root() {
        // The kernel counts the namespaces below that of these tests, also those which nothing leads to any more.
        for kind in NAMESPACES {
            std::fs::write(format!("/proc/sys/user/max_{kind}_namespaces"), NAMESPACES_MAX.to_string()).unwrap();
        }
        let begun = Instant::now();
        while let Err(error) = launch.start(&specs[1]).await {
            assert!(
                begun.elapsed() < crate::ground::PATIENCE,
                "more than {NAMESPACES_MAX} of a kind are left: {error}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    drop(launch);
    until("the end of the spawner", || is_alive(spawner), |alive| !alive).await;
    assert_eq!(groups_of(spawner), [] as [PathBuf; 0]);
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

/// Processes that this one has started.
fn children() -> Vec<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let texts = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    texts.flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

/// The control groups that a spawner made.
fn groups_of(spawner: u32) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::from("/sys/fs/cgroup")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let path = entry.path();
                if path.components().any(|part| part.as_os_str() == format!("akao-{spawner}").as_str()) {
                    found.push(path.clone());
                }
                folders.push(path);
            }
        }
    }
    found
}

fn is_compiled(entry: &std::fs::DirEntry) -> bool {
    !entry.file_name().to_string_lossy().starts_with('.')
}

/// Kinds of namespaces by the names of their limits.
const NAMESPACES: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

/// So many of a kind there may be when one sandbox starts: its own, the spawner's and the tests', and one or two that the
/// kernel has not taken apart yet. Each process that came and went had one.
const NAMESPACES_MAX: usize = 12;

/// The namespaces that processes of `tree` live in, have open, or see mounted. One that is none of these can only be kept by the
/// kernel itself, which its limits tell.
fn namespaces_of(tree: &[u32]) -> usize {
    let mut found = BTreeSet::new();
    for process in tree {
        for folder in ["ns", "fd"] {
            let entries = std::fs::read_dir(format!("/proc/{process}/{folder}"));
            let links =
                entries.into_iter().flatten().flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
            let named = links.map(|link| link.to_string_lossy().into_owned());
            found.extend(named.filter(|link| NAMESPACES.iter().any(|kind| link.starts_with(&format!("{kind}:[")))));
        }
        let mounts = std::fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default();
        found.extend(mounts.lines().filter(|line| line.contains(" - nsfs ")).map(str::to_owned));
    }
    found.len()
}

/// Files and folders below one.
fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| 1 + if entry.file_type().is_ok_and(|kind| kind.is_dir()) { files_below(&entry.path()) } else { 0 })
        .sum()
}

/// Numbers that must not have grown afterwards.
fn census(spawner: u32) -> BTreeMap<&'static str, usize> {
    let lines = |path: String| std::fs::read_to_string(path).map_or(0, |text| text.lines().count());
    let entries = |path: String| std::fs::read_dir(path).map_or(0, Iterator::count);
    let own = std::fs::read_to_string(format!("/proc/{spawner}/task/{spawner}/children")).unwrap_or_default();
    BTreeMap::from([
        ("own descriptors", entries("/proc/self/fd".to_owned())),
        ("own mounts", lines("/proc/self/mountinfo".to_owned())),
        ("own children", children().len()),
        ("spawner's descriptors", entries(format!("/proc/{spawner}/fd"))),
        ("spawner's mounts", lines(format!("/proc/{spawner}/mountinfo"))),
        ("spawner's children", own.split_whitespace().count()),
        ("groups", groups_of(spawner).len()),
        ("namespaces", namespaces_of(&[&[std::process::id(), spawner][..], &below(spawner)].concat())),
        ("files in the folders of data and for passing files", files_below(&std::env::temp_dir())),
    ])
}

/// The part of an owner that is killed: processes of two tenants, one with a network, one with a child of its own.
async fn hold() {
    let ground = Ground::new();
    let keep = "if os.fork() == 0:\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    os.setsid()\n    time.sleep(1000)\nout = 1";
    assert_eq!(ground.says(&Package::acts(), keep).await, 1);
    assert_eq!(ground.says(&Package::with_hosts(&["api.example:443"]), "out = 1").await, 1);
    let busy = ground.begin(ground.code(&Package::acts(), "time.sleep(1000)").of("neighbour"));
    let busy = tokio::spawn(busy);
    until("three processes", || ground.processes().len(), |count| *count == 3).await;
    let spawner = children()[0];
    let all: Vec<u32> = below(spawner);
    println!("\nspawner {spawner} {}", all.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
    let _ = busy.await;
}

/// Every process below one.
fn below(process: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let own: Vec<u32> = text.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    own.iter().flat_map(|child| std::iter::once(*child).chain(below(*child))).collect()
}

fn killed_owner() {
    let mut owner = player("hold").spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find_map(|line| line.strip_prefix("spawner ").map(str::to_owned)).expect("the owner is there");
    let all: Vec<u32> = line.split(' ').map(|pid| pid.parse().unwrap()).collect();
    // The spawner, three sandboxes with their first process and the node's, a child of a node.
    assert!(all.len() >= 8 && all.iter().all(|pid| is_alive(*pid)), "the control: they are there: {all:?}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    run(async {
        let left = || all.iter().copied().filter(|pid| is_alive(*pid)).collect::<Vec<_>>();
        until("the end of all", left, Vec::is_empty).await;
        until("the end of the groups", || groups_of(all[0]), Vec::is_empty).await;
    });
}

fn killed_spawner() {
    run(async {
        let ground = Ground::new();
        assert_eq!(ground.says(&Package::acts(), "out = 1").await, 1);
        let process = ground.processes()[0];
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse::<i32>().unwrap();
        let cut_off = tokio::spawn(ground.begin(ground.code(&Package::acts(), "time.sleep(1000)")));
        until("the call", || ground.pools_of("local")[0].counters.calls, |calls| *calls == 2).await;
        rustix::process::kill_process(rustix::process::Pid::from_raw(parent).unwrap(), rustix::process::Signal::KILL)
            .unwrap();
        let done = tokio::time::timeout(crate::ground::PATIENCE, cut_off).await.expect("the step ends").unwrap();
        assert_eq!(done.error().detail["reason"], "outcome_unknown", "{done:?}");
        until("the end of the process", || is_alive(process), |alive| !alive).await;
        assert_eq!(ground.says(&Package::acts(), "out = 2").await, 2, "another spawner serves the next");
        ground.end().await;
    });
}
