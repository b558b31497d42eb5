//! Sandboxes without namespaces, on a machine that allows none: a filter of system calls plays that machine for the threads
//! that start launchers here, as a container with its usual settings would.

mod harness;
mod no_namespaces;

use akao_sandbox::{
    Bind, Cause, Launcher, Options, Sandboxed, Source, SpawnError, SpawnSpec, Stage, StartError, Tier, Workspace,
    selftest::{CASES, Verdict, report},
};
use harness::*;
use std::{path::Path, sync::OnceLock, thread, time::Instant};

/// Starts a launcher where no namespace can be made.
fn start(options: Options) -> Result<Launcher, StartError> {
    thread::scope(|scope| {
        let starts = || {
            no_namespaces::deny();
            Launcher::start(options)
        };
        scope.spawn(starts).join().unwrap()
    })
}

fn accepting() -> Options {
    Options { minimum: Tier::T2, ..Options::default() }
}

/// The launcher of this test process that makes sandboxes without namespaces.
fn bare() -> &'static Launcher {
    static LAUNCHER: OnceLock<Launcher> = OnceLock::new();
    LAUNCHER.get_or_init(|| start(accepting()).expect("T2 is reached where namespaces are denied"))
}

fn spawn(spec: SpawnSpec) -> Sandboxed {
    bare().spawn(spec, Vec::new()).unwrap_or_else(|error| panic!("{error:?}"))
}

fn says(arguments: &[&str]) -> String {
    say(bare().spawn(probe_spec(arguments), Vec::new()).map(finish))
}

/// A folder of the host that everybody may enter, and that no name inside stands for.
fn elsewhere() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    open_to_all(folder.path());
    folder
}

#[test]
fn t2_is_refused_unless_it_is_asked_for_and_then_runs() {
    with_and_without_root("t2_is_refused_unless_it_is_asked_for_and_then_runs", || {
        let refused = start(Options::default()).map(|launcher| launcher.tier().clone());
        let Err(StartError::Tier { minimum: Tier::T1, report }) = refused else { panic!("{refused:?}") };
        assert_eq!((report.tier, report.runs_programs), (Tier::T2, false));
        let step = report.findings[0].failure.unwrap();
        assert!(matches!(step.stage, Stage::Clone | Stage::Base), "{report:?}");
        let found = bare().tier();
        assert_eq!((found.tier, found.runs_programs), (Tier::T2, true), "{found:?}");
        assert_eq!(found.findings[0].failure, Some(step), "what is missing is told all the same");
        assert_eq!(says(&["nothing"]), "done");
    });
}

#[test]
fn a_program_has_no_rights_and_only_the_descriptors_it_was_given() {
    with_and_without_root("a_program_has_no_rights_and_only_the_descriptors_it_was_given", || {
        let mut spec = probe_spec(&["sleep", "60000"]);
        spec.environment = vec![("ONLY".into(), "this".into())];
        let mut sandboxed = spawn(spec);
        let supervisor = sandboxed.pid();
        let children = std::fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
        let program: u32 = children.trim().parse().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{program}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(set), ["0000000000000000"], "{set}");
        }
        assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), (vec!["1".to_owned()], vec!["2".to_owned()]));
        let users: Vec<u32> = field("Uid:").iter().map(|id| id.parse().unwrap()).collect();
        match is_root() {
            true => assert!(users.iter().all(|id| (524_288..589_824).contains(id)), "{users:?}"),
            false => assert!(users.iter().all(|id| *id == rustix::process::geteuid().as_raw()), "{users:?}"),
        }
        assert_eq!(field("Groups:"), if is_root() { Vec::new() } else { field("Groups:") });
        let open = || {
            let open = std::fs::read_dir(format!("/proc/{program}/fd")).unwrap();
            let mut open: Vec<_> = open.flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
            open.sort();
            open
        };
        // The kernel wakes who has started a program a moment before it closes what is marked for that, and the program's first
        // instruction comes after both.
        let begun = Instant::now();
        while open() != ["0", "1", "2"] && begun.elapsed().as_secs() < 20 {
            thread::yield_now();
        }
        assert_eq!(open(), ["0", "1", "2"]);
        let environment = std::fs::read(format!("/proc/{program}/environ")).unwrap();
        assert_eq!(environment, b"ONLY=this\0");
        sandboxed.kill().unwrap();
    });
}

#[test]
fn what_was_written_inside_is_not_run() {
    with_and_without_root("what_was_written_inside_is_not_run", || {
        let mut spec =
            program_spec("/bin/sh", &["-c", "cp /usr/bin/true p && test -x p && echo copied; ./p || echo refused"]);
        spec.programs = vec!["cp".into()];
        assert_eq!(finish(spawn(spec)).stdout, "copied\nrefused\n");
    });
}

#[test]
fn every_case_that_is_claimed_holds() {
    with_and_without_root("every_case_that_is_claimed_holds", || {
        let reports: Vec<_> = CASES.iter().map(|case| report(bare(), case)).collect();
        let broken: Vec<_> = reports.iter().filter(|report| report.verdict == Verdict::Broken).collect();
        assert!(broken.is_empty(), "{broken:#?}");
        let held = reports.iter().filter(|report| report.verdict == Verdict::Holds).count();
        assert!(held > 100, "{held} of {} are held", reports.len());
    });
}

#[test]
fn nothing_has_network_and_two_owners_never_run_at_once() {
    with_and_without_root("nothing_has_network_and_two_owners_never_run_at_once", || {
        // A launcher of its own: other tests run for nobody meanwhile.
        let launcher = start(accepting()).unwrap();
        let mut spec = probe_spec(&["nothing"]);
        spec.network = akao_sandbox::Network::Brokered { tcp_ports: vec![443] };
        assert!(matches!(launcher.spawn(spec, Vec::new()), Err(SpawnError::NoNetwork)));
        let spec = |mark: &str| SpawnSpec { mark: mark.to_owned(), ..probe_spec(&["sleep", "60000"]) };
        let mut first = launcher.spawn(spec("one"), Vec::new()).unwrap();
        let mut second = launcher.spawn(spec("one"), Vec::new()).unwrap();
        let refused = launcher.spawn(spec("two"), Vec::new());
        assert!(matches!(refused, Err(SpawnError::Neighbours)), "{refused:?}");
        first.kill().unwrap();
        assert_eq!(end_of(&mut first).cause, Cause::Killed);
        assert!(matches!(launcher.spawn(spec("two"), Vec::new()), Err(SpawnError::Neighbours)), "one is left");
        second.kill().unwrap();
        end_of(&mut second);
        launcher.spawn(spec("two"), Vec::new()).unwrap();
    });
}

#[test]
fn files_of_the_same_user_are_neither_read_nor_changed_nor_watched() {
    with_and_without_root("files_of_the_same_user_are_neither_read_nor_changed_nor_watched", || {
        let folder = elsewhere();
        let path = folder.path().canonicalize().unwrap().join("secret");
        std::fs::write(&path, "secret").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(outside(&["read", path]), "done 6 bytes");
        for act in ["read", "open-write", "append"] {
            assert_eq!(says(&[act, path]), "denied EACCES", "{act}");
        }
        assert_eq!(says(&["symlink-read", "/workspace/l", path]), "denied EACCES");
        assert_eq!(says(&["list", folder.path().to_str().unwrap()]), "denied EACCES");
        assert_eq!(says(&["by-name", path]), "done EPERM EPERM EPERM EPERM EPERM EACCES EPERM");
        let said = outside(&["by-name", path]);
        assert!(said.starts_with("done done done done") && said.ends_with("done done"), "the control: {said}");
    });
}

#[test]
fn nobody_outside_is_signalled_or_looked_into() {
    with_and_without_root("nobody_outside_is_signalled_or_looked_into", || {
        let launcher = bare();
        let mut other = spawn(probe_spec(&["sleep", "600000"]));
        let own = std::process::id();
        for pid in [own, launcher.spawner_pid(), other.pid()] {
            assert_eq!(says(&["kill", &pid.to_string(), "0"]), "denied EPERM", "{pid} of {own}");
            for file in ["environ", "maps", "mem", "fd", "cmdline", "root/etc/passwd"] {
                let said = says(&["read", &format!("/proc/{pid}/{file}")]);
                assert!(said == "denied EACCES" || said == "denied EPERM", "{file} of {pid}: {said}");
            }
        }
        // Links among the processes tell where they stand; its own are told, which shows that they are looked at.
        let links = |pid: &str| {
            let spec = program_spec("/bin/readlink", &[&format!("/proc/{pid}/exe"), &format!("/proc/{pid}/cwd")]);
            finish(spawn(spec)).stdout.lines().count()
        };
        assert_eq!((links(&own.to_string()), links("self")), (0, 2));
        // Everybody in reach, and everybody of its own group.
        for target in ["-1", "0"] {
            let _ = says(&["kill", target, "9"]);
            assert!(other.wait_until(Instant::now()).is_err(), "the neighbour lives after {target}");
        }
        assert_eq!(says(&["nothing"]), "done", "and so does the spawner");
        other.kill().unwrap();
    });
}

#[test]
fn nothing_outlives_the_program_its_kill_its_supervisor_or_the_spawner() {
    with_and_without_root("nothing_outlives_the_program_its_kill_its_supervisor_or_the_spawner", || {
        let launcher = start(accepting()).unwrap();
        let begin = |mark: &str, last: &str| {
            let mut spec = program_spec("/bin/sh", &[]);
            let script =
                format!("(setsid sleep 6{mark} & setsid sh -c 'trap \"\" TERM; sleep 6{mark} & wait' &); {last}");
            spec.arguments = vec!["-c".into(), script.into()];
            spec.allow_exec = true;
            spec.limits.wall_ms = 60_000;
            launcher.spawn(spec, Vec::new()).unwrap()
        };
        let marked = |mark: &str| processes_with(&format!("6{mark}")).len();
        let own = std::process::id().to_string();
        let mark = format!("{own}1");
        let ended = end_of(&mut begin(&mark, "sleep 0.3"));
        assert_eq!((ended.cause, marked(&mark)), (Cause::Exited(0), 0), "by itself");
        let mark = format!("{own}2");
        let mut killed = begin(&mark, "wait; sleep 59");
        eventually("the sight of all", || marked(&mark) >= 3);
        killed.kill().unwrap();
        assert_eq!((end_of(&mut killed).cause, marked(&mark)), (Cause::Killed, 0), "killed");
        let mark = format!("{own}3");
        let mut orphaned = begin(&mark, "wait; sleep 59");
        eventually("the sight of all", || marked(&mark) >= 3);
        let kill = |pid: u32| {
            let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        };
        kill(orphaned.pid());
        assert_eq!(end_of(&mut orphaned).cause, Cause::Lost, "its supervisor was killed");
        // The kernel ends what was below it, of which nobody is left to wait for the last.
        eventually("the end of all after the supervisor's", || marked(&mark) == 0);
        let mark = format!("{own}4");
        let _left = begin(&mark, "wait; sleep 59");
        eventually("the sight of all", || marked(&mark) >= 3);
        kill(launcher.spawner_pid());
        eventually("the end of all after the spawner's", || marked(&mark) == 0);
    });
}

#[test]
fn a_flood_of_processes_ends_with_its_sandbox() {
    with_and_without_root("a_flood_of_processes_ends_with_its_sandbox", || {
        let mark = format!("7{}", std::process::id());
        let mut spec = program_spec("/bin/sh", &[]);
        let script = format!("flood() {{ while :; do (sleep {mark} &); flood & done; }}; flood; wait");
        spec.arguments = vec!["-c".into(), script.into()];
        spec.allow_exec = true;
        spec.limits.pids = 24;
        spec.limits.wall_ms = 3_000;
        let ended = finish(spawn(spec)).ended;
        assert!(matches!(ended.cause, Cause::Pids | Cause::Deadline | Cause::Exited(_) | Cause::Memory), "{ended:?}");
        assert_eq!(processes_with(&mark), [], "{ended:?}");
    });
}

#[test]
fn an_end_is_told_as_soon_as_nothing_is_left() {
    with_and_without_root("an_end_is_told_as_soon_as_nothing_is_left", || {
        let begun = Instant::now();
        for _ in 0..20 {
            assert_eq!(says(&["nothing"]), "done");
        }
        // Once each end waited for the process that kills, and made another meanwhile: seconds for each.
        assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
    });
}

#[test]
fn limits_of_memory_processes_and_room_are_held_and_named() {
    with_and_without_root("limits_of_memory_processes_and_room_are_held_and_named", || {
        let mut spec = probe_spec(&["memory", "private", "400000000", "20000"]);
        spec.limits.memory_bytes = 64_000_000;
        assert_eq!(finish(spawn(spec)).ended.cause, Cause::Memory);
        let mut spec = probe_spec(&["fill", "/workspace"]);
        spec.limits.disk_bytes = 4_000_000;
        assert_eq!(finish(spawn(spec)).ended.cause, Cause::Disk, "many files, none too large");
        let mut spec =
            program_spec("/bin/sh", &["-c", "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 50 & done; wait"]);
        spec.allow_exec = true;
        spec.limits.pids = 8;
        // As root the kernel refuses one more; the shell gives up at that, perhaps before anybody looks.
        let ended = finish(spawn(spec)).ended;
        assert!(matches!(ended.cause, Cause::Pids | Cause::Exited(2)), "{ended:?}");
        let mut spec = program_spec("/bin/sh", &["-c", "for n in 1 2 3; do sleep 0.1 & done; wait; echo done"]);
        spec.allow_exec = true;
        let run = finish(spawn(spec));
        assert_eq!((run.stdout.as_str(), run.ended.cause), ("done\n", Cause::Exited(0)), "the control: {run:?}");
    });
}

#[test]
fn folders_are_its_own_and_gone_afterwards() {
    with_and_without_root("folders_are_its_own_and_gone_afterwards", || {
        let place = tempfile::tempdir().unwrap();
        open_to_all(place.path());
        let launcher = start(Options { bare_folders: place.path().to_owned(), ..accepting() }).unwrap();
        let left = || {
            let made = std::fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
            std::fs::read_dir(made).unwrap().count()
        };
        let mut spec = probe_spec(&["deep", "/workspace", "3000"]);
        spec.limits.disk_bytes = 1_000_000_000;
        // Folders that lie too deep in each other count as too much, when they are seen.
        let said = say(launcher.spawn(spec, Vec::new()).map(finish));
        assert!(said == "done" || said == "Disk ", "{said}");
        assert_eq!(left(), 0);
        let mut waiting =
            launcher.spawn(program_spec("/bin/sh", &["-c", "pwd >$0/p; read x", "/tmp"]), Vec::new()).unwrap();
        let workspace = waiting.take_workspace().unwrap();
        drop(workspace);
        waiting.kill().unwrap();
        end_of(&mut waiting);
        assert_eq!(left(), 0);
        drop(launcher);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    });
}

#[test]
fn what_is_shown_is_where_it_is_and_no_more_than_it() {
    with_and_without_root("what_is_shown_is_where_it_is_and_no_more_than_it", || {
        let folder = elsewhere();
        let root = folder.path().canonicalize().unwrap();
        for name in ["shown", "hidden"] {
            std::fs::create_dir(root.join(name)).unwrap();
            std::fs::write(root.join(name).join("file"), "x").unwrap();
        }
        let spec = |arguments: &[&str]| {
            let mut spec = probe_spec(arguments);
            let source = Source::Path(root.join("shown"));
            spec.binds = vec![Bind { source, target: "/data".into(), read_only: true, exec: false }];
            say(bare().spawn(spec, Vec::new()).map(finish))
        };
        assert_eq!(spec(&["read", "/data/file"]), "done 1 bytes");
        assert_eq!(spec(&["append", "/data/file"]), "denied EACCES");
        assert_eq!(spec(&["read", "/data/../hidden/file"]), "denied EACCES");
        assert_eq!(spec(&["by-name", "/data/file"]), "done EPERM EPERM EPERM EPERM EPERM EACCES EPERM");
        assert_eq!(spec(&["read", root.join("hidden/file").to_str().unwrap()]), "denied EACCES");
        if !is_root() {
            let mut spec = probe_spec(&["append", "/workspace/new"]);
            spec.workspace = Workspace::Host(Source::Path(root.join("hidden")));
            assert_eq!(say(bare().spawn(spec, Vec::new()).map(finish)), "done");
            assert!(root.join("hidden/new").exists());
        }
    });
}

#[test]
fn interpreters_run() {
    with_and_without_root("interpreters_run", || {
        for (program, arguments, expected) in [
            ("/bin/sh", &["-c", "echo $((1 + 1)) >f; read x <f; echo $x"][..], "2\n"),
            ("/usr/bin/bash", &["-c", "x=$(printf %s 2); echo $x"][..], "2\n"),
            (
                "/usr/bin/python3",
                &["-c", "import json, tempfile; tempfile.TemporaryFile().write(b'x'); print(json.dumps(2))"][..],
                "2\n",
            ),
            ("/usr/bin/node", &["-e", "console.log(1 + 1)"][..], "2\n"),
        ] {
            if !Path::new(program).exists() {
                continue;
            }
            let mut spec = program_spec(program, arguments);
            spec.environment.push(("TMPDIR".into(), "/tmp".into()));
            if program.ends_with("node") {
                spec.profile = akao_sandbox::Profile::Node;
            }
            let run = finish(spawn(spec));
            assert_eq!(run.stdout, expected, "{program}: {run:?}");
        }
    });
}

#[test]
fn a_supervisor_that_does_not_answer_is_killed_with_all_that_is_below_it() {
    with_and_without_root("a_supervisor_that_does_not_answer_is_killed_with_all_that_is_below_it", || {
        let program_of = |sandboxed: &Sandboxed| {
            let pid = sandboxed.pid();
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            format!("/proc/{}", children.trim())
        };
        let mut answers = spawn(probe_spec(&["sleep", "60000"]));
        let program = program_of(&answers);
        answers.kill().unwrap();
        let begun = Instant::now();
        answers.wait().unwrap();
        assert!(begun.elapsed().as_secs() < 5 && !Path::new(&program).exists(), "the control answers at once");

        let mut silent = spawn(probe_spec(&["sleep", "60000"]));
        let program = program_of(&silent);
        rustix::process::pidfd_send_signal(silent.pidfd(), rustix::process::Signal::STOP).unwrap();
        silent.kill().unwrap();
        let ended = silent.wait_until(Instant::now() + std::time::Duration::from_secs(60)).unwrap();
        assert_eq!(ended.cause, Cause::Killed, "{ended:?}");
        assert!(!Path::new(&program).exists(), "nothing of it is left");
        assert_eq!(says(&["nothing"]), "done", "the spawner goes on");
    });
}
