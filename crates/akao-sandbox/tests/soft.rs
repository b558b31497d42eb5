//! Limits where no control group holds them: nothing that a program does hides its memory from the watch.

mod harness;

use akao_sandbox::{Cause, Launcher, Options, SpawnSpec};
use harness::*;
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Far less than the acts last, and far more than some looks of the watch take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A launcher that may not use control groups.
fn soft() -> &'static Launcher {
    static LAUNCHER: OnceLock<Launcher> = OnceLock::new();
    LAUNCHER.get_or_init(|| {
        let options = Options { control_groups: false, ..Options::default() };
        Launcher::start(options).expect("this machine isolates")
    })
}

/// Runs the act under a limit of 64 MB.
fn small(arguments: &[&str]) -> SpawnSpec {
    let mut spec = probe_spec(arguments);
    spec.limits.memory_bytes = 64_000_000;
    spec.limits.wall_ms = 60_000;
    spec
}

fn soon(spec: SpawnSpec) -> Run {
    let begun = Instant::now();
    let run = finish(soft().spawn(spec, Vec::new()).unwrap());
    assert!(begun.elapsed() < SOON, "after {:?}: {run:?}", begun.elapsed());
    run
}

#[test]
fn case_81_a_flood_of_ends_does_not_hold_up_the_watch() {
    with_and_without_root("case_81_a_flood_of_ends_does_not_hold_up_the_watch", || {
        let run = soon(small(&["orphans", "100000000", "40000"]));
        assert_eq!(run.ended.cause, Cause::Memory, "{run:?}");
        let run = soon(small(&["orphans", "1000000", "1000"]));
        assert_eq!(run.ended.cause, Cause::Exited(0), "the control, with little memory: {run:?}");
    });
}

#[test]
fn case_81_a_process_whose_first_thread_ended_is_still_counted() {
    with_and_without_root("case_81_a_process_whose_first_thread_ended_is_still_counted", || {
        let run = soon(small(&["headless", "100000000", "40000"]));
        assert_eq!(run.ended.cause, Cause::Memory, "{run:?}");
        let run = soon(small(&["headless", "1000000", "100"]));
        assert_eq!((run.stdout.as_str(), run.ended.cause), ("taken\n", Cause::Exited(0)), "the control: {run:?}");
    });
}
