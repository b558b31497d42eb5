//! A process that stores, installs or removes a package is killed before each of its file operations in turn. Whatever it
//! was doing, what is stored is whole afterwards, doing it again works, and what is left over is swept.
//!
//! The operations are counted as the kernel sees them, so none can be forgotten.

#[path = "../common/mod.rs"]
mod common;
mod tracer;

use akao_package::{Archive, ArchiveLimits, Store};
use common::{FILES, Ground, write};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tracer::{End, run_until};

/// What the killed process does, and where; set by the tests for the process that they start.
const ACT: &str = "AKAO_TEST_ACT";
const PLACE: &str = "AKAO_TEST_PLACE";

fn act(what: &str, place: &Path) {
    let store = Store::new(place.join("data"));
    match what {
        "put" => drop(store.put(&place.join("package")).unwrap()),
        "install" => {
            let archive = Archive::read(&place.join("new.akao"), &ArchiveLimits::default()).unwrap();
            store.install(&archive).unwrap();
        }
        "remove" => {
            let archive = Archive::read(&place.join("new.akao"), &ArchiveLimits::default()).unwrap();
            store.remove(&archive.content().digest).unwrap();
        }
        "collect" => {
            let old = Archive::read(&place.join("old.akao"), &ArchiveLimits::default()).unwrap();
            store.collect(&BTreeSet::from([old.content().digest]), later()).unwrap();
        }
        other => panic!("{other}"),
    }
}

/// The process that is killed.
#[test]
#[ignore = "it is started by the other tests"]
fn victim() {
    if let (Some(what), Some(place)) = (env::var_os(ACT), env::var_os(PLACE)) {
        act(what.to_str().unwrap(), &PathBuf::from(place));
    }
}

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(10)
}

/// A place with two archives, of which the old one is installed, and the new one's folder.
fn prepare(place: &Path, with_new: bool) {
    fs::create_dir_all(place).unwrap();
    let ground = Ground::new();
    fs::write(place.join("new.akao"), ground.packed().bytes).unwrap();
    write(&place.join("package"), &FILES);
    write(&ground.package(), &[("resources/a/words.txt", "older\n", false)]);
    fs::write(place.join("old.akao"), ground.packed().bytes).unwrap();
    let store = Store::new(place.join("data"));
    for name in if with_new { &["old.akao", "new.akao"][..] } else { &["old.akao"][..] } {
        store.install(&Archive::read(&place.join(name), &ArchiveLimits::default()).unwrap()).unwrap();
    }
}

/// What must hold at every moment, and after the act was done again.
fn check(what: &str, place: &Path, killed_at: usize) {
    let at = format!("{what}, killed before operation {killed_at}");
    let store = Store::new(place.join("data"));
    let digest = |name: &str| Archive::read(&place.join(name), &ArchiveLimits::default()).unwrap().content().digest;
    let (old, new) = (digest("old.akao"), digest("new.akao"));
    assert_eq!(store.verify().unwrap(), [], "{at}");
    assert!(store.get(&old).is_ok(), "{at}: what was there before is gone");
    if store.contains(&new) {
        assert!(store.get(&new).is_ok(), "{at}: half of it is there");
    }
    act(what, place);
    assert_eq!(store.verify().unwrap(), [], "{at}, and done again");
    assert_eq!(store.contains(&new), ["put", "install"].contains(&what), "{at}, and done again");
    store.sweep_staging(later()).unwrap();
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(place.join("data").join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let expected: BTreeSet<String> = store.digests().unwrap().iter().map(|digest| digest.hex()).collect();
    assert_eq!(names("sha256"), expected, "{at}: something is left over");
    assert_eq!(names("lists"), expected, "{at}: lists and packages differ");
}

/// Kills the act before each of its operations. Gives how many there were.
fn killed_everywhere(what: &str, with_new: bool) -> usize {
    let ground = tempfile::tempdir().unwrap();
    let program = env::current_exe().unwrap();
    for at in 1.. {
        let place = ground.path().join(at.to_string());
        prepare(&place, with_new);
        let end = run_until(
            &program,
            &["--exact", "victim", "--ignored"],
            &[(ACT, what.as_ref()), (PLACE, place.as_os_str())],
            at,
        );
        check(what, &place, at);
        if let End::Finished { operations } = end {
            assert_eq!(operations, at - 1, "an operation was counted in one run and not in another");
            return operations;
        }
        assert!(at < 1000, "it never ends");
    }
    unreachable!("the loop has no end of its own")
}

#[test]
fn installing_an_archive_leaves_all_or_nothing() {
    let operations = killed_everywhere("install", false);
    assert!(operations > 30, "{operations}");
}

#[test]
fn storing_a_folder_leaves_all_or_nothing() {
    let operations = killed_everywhere("put", false);
    assert!(operations > 30, "{operations}");
}

#[test]
fn removing_leaves_all_or_nothing() {
    let operations = killed_everywhere("remove", true);
    assert!(operations > 10, "{operations}");
}

#[test]
fn collecting_leaves_all_or_nothing() {
    let operations = killed_everywhere("collect", true);
    assert!(operations > 10, "{operations}");
}
