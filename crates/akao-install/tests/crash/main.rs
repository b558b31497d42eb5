//! A process that installs, updates, removes, disables or enables a package is killed before each of its file operations in
//! turn. Whatever it was doing, the old state or the new is there afterwards, whole, and doing it again ends in the new one.
//!
//! The operations are counted as the kernel sees them, so none can be forgotten.

#[path = "../support/mod.rs"]
mod support;
#[path = "../../../akao-package/tests/crash/tracer.rs"]
mod tracer;

use akao_install::{OpenRepositories, Places, collect, disable, enable, rollback, uninstall, verify};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use support::{Ground, id, package, secret_key, signed, start};
use tracer::{End, run_until};

/// What the killed process does, and where; set by the tests for the process that they start.
const ACT: &str = "AKAO_TEST_ACT";
const PLACE: &str = "AKAO_TEST_PLACE";

const NEEDS: &str = "dependencies:\n  - { id: com.example.lib, version: \"^1\" }";

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Does it. Doing what is done already does nothing.
fn act(what: &str, place: &Path) {
    let mut ground = Ground::new();
    ground.places = Places::new(place.join("data"));
    let hello = id("com.example.hello");
    let none = OpenRepositories::default();
    let install = |sources: &[&str]| {
        let sources: Vec<String> = sources.iter().map(|name| place.join(name).display().to_string()).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        run(async {
            let plan = ground.plan_at(&sources, start()).await.unwrap();
            ground.agree(&plan).await;
        });
    };
    match what {
        "install" => install(&["new.akao", "lib.akao"]),
        "update" => install(&["newer.akao"]),
        "uninstall" => drop(uninstall(&ground.places, &hello, None, &[], true, start())),
        "collect" => {
            let later = SystemTime::now() + Duration::from_secs(10);
            collect(&ground.places, &BTreeSet::new(), later).unwrap();
        }
        "rollback" => {
            let active = ground.installed().record(&hello).unwrap().unwrap().active;
            if active.to_string() == "1.1.0" {
                rollback(&ground.places, &hello, &none, start()).unwrap();
            }
        }
        "disable" => drop(disable(&ground.places, &hello, "not now", start()).unwrap()),
        "enable" => drop(enable(&ground.places, &hello, &none, start()).unwrap()),
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

/// A place with signed archives and whatever was done there before.
fn prepare(place: &Path, before: &[&str]) {
    fs::create_dir_all(place).unwrap();
    let key = secret_key();
    for (name, package) in [
        ("new.akao", package("com.example.hello", "1.0.0").with(NEEDS)),
        ("newer.akao", package("com.example.hello", "1.1.0").with(NEEDS)),
        ("lib.akao", package("com.example.lib", "1.0.0")),
    ] {
        let archive = package.archive();
        fs::write(place.join(name), &archive).unwrap();
        fs::write(place.join(format!("{name}.minisig")), signed(&archive, &key).as_str()).unwrap();
        fs::write(place.join(format!("{name}.pub")), key.public().to_file()).unwrap();
    }
    before.iter().for_each(|what| act(what, place));
}

/// What is active, with every version that is there.
fn state(place: &Path) -> Vec<String> {
    let mut ground = Ground::new();
    ground.places = Places::new(place.join("data"));
    let all = ground.installed().all().unwrap().into_iter();
    let shown = |(id, record): (akao_contract::manifest::PackageId, Result<akao_install::Record, _>)| {
        let record = record.unwrap();
        let versions: Vec<String> = record.versions.iter().map(|version| version.version.to_string()).collect();
        for version in &record.versions {
            ground.places.store().get(&version.content).unwrap();
        }
        format!(
            "{id} {} of {}{}",
            record.active,
            versions.join(" "),
            if record.disabled.is_some() { ", disabled" } else { "" }
        )
    };
    all.map(shown).collect()
}

/// Kills an act before each of its operations. The states between old and new are those that a plan of several packages
/// passes through: what is needed comes first.
fn killed_everywhere(what: &str, before: &[&str], between: &[&str]) -> usize {
    let ground = tempfile::tempdir().unwrap();
    let program = env::current_exe().unwrap();
    let reference = ground.path().join("reference");
    prepare(&reference, before);
    let old = state(&reference);
    act(what, &reference);
    let new = state(&reference);
    for at in 1.. {
        let place = ground.path().join(at.to_string());
        prepare(&place, before);
        let environment = [(ACT, what.as_ref()), (PLACE, place.as_os_str())];
        let end = run_until(&program, &["--exact", "victim", "--ignored"], &environment, at);
        let places = Places::new(place.join("data"));
        let told = format!("{what}, killed before operation {at}");
        let found = state(&place);
        assert!(found == old || found == new || found == between, "{told}: {found:?}");
        let findings = verify(&places).unwrap();
        assert!(findings.is_empty(), "{told}: {findings:?}");
        act(what, &place);
        assert_eq!(state(&place), new, "{told}, and done again");
        act("collect", &place);
        assert_eq!(state(&place), new, "{told}, and collected");
        for folder in ["external", "disabled"] {
            let entries = fs::read_dir(place.join("data/nodes").join(folder)).into_iter().flatten();
            let names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            assert!(names.iter().all(|name| name.ends_with(".json")), "{told}: something is left: {names:?}");
        }
        if let End::Finished { operations } = end {
            assert_eq!(operations, at - 1, "an operation was counted in one run and not in another");
            return operations;
        }
        assert!(at < 1000, "it never ends");
    }
    unreachable!("the loop has no end of its own")
}

#[test]
fn installing_leaves_the_old_or_the_new() {
    let operations = killed_everywhere("install", &[], &["com.example.lib 1.0.0 of 1.0.0"]);
    assert!(operations > 60, "{operations}");
}

#[test]
fn updating_leaves_the_old_or_the_new() {
    let operations = killed_everywhere("update", &["install"], &[]);
    assert!(operations > 30, "{operations}");
}

#[test]
fn uninstalling_leaves_the_old_or_the_new() {
    let operations = killed_everywhere("uninstall", &["install", "update"], &[]);
    assert!(operations > 1, "{operations}");
}

#[test]
fn collecting_leaves_what_is_referred_to() {
    let operations = killed_everywhere("collect", &["install", "update", "uninstall"], &[]);
    assert!(operations > 20, "{operations}");
}

#[test]
fn rolling_back_leaves_the_old_or_the_new() {
    let operations = killed_everywhere("rollback", &["install", "update"], &[]);
    assert!(operations > 5, "{operations}");
}

#[test]
fn disabling_and_enabling_leave_the_old_or_the_new() {
    assert!(killed_everywhere("disable", &["install"], &[]) > 8);
    assert!(killed_everywhere("enable", &["install", "disable"], &[]) > 8);
}
