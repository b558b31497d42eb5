//! Whoever is killed while publishing leaves the repository as it was or as it will be.

use super::*;
use crate::{
    client::{Access, Limits, Repository, TrustedRoot},
    fetch::FolderFetch,
    index::Index,
    metadata::Holders,
};
use std::{
    fs,
    sync::{Arc, atomic::Ordering},
};

impl Folder {
    pub(super) fn count_write(&self) -> io::Result<()> {
        match self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("killed")),
        }
    }

    fn killed_after(dir: &Path, writes: usize) -> Self {
        let folder = Self::at(dir);
        folder.writes_left.store(writes, Ordering::SeqCst);
        folder
    }
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).unwrap()
}

fn publish(folder: &Folder, version: &str) -> Result<Published, FolderError> {
    let manifest = serde_json::from_value(serde_json::json!({
        "manifest": 1, "id": "com.example.enrich", "name": "Enrich", "version": version,
        "runtime": { "type": "executable", "command": "run", "transport": "socket" },
        "nodes": [{ "id": "com.example.enrich" }],
    }))
    .unwrap();
    let publication = Publication {
        archive: version.as_bytes(),
        signature: "signature",
        manifest: &manifest,
        publisher: key(9).public(),
        library: false,
        accept_publisher: false,
    };
    folder.publish(&publication, &[key(1)], Timestamp::UNIX_EPOCH)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// What a client sees.
async fn seen(dir: &Path, root: &[u8], state: &Path) -> Index {
    let access = Access {
        fetch: Arc::new(FolderFetch::new(dir)),
        root: TrustedRoot::new(root.to_vec()),
        state: state.to_owned(),
        limits: Limits::default(),
    };
    Repository::open(access, Timestamp::UNIX_EPOCH).await.unwrap().index().clone()
}

/// Kills `act` after each of its writes. Every time the repository is the old or the new one, and the act repeated succeeds.
async fn killed_everywhere(act: impl Fn(&Folder) -> Result<(), FolderError>) {
    let temp = tempfile::tempdir().unwrap();
    let first = temp.path().join("first");
    let new = NewRepository { name: "Test".into(), kind: Kind::Folder, roles: Roles::one_person(key(1).public()) };
    let root = Folder::at(&first).init(&new, &[key(1)], Timestamp::UNIX_EPOCH).unwrap();
    publish(&Folder::at(&first), "1.0.0").unwrap();
    let old = Folder::at(&first).contents().unwrap();
    let after = temp.path().join("after");
    copy(&first, &after);
    act(&Folder::at(&after)).unwrap();
    let new = Folder::at(&after).contents().unwrap();
    let mut kills = 0;
    loop {
        let dir = temp.path().join(format!("killed-{kills}"));
        copy(&first, &dir);
        let Err(_) = act(&Folder::killed_after(&dir, kills)) else { break };
        let left = Folder::at(&dir).contents().unwrap();
        assert!(left == old || left == new, "killed after {kills} writes");
        seen(&dir, &root, &temp.path().join(format!("state-{kills}"))).await;
        act(&Folder::at(&dir)).unwrap();
        assert_eq!(Folder::at(&dir).contents().unwrap(), new, "repeated after {kills} writes");
        assert_eq!(seen(&dir, &root, &temp.path().join(format!("state-{kills}"))).await, new.0);
        kills += 1;
    }
    assert!(kills >= 2, "{kills}");
}

#[tokio::test]
async fn publishing_killed_at_any_write_leaves_old_or_new() {
    killed_everywhere(|folder| publish(folder, "1.1.0").map(drop)).await;
}

#[tokio::test]
async fn yanking_and_refreshing_killed_at_any_write_leave_old_or_new() {
    let version = Version::new(1, 0, 0);
    let id = || "com.example.enrich".parse().unwrap();
    killed_everywhere(|folder| folder.yank(&id(), &version, Some("bad"), &[key(1)], Timestamp::UNIX_EPOCH)).await;
    killed_everywhere(|folder| folder.refresh(&[key(1)], Timestamp::UNIX_EPOCH).map(drop)).await;
}

#[tokio::test]
async fn making_a_repository_killed_at_any_write_can_be_repeated() {
    let temp = tempfile::tempdir().unwrap();
    let new = NewRepository { name: "Test".into(), kind: Kind::Folder, roles: Roles::one_person(key(1).public()) };
    let mut kills = 0;
    loop {
        let dir = temp.path().join(format!("killed-{kills}"));
        let Err(_) = Folder::killed_after(&dir, kills).init(&new, &[key(1)], Timestamp::UNIX_EPOCH) else { break };
        assert!(matches!(Folder::at(&dir).contents(), Err(FolderError::Absent(_))), "killed after {kills} writes");
        let root = Folder::at(&dir).init(&new, &[key(1)], Timestamp::UNIX_EPOCH).unwrap();
        assert!(seen(&dir, &root, &temp.path().join(format!("state-{kills}"))).await.is_empty());
        kills += 1;
    }
    assert_eq!(kills, 5, "kill list, targets, snapshot, timestamp, root");
}

#[test]
fn rotating_killed_after_the_root_is_mended_by_the_next_change() {
    let temp = tempfile::tempdir().unwrap();
    let new = NewRepository { name: "Test".into(), kind: Kind::Folder, roles: Roles::one_person(key(1).public()) };
    Folder::at(temp.path()).init(&new, &[key(1)], Timestamp::UNIX_EPOCH).unwrap();
    publish(&Folder::at(temp.path()), "1.0.0").unwrap();
    let next = Roles { root: Holders::one(key(2).public()), ..Roles::one_person(key(1).public()) };
    let killed = Folder::killed_after(temp.path(), 1).rotate(&next, &[key(1), key(2)], Timestamp::UNIX_EPOCH);
    assert!(killed.is_err());
    publish(&Folder::at(temp.path()), "1.1.0").unwrap();
    assert_eq!(Folder::at(temp.path()).contents().unwrap().0.packages().next().unwrap().releases.len(), 2);
}

#[test]
fn a_kill_list_that_no_client_would_fetch_is_not_published() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::at(temp.path());
    let new = NewRepository { name: "Test".into(), kind: Kind::Folder, roles: Roles::one_person(key(1).public()) };
    folder.init(&new, &[key(1)], Timestamp::UNIX_EPOCH).unwrap();
    let with = |count: usize| {
        let mut current = folder.current().unwrap();
        for at in 0..count {
            let (id, versions) = (format!("com.example.bad{at}").parse().unwrap(), semver::VersionReq::STAR);
            current.kill.add(crate::Kill {
                id,
                versions,
                digest: None,
                reason: "x".repeat(1_000),
                at: Timestamp::UNIX_EPOCH,
            });
        }
        folder.commit(current, &[key(1)], Timestamp::UNIX_EPOCH)
    };
    with(3_000).unwrap();
    let before = folder.timestamp().unwrap();
    let error = with(2_000).unwrap_err();
    assert!(matches!(error, FolderError::Grown { max: crate::KILL_LIST_BYTES_MAX, .. }), "{error}");
    assert_eq!(folder.timestamp().unwrap(), before);
    assert_eq!(folder.contents().unwrap().1.entries().len(), 3_000);
}
