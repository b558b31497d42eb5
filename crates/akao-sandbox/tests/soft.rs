//! Limits where no control group holds them: nothing that a program does hides its memory from the watch.

mod harness;

use akao_sandbox::{Cause, Launcher, Options, Profile, SpawnSpec};
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

#[test]
fn case_81_no_memory_is_shared_where_nobody_counts_it() {
    with_and_without_root("case_81_no_memory_is_shared_where_nobody_counts_it", || {
        let said = |arguments: &[&str], allow_exec: bool| {
            let mut spec = small(arguments);
            spec.allow_exec = allow_exec;
            soon(spec).stdout
        };
        // The C library of the probe tells a refused mapping as a lack of memory.
        assert_eq!(said(&["memory-hidden", "400000000"], false), "denied ENOMEM\n");
        assert_eq!(said(&["memory-device", "/dev/zero", "400000000"], false), "denied EACCES\n");
        assert_eq!(said(&["memory-file", "1000000"], true), "denied EPERM\n");
        assert_eq!(said(&["read", "/dev/zero"], false), "done 64 bytes\n", "reading the device is no memory");
        if !is_root() {
            return;
        }
        // The control: where a control group counts, the same is taken and ends at the limit.
        for arguments in [&["memory-hidden", "400000000"][..], &["memory-device", "/dev/zero", "400000000"]] {
            let run = run(small(arguments)).unwrap();
            assert_eq!(run.ended.cause, Cause::Memory, "{run:?}");
        }
    });
}

#[test]
fn case_81_mappings_of_nothing_count() {
    with_and_without_root("case_81_mappings_of_nothing_count", || {
        let run = soon(small(&["mappings", "20", "40000"]));
        assert_eq!(run.ended.cause, Cause::Memory, "{run:?}");
        assert_eq!(soon(small(&["mappings", "1", "500"])).stdout, "done\n", "the control: one with some is usual");
    });
}

#[test]
fn case_81_locks_on_files_count_with_a_control_group_too() {
    with_and_without_root("case_81_locks_on_files_count_with_a_control_group_too", || {
        let spec = |count| {
            let mut spec = small(&["locks", "/tmp", count, "20000"]);
            spec.limits.memory_bytes = 16_000_000;
            spec
        };
        let run = soon(spec("110000"));
        assert_eq!(run.ended.cause, Cause::Memory, "{run:?}");
        let begun = Instant::now();
        let run = finish(launcher().spawn(spec("110000"), Vec::new()).unwrap());
        assert_eq!(run.ended.cause, Cause::Memory, "{run:?}");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        let mut few = small(&["locks", "/tmp", "100", "1500"]);
        few.limits.memory_bytes = 16_000_000;
        let run = finish(launcher().spawn(few, Vec::new()).unwrap());
        assert_eq!(run.ended.cause, Cause::Exited(0), "the control: {run:?}");
        // Where a control group counts memory a program may hide from its equals, and is still looked at.
        let run = finish(launcher().spawn(small(&["undumpable", "2500"]), Vec::new()).unwrap());
        let expected = if is_root() { "done\n" } else { "denied EPERM\n" };
        assert_eq!(run.stdout, expected, "{run:?}");
    });
}

#[test]
fn case_81_tables_of_pages_count() {
    with_and_without_root("case_81_tables_of_pages_count", || {
        let mut spec = small(&["spread-reads", "200000000000", "40000"]);
        spec.profile = Profile::Node;
        let run = soon(spec);
        assert_eq!(run.ended.cause, Cause::Memory, "{run:?}");
        let mut spec = small(&["spread-reads", "2000000000", "100"]);
        spec.profile = Profile::Node;
        assert_eq!(soon(spec).stdout, "done\n", "the control: a little of it is usual");
    });
}
