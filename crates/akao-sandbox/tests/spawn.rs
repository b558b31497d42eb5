//! A specification becomes a process that sees, may and uses what it says, and whose end is told once.

mod harness;

use akao_sandbox::{Bind, Cause, Command, Network, Source, SpawnError, SpawnSpec, Stage, Workspace};
use harness::*;
use rustix::{
    fs::{Mode, OFlags, openat},
    thread::{Gid, Uid, set_thread_res_gid, set_thread_res_uid},
};
use std::{
    io::{Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    time::{Duration, Instant},
};

fn bind(source: impl Into<PathBuf>, target: &str, read_only: bool) -> Bind {
    Bind { source: Source::Path(source.into()), target: target.into(), read_only, exec: false }
}

#[test]
fn a_program_runs_and_its_code_output_and_usage_come_back() {
    with_and_without_root("a_program_runs_and_its_code_output_and_usage_come_back", || {
        let run = run(program_spec("/bin/sh", &["-c", "echo out; echo err >&2; exit 7"])).unwrap();
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(run.ended.cause, Cause::Exited(7));
        assert!(run.ended.usage.cpu_us > 0, "{:?}", run.ended);
        assert!(run.ended.usage.memory_bytes_peak > 0, "{:?}", run.ended);
    });
}

#[test]
fn arguments_environment_and_folder_are_what_was_said() {
    with_and_without_root("arguments_environment_and_folder_are_what_was_said", || {
        let mut spec = probe_spec(&["arguments", "a b", "", "ü"]);
        spec.environment = vec![("ONE".into(), "1=2".into())];
        assert_eq!(say(run(spec)), "done a b  ü");
        let mut spec = probe_spec(&["environment"]);
        spec.environment = vec![("TWO".into(), "".into()), ("ONE".into(), "1".into())];
        assert_eq!(say(run(spec)), "done ONE TWO");
        assert_eq!(inside(&["environment"]), "done");
        let mut spec = program_spec("/bin/pwd", &[]);
        spec.working_folder = "/tmp".into();
        assert_eq!(say(run(spec)), "/tmp");
    });
}

#[test]
fn passed_descriptors_get_their_numbers_and_nothing_else_is_open() {
    with_and_without_root("passed_descriptors_get_their_numbers_and_nothing_else_is_open", || {
        assert_eq!(inside(&["descriptors"]), "done 0 1 2");
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (_kept, other) = UnixStream::pair().unwrap();
        let descriptors = vec![(3, OwnedFd::from(theirs)), (9, OwnedFd::from(other))];
        let spec =
            program_spec("/bin/sh", &["-c", "read line <&3; echo got $line >&3; ls /proc/self/fd | tr '\\n' ' '"]);
        let mut spec = spec;
        spec.allow_exec = true;
        let sandboxed = launcher().spawn(spec, descriptors).unwrap();
        let mut ours = ours;
        ours.write_all(b"hello\n").unwrap();
        let mut answer = String::new();
        ours.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "got hello\n");
        let run = finish(sandboxed);
        // One more is the listing's own.
        assert!(run.stdout.starts_with("0 1 2 3 "), "{run:?}");
        assert!(run.stdout.contains(" 9 "), "{run:?}");
    });
}

#[test]
fn shown_trees_are_read_only_or_not_as_said() {
    with_and_without_root("shown_trees_are_read_only_or_not_as_said", || {
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("file"), "content").unwrap();
        let script = "cat /data/deep/file; echo more > /data/deep/file || echo refused";
        let mut spec = program_spec("/bin/sh", &["-c", script]);
        spec.allow_exec = true;
        spec.binds = vec![bind(&root, "/data/deep", true)];
        let run = run(spec).unwrap();
        assert_eq!(run.stdout, "contentrefused\n", "{run:?}");
        let mut spec = program_spec("/bin/cat", &["/one"]);
        spec.binds = vec![bind(root.join("file"), "/one", true)];
        assert_eq!(say(harness::run(spec)), "content");
        assert_eq!(std::fs::read_to_string(root.join("file")).unwrap(), "content");
    });
}

#[test]
fn a_folder_of_the_host_becomes_the_workspace() {
    with_and_without_root("a_folder_of_the_host_becomes_the_workspace", || {
        let (_folder, root) = workspace_folder();
        std::fs::write(root.join("in"), "content").unwrap();
        std::fs::set_permissions(root.join("in"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let mut spec = program_spec("/bin/sh", &["-c", "cat in > out && id -u"]);
        spec.allow_exec = true;
        spec.workspace = Workspace::Host(Source::Path(root.clone()));
        let run = run(spec).unwrap();
        assert_eq!(run.stdout, "1000\n", "{run:?}");
        assert_eq!(std::fs::read_to_string(root.join("out")).unwrap(), "content");
        use std::os::unix::fs::MetadataExt;
        let owner = std::fs::metadata(root.join("out")).unwrap().uid();
        assert_eq!(owner, std::fs::metadata(&root).unwrap().uid(), "what it leaves is the folder owner's");
    });
}

#[test]
fn limits_end_a_sandbox_and_are_named() {
    with_and_without_root("limits_end_a_sandbox_and_are_named", || {
        let mut spec = probe_spec(&["memory", "private", "400000000"]);
        spec.limits.memory_bytes = 64_000_000;
        let ended = run(spec).unwrap().ended;
        assert_eq!(ended.cause, Cause::Memory, "{ended:?}");
        // Not so much that it is refused at once: taken, and kept for longer than the test waits.
        let mut spec = probe_spec(&["memory", "private", "100000000", "600000"]);
        spec.limits.memory_bytes = 64_000_000;
        spec.limits.wall_ms = 60_000;
        let ended = run(spec).unwrap().ended;
        assert_eq!(ended.cause, Cause::Memory, "{ended:?}");
        assert!(ended.usage.memory_bytes_peak > 60_000_000, "{ended:?}");
        let mut spec = probe_spec(&["sleep", "60000"]);
        spec.limits.wall_ms = 200;
        let begun = Instant::now();
        let ended = run(spec).unwrap().ended;
        assert_eq!(ended.cause, Cause::Deadline);
        assert!(begun.elapsed() >= Duration::from_millis(200));
        let mut spec = probe_spec(&["processes", "200"]);
        spec.limits.pids = 10;
        let run = run(spec).unwrap();
        assert_eq!(run.stdout, "done 9 EAGAIN\n", "{run:?}");
        assert_eq!(run.ended.cause, Cause::Exited(0));
    });
}

#[test]
fn an_owner_may_end_it_politely_or_not() {
    with_and_without_root("an_owner_may_end_it_politely_or_not", || {
        let mut sandboxed = launcher().spawn(probe_spec(&["sleep", "60000"]), Vec::new()).unwrap();
        sandboxed.terminate().unwrap();
        assert_eq!(end_of(&mut sandboxed).cause, Cause::Signalled(15));
        let mut sandboxed = launcher().spawn(probe_spec(&["sleep", "60000"]), Vec::new()).unwrap();
        sandboxed.kill().unwrap();
        sandboxed.kill().unwrap();
        let ended = end_of(&mut sandboxed);
        assert_eq!(ended.cause, Cause::Killed);
        assert_eq!(end_of(&mut sandboxed), ended, "the end is told the same each time");
        sandboxed.kill().unwrap();
    });
}

#[test]
fn what_cannot_be_made_fails_by_name_and_runs_nothing() {
    with_and_without_root("what_cannot_be_made_fails_by_name_and_runs_nothing", || {
        let stage = |spec: SpawnSpec| match launcher().spawn(spec, Vec::new()) {
            Err(SpawnError::Stage { failure, .. }) => (failure.stage, failure.errno),
            other => panic!("{other:?}"),
        };
        assert_eq!(stage(program_spec("/bin/no-such-program", &[])), (Stage::Execute, libc_errno("ENOENT")));
        let mut spec = probe_spec(&["nothing"]);
        spec.working_folder = "/no/such/folder".into();
        assert_eq!(stage(spec), (Stage::WorkingFolder, libc_errno("ENOENT")));
        let mut spec = probe_spec(&["nothing"]);
        spec.binds = vec![bind("/etc/hostname", "/usr/new-file", true)];
        assert_eq!(stage(spec).0, Stage::Bind);
        let refused = |spec: SpawnSpec| launcher().spawn(spec, Vec::new()).map(|_| ()).unwrap_err().to_string();
        let mut spec = probe_spec(&["nothing"]);
        spec.binds = vec![bind("/no/such/source", "/data", true)];
        assert_eq!(refused(spec), "`/no/such/source` could not be opened for the sandbox");
        for target in ["data", "/a/../b", "/", ""] {
            let mut spec = probe_spec(&["nothing"]);
            spec.binds = vec![bind("/usr", target, true)];
            assert!(refused(spec).starts_with("the target of a bind is not allowed"), "{target}");
        }
        let mut spec = probe_spec(&["nothing"]);
        spec.network = Network::Brokered { tcp_ports: (1..40).collect() };
        assert_eq!(refused(spec), "a number of ports is not allowed: 39");
        let mut spec = probe_spec(&["nothing"]);
        spec.arguments.push("x".repeat(200_000).into());
        assert!(refused(spec).contains("too many for one message"));
        // None of that hurt the launcher.
        assert_eq!(inside(&["nothing"]), "done");
    });
}

fn libc_errno(name: &str) -> i32 {
    match name {
        "ENOENT" => 2,
        _ => panic!("unknown name"),
    }
}

#[test]
fn the_hash_tells_specifications_apart() {
    let spec = || {
        let mut spec = SpawnSpec::new(Command::Path("/bin/true".into()));
        spec.binds = vec![bind("/usr", "/data", true)];
        spec
    };
    let first = spec().hash();
    assert_eq!(spec().hash(), first);
    let changes: [fn(&mut SpawnSpec); 6] = [
        |spec| spec.arguments.push("x".into()),
        |spec| spec.binds[0].read_only = false,
        |spec| spec.binds[0].source = Source::Path("/opt".into()),
        |spec| spec.limits.memory_bytes += 1,
        |spec| spec.network = Network::Brokered { tcp_ports: vec![] },
        |spec| spec.command = Command::Path("/bin/false".into()),
    ];
    for change in changes {
        let mut changed = spec();
        change(&mut changed);
        assert_ne!(changed.hash(), first, "{changed:?}");
    }
}

#[test]
fn of_other_programs_only_the_named_ones_run() {
    with_and_without_root("of_other_programs_only_the_named_ones_run", || {
        let script = "/usr/bin/id -u; /bin/uname; echo end";
        let mut spec = program_spec("/bin/sh", &["-c", script]);
        assert_eq!(say(harness::run(spec)), "end", "nothing is named");
        spec = program_spec("/bin/sh", &["-c", script]);
        spec.programs = vec!["id".into(), "no-such-program".into()];
        assert_eq!(say(harness::run(spec)), "1000\nend");
        for name in ["", "/usr/bin/id", "../id"] {
            let mut spec = program_spec("/bin/sh", &["-c", script]);
            spec.programs = vec![name.into()];
            assert!(matches!(harness::run(spec), Err(SpawnError::Spec { what: "a program's name", .. })), "{name:?}");
        }
    });
}

#[test]
fn the_owner_shares_the_workspace() {
    with_and_without_root("the_owner_shares_the_workspace", || {
        let mut spec =
            program_spec("/bin/sh", &["-c", "read line <&3; cat given > taken; echo done >&3; read line <&3"]);
        spec.programs = vec!["cat".into()];
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut sandboxed = launcher().spawn(spec, vec![(3, OwnedFd::from(theirs))]).unwrap();
        let workspace = sandboxed.take_workspace().expect("a sandbox that runs has a workspace");
        assert!(sandboxed.take_workspace().is_none());
        give(&workspace, "given", b"content");
        (&ours).write_all(b"go\n").unwrap();
        let mut answer = [0; 5];
        (&ours).read_exact(&mut answer).unwrap();
        let taken = openat(&workspace, "taken", OFlags::RDONLY, Mode::empty()).unwrap();
        assert_eq!(std::io::read_to_string(std::fs::File::from(taken)).unwrap(), "content");
        drop(ours);
        finish(sandboxed);
    });
}

/// Makes a file as the folder's owner: to the kernel root is nobody there.
fn give(folder: &OwnedFd, name: &str, content: &[u8]) {
    let owner = rustix::fs::fstat(folder).unwrap();
    let (user, group) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
    let create = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            set_thread_res_gid(group, group, group).unwrap();
            set_thread_res_uid(user, user, user).unwrap();
            let file = openat(folder, name, create, Mode::from_raw_mode(0o644)).unwrap();
            std::fs::File::from(file).write_all(content).unwrap();
        });
        thread.join().unwrap();
    });
}
