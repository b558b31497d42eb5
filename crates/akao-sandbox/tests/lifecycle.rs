//! What is left when something ends that should not have, and after a thousand sandboxes: nothing.

mod harness;

use akao_sandbox::{Cause, Launcher, Options, SpawnError, WaitError};
use harness::*;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::Instant,
};

/// Set for the process that a test runs in order to kill it.
const HELPER: &str = "AKAO_TEST_HELPER";

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn own_launcher(pool_size: u32) -> Launcher {
    Launcher::start(Options { pool_size, ..Options::default() }).unwrap()
}

/// The control groups that were made for the spawner `pid`, with all below.
fn groups_of(pid: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let path = entry.path();
            if path.components().any(|part| part.as_os_str() == format!("akao-{pid}").as_str()) {
                found.push(path.display().to_string());
            }
            folders.push(path);
        }
    }
    found
}

#[test]
fn case_59_all_ends_when_the_spawner_is_killed() {
    with_and_without_root("case_59_all_ends_when_the_spawner_is_killed", || {
        let launcher = own_launcher(2);
        let mark = format!("orphan-{}", std::process::id());
        let mut sandboxed = launcher.spawn(probe_spec(&["sleep", "60000", &mark]), Vec::new()).unwrap();
        eventually("the sight of it", || processes_with(&mark).len() == 1);
        let spawner = launcher.spawner_pid();
        kill(spawner);
        assert!(matches!(sandboxed.wait(), Err(WaitError::SpawnerGone)));
        eventually("the end of what it had started", || processes_with(&mark).is_empty());
        let refused = launcher.spawn(probe_spec(&["nothing"]), Vec::new());
        assert!(matches!(refused, Err(SpawnError::SpawnerGone(_))), "{refused:?}");
        drop(launcher);
        // What it could not clear away, its successor does.
        let next = own_launcher(0);
        eventually("the removal of its groups", || groups_of(spawner).is_empty());
        assert_eq!(finish(next.spawn(probe_spec(&["nothing"]), Vec::new()).unwrap()).ended.cause, Cause::Exited(0));
    });
}

/// Not a test of its own: the process that the next test starts with a mask of its own.
#[test]
fn helper_that_keeps_all_to_itself() {
    if std::env::var_os(HELPER).is_none() {
        return;
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o777));
    let launcher = own_launcher(0);
    let said = |arguments: &[&str]| finish(launcher.spawn(probe_spec(arguments), Vec::new()).unwrap()).stdout;
    assert_eq!(said(&["read", "/etc/passwd"]), "done 41 bytes\n");
    assert_eq!(said(&["read", "/dev/zero"]), "done 64 bytes\n");
    let mut spec = probe_spec(&["read", "/shown/deep/file"]);
    let source = akao_sandbox::Source::Path("/usr".into());
    spec.binds = vec![akao_sandbox::Bind { source, target: "/shown/deep".into(), read_only: true, exec: false }];
    spec.arguments = ["list", "/shown"].iter().map(Into::into).collect();
    assert_eq!(finish(launcher.spawn(spec, Vec::new()).unwrap()).stdout, "done deep\n");
}

#[test]
fn what_the_owner_keeps_from_others_is_not_kept_from_its_sandboxes() {
    with_and_without_root("what_the_owner_keeps_from_others_is_not_kept_from_its_sandboxes", || {
        // In a process of its own, since the mask is all of a process's.
        let mut helper = Command::new("/proc/self/exe");
        helper.args(["helper_that_keeps_all_to_itself", "--exact", "--nocapture"]).env(HELPER, "mask");
        let output = helper.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    });
}

/// Not a test of its own: the process that the next test kills.
#[test]
fn helper_that_is_killed() {
    if std::env::var_os(HELPER).is_none() {
        return;
    }
    let launcher = own_launcher(2);
    let mark = std::env::var(HELPER).unwrap();
    let mut sandboxed = launcher.spawn(probe_spec(&["sleep", "60000", &mark]), Vec::new()).unwrap();
    println!("\nspawner {}", launcher.spawner_pid());
    let _ = sandboxed.wait();
}

#[test]
fn case_59_all_ends_when_the_daemon_is_killed() {
    with_and_without_root("case_59_all_ends_when_the_daemon_is_killed", || {
        let mark = format!("bereft-{}", std::process::id());
        let mut helper = Command::new("/proc/self/exe");
        helper.args(["helper_that_is_killed", "--exact", "--nocapture"]).env(HELPER, &mark).arg0("helper");
        let mut helper = helper.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(helper.stdout.take().unwrap()).lines();
        let spawner = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("spawner ")?.parse::<u32>().ok());
        let spawner = spawner.expect("the helper says who its spawner is");
        eventually("the sight of it", || processes_with(&mark).len() == 1);
        helper.kill().unwrap();
        helper.wait().unwrap();
        eventually("the end of its sandboxes", || processes_with(&mark).is_empty());
        eventually("the end of its spawner", || !std::path::Path::new(&format!("/proc/{spawner}")).exists());
        assert_eq!(groups_of(spawner), Vec::<String>::new());
    });
}

/// What there is of a launcher: numbers that must be the same before and after.
fn census(launcher: &Launcher) -> BTreeMap<&'static str, usize> {
    let spawner = launcher.spawner_pid();
    let lines = |path: String| std::fs::read_to_string(path).map_or(0, |text| text.lines().count());
    let entries = |path: String| std::fs::read_dir(path).map_or(0, Iterator::count);
    let children = std::fs::read_to_string(format!("/proc/{spawner}/task/{spawner}/children")).unwrap_or_default();
    BTreeMap::from([
        ("own descriptors", entries("/proc/self/fd".to_owned())),
        ("own mounts", lines("/proc/self/mountinfo".to_owned())),
        ("spawner's descriptors", entries(format!("/proc/{spawner}/fd"))),
        ("spawner's mounts", lines(format!("/proc/{spawner}/mountinfo"))),
        ("spawner's children", children.split_whitespace().count()),
        ("groups", groups_of(spawner).len()),
    ])
}

#[test]
fn case_88_a_thousand_sandboxes_leave_nothing_behind() {
    with_and_without_root("case_88_a_thousand_sandboxes_leave_nothing_behind", || {
        // Without a pool, so that nothing is in the making while things are counted.
        let launcher = own_launcher(0);
        let cycle = |index: u32| {
            let mut sandboxed = launcher.spawn(probe_spec(&["sleep", "60000"]), Vec::new()).unwrap();
            if index.is_multiple_of(2) {
                sandboxed.kill().unwrap();
                assert_eq!(end_of(&mut sandboxed).cause, Cause::Killed);
            }
        };
        (0..10).for_each(cycle);
        eventually("a quiet start", || census(&launcher)["spawner's children"] == 0);
        let mut before = census(&launcher);
        (0..1000).for_each(cycle);
        let mut last = BTreeMap::new();
        let until = Instant::now() + PATIENCE;
        while last != before && Instant::now() < until {
            last = census(&launcher);
            // The groups of the latest ends are still being removed.
            before.insert("groups", before["groups"].min(last["groups"]));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(last, before);
        assert_eq!(finish(launcher.spawn(probe_spec(&["nothing"]), Vec::new()).unwrap()).stdout, "done\n");
    });
}

#[test]
fn a_launcher_that_is_dropped_takes_all_with_it() {
    with_and_without_root("a_launcher_that_is_dropped_takes_all_with_it", || {
        let launcher = own_launcher(3);
        let mark = format!("dropped-{}", std::process::id());
        let sandboxed = launcher.spawn(probe_spec(&["sleep", "60000", &mark]), Vec::new()).unwrap();
        let spawner = launcher.spawner_pid();
        drop(launcher);
        assert!(processes_with(&mark).is_empty());
        assert!(!std::path::Path::new(&format!("/proc/{spawner}")).exists());
        assert_eq!(groups_of(spawner), Vec::<String>::new());
        drop(sandboxed);
    });
}
