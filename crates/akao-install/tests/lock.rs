//! Locks: made from what is installed, and installed elsewhere to the byte or not at all.

mod support;

use akao_install::{LockMakeError, LockNeed, PlanError, disable, enable, make_lock, verify};
use akao_package::{Lock, LockedSource};
use akao_repository::Kill;
use semver::VersionReq;
use std::{fs, os::unix::fs::PermissionsExt};
use support::{Ground, Publisher, Repo, id, package, secret_key, start, words};

fn need(node: &str) -> LockNeed {
    LockNeed { node: id(node), range: VersionReq::STAR }
}

#[tokio::test]
async fn a_lock_reproduces_every_source() {
    let ground = Ground::new();
    let publisher = Publisher::new(&ground.path("repository"), 1);
    publisher.publish(&package("com.example.lib", "1.0.0"), start());
    publisher.publish(
        &package("com.example.named", "1.0.0").with("dependencies:\n  - { id: com.example.lib, version: \"^1\" }"),
        start(),
    );
    publisher.add_to(&ground, "main", &["com.example"], true);
    let repo = Repo::new(ground.path("repo"));
    package("com.example.git", "1.0.0").write_into(&repo.folder);
    let commit = repo.commit();
    package("com.example.folder", "1.0.0").write(&ground.path("nodes/folder"));
    fs::write(ground.path("a.akao"), package("com.example.file", "1.0.0").archive()).unwrap();
    for source in ["com.example.named", &format!("{}#main", repo.address()), "./nodes/folder", "./a.akao"] {
        ground.install(source).await;
    }
    let needs = ["com.example.named", "com.example.git", "com.example.folder", "com.example.file"].map(need);
    let lock = make_lock(&ground.places, &needs, ground.temp.path()).unwrap();
    let named: Vec<&str> = lock.packages().iter().map(|package| package.id.as_str()).collect();
    assert_eq!(
        named,
        ["com.example.file", "com.example.folder", "com.example.git", "com.example.lib", "com.example.named"]
    );
    assert_eq!(lock.packages()[0].source, LockedSource::path("a.akao"));
    assert_eq!(lock.packages()[1].source, LockedSource::path("nodes/folder"));
    let url = repo.address().trim_start_matches("git+").to_owned();
    assert_eq!(lock.packages()[2].source, LockedSource::git(&url, &commit, None));
    assert_eq!(lock.packages()[3].source, LockedSource::repository("main"));
    let lock = Lock::read(&lock.write()).unwrap();

    // Nothing is fetched for what is there.
    let plan = ground.locked(&lock).await.unwrap();
    assert_eq!((plan.packages.len(), plan.kept.len()), (0, 5));

    // A branch that moved on and a newer version change nothing for another data directory.
    package("com.example.git", "2.0.0").write_into(&repo.folder);
    repo.commit();
    publisher.publish(&package("com.example.named", "1.9.0"), start());
    let before = ground.active();
    fs::remove_dir_all(ground.places.root()).unwrap();
    publisher.add_to(&ground, "main", &["com.example"], true);
    let plan = ground.locked(&lock).await.unwrap();
    ground.agree(&plan).await;
    assert_eq!(ground.active(), before);
    assert_eq!(make_lock(&ground.places, &needs, ground.temp.path()).unwrap(), lock);
}

#[tokio::test]
async fn any_difference_is_refused() {
    let ground = Ground::new();
    let publisher = Publisher::new(&ground.path("repository"), 1);
    publisher.publish(&package("com.example.named", "1.0.0"), start());
    publisher.add_to(&ground, "main", &["com.example"], true);
    ground.install("com.example.named").await;
    let lock = make_lock(&ground.places, &[need("com.example.named")], ground.temp.path()).unwrap();
    fs::remove_dir_all(ground.places.root()).unwrap();
    publisher.add_to(&ground, "main", &["com.example"], true);
    let original = lock.packages()[0].clone();
    let other = akao_contract::Digest::of(b"other");
    let mut cases = Vec::new();
    for (what, change) in
        [("the content", 0), ("the archive", 1), ("the publisher's key", 2), ("", 3), ("", 4), ("the id", 5)]
    {
        let mut locked = original.clone();
        match change {
            0 => locked.content = other,
            1 => locked.archive = Some(other),
            2 => locked.publisher = Some(other),
            3 => locked.version = "1.0.1".into(),
            4 => locked.source = LockedSource::repository("elsewhere"),
            _ => {
                package("com.example.other", "1.0.0").write(&ground.path("other"));
                locked.source = LockedSource::path("other");
            }
        }
        cases.push((what, locked));
    }
    for (what, locked) in cases {
        let lock = Lock::new(vec![locked.clone()]).unwrap();
        let error = ground.locked(&lock).await.unwrap_err();
        match (&error, what) {
            (PlanError::Locked(difference), what) => assert_eq!(difference.what, what, "{error}"),
            (PlanError::Candidate(_) | PlanError::LockedSource { .. }, "") => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(ground.active().is_empty());
}

#[tokio::test]
async fn a_lock_is_no_way_around_trust() {
    let ground = Ground::new();
    let publisher = Publisher::new(&ground.path("repository"), 1);
    publisher.publish(&package("com.example.named", "1.0.0"), start());
    publisher.add_to(&ground, "main", &["com.example"], true);
    ground.install("com.example.named").await;
    let lock = make_lock(&ground.places, &[need("com.example.named")], ground.temp.path()).unwrap();
    fs::remove_dir_all(ground.places.root()).unwrap();
    publisher.add_to(&ground, "main", &["com.example"], true);
    ground.trust(&secret_key());
    let plan = ground.locked(&lock).await.unwrap();
    assert!(plan.refusal().is_some());
}

#[tokio::test]
async fn what_is_installed_is_held_against_its_lock_by_its_bytes() {
    let ground = Ground::new();
    let named = id("com.example.named");
    fs::write(ground.path("a.akao"), package("com.example.named", "1.0.0").archive()).unwrap();
    ground.install("./a.akao").await;
    let lock = make_lock(&ground.places, &[need("com.example.named")], ground.temp.path()).unwrap();
    let content = ground.places.store().path(&lock.packages()[0].content);
    let edit = || {
        let file = content.join("bin/run");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&file, "#!/bin/sh\necho evil\n").unwrap();
    };
    let remove = || {
        fs::rename(&content, ground.path("away")).unwrap();
    };
    for (what, damage) in [("edited", &edit as &dyn Fn()), ("missing", &remove)] {
        damage();
        let plan = ground.locked(&lock).await.unwrap();
        assert_eq!((plan.packages.len(), plan.kept.len()), (1, 0), "{what}");
        assert_eq!(words(&ground.agree(&plan).await.events), ["repaired"], "{what}");
        assert!(verify(&ground.places).unwrap().is_empty(), "{what}");
        assert_eq!(ground.locked(&lock).await.unwrap().kept.len(), 1, "{what}");
    }
    disable(&ground.places, &named, "not now", start()).unwrap();
    let error = ground.locked(&lock).await.unwrap_err();
    assert!(error.to_string().contains("it is disabled: not now"), "{error}");
    assert!(error.suggestion().contains("akao enable com.example.named"), "{}", error.suggestion());
    enable(&ground.places, &named, &ground.open(start()).await, start()).unwrap();

    let publisher = Publisher::new(&ground.path("repository"), 1);
    publisher.add_to(&ground, "main", &["com.example"], true);
    let kill =
        Kill { id: named, versions: VersionReq::STAR, digest: None, reason: "it steals".to_owned(), at: start() };
    publisher.folder.kill(kill, publisher.keys(), start()).unwrap();
    let error = ground.locked(&lock).await.unwrap_err();
    assert!(error.to_string().contains("it must not run: it steals"), "{error}");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let ground = Ground::new();
    let error = make_lock(&ground.places, &[need("com.example.none")], ground.temp.path()).unwrap_err();
    assert!(matches!(&error, LockMakeError::Lookup(_)));
    assert_eq!(error.suggestion(), "Install `com.example.none`.");
}
