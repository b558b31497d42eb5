//! The store over real folders: what goes in comes out, whole, unchanged, or not at all.

use akao_package::{Store, StoreError};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

const MANIFEST: &str = "manifest: 1
id: com.example.hello
name: Hello
version: 1.0.0
runtime: { type: executable, command: bin/hello }
outputs: { text: { type: string } }
";

struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let ground = Self { folder: tempfile::tempdir().unwrap() };
        let package = ground.package();
        fs::create_dir_all(package.join("bin")).unwrap();
        fs::write(package.join("_.yaml"), MANIFEST).unwrap();
        fs::write(package.join("bin/hello"), "#!/bin/sh\necho hello\n").unwrap();
        fs::set_permissions(package.join("bin/hello"), Permissions::from_mode(0o755)).unwrap();
        ground
    }

    fn package(&self) -> PathBuf {
        self.folder.path().join("package")
    }

    fn store(&self) -> Store {
        Store::new(self.folder.path().join("data/nodes/packages"))
    }
}

/// Every path below a folder with its mode, sorted.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let data = fs::symlink_metadata(&next).unwrap();
        let name = next.strip_prefix(folder).unwrap().display().to_string();
        found.push((name, data.permissions().mode() & 0o7777));
        if data.is_dir() {
            open.extend(fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found.sort();
    found
}

#[test]
fn case_112_what_is_stored_is_read_only_and_keeps_its_digest() {
    let ground = Ground::new();
    let stored = ground.store().put(&ground.package()).unwrap();
    assert_eq!(stored.folder.manifest().id.as_str(), "com.example.hello");
    assert_eq!(stored.folder.path, ground.store().path(&stored.digest));
    let expected = [("", 0o555), ("_.yaml", 0o444), ("bin", 0o555), ("bin/hello", 0o555)];
    assert_eq!(modes(&stored.folder.path), expected.map(|(name, mode)| (name.to_owned(), mode)));
    let again = ground.store().put(&ground.package()).unwrap();
    assert_eq!(again.digest, stored.digest, "the same content is stored once");
    assert_eq!(fs::read_dir(ground.folder.path().join("data/nodes/packages/sha256")).unwrap().count(), 1);
}

#[test]
fn editing_the_folder_changes_nothing_that_is_stored() {
    let ground = Ground::new();
    let first = ground.store().put(&ground.package()).unwrap();
    fs::write(ground.package().join("bin/hello"), "#!/bin/sh\necho other\n").unwrap();
    let second = ground.store().put(&ground.package()).unwrap();
    assert_ne!(first.digest, second.digest);
    let text = |digest| fs::read_to_string(ground.store().get(digest).unwrap().folder.path.join("bin/hello")).unwrap();
    assert_eq!(text(&first.digest), "#!/bin/sh\necho hello\n");
    assert_eq!(text(&second.digest), "#!/bin/sh\necho other\n");
}

#[test]
fn case_112_what_was_tampered_with_in_the_store_is_not_given_out() {
    let ground = Ground::new();
    let stored = ground.store().put(&ground.package()).unwrap();
    let file = stored.folder.path.join("bin/hello");
    fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    fs::write(&file, "#!/bin/sh\necho evil\n").unwrap();
    let error = ground.store().get(&stored.digest).unwrap_err();
    assert!(matches!(&error, StoreError::Damaged { folder, .. } if *folder == stored.folder.path), "{error}");
    let place = stored.folder.path.display();
    assert!(error.suggestion().contains(&format!("`chmod -R u+w {place}`")), "{}", error.suggestion());
}

#[test]
fn links_pipes_and_folders_without_a_manifest_are_refused() {
    let ground = Ground::new();
    std::os::unix::fs::symlink("/etc/hostname", ground.package().join("link")).unwrap();
    let error = ground.store().put(&ground.package()).unwrap_err();
    assert!(matches!(error, StoreError::Digest { .. }), "{error}");
    fs::remove_file(ground.package().join("link")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, ground.package().join("pipe"), kind, mode, 0).unwrap();
    let error = ground.store().put(&ground.package()).unwrap_err();
    assert!(matches!(error, StoreError::Digest { .. }), "{error}");
    fs::remove_file(ground.package().join("pipe")).unwrap();
    fs::remove_file(ground.package().join("_.yaml")).unwrap();
    let error = ground.store().put(&ground.package()).unwrap_err();
    assert!(matches!(error, StoreError::Folder(_)), "{error}");
    assert!(!ground.folder.path().join("data").exists(), "nothing was written");
}

#[test]
fn a_package_that_is_not_there_is_told_apart_from_a_damaged_one() {
    let ground = Ground::new();
    let stored = ground.store().put(&ground.package()).unwrap();
    let elsewhere = Store::new(ground.folder.path().join("elsewhere"));
    let error = elsewhere.get(&stored.digest).unwrap_err();
    assert!(matches!(error, StoreError::Absent(digest) if digest == stored.digest), "{error}");
}

#[test]
fn what_a_killed_process_left_is_swept_by_age() {
    let ground = Ground::new();
    let home = ground.folder.path().join("data/nodes/packages/sha256");
    let left = home.join(".staging-abc");
    fs::create_dir_all(&left).unwrap();
    fs::set_permissions(&left, Permissions::from_mode(0o555)).unwrap();
    let store = ground.store();
    assert_eq!(store.sweep_staging(SystemTime::now() - Duration::from_secs(3600)).unwrap(), 0, "it may be under way");
    assert_eq!(store.sweep_staging(SystemTime::now() + Duration::from_secs(1)).unwrap(), 1);
    assert_eq!(fs::read_dir(home).unwrap().count(), 0);
}

#[test]
fn two_at_once_store_the_same_content_once() {
    let ground = Ground::new();
    let digests: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| ground.store().put(&ground.package()).unwrap().digest)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
    assert_eq!(fs::read_dir(ground.folder.path().join("data/nodes/packages/sha256")).unwrap().count(), 1);
}
