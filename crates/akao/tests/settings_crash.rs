//! A command that changes what a data directory demands, whom it trusts, or what must not run is killed before each of its file
//! operations in turn. Whatever was changed by then, the audit has a line of it that was there before.
//!
//! The operations are counted as the kernel sees them, so none can be forgotten.

#[path = "support/desk.rs"]
mod desk;
#[path = "../../akao-package/tests/crash/tracer.rs"]
mod tracer;

use desk::Desk;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tracer::{End, run_until};

const GREET: &str = "manifest: 1\nid: com.example.greet\nname: Greet\ndescription: Greets people.\nversion: 1.0.0\n\
                     runtime: { type: python, command: ./main.py }\nresources: { cpu: 1000m }\n\
                     outputs: { text: { type: string } }\n";

/// Which acts tell of a change of a file, by the beginning of its name.
const TOLD_BY: [(&str, &[&str]); 6] = [
    ("config/policy.toml", &["changing_policy"]),
    ("config/trust.toml", &["trusting", "revoking", "unpinning"]),
    ("config/repositories", &["adding_repository", "removing_repository"]),
    ("config/kill-list.json", &["taking_kill_list"]),
    ("nodes/external/", &["blocking", "disabling"]),
    ("nodes/disabled/", &["disabling"]),
];

fn done(desk: &Desk, arguments: &[&str]) {
    let said = desk.akao(arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
}

/// A data directory with a policy, keys, a repository, a package, and beside it a list that stops the package.
fn prepared() -> Desk {
    let desk = Desk::own_user();
    desk.node("greet", GREET, "pass\n");
    desk.write("greet/LICENSE", "Do what you like.\n");
    desk.write("greet/README.md", "# Greet\n");
    for name in ["guard", "publisher"] {
        done(&desk, &["key", "new", name]);
    }
    let root = desk.akao(&["repo", "init", "packages", "--key", "guard", "--json"]).json();
    let print = root["fingerprint"].as_str().expect("a fingerprint").to_owned();
    done(&desk, &["repo", "add", "own", "packages", "--prefix", "com.other", "--fingerprint", &print]);
    done(&desk, &["policy", "set", "--kill-list-key", "guard"]);
    done(&desk, &["install", "./greet", "--yes"]);
    let add = ["kill-list", "add", "list.json", "com.example.greet", "--reason", "it tells names", "--key", "guard"];
    done(&desk, &add);
    desk
}

/// The settings and records of a data directory; new files that have not got their names yet are nobody's.
fn settings(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["config", "config/repositories", "nodes/external", "nodes/disabled"] {
        for entry in fs::read_dir(data.join(folder)).into_iter().flatten().map(|entry| entry.expect("an entry")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_file() && !name.starts_with('.') {
                found.insert(format!("{folder}/{name}"), fs::read(entry.path()).expect("a file"));
            }
        }
    }
    found
}

/// The files that are others, new or gone.
fn changed(old: &BTreeMap<String, Vec<u8>>, new: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let names = old.keys().chain(new.keys());
    let mut changed: Vec<String> = names.filter(|name| old.get(*name) != new.get(*name)).cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}

/// What is in the audit of a data directory, newest last, from the entry with this number on.
fn acts(desk: &Desk, data: &Path, since: usize) -> Vec<String> {
    let said = desk.akao(&["audit", "--json", "--last", "1000", "--data-dir", &data.to_string_lossy()]);
    let entries = said.json()["entries"].as_array().cloned().unwrap_or_default();
    let sound = desk.akao(&["audit", "--verify", "--data-dir", &data.to_string_lossy()]);
    assert_eq!(sound.code, 0, "the chain holds: {sound:?}");
    let mut acts: Vec<(u64, String)> = entries
        .iter()
        .map(|entry| (entry["seq"].as_u64().unwrap_or(0), entry["act"].as_str().unwrap_or_default().to_owned()))
        .filter(|(seq, _)| *seq > since as u64)
        .collect();
    acts.sort();
    acts.into_iter().map(|(_, act)| act).collect()
}

fn copied(from: &Path, to: PathBuf) -> PathBuf {
    let made = Command::new("cp").arg("-a").arg(from).arg(&to).status().expect("cp runs");
    assert!(made.success());
    to
}

/// Kills the command before each of its operations, and gives what the audit has after it was let end.
fn killed_everywhere(desk: &Desk, arguments: &[&str]) -> Vec<String> {
    let before = desk.path("data");
    let (old, known) = (settings(&before), acts(desk, &before, 0).len());
    let program = PathBuf::from(env!("CARGO_BIN_EXE_akao"));
    for at in 1.. {
        let data = copied(&before, desk.path(&format!("data-{at}")));
        let home = desk.path("");
        let environment = [("AKAO_DATA_DIR", data.as_os_str()), ("HOME", home.as_os_str())];
        let end = run_until(&program, arguments, &environment, at);
        let told = acts(desk, &data, known);
        for name in changed(&old, &settings(&data)) {
            let known = TOLD_BY.iter().find(|(file, _)| name.starts_with(file));
            let (_, tell) = known.unwrap_or_else(|| panic!("nothing tells of {name}"));
            let is_told = told.iter().any(|act| tell.contains(&act.as_str()));
            assert!(is_told, "{arguments:?}, killed before operation {at}: {name} is another, and is told by {told:?}");
        }
        let now = settings(&data);
        fs::remove_dir_all(&data).expect("it is gone");
        if let End::Finished { operations } = end {
            assert!(operations > 10, "the operations are not seen");
            assert_ne!(now, old, "{arguments:?} changes something");
            return told;
        }
        assert!(at < 1_000, "it never ends");
    }
    unreachable!("the loop has no end of its own")
}

#[test]
fn a_change_of_the_policy_is_told_before_it_is_made() {
    let told = killed_everywhere(&prepared(), &["policy", "set", "--git", "trusted"]);
    assert_eq!(told, ["changing_policy", "policy"]);
}

#[test]
fn a_change_of_trust_is_told_before_it_is_made() {
    let desk = prepared();
    let told = killed_everywhere(&desk, &["key", "trust", "publisher", "--prefix", "com.example."]);
    assert_eq!(told, ["trusting", "trusted"]);
}

#[test]
fn a_change_of_the_repositories_is_told_before_it_is_made() {
    let told = killed_everywhere(&prepared(), &["repo", "remove", "own"]);
    assert_eq!(told, ["removing_repository", "repository_removed"]);
}

#[test]
fn a_kill_list_is_told_before_it_is_taken_in_and_so_is_what_it_stops() {
    let desk = prepared();
    let list = desk.path("list.json").to_string_lossy().into_owned();
    let told = killed_everywhere(&desk, &["kill-list", "take", &list]);
    let expected = ["taking_kill_list", "kill_list", "blocking", "disabling", "blocked", "disabled"];
    assert_eq!(told, expected);
}

#[test]
fn what_is_refused_is_told_with_the_reason() {
    let desk = prepared();
    let entries = |act: &str| -> Vec<Value> {
        let all = desk.akao(&["audit", "--json"]).json()["entries"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|entry| entry["act"] == act).collect()
    };
    for (arguments, wanted, reason) in [
        (&["repo", "remove", "other"][..], "removing_repository", "there is no repository `other`"),
        (&["key", "unpin", "com.example.greet"], "unpinning", "is bound to no key"),
        (&["policy", "set", "--kill-list-key", "publisher"], "", ""),
        (&["kill-list", "take", "list.json"], "taking_kill_list", "no key that may sign kill lists"),
    ] {
        let before = entries("not_done").len();
        let said = desk.akao(arguments);
        if wanted.is_empty() {
            assert_eq!(said.code, 0, "{said:?}");
            continue;
        }
        assert_ne!(said.code, 0, "{arguments:?}: {said:?}");
        let told = entries("not_done");
        assert_eq!(told.len(), before + 1, "{arguments:?}: {told:?}");
        let found = told.iter().find(|entry| entry["wanted"] == wanted).expect("the act that was wanted");
        assert!(found["reason"].as_str().is_some_and(|told| told.contains(reason)), "{found}");
    }
    // Where the audit cannot be written, nothing is changed.
    let audit = desk.path("data/nodes/audit.jsonl");
    fs::remove_file(&audit).expect("it was there");
    fs::create_dir(&audit).expect("a folder in its place");
    let before = settings(&desk.path("data"));
    let said = desk.akao(&["policy", "set", "--git", "optional"]);
    assert!(said.code == 1 && said.err.contains("nothing was changed") && said.err.contains("hint:"), "{said:?}");
    assert_eq!(settings(&desk.path("data")), before);
}
