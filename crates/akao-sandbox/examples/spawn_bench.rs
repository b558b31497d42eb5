//! How long a sandbox takes from request to reaped, beside the same static program run without one.
//!
//! `cargo run --release -p akao-sandbox --example spawn_bench [ROUNDS]`. The pool is refilled between requests, which
//! are therefore spaced; the other rows run back to back.

use akao_sandbox::{Cause, Command, Launcher, Options, SpawnSpec};
use std::{
    os::fd::{AsRawFd, OwnedFd},
    process::Stdio,
    time::{Duration, Instant},
};

/// How long the pool has to be refilled.
const REFILL: Duration = Duration::from_millis(15);

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(300);
    let probe = akao_sandbox::probe_program().expect("a file in memory");
    let floor = measure(rounds, Duration::ZERO, || run_bare(&probe));
    let pooled = Launcher::start(Options { pool_size: 4, ..Options::default() }).expect("this machine isolates");
    let fresh = Launcher::start(Options { pool_size: 0, ..Options::default() }).expect("this machine isolates");
    let tier = pooled.tier().tier;
    let with_pool = measure(rounds, REFILL, || run_sandboxed(&pooled, &probe));
    let without = measure(rounds, Duration::ZERO, || run_sandboxed(&fresh, &probe));
    let floor_after = measure(rounds, Duration::ZERO, || run_bare(&probe));
    println!("tier {tier}, {rounds} rounds, microseconds");
    println!("{:<34} {:>8} {:>8} {:>8} {:>7}", "", "min", "p50", "p99", "ratio");
    let base = floor.p50.min(floor_after.p50);
    let rows = [
        ("run without a sandbox, before", floor),
        ("run without a sandbox, after", floor_after),
        ("sandboxed, prepared", with_pool),
        ("sandboxed, made on request", without),
    ];
    for (name, figures) in rows {
        let ratio = figures.p50 / base;
        println!("{name:<34} {:>8.0} {:>8.0} {:>8.0} {ratio:>7.1}", figures.least, figures.p50, figures.p99);
    }
}

#[derive(Clone, Copy)]
struct Figures {
    least: f64,
    p50: f64,
    p99: f64,
}

fn measure(rounds: usize, pause: Duration, mut work: impl FnMut()) -> Figures {
    (0..10).for_each(|_| work());
    let mut times: Vec<f64> = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        std::thread::sleep(pause);
        let begun = Instant::now();
        work();
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Figures { least: times[0], p50: times[rounds / 2], p99: times[rounds * 99 / 100] }
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
