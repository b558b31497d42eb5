//! Sandboxes, from request to reaped, beside the same static program without one and, where it is installed, `bwrap`.

use crate::{
    Ground,
    engine::median,
    row::{Goal, Row},
};
use akao_sandbox::{Cause, Command, Launcher, Options, SpawnSpec, Tier, probe_program};
use std::{
    os::fd::{AsRawFd, OwnedFd},
    process::Stdio,
    time::{Duration, Instant},
};

/// How long the pool has to be refilled.
const REFILL: Duration = Duration::from_millis(15);

/// The first and the last of the cycles that are compared.
const ENDS: usize = 100;

pub(super) fn spawn(ground: &Ground) -> Vec<Row> {
    let rounds = if ground.quick { 100 } else { 400 };
    let probe = probe_program().expect("a file in memory");
    let pooled = Launcher::start(Options { pool_size: 4, minimum: Tier::T1, ..Options::default() });
    let fresh = Launcher::start(Options { pool_size: 0, minimum: Tier::T1, ..Options::default() });
    let (pooled, fresh) = (pooled.expect("this machine isolates"), fresh.expect("this machine isolates"));
    let (mut bare, mut with_pool, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(time(|| run_bare(&probe)));
        std::thread::sleep(REFILL);
        with_pool.push(time(|| run_sandboxed(&pooled, &probe)));
        without.push(time(|| run_sandboxed(&fresh, &probe)));
    }
    let floor = median(&mut bare);
    let name = "the same static program, vfork and exec, p50 µs";
    let pooled_value = median(&mut with_pool);
    let tier = pooled.tier().tier;
    let mut rows = vec![
        Row::new(
            &format!("sandboxed spawn ({tier}) from the pool, request to reaped, p50"),
            pooled_value,
            "µs",
            Some((floor, name)),
            Goal::RatioAtMost(10.0),
            ground.quick,
        ),
        Row::new(
            &format!("sandboxed spawn ({tier}) without a pool, request to reaped, p50"),
            median(&mut without),
            "µs",
            Some((floor, name)),
            Goal::RatioAtMost(25.0),
            ground.quick,
        ),
    ];
    rows.extend(against_bwrap(&probe, pooled_value, rounds / 4, ground));
    rows.push(cycles(&fresh, &probe, ground));
    rows
}

fn time(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e6
}

fn run_bare(probe: &OwnedFd) {
    let path = format!("/proc/self/fd/{}", probe.as_raw_fd());
    let status = std::process::Command::new(path).arg("nothing").env_clear().stdout(Stdio::null()).status();
    assert!(status.expect("the probe runs").success());
}

fn run_sandboxed(launcher: &Launcher, probe: &OwnedFd) {
    let program = probe.try_clone().expect("a descriptor is free");
    let mut spec = SpawnSpec::new(Command::File(program, "akao-probe".into()));
    spec.arguments = vec!["nothing".into()];
    let mut sandboxed = launcher.spawn(spec, Vec::new()).expect("the sandbox is made");
    let ended = sandboxed.wait().expect("the spawner lives");
    assert_eq!(ended.cause, Cause::Exited(0));
}

/// The pooled start beside bubblewrap with all namespaces and twelve binds.
fn against_bwrap(probe: &OwnedFd, pooled: f64, rounds: usize, ground: &Ground) -> Option<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("probe");
    std::fs::copy(format!("/proc/self/fd/{}", probe.as_raw_fd()), &program).expect("a copy");
    let binds = [
        "/usr",
        "/bin",
        "/lib",
        "/lib64",
        "/sbin",
        "/etc/alternatives",
        "/etc/ssl",
        "/usr/share",
        "/usr/lib",
        "/usr/bin",
        "/usr/sbin",
        "/usr/local",
    ];
    let mut command = std::process::Command::new("bwrap");
    command.args(["--unshare-all", "--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    for bind in binds {
        command.args(["--ro-bind-try", bind, bind]);
    }
    command.arg("--ro-bind").arg(&program).arg("/tmp/probe").args(["/tmp/probe", "nothing"]).stdout(Stdio::null());
    let mut times = Vec::new();
    for _ in 0..rounds.max(10) {
        // As rested as the pool is between two requests.
        std::thread::sleep(REFILL);
        let start = Instant::now();
        match command.status() {
            Ok(status) if status.success() => times.push(start.elapsed().as_secs_f64() * 1e6),
            other => {
                eprintln!("bwrap cannot be compared ({other:?}); install the package `bubblewrap`");
                return None;
            }
        }
    }
    let floor = (median(&mut times), "bwrap --unshare-all with 12 binds, p50 µs");
    let name = "sandboxed spawn from the pool beside bwrap";
    Some(Row::new(name, pooled, "µs", Some(floor), Goal::RatioAtMost(0.25), ground.quick))
}

/// Many starts in a row: the last as quick as the first.
fn cycles(launcher: &Launcher, probe: &OwnedFd, ground: &Ground) -> Row {
    let count = if ground.quick { 400 } else { 1_000 };
    let mut times: Vec<f64> = (0..count).map(|_| time(|| run_sandboxed(launcher, probe))).collect();
    let last = median(&mut times[count - ENDS..].to_vec());
    let first = median(&mut times[..ENDS]);
    let name = format!("{count} spawns in a row: the last {ENDS}, p50");
    Row::new(&name, last, "µs", Some((first, "the first 100, p50 µs")), Goal::RatioAtMost(1.3), ground.quick)
}
