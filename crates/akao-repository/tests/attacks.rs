//! The attacks on repositories: rollback, freeze, mixed versions, endless data, tampering, swapped mirrors, foreign keys
//! (case 110; dependency confusion stands in `src/route.rs`). Each is built from a repository that opens without it.

mod support;

use akao_repository::{
    Access, DownloadError, FetchError, Folder, FolderFetch, Kill, Kind, NewRepository, OpenError, Repository, RoleName,
    Roles, TrustedRoot, cached,
};
use std::fs;
use support::*;

async fn opened(access: Access) -> Result<Repository, OpenError> {
    Repository::open(access, start()).await
}

async fn refused(access: Access) -> OpenError {
    match opened(access).await {
        Ok(repository) => panic!("{repository:?} was believed"),
        Err(error) => {
            assert!(error.suggestion().ends_with('.'), "{error}");
            error
        }
    }
}

#[tokio::test]
async fn case_110_without_an_attack_it_opens_again_and_again() {
    let ground = Ground::filled();
    for _ in 0..2 {
        let repository = ground.open().await;
        assert_eq!(repository.index().len(), 2);
        assert_eq!(repository.identity().name, "Test");
    }
    let known = cached(&ground.state(), &ground.root).unwrap().unwrap();
    assert_eq!((known.index.len(), known.at), (2, start()));
}

#[tokio::test]
async fn case_110_a_replayed_old_repository_is_a_rollback_also_after_a_restart() {
    let ground = Ground::filled();
    let old = ground.copy("old");
    publish(&ground.folder, "com.example.enrich", "1.1.0", start());
    let new = ground.open().await;
    let error = refused(ground.access(FolderFetch::new(&old))).await;
    assert!(matches!(&error, OpenError::Rollback { what } if what == "timestamp"), "{error}");
    assert_eq!(ground.open().await.version(), new.version(), "the newer one still opens");
}

#[tokio::test]
async fn only_an_old_timestamp_is_a_rollback() {
    let ground = Ground::filled();
    let old = fs::read(ground.folder.dir().join("metadata/timestamp.json")).unwrap();
    publish(&ground.folder, "com.example.enrich", "1.1.0", start());
    ground.open().await;
    let lie = [("metadata/timestamp.json".to_owned(), Lie::Bytes(old))];
    let error = refused(ground.access(Lying::about(ground.folder.dir(), lie))).await;
    assert!(matches!(error, OpenError::Rollback { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_opening_leaves_what_was_seen() {
    let ground = Ground::filled();
    let old = ground.copy("old");
    publish(&ground.folder, "com.example.enrich", "1.1.0", start());
    // The new timestamp is seen, the rest is kept away.
    let snapshot = named(ground.folder.dir(), "metadata", "snapshot.json");
    refused(ground.access(Lying::about(ground.folder.dir(), [(snapshot, Lie::Absent)]))).await;
    let error = refused(ground.access(FolderFetch::new(&old))).await;
    assert!(matches!(error, OpenError::Rollback { .. }), "{error}");
}

#[tokio::test]
async fn case_110_a_frozen_repository_expires_by_the_given_clock() {
    let ground = Ground::filled();
    ground.open_at(days(89)).await;
    let frozen = Repository::open(ground.access(FolderFetch::new(ground.folder.dir())), days(91)).await;
    let error = frozen.expect_err("it is frozen");
    assert!(matches!(error, OpenError::Expired { role: RoleName::Timestamp, .. }), "{error}");
    ground.folder.refresh(&[key(1)], days(91)).unwrap();
    let view = ground.open_at(days(91)).await;
    // A view that was opened in time does not live for ever either.
    let (enrich, version) = (id("com.example.enrich"), "1.0.0".parse().unwrap());
    let error = view.download(&enrich, &version, ground.temp.path(), days(400)).await.unwrap_err();
    assert!(matches!(error, DownloadError::Expired { .. }), "{error}");
}

#[tokio::test]
async fn a_clock_that_went_back_is_noticed() {
    let ground = Ground::filled();
    ground.open_at(days(80)).await;
    let back = Repository::open(ground.access(FolderFetch::new(ground.folder.dir())), days(1)).await;
    assert!(matches!(back, Err(OpenError::Clock { .. })), "{:?}", back.err());
}

#[tokio::test]
async fn case_110_files_of_another_version_do_not_mix() {
    let ground = Ground::filled();
    let old = ground.copy("old");
    publish(&ground.folder, "com.example.enrich", "1.1.0", start());
    for (part, text) in [("metadata", "snapshot.json"), ("metadata", "targets.json"), ("targets", "index-")] {
        let (new_name, old_name) = (named(ground.folder.dir(), part, text), named(&old, part, text));
        let lie = [(new_name.clone(), Lie::Bytes(fs::read(old.join(&old_name)).unwrap()))];
        if new_name == old_name {
            continue;
        }
        let error = refused(ground.access(Lying::about(ground.folder.dir(), lie))).await;
        assert!(matches!(error, OpenError::Tampered { .. } | OpenError::Mixed { .. }), "{new_name}: {error}");
    }
}

#[tokio::test]
async fn changed_lengthened_and_shortened_files_are_refused() {
    let ground = Ground::filled();
    let dir = ground.folder.dir();
    for (part, text) in
        [("metadata", "snapshot.json"), ("metadata", "targets.json"), ("targets", "index-"), ("targets", "kill-list")]
    {
        let name = named(dir, part, text);
        let right = fs::read(dir.join(&name)).unwrap();
        let (mut changed, mut longer) = (right.clone(), right.clone());
        changed[right.len() / 2] ^= 1;
        longer.extend_from_slice(b"\n\n\n");
        let shorter = right[..right.len() - 1].to_vec();
        for bytes in [changed, longer, shorter, Vec::new()] {
            let length = bytes.len();
            let error = refused(ground.access(Lying::about(dir, [(name.clone(), Lie::Bytes(bytes))]))).await;
            assert!(matches!(error, OpenError::Tampered { .. }), "{name} with {length} bytes: {error}");
        }
    }
    let name = "metadata/timestamp.json";
    let right = fs::read_to_string(dir.join(name)).unwrap();
    let forged = right.replace("\"version\": 3", "\"version\": 9");
    assert_ne!(forged, right);
    let error = refused(ground.access(Lying::about(dir, [(name.into(), Lie::Bytes(forged.into()))]))).await;
    assert!(matches!(&error, OpenError::Signature { role } if role == "timestamp"), "{error}");
    for garbage in [&right.as_bytes()[..right.len() / 2], b"", b"null", b"[]"] {
        let error = refused(ground.access(Lying::about(dir, [(name.into(), Lie::Bytes(garbage.into()))]))).await;
        assert!(matches!(error, OpenError::Malformed { .. }), "{error}");
    }
    ground.open().await;
}

#[tokio::test]
async fn case_110_missing_faulty_endless_and_silent_files_are_refused() {
    let ground = Ground::filled();
    let dir = ground.folder.dir();
    let names = [
        "metadata/timestamp.json".to_owned(),
        named(dir, "metadata", "snapshot.json"),
        named(dir, "metadata", "targets.json"),
        named(dir, "targets", "index-"),
        named(dir, "targets", "kill-list"),
    ];
    for name in names {
        for lie in [Lie::Absent, Lie::Fault, Lie::Endless, Lie::Silence] {
            let limits = impatient();
            let access = Access { limits, ..ground.access(Lying::about(dir, [(name.clone(), lie.clone())])) };
            let error = refused(access).await;
            let expected = match (&lie, &error) {
                (Lie::Absent, OpenError::Fetch { source: FetchError::Absent(_), .. }) => true,
                (Lie::Fault, OpenError::Fetch { source: FetchError::Failed { .. }, .. }) => true,
                // Whether the bound or the clock stops it first depends on how fast it comes.
                (Lie::Endless, OpenError::Fetch { source: FetchError::Large { .. } | FetchError::Slow(_), .. }) => true,
                (Lie::Silence, OpenError::Fetch { source: FetchError::Slow(_), .. }) => true,
                _ => false,
            };
            assert!(expected, "{name}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_fault_in_the_place_of_the_next_root_is_not_the_end_of_the_chain() {
    let ground = Ground::filled();
    let next = "metadata/2.root.json".to_owned();
    for lie in [Lie::Fault, Lie::Endless, Lie::Silence] {
        let access = ground.access(Lying::about(ground.folder.dir(), [(next.clone(), lie)]));
        let error = refused(Access { limits: impatient(), ..access }).await;
        assert!(matches!(error, OpenError::Fetch { .. }), "{error}");
    }
}

/// Another repository, under given keys.
fn other(ground: &Ground, number: u8) -> Folder {
    let folder = Folder::at(ground.temp.path().join(format!("other-{number}")));
    let new =
        NewRepository { name: "Other".into(), kind: Kind::Folder, roles: Roles::one_person(key(number).public()) };
    folder.init(&new, &[key(number)], start()).unwrap();
    folder
}

#[tokio::test]
async fn case_110_a_swapped_mirror_is_refused_whoever_signed_it() {
    let ground = Ground::filled();
    let foreign = other(&ground, 66);
    let error = refused(ground.access(FolderFetch::new(foreign.dir()))).await;
    assert!(matches!(error, OpenError::Signature { .. }), "{error}");
    // One person owns both repositories and signs with one key. Versions are higher than those seen.
    let same_keys = other(&ground, 1);
    (0..5).for_each(|minor| drop(publish(&same_keys, "com.example.enrich", &format!("9.{minor}.0"), start())));
    let error = refused(ground.access(FolderFetch::new(same_keys.dir()))).await;
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_root_that_strangers_signed_is_refused() {
    let ground = Ground::filled();
    let foreign = other(&ground, 66);
    foreign.rotate(&Roles::one_person(key(66).public()), &[key(66)], start()).unwrap();
    let second = fs::read(foreign.dir().join("metadata/2.root.json")).unwrap();
    let lie = [("metadata/2.root.json".to_owned(), Lie::Bytes(second))];
    let error = refused(ground.access(Lying::about(ground.folder.dir(), lie))).await;
    assert!(matches!(&error, OpenError::Signature { role } if role == "root"), "{error}");
    for garbage in [&b"garbage"[..], b"{}"] {
        let root = TrustedRoot::new(garbage.to_vec());
        let error = refused(Access { root, ..ground.access(FolderFetch::new(ground.folder.dir())) }).await;
        assert!(matches!(error, OpenError::Root), "{error}");
    }
}

#[tokio::test]
async fn keys_that_were_replaced_do_not_come_back_when_the_new_root_is_hidden() {
    let ground = Ground::filled();
    let before = ground.copy("before");
    ground.folder.rotate(&Roles::one_person(key(2).public()), &[key(1), key(2)], start()).unwrap();
    assert_eq!(ground.open().await.index().len(), 2);
    // Whoever has the stolen first key publishes on from where the second root was not known.
    let stolen = Folder::at(&before);
    (0..5).for_each(|minor| drop(publish(&stolen, "com.example.enrich", &format!("9.{minor}.0"), start())));
    let error = refused(ground.access(FolderFetch::new(&before))).await;
    assert!(matches!(error, OpenError::Signature { .. }), "{error}");
}

#[tokio::test]
async fn a_state_that_somebody_damaged_is_not_forgotten_silently() {
    let ground = Ground::filled();
    ground.open().await;
    fs::write(ground.state().join("seen.json"), b"{\"half").unwrap();
    let error = refused(ground.access(FolderFetch::new(ground.folder.dir()))).await;
    assert!(matches!(error, OpenError::State { .. }), "{error}");
}

#[tokio::test]
async fn a_part_that_was_changed_on_this_machine_is_fetched_again() {
    let ground = Ground::filled();
    ground.open().await;
    for entry in fs::read_dir(ground.state().join("index")).unwrap() {
        fs::write(entry.unwrap().path(), b"changed").unwrap();
    }
    assert!(matches!(cached(&ground.state(), &ground.root), Err(OpenError::Tampered { .. })));
    assert_eq!(ground.open().await.index().len(), 2);
    assert!(cached(&ground.state(), &ground.root).unwrap().is_some());
}

#[tokio::test]
async fn archives_and_signatures_are_the_ones_of_the_index_or_nothing_is_left() {
    let ground = Ground::filled();
    let dir = ground.folder.dir();
    let (enrich, version) = (id("com.example.enrich"), "1.0.0".parse().unwrap());
    let archive_file = named(dir, "targets", "enrich-1.0.0.akao");
    let archive_file = archive_file.trim_end_matches(".minisig").to_owned();
    let archive_file = if dir.join(&archive_file).exists() {
        archive_file
    } else {
        let names = fs::read_dir(dir.join("targets")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        format!("targets/{}", names.into_iter().find(|name| name.ends_with("enrich-1.0.0.akao")).unwrap())
    };
    let signature_file = named(dir, "targets", "enrich-1.0.0.akao.minisig");
    let right = archive("com.example.enrich", "1.0.0");
    let into = ground.temp.path().join("downloads");
    let downloaded = ground.open().await.download(&enrich, &version, &into, start()).await.unwrap();
    assert_eq!(fs::read(&downloaded.archive).unwrap(), right);
    assert_eq!(downloaded.signature, "signature of com.example.enrich 1.0.0");
    fs::remove_file(&downloaded.archive).unwrap();
    let mut changed = right.clone();
    changed[7] ^= 1;
    let longer = [right.clone(), vec![0]].concat();
    let other = archive("com.example.mailer", "2.1.0");
    for (name, lie) in [
        (&archive_file, Lie::Bytes(changed)),
        (&archive_file, Lie::Bytes(longer)),
        (&archive_file, Lie::Bytes(right[1..].to_vec())),
        (&archive_file, Lie::Bytes(other)),
        (&archive_file, Lie::Endless),
        (&archive_file, Lie::Absent),
        (&archive_file, Lie::Silence),
        (&signature_file, Lie::Bytes(b"signature of com.example.enrich 1.0.1".to_vec())),
        (&signature_file, Lie::Bytes(vec![0xff; 5])),
        (&signature_file, Lie::Endless),
        (&signature_file, Lie::Absent),
    ] {
        let access = ground.access(Lying::about(dir, [(name.clone(), lie.clone())]));
        let repository = opened(Access { limits: impatient(), ..access }).await.unwrap();
        let error = repository.download(&enrich, &version, &into, start()).await.unwrap_err();
        let expected = match lie {
            Lie::Absent | Lie::Silence => matches!(error, DownloadError::Fetch(_)),
            _ => matches!(error, DownloadError::Tampered { .. }),
        };
        assert!(expected, "{name}: {error:?}");
        assert_eq!(fs::read_dir(&into).unwrap().count(), 0, "{name}: {error} left a file");
    }
}

#[tokio::test]
async fn a_version_on_the_kill_list_is_not_downloaded() {
    let ground = Ground::filled();
    let kill = Kill {
        id: id("com.example.enrich"),
        versions: "<2".parse().unwrap(),
        digest: None,
        reason: "sends data away".into(),
        at: start(),
    };
    ground.folder.kill(kill, &[key(1)], start()).unwrap();
    let repository = ground.open().await;
    assert_eq!(repository.kill_list().entries().len(), 1);
    let (enrich, version) = (id("com.example.enrich"), "1.0.0".parse().unwrap());
    let error = repository.download(&enrich, &version, ground.temp.path(), start()).await.unwrap_err();
    assert!(matches!(&error, DownloadError::Killed { reason, .. } if reason == "sends data away"), "{error}");
    let unknown = repository.download(&enrich, &"7.0.0".parse().unwrap(), ground.temp.path(), start()).await;
    assert!(matches!(unknown, Err(DownloadError::Unknown { .. })));
}
