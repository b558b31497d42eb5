//! With any one layer off, the others still hold. Needs a spawner that can be told so: `--features weaken`.

mod harness;

use akao_spawner::wire::Weaken;
use harness::*;

const ALL_ON: Weaken = Weaken { no_seccomp: false, landlock_abi_max: 99, no_quotas: false };
const NO_SECCOMP: Weaken = Weaken { no_seccomp: true, ..ALL_ON };
const NO_LANDLOCK: Weaken = Weaken { landlock_abi_max: 0, ..ALL_ON };
const NO_QUOTAS: Weaken = Weaken { no_quotas: true, ..ALL_ON };

fn weakened(weaken: Weaken, act: &[&str]) -> String {
    let mut spec = probe_spec(act);
    spec.weaken = Some(weaken);
    say(run(spec))
}

/// Acts that more than one layer stops: the layer that is off, the act, and what may come of it.
const CASES: &[(&str, Weaken, &[&str], &[&str])] = &[
    ("privileges", NO_SECCOMP, &["mount", "tmpfs", "/tmp"], &["denied EPERM"]),
    ("privileges", NO_SECCOMP, &["raise-capabilities"], &["denied EPERM"]),
    ("privileges", NO_SECCOMP, &["join", "/proc/self/ns/net"], &["denied EPERM"]),
    ("privileges", NO_SECCOMP, &["device", "block", "/workspace/d"], &["denied EPERM", "denied EACCES"]),
    ("privileges", NO_SECCOMP, &["call", "fsopen"], &["done EPERM"]),
    ("quotas", NO_SECCOMP, &["unshare", "user"], &["denied ENOSPC"]),
    ("quotas", NO_SECCOMP, &["clone", "user"], &["denied ENOSPC"]),
    ("mounts", NO_SECCOMP, &["read", "/etc/shadow"], &["denied ENOENT"]),
    ("mounts", NO_SECCOMP, &["open-write", "/proc/sys/kernel/core_pattern"], &["denied ENOENT"]),
    ("namespaces", NO_SECCOMP, &["kill", "99999", "9"], &["denied ESRCH"]),
    ("namespaces", NO_SECCOMP, &["connect-abstract", "akao-nobody-listens"], &["denied ECONNREFUSED", "denied EPERM"]),
    ("namespaces", NO_SECCOMP, &["connect", "93.184.216.34:80"], &["denied ENETUNREACH", "denied EACCES"]),
    ("namespaces", NO_SECCOMP, &["kill-first"], &["done alive"]),
    ("filter", NO_QUOTAS, &["unshare", "user"], &["denied EPERM"]),
    ("filter", NO_QUOTAS, &["clone", "user"], &["denied EPERM"]),
    ("mounts", NO_LANDLOCK, &["read", "/etc/shadow"], &["denied ENOENT"]),
    ("mounts", NO_LANDLOCK, &["open-write", "/usr/bin/env"], &["denied EROFS", "denied EACCES"]),
    ("mounts", NO_LANDLOCK, &["append", "/new-file"], &["denied EROFS"]),
    ("mounts", NO_LANDLOCK, &["copy-run", "/workspace/p"], &["denied EACCES"]),
    ("mounts", NO_LANDLOCK, &["copy-run", "/tmp/p"], &["denied EACCES"]),
    ("mounts", NO_LANDLOCK, &["open-write", "/proc/self/oom_score_adj"], &["denied EROFS"]),
    ("filter", NO_LANDLOCK, &["connect-abstract", "akao-nobody-listens"], &["denied EPERM"]),
    ("filter", NO_LANDLOCK, &["memory-run"], &["denied EPERM"]),
];

#[test]
fn what_two_layers_stop_one_stops_alone() {
    with_and_without_root("what_two_layers_stop_one_stops_alone", || {
        let mut broken = Vec::new();
        for (left, weaken, act, expected) in CASES {
            let seen = weakened(*weaken, act);
            if !expected.contains(&seen.as_str()) {
                broken.push(format!("{act:?} with {weaken:?} should be stopped by {left}: {seen}"));
            }
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    });
}

#[test]
fn every_version_of_landlock_can_be_asked_for() {
    with_and_without_root("every_version_of_landlock_can_be_asked_for", || {
        for landlock_abi_max in 0..=launcher().tier().landlock_abi {
            let weaken = Weaken { landlock_abi_max, ..ALL_ON };
            assert_eq!(weakened(weaken, &["read", "/etc/passwd"]), "done 41 bytes", "{landlock_abi_max}");
            assert_eq!(weakened(weaken, &["read", "/etc/shadow"]), "denied ENOENT", "{landlock_abi_max}");
            let run = weakened(weaken, &["run", "/usr/bin/true"]);
            let expected = if landlock_abi_max == 0 { "Exited(0) " } else { "denied EACCES" };
            assert_eq!(run, expected, "the control: only Landlock stops this ({landlock_abi_max})");
        }
    });
}
