//! The table of escapes and abuses, as root and without, each with a control outside; and the cases that need something
//! of the host: a file to be found, a process to be hit, a neighbour.

mod harness;

use akao_sandbox::{
    Bind, Cause, Launcher, Network, Options, Source, SpawnError, Workspace, open_beneath,
    selftest::{CASES, Seen, attempt},
};
use harness::*;
use std::{
    os::fd::AsFd,
    path::Path,
    time::{Duration, Instant},
};

#[test]
fn every_case_of_the_table_holds() {
    with_and_without_root("every_case_of_the_table_holds", || {
        let tier = launcher().tier().tier;
        let mut broken = Vec::new();
        for case in CASES.iter().filter(|case| tier <= case.least_tier) {
            match attempt(launcher(), case) {
                Ok(seen) if case.expected.is_met(&seen) => {}
                seen => broken.push(format!("{} {}: {seen:?}, not {}", case.number, case.name, case.expected.shown())),
            }
        }
        assert!(broken.is_empty(), "as {}:\n{}", if is_root() { "root" } else { "nobody" }, broken.join("\n"));
    });
}

/// What some machines do not have at all, so that nothing is there to be hidden.
const MAY_BE_ABSENT: [&str; 7] = [
    "open the device for file systems of one's own",
    "set the module loader",
    "press the kernel's keys",
    "read the kernel's symbols",
    "read the keys",
    "open the memory device",
    "open the virtual machine device",
];

#[test]
fn outside_the_same_acts_have_other_outcomes() {
    // Without root the kernel itself denies much of this, so only root can show the difference.
    if !is_root() {
        return;
    }
    let mut vacuous = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    for case in CASES.iter().filter(|case| !case.control.is_empty()) {
        let control: Vec<String> =
            case.control.iter().map(|word| word.replace("{folder}", folder.path().to_str().unwrap())).collect();
        let control: Vec<&str> = control.iter().map(String::as_str).collect();
        let seen = Seen { line: outside(&control), cause: Some(Cause::Exited(0)) };
        let absent = seen.line == "denied ENOENT" && MAY_BE_ABSENT.contains(&case.name);
        if case.expected.is_met(&seen) && !absent {
            vacuous.push(format!("{} {}: {seen:?}", case.number, case.name));
        }
    }
    assert!(vacuous.is_empty(), "the same inside and outside:\n{}", vacuous.join("\n"));
}

/// A folder of the host with a file that anybody may read, by its plain path.
fn canary() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    let path = folder.path().canonicalize().unwrap().join("secret");
    std::fs::write(&path, "secret").unwrap();
    (folder, path)
}

#[test]
fn case_1_to_3_a_readable_file_of_the_host_is_not_there() {
    with_and_without_root("case_1_to_3_a_readable_file_of_the_host_is_not_there", || {
        let (_folder, path) = canary();
        let path = path.to_str().unwrap();
        assert_eq!(outside(&["read", path]), "done 6 bytes");
        assert_eq!(inside(&["read", path]), "denied ENOENT");
        for prefix in ["/proc/self/root", "/proc/1/root", "/proc/self/cwd/../../..", "/../../.."] {
            assert_eq!(inside(&["read", &format!("{prefix}{path}")]), "denied ENOENT", "{prefix}");
        }
        assert_eq!(inside(&["symlink-read", "/workspace/l", path]), "denied ENOENT");
        assert_eq!(inside(&["symlink-read", "/workspace/l", &format!("../../../..{path}")]), "denied ENOENT");
    });
}

#[test]
fn case_1_two_sandboxes_do_not_see_each_other() {
    with_and_without_root("case_1_two_sandboxes_do_not_see_each_other", || {
        let mark = format!("neighbour-{}", std::process::id());
        let mut spec = probe_spec(&["sleep", "60000", &mark]);
        spec.binds = Vec::new();
        let mut neighbour = launcher().spawn(spec, Vec::new()).unwrap();
        eventually("the sight of the neighbour from outside", || processes_with(&mark).len() == 1);
        let seen = inside(&["list", "/proc"]);
        let processes: Vec<&str> = seen.split(' ').filter(|name| name.parse::<u32>().is_ok()).collect();
        assert_eq!(processes, ["2"], "a program sees itself and nobody else: {seen}");
        let pid = neighbour.pid().to_string();
        assert_eq!(inside(&["kill", &pid, "9"]), "denied ESRCH");
        assert!(neighbour.wait_until(Instant::now()).is_err(), "the neighbour lives");
        neighbour.kill().unwrap();
    });
}

#[test]
fn case_5_a_shown_folder_that_is_swapped_for_a_link_is_never_followed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::create_dir(root.join("secret")).unwrap();
    std::fs::write(root.join("secret/file"), "secret").unwrap();
    std::fs::create_dir(root.join("granted")).unwrap();
    std::os::unix::fs::symlink("secret", root.join("link")).unwrap();
    let opened = std::fs::File::open(&root).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut outcomes = [0_u32; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(&opened, "granted", &opened, "link", flags).unwrap();
            }
        });
        let until = Instant::now() + PATIENCE;
        let mut round = 0;
        // On a busy machine it takes a while until both threads have run in turns.
        while round < 10_000 || (outcomes.contains(&0) && Instant::now() < until) {
            round += 1;
            match open_beneath(&opened, Path::new("granted")) {
                // What was opened is the real folder: nothing is in it.
                Ok(found) => {
                    outcomes[0] += 1;
                    assert!(open_beneath(&found, Path::new("file")).is_err());
                }
                Err(_) => outcomes[1] += 1,
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "both happened: {outcomes:?}");
}

#[test]
fn case_6_and_7_what_a_program_leaves_is_collected_without_following_or_hanging() {
    with_and_without_root("case_6_and_7_what_a_program_leaves_is_collected_without_following_or_hanging", || {
        let (_kept, secret) = canary();
        let (_folder, root) = workspace_folder();
        let mut spec = probe_spec(&["leave", "/workspace", secret.to_str().unwrap()]);
        spec.workspace = Workspace::Host(Source::Path(root.clone()));
        assert_eq!(say(run(spec)), "done");
        let opened = std::fs::File::open(&root).unwrap();
        assert!(open_beneath(&opened, Path::new("link")).is_err(), "a link is refused");
        let kind = |name: &str| {
            let found = open_beneath(&opened, Path::new(name)).unwrap();
            rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(found.as_fd()).unwrap().st_mode)
        };
        assert_eq!(kind("fifo"), rustix::fs::FileType::Fifo, "it is told apart without being opened");
        assert_eq!(kind("plain"), rustix::fs::FileType::RegularFile);
        assert_eq!(std::fs::read_to_string(root.join("plain")).unwrap(), "result", "the control");
    });
}

#[test]
fn case_11_mounts_do_not_spread_either_way() {
    with_and_without_root("case_11_mounts_do_not_spread_either_way", || {
        let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut sandboxed = launcher().spawn(probe_spec(&["sleep", "60000"]), Vec::new()).unwrap();
        assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
        sandboxed.kill().unwrap();
        end_of(&mut sandboxed);
        assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
    });
}

#[test]
fn case_12_and_45_a_passed_descriptor_is_the_only_further_one() {
    with_and_without_root("case_12_and_45_a_passed_descriptor_is_the_only_further_one", || {
        // Something open in this process that would arrive, as the control shows, and must not.
        let open = std::fs::File::open("/").unwrap();
        rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
        let arrived = outside(&["descriptors"]);
        assert!(arrived.starts_with("done 0 1 2 "), "{arrived}");
        let launcher = Launcher::start(Options::default()).unwrap();
        drop(open);
        let seen = finish(launcher.spawn(probe_spec(&["descriptors"]), Vec::new()).unwrap()).stdout;
        assert_eq!(seen, "done 0 1 2\n");
        for number in ["3", "4", "5", "9"] {
            let path = format!("/proc/self/fd/{number}/../../etc/shadow");
            assert_eq!(inside(&["read", &path]), "denied ENOENT", "{number}");
        }
    });
}

#[test]
fn case_25_a_deep_tree_is_no_burden() {
    with_and_without_root("case_25_a_deep_tree_is_no_burden", || {
        let mut spec = probe_spec(&["deep", "/workspace", "10000"]);
        spec.limits.disk_bytes = 1_000_000_000;
        spec.workspace = Workspace::Memory(1_000_000_000);
        let begun = Instant::now();
        assert_eq!(say(run(spec)), "done");
        assert!(begun.elapsed() < PATIENCE);
    });
}

#[test]
fn case_50_a_crash_leaves_no_core() {
    with_and_without_root("case_50_a_crash_leaves_no_core", || {
        let (_folder, root) = workspace_folder();
        let mut spec = probe_spec(&["crash"]);
        spec.workspace = Workspace::Host(Source::Path(root.clone()));
        let ended = run(spec).unwrap().ended;
        assert_eq!(ended.cause, Cause::Signalled(11));
        assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
    });
}

/// Whether this process has something open whose name holds `mark`.
fn has_open(mark: &str) -> bool {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    entries
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .any(|name| name.to_string_lossy().contains(mark))
}

#[test]
fn case_54_descriptors_that_a_program_sends_go_nowhere() {
    with_and_without_root("case_54_descriptors_that_a_program_sends_go_nowhere", || {
        let mark = format!("sent-{}", std::process::id());
        let send = |count: &str| {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut spec = probe_spec(&["send-descriptors", &format!("/workspace/{mark}"), "3", count]);
            spec.limits.files = 32;
            let sandboxed = launcher().spawn(spec, vec![(3, theirs.into())]).unwrap();
            (ours, finish(sandboxed).stdout)
        };
        // Read as a node's messages are: without room for what comes beside them.
        let (mut ours, said) = send("5");
        assert_eq!(said, "done 5\n");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut ours, &mut bytes).unwrap();
        assert_eq!((bytes.len(), has_open(&mark)), (5, false), "the bytes arrive and nothing beside them");
        // The control: they were sent, and who makes room for them gets them.
        let (ours, _) = send("1");
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = rustix::net::RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut parts = [std::io::IoSliceMut::new(&mut byte)];
        rustix::net::recvmsg(&ours, &mut parts, &mut control, rustix::net::RecvFlags::empty()).unwrap();
        assert!(has_open(&mark), "the descriptor is there");
        drop(control);
        // Nobody reads: only so many are under way as one process may have open.
        let (_ours, said) = send("10000");
        let count: u32 = said.trim_end().strip_prefix("done ").unwrap().parse().unwrap();
        assert!((1..100).contains(&count), "{count}");
    });
}

#[test]
fn case_53_a_service_that_listens_in_a_shown_folder_is_not_reached() {
    with_and_without_root("case_53_a_service_that_listens_in_a_shown_folder_is_not_reached", || {
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        let root = folder.path().canonicalize().unwrap();
        let _stream = std::os::unix::net::UnixListener::bind(root.join("stream")).unwrap();
        let _datagram = std::os::unix::net::UnixDatagram::bind(root.join("datagram")).unwrap();
        for kind in ["stream", "datagram"] {
            let socket = root.join(kind);
            std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
            for network in [Network::None, Network::Brokered { tcp_ports: vec![443] }] {
                let mut spec = probe_spec(&["connect-path", kind, &format!("/data/{kind}")]);
                let source = Source::Path(root.clone());
                spec.binds = vec![Bind { source, target: "/data".into(), read_only: true, exec: false }];
                spec.network = network;
                assert_eq!(say(run(spec)), "denied EPERM", "{kind}");
            }
            assert_eq!(outside(&["connect-path", kind, socket.to_str().unwrap()]), "done", "{kind}: the control");
        }
    });
}

#[test]
fn case_54_descriptors_under_way_leave_the_owner_its_own() {
    with_and_without_root("case_54_descriptors_under_way_leave_the_owner_its_own", || {
        // As many as a process usually may have open.
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        let usual = rustix::process::Rlimit { current: Some(1024), maximum: most };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, usual).unwrap();
        let launcher = Launcher::start(Options::default()).unwrap();
        let mut kept = Vec::new();
        for _ in 0..8 {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut spec = probe_spec(&["send-descriptors", "/workspace/sent", "3", "10000", "20000"]);
            spec.limits.files = 4096;
            let mut sandboxed = launcher.spawn(spec, vec![(3, theirs.into())]).unwrap();
            let said = sandboxed.take_stdout().unwrap();
            let mut line = String::new();
            std::io::BufRead::read_line(&mut std::io::BufReader::new(std::fs::File::from(said)), &mut line).unwrap();
            assert!(line.starts_with("sent "), "{line}");
            kept.push((ours, sandboxed));
        }
        // All of them are under way, of which without root the kernel counts those of a user together.
        let (_ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let another = launcher.spawn(probe_spec(&["nothing"]), vec![(3, theirs.into())]);
        assert_eq!(say(another.map(finish)), "done");
    });
}

#[test]
fn case_55_and_56_nothing_outlives_the_program() {
    with_and_without_root("case_55_and_56_nothing_outlives_the_program", || {
        let mark = format!("outliver-{}", std::process::id());
        let mut spec = probe_spec(&["daemon", &mark]);
        spec.allow_exec = true;
        let ended = run(spec).unwrap().ended;
        assert_eq!(ended.cause, Cause::Exited(0));
        assert_eq!(processes_with(&mark), [], "it is gone when the end is told");
    });
}

#[test]
fn case_58_process_1_cannot_be_ended_from_inside() {
    with_and_without_root("case_58_process_1_cannot_be_ended_from_inside", || {
        assert_eq!(inside(&["kill-first"]), "done alive");
    });
}

#[test]
fn case_60_a_file_that_may_only_be_read_stays_as_it_is() {
    with_and_without_root("case_60_a_file_that_may_only_be_read_stays_as_it_is", || {
        assert_eq!(inside(&["page-cache", "/usr/bin/env"]), "done unchanged");
    });
}

#[test]
fn case_81_buffers_that_no_process_owns_are_bounded() {
    with_and_without_root("case_81_buffers_that_no_process_owns_are_bounded", || {
        for act in ["pipes", "socket-buffers"] {
            let mut spec = probe_spec(&[act]);
            spec.limits.files = 256;
            spec.limits.memory_bytes = 64_000_000;
            let run = run(spec).unwrap();
            let held = run.stdout.trim_end().strip_prefix("done ").and_then(|text| text.parse::<u64>().ok());
            let bounded = held.is_some_and(|millions| millions <= 140) || run.ended.cause == Cause::Memory;
            assert!(bounded, "{act}: {run:?}");
        }
    });
}

#[test]
fn case_83_processor_time_is_capped() {
    if !is_root() {
        return;
    }
    let mut spec = probe_spec(&["spin", "2", "3000"]);
    spec.limits.cpu_millis = 200;
    let ended = run(spec).unwrap().ended;
    assert_eq!(ended.cause, Cause::Exited(0));
    // A fifth of a processor for three seconds and a period, with room for a busy machine.
    assert!(ended.usage.cpu_us < 1_300_000, "{ended:?}");
    let mut spec = probe_spec(&["spin", "2", "1000"]);
    spec.limits.cpu_millis = 2000;
    let ended = run(spec).unwrap().ended;
    assert!(ended.usage.cpu_us > 300_000, "the control may take more: {ended:?}");
}

#[test]
fn case_85_a_flood_of_output_is_a_pipe_that_fills() {
    with_and_without_root("case_85_a_flood_of_output_is_a_pipe_that_fills", || {
        let mut spec = probe_spec(&["flood", "1000000000"]);
        spec.limits.wall_ms = 500;
        let mut sandboxed = launcher().spawn(spec, Vec::new()).unwrap();
        // Nobody reads: the program stands against the full pipe until its time is over.
        assert_eq!(end_of(&mut sandboxed).cause, Cause::Deadline);
    });
}

#[test]
fn case_89_the_kernel_takes_sandboxes_first() {
    with_and_without_root("case_89_the_kernel_takes_sandboxes_first", || {
        let mut sandboxed = launcher().spawn(probe_spec(&["sleep", "60000"]), Vec::new()).unwrap();
        let score = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", sandboxed.pid())).unwrap();
        assert_eq!(score.trim(), "800");
        sandboxed.kill().unwrap();
    });
}

#[test]
fn case_90_one_end_is_told_however_the_race_goes() {
    with_and_without_root("case_90_one_end_is_told_however_the_race_goes", || {
        for round in 0..40 {
            let mut spec = probe_spec(&["sleep", "30"]);
            spec.limits.wall_ms = 25 + round % 12;
            let mut sandboxed = match launcher().spawn(spec, Vec::new()) {
                Ok(sandboxed) => sandboxed,
                // On a busy machine the limit may pass before the program runs, which is told as that.
                Err(SpawnError::EndedEarly(ended)) if ended.cause == Cause::Deadline => continue,
                Err(error) => panic!("{error:?}"),
            };
            std::thread::sleep(Duration::from_millis(24 + round % 10));
            sandboxed.kill().unwrap();
            sandboxed.kill().unwrap();
            let ended = end_of(&mut sandboxed);
            let possible = [Cause::Exited(0), Cause::Deadline, Cause::Killed];
            assert!(possible.contains(&ended.cause), "{ended:?}");
            assert_eq!(end_of(&mut sandboxed), ended);
        }
    });
}
