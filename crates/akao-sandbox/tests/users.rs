//! Whose a sandbox is outside: no program gains the rights of a file's owner, nothing that is left gives them to others, and
//! no two sandboxes have the same user.

mod harness;

use akao_sandbox::{Bind, Launcher, Options, Source, Workspace};
use harness::*;
use std::{os::unix::fs::PermissionsExt, path::Path};

/// Users and groups of this machine that nothing belongs to.
const GAINED: u32 = 12_346;
const LET_IN: u32 = 12_347;

/// The probe as a program of the user [`GAINED`], in a folder that only root and the group [`LET_IN`] can enter: whoever
/// else runs on this machine must not be able to use it.
fn gaining(folder: &Path, name: &str, mode: u32) -> std::path::PathBuf {
    let path = folder.join(name);
    let program = std::fs::File::from(akao_sandbox::probe_program().unwrap());
    std::io::copy(&mut &program, &mut std::fs::File::create(&path).unwrap()).unwrap();
    std::os::unix::fs::chown(&path, Some(GAINED), Some(GAINED)).unwrap();
    // After the owner, whose change takes such bits away.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn case_19_and_20_programs_that_gain_privileges_do_not() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(0), Some(LET_IN)).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o710)).unwrap();
    let root = folder.path().canonicalize().unwrap().join("shown");
    std::fs::create_dir(&root).unwrap();
    open_to_all(&root);
    let by_bits = gaining(&root, "bits", 0o6755);
    let by_capability = gaining(&root, "capability", 0o755);
    // Version 2 of the layout, effective: the capability to bind small ports, which is number 10.
    let capability: Vec<u8> = [0x0200_0001_u32, 1 << 10, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&by_capability, "security.capability", &capability, flags).unwrap();
    for name in ["bits", "capability"] {
        let mut spec = program_spec(&format!("/data/{name}"), &["status", "Uid", "Gid", "CapPrm", "CapEff"]);
        let source = Source::Path(root.clone());
        spec.binds = vec![Bind { source, target: "/data".into(), read_only: true, exec: true }];
        let nothing = "0000000000000000";
        assert_eq!(
            say(run(spec)),
            format!("done 1000,1000,1000,1000 1000,1000,1000,1000 {nothing} {nothing}"),
            "{name}"
        );
    }
    let outside = |path: &Path, field: &str| {
        let mut program = std::process::Command::new(path);
        std::os::unix::process::CommandExt::uid(&mut program, NOBODY);
        std::os::unix::process::CommandExt::gid(&mut program, LET_IN);
        let output = program.args(["status", field]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    };
    assert_eq!(outside(&by_bits, "Uid"), format!("done {NOBODY},{GAINED},{GAINED},{GAINED}"), "the control gains them");
    assert_eq!(outside(&by_capability, "CapEff"), "done 0000000000000400", "the control gains it");
}

#[test]
fn case_19_a_workspace_of_the_host_gets_no_program_that_gains_rights() {
    with_and_without_root("case_19_a_workspace_of_the_host_gets_no_program_that_gains_rights", || {
        let (_folder, root) = workspace_folder();
        let mut spec = probe_spec(&["gain-bits", "/workspace"]);
        spec.workspace = Workspace::Host(Source::Path(root.clone()));
        let said = say(run(spec));
        assert!(said.strip_prefix("done ").is_some_and(|words| words.split(' ').all(|word| word == "EPERM")), "{said}");
        for entry in std::fs::read_dir(&root).unwrap() {
            let found = entry.unwrap();
            let mode = found.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o6000, 0, "{} has the mode {mode:o}", found.path().display());
        }
        let said = outside(&["gain-bits", root.to_str().unwrap()]);
        assert!(said.contains("done"), "outside the same calls make some: {said}");
    });
}

#[test]
fn case_19_a_workspace_is_never_roots() {
    if !is_root() {
        return;
    }
    for (user, group) in [(0, 0), (0, WORKSPACE_OWNER), (WORKSPACE_OWNER, 0)] {
        let (_folder, root) = workspace_folder();
        std::os::unix::fs::chown(&root, Some(user), Some(group)).unwrap();
        let mut spec = probe_spec(&["nothing"]);
        spec.workspace = Workspace::Host(Source::Path(root));
        let refused = run(spec).unwrap_err().to_string();
        assert!(refused.starts_with("a workspace of the user or group 0 is not allowed"), "{refused}");
    }
}

#[test]
fn case_49_the_user_inside_is_neither_root_nor_the_daemon() {
    let mut sandboxed = launcher().spawn(probe_spec(&["sleep", "60000"]), Vec::new()).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", sandboxed.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    let ids: Vec<u32> = line.split_whitespace().map(|id| id.parse().unwrap()).collect();
    match is_root() {
        true => assert!(ids.iter().all(|id| (524_288..589_824).contains(id)), "{ids:?}"),
        false => assert!(ids.iter().all(|id| *id == rustix::process::geteuid().as_raw()), "{ids:?}"),
    }
    sandboxed.kill().unwrap();
}

#[test]
fn case_49_two_launchers_share_no_user() {
    if !is_root() {
        return;
    }
    let other = Launcher::start(Options::default()).unwrap();
    let mut users = Vec::new();
    let mut running = Vec::new();
    for launcher in [launcher(), &other, launcher(), &other] {
        let sandboxed = launcher.spawn(probe_spec(&["sleep", "60000"]), Vec::new()).unwrap();
        users.push(user_of(sandboxed.pid()));
        running.push(sandboxed);
    }
    users.sort_unstable();
    users.dedup();
    assert_eq!(users.len(), 4, "{users:?}");
}

/// The host's id of a process's user.
fn user_of(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
