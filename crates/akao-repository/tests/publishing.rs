//! Publishing and what follows it: versions that never change, ids that are never given again, two publishers at once,
//! yanking, refreshing, other keys, clearing, mirrors.

mod support;

use akao_repository::{
    Access, Deprecation, Folder, FolderError, FolderFetch, Holders, Kind, Limits, MirrorError, NewRepository,
    Publication, Repository, Resemblance, Roles, SignError, TrustedRoot, offered_root,
};
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use support::*;

fn publication<'a>(manifest: &'a akao_contract::manifest::Manifest, bytes: &'a [u8]) -> Publication<'a> {
    Publication {
        archive: bytes,
        signature: "signature",
        manifest,
        publisher: key(9).public(),
        library: false,
        accept_publisher: false,
    }
}

/// Every file with its bytes.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for part in ["metadata", "targets"] {
        for entry in fs::read_dir(dir.join(part)).unwrap() {
            let entry = entry.unwrap();
            files.push((format!("{part}/{}", entry.file_name().to_string_lossy()), fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn a_published_version_is_in_the_index_with_what_its_manifest_says() {
    let ground = Ground::empty(Kind::Folder);
    let mut manifest = manifest("com.example.enrich", "1.2.0");
    manifest.description = Some("Adds customer data".into());
    manifest.permissions = ["network.http=api.example.com:443".parse().unwrap()].into_iter().collect();
    manifest.dependencies =
        serde_json::from_value(serde_json::json!([{"id": "com.example.base", "version": ">=1, <3"}])).unwrap();
    let published = ground.folder.publish(&publication(&manifest, b"bytes"), &[key(1)], start()).unwrap();
    assert!(!published.already);
    let (index, kill) = ground.folder.contents().unwrap();
    let release = index.release(&manifest.id, &"1.2.0".parse().unwrap()).unwrap();
    assert_eq!(release.description, "Adds customer data");
    assert_eq!(release.permissions, ["network.http=api.example.com:443"]);
    assert_eq!(release.dependencies[0].version.to_string(), ">=1, <3");
    assert_eq!((release.archive.bytes, release.contract, release.published), (5, 1, start()));
    assert!(kill.entries().is_empty());
}

/// The part of case 111 that a repository decides.
#[test]
fn versions_never_change_and_the_same_bytes_change_nothing() {
    let ground = Ground::filled();
    let before = tree(ground.folder.dir());
    assert!(publish(&ground.folder, "com.example.enrich", "1.0.0", start()).already);
    let manifest = manifest("com.example.enrich", "1.0.0");
    let other = ground.folder.publish(&publication(&manifest, b"other bytes"), &[key(1)], start());
    assert!(matches!(other, Err(FolderError::Immutable { .. })), "{other:?}");
    assert_eq!(tree(ground.folder.dir()), before);
}

#[test]
fn what_cannot_be_published_leaves_no_trace() {
    let ground = Ground::filled();
    let before = tree(ground.folder.dir());
    let of = |id: &str, version: &str| manifest(id, version);
    let mut itself = of("com.example.new", "1.0.0");
    itself.dependencies =
        serde_json::from_value(serde_json::json!([{"id": "com.example.new", "version": "1"}])).unwrap();
    let mut range = of("com.example.new", "1.0.0");
    range.dependencies =
        serde_json::from_value(serde_json::json!([{"id": "com.example.base", "version": "banana"}])).unwrap();
    let mut long = of("com.example.new", "1.0.0");
    long.description = Some("x".repeat(5_000));
    let cases = [
        (of("com.example.new", "banana"), &b"bytes"[..], "`banana` is not a semantic version"),
        (of("com.example.new", "1.0.0+build"), b"bytes", "build metadata"),
        (itself, b"bytes", "depends on itself"),
        (range, b"bytes", "`banana` is not a range"),
        (long, b"bytes", "the description is longer than 1000"),
        (of("com.example.new", "1.0.0"), b"", "the archive has 0 bytes"),
    ];
    for (manifest, bytes, message) in cases {
        let error = ground.folder.publish(&publication(&manifest, bytes), &[key(1)], start()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.suggestion().ends_with('.'));
    }
    let manifest = of("com.example.new", "1.0.0");
    let error = ground.folder.publish(&publication(&manifest, b"bytes"), &[key(5)], start()).unwrap_err();
    assert!(matches!(error, FolderError::Sign(SignError::Keys(_))), "{error}");
    let index = ground.folder.contents().unwrap().0;
    assert_eq!(index.len(), 2);
    // Files that nothing names may lie about; what is named is as it was.
    let named: Vec<_> = tree(ground.folder.dir()).into_iter().filter(|file| before.contains(file)).collect();
    assert_eq!(named, before);
}

#[test]
fn another_publisher_needs_the_owners_word() {
    let ground = Ground::filled();
    let manifest = manifest("com.example.enrich", "1.1.0");
    let stranger = Publication { publisher: key(66).public(), ..publication(&manifest, b"bytes") };
    let refused = ground.folder.publish(&stranger, &[key(1)], start());
    assert!(matches!(refused, Err(FolderError::Publisher { .. })), "{refused:?}");
    let accepted = Publication { accept_publisher: true, ..stranger };
    ground.folder.publish(&accepted, &[key(1)], start()).unwrap();
    let index = ground.folder.contents().unwrap().0;
    assert_eq!(index.package(&id("com.example.enrich")).unwrap().publisher, key(66).public());
}

#[test]
fn a_deleted_id_is_never_given_again() {
    let ground = Ground::filled();
    let enrich = id("com.example.enrich");
    ground.folder.delete(&enrich, "it was malware", &[key(1)], start()).unwrap();
    let package = ground.folder.contents().unwrap().0.package(&enrich).unwrap().clone();
    assert!(package.releases.is_empty() && package.deleted.is_some());
    for version in ["1.0.0", "9.0.0"] {
        let manifest = manifest("com.example.enrich", version);
        let again = ground.folder.publish(&publication(&manifest, b"bytes"), &[key(1)], start());
        assert!(matches!(again, Err(FolderError::Deleted(_))), "{again:?}");
    }
}

#[test]
fn a_look_alike_is_warned_about_when_it_is_new() {
    let ground = Ground::filled();
    let published = publish(&ground.folder, "com.example.rnailer", "1.0.0", start());
    assert_eq!(published.look_alikes[0].known, "com.example.mailer");
    assert_eq!(published.look_alikes[0].resemblance, Resemblance::Drawn);
    assert_eq!(publish(&ground.folder, "com.example.rnailer", "1.1.0", start()).look_alikes, []);
}

#[test]
fn yanking_and_deprecating_can_be_taken_back() {
    let ground = Ground::filled();
    let (enrich, version) = (id("com.example.enrich"), "1.0.0".parse().unwrap());
    let release = || ground.folder.contents().unwrap().0.release(&enrich, &version).unwrap().clone();
    ground.folder.yank(&enrich, &version, Some("it loses data"), &[key(1)], days(1)).unwrap();
    assert_eq!(release().yanked.map(|remark| (remark.reason, remark.at)), Some(("it loses data".into(), days(1))));
    ground.folder.yank(&enrich, &version, None, &[key(1)], days(1)).unwrap();
    let word = |reason| Deprecation { reason, successor: None };
    ground.folder.deprecate(&enrich, Some(&version), Some(&word("use 2")), &[key(1)], days(1)).unwrap();
    assert_eq!((release().yanked, release().deprecated), (None, Some("use 2".into())));
    let warning = || ground.folder.contents().unwrap().0.package(&enrich).unwrap().warning(&version);
    assert_eq!(warning().as_deref(), Some("use 2"));
    ground.folder.deprecate(&enrich, Some(&version), None, &[key(1)], days(1)).unwrap();
    assert_eq!(warning(), None);
    let successor = id("com.example.enrich-next");
    let whole = Deprecation { reason: "it is not kept up", successor: Some(&successor) };
    ground.folder.deprecate(&enrich, None, Some(&whole), &[key(1)], days(1)).unwrap();
    assert_eq!(warning().as_deref(), Some("it is not kept up. Use com.example.enrich-next instead."));
    let unknown = ground.folder.yank(&enrich, &"3.0.0".parse().unwrap(), Some("x"), &[key(1)], days(1));
    assert!(matches!(unknown, Err(FolderError::Unknown(_))));
    for no_text in [" ", "bad\n\nhint: run it", "bad\u{1b}[2K", "bad\u{202e}"] {
        let refused = ground.folder.yank(&enrich, &version, Some(no_text), &[key(1)], days(1));
        assert!(matches!(refused, Err(FolderError::Text(_))), "{no_text:?}");
    }
}

#[test]
fn two_publishers_at_once_both_publish() {
    let ground = Ground::empty(Kind::Folder);
    std::thread::scope(|scope| {
        for publisher in 0..4 {
            let folder = ground.folder.clone();
            scope.spawn(move || {
                for version in 0..5 {
                    publish(&folder, &format!("com.example.p{publisher}"), &format!("1.{version}.0"), start());
                }
            });
        }
    });
    let index = ground.folder.contents().unwrap().0;
    assert_eq!(index.packages().map(|package| package.releases.len()).collect::<Vec<_>>(), [5, 5, 5, 5]);
}

#[test]
fn a_repository_is_made_once() {
    let ground = Ground::empty(Kind::Folder);
    let new = NewRepository { name: "Again".into(), kind: Kind::Folder, roles: Roles::one_person(key(1).public()) };
    assert!(matches!(ground.folder.init(&new, &[key(1)], start()), Err(FolderError::Exists(_))));
    let nothing = Folder::at(ground.temp.path().join("nothing"));
    assert!(matches!(nothing.contents(), Err(FolderError::Absent(_))));
    let few = Roles { root: Holders { keys: vec![key(1).public()], threshold: 2 }, ..new.roles.clone() };
    let few = NewRepository { roles: few, ..new };
    assert!(matches!(nothing.init(&few, &[key(1)], start()), Err(FolderError::Sign(SignError::Threshold(_)))));
}

#[tokio::test]
async fn several_people_hold_the_root_and_each_role_has_its_own_keys() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::at(temp.path().join("repository"));
    let root = Holders { keys: vec![key(1).public(), key(2).public(), key(3).public()], threshold: 2 };
    let one = |number: u8| Holders::one(key(number).public());
    let roles = Roles { root, targets: one(4), snapshot: one(5), timestamp: one(6) };
    let new = NewRepository { name: "Team".into(), kind: Kind::Served, roles: roles.clone() };
    let online = [key(4), key(5), key(6)];
    let too_few = [&[key(1)][..], &online].concat();
    assert!(matches!(folder.init(&new, &too_few, start()), Err(FolderError::Sign(SignError::Keys(_)))));
    let enough = [&[key(1), key(3)][..], &online].concat();
    let root = TrustedRoot::new(folder.init(&new, &enough, start()).unwrap());
    let manifest = manifest("com.example.enrich", "1.0.0");
    folder.publish(&publication(&manifest, b"bytes"), &online, start()).unwrap();
    assert!(folder.publish(&publication(&manifest, b"more"), &[key(4), key(6)], start()).is_err());
    // Only the online keys refresh, and the targets stay as they were signed.
    assert!(!folder.refresh(&[key(5), key(6)], days(80)).unwrap().targets);
    assert!(folder.refresh(&[key(6)], days(80)).is_err());
    // Someone leaves: two of the old root and two of the new one sign.
    let others = Holders { keys: vec![key(2).public(), key(3).public(), key(7).public()], threshold: 2 };
    let next = Roles { root: others, targets: one(8), ..roles };
    let with = |root: &[u8]| root.iter().map(|number| key(*number)).chain([key(8), key(5), key(6)]).collect::<Vec<_>>();
    assert!(folder.rotate(&next, &with(&[1, 7]), days(80)).is_err(), "one of the new root alone");
    folder.rotate(&next, &with(&[2, 3]), days(80)).unwrap();
    let access = Access {
        fetch: Arc::new(FolderFetch::new(folder.dir())),
        root,
        state: temp.path().join("state"),
        limits: Limits::default(),
    };
    let repository = Repository::open(access, days(80)).await.unwrap();
    assert_eq!((repository.index().len(), repository.identity().name.as_str()), (1, "Team"));
}

#[tokio::test]
async fn refreshing_signs_the_targets_again_before_they_end() {
    let ground = Ground::filled();
    assert!(!ground.folder.refresh(&[key(1)], days(80)).unwrap().targets);
    let refreshed = ground.folder.refresh(&[key(1)], days(200)).unwrap();
    assert_eq!((refreshed.targets, refreshed.valid_until), (true, days(290)));
    assert_eq!(ground.open_at(days(285)).await.index().len(), 2);
    let error = Repository::open(ground.access(FolderFetch::new(ground.folder.dir())), days(366)).await.unwrap_err();
    assert!(matches!(error, akao_repository::OpenError::Expired { .. }), "{error}");
}

#[tokio::test]
async fn clearing_removes_only_what_nothing_names() {
    let ground = Ground::filled();
    ground.folder.delete(&id("com.example.mailer"), "gone", &[key(1)], start()).unwrap();
    assert_eq!(ground.folder.clear(SystemTime::UNIX_EPOCH).unwrap().files, 0, "young files stay");
    let cleared = ground.folder.clear(SystemTime::now() + Duration::from_secs(60)).unwrap();
    assert!(cleared.files >= 8 && cleared.bytes > 0, "{cleared:?}");
    let repository = ground.open().await;
    let version = "1.0.0".parse().unwrap();
    repository.download(&id("com.example.enrich"), &version, &ground.temp.path().join("d"), start()).await.unwrap();
}

#[tokio::test]
async fn a_mirror_is_a_repository_for_the_same_root() {
    let ground = Ground::filled();
    ground.folder.rotate(&Roles::one_person(key(2).public()), &[key(1), key(2)], start()).unwrap();
    let to = ground.temp.path().join("mirror");
    let first = ground.open().await.mirror(&to, |_| true, start()).await.unwrap();
    assert_eq!((first.archives, first.kept), (2, 0));
    let again = ground.open().await.mirror(&to, |_| true, start()).await.unwrap();
    assert_eq!((again.archives, again.kept), (0, 2));
    // Two mirrors in a row, and a client that never saw the first repository.
    let access = |dir: &Path, state: &str| Access {
        fetch: Arc::new(FolderFetch::new(dir)),
        root: ground.root.clone(),
        state: ground.temp.path().join(state),
        limits: Limits::default(),
    };
    let second = ground.temp.path().join("second");
    let opened = Repository::open(access(&to, "state-2"), start()).await.unwrap();
    opened.mirror(&second, |package| package.id.as_str().ends_with("enrich"), start()).await.unwrap();
    let opened = Repository::open(access(&second, "state-3"), start()).await.unwrap();
    assert_eq!(opened.index().len(), 2, "the index stays whole");
    let into = ground.temp.path().join("d");
    opened.download(&id("com.example.enrich"), &"1.0.0".parse().unwrap(), &into, start()).await.unwrap();
    let left_out = opened.download(&id("com.example.mailer"), &"2.1.0".parse().unwrap(), &into, start()).await;
    assert!(left_out.is_err());
    assert!(Folder::at(&second).contents().is_ok(), "it can be served");
    // A folder with another repository is not overwritten.
    let other = Ground::filled();
    let error = ground.open().await.mirror(other.folder.dir(), |_| true, start()).await.unwrap_err();
    assert!(matches!(error, MirrorError::Other(_)), "{error}");
}

#[tokio::test]
async fn a_mirror_of_what_was_tampered_with_is_not_made() {
    let ground = Ground::filled();
    let names = tree(ground.folder.dir());
    let (name, _) = names.iter().find(|(name, _)| name.ends_with("mailer-2.1.0.akao")).unwrap();
    let lying = Lying::about(ground.folder.dir(), [(name.clone(), Lie::Bytes(b"evil".to_vec()))]);
    let repository = Repository::open(ground.access(lying), start()).await.unwrap();
    let to = ground.temp.path().join("mirror");
    assert!(matches!(repository.mirror(&to, |_| true, start()).await, Err(MirrorError::Download(_))));
    assert!(!to.join("metadata/timestamp.json").exists());
}

#[tokio::test]
async fn a_repository_offers_its_root_to_be_compared() {
    let ground = Ground::filled();
    let fetch = FolderFetch::new(ground.folder.dir());
    let (root, identity) = offered_root(&fetch, Limits::default()).await.unwrap();
    assert_eq!(root.fingerprint(), ground.root.fingerprint());
    assert_eq!(root.bytes(), ground.folder.first_root().unwrap());
    assert_eq!(identity, ground.folder.identity().unwrap());
    let nothing = FolderFetch::new(ground.temp.path());
    assert!(offered_root(&nothing, Limits::default()).await.is_err());
}
