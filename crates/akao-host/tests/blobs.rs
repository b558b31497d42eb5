//! Blobs on disk: what is stored comes back, what is damaged is noticed, tenants do not see each other.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

#[path = "../../akao-journal/tests/support/no_sync.rs"]
mod no_sync;

use akao_contract::{Digest, Tenant};
use akao_host::DiskBlobs;
use akao_step::{BlobError, BlobStore};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

fn place(folder: &Path, tenant: &str, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    folder.join(tenant).join(&hex[..2]).join(&hex[2..])
}

#[test]
fn bytes_come_back_for_the_tenant_that_stored_them() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path().join("blobs"));
    for (bytes, media_type, items) in [
        (&b""[..], "text/plain", None),
        (b"hello", "text/plain", None),
        (b"[1,[2,3],4]", "application/json", Some(3)),
        (b"{\"a\":[1]}", "application/json", None),
        (b"[1,2", "application/json", None),
        (b"[1,2]", "text/plain", None),
    ] {
        let reference = blobs.put(&tenant("one"), bytes, media_type).unwrap();
        assert_eq!((reference.bytes, reference.items), (bytes.len() as u64, items));
        assert_eq!(blobs.get(&tenant("one"), &reference.digest).unwrap(), bytes);
        let mut read = Vec::new();
        blobs.open(&tenant("one"), &reference.digest).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        assert!(matches!(blobs.open(&tenant("two"), &reference.digest).err(), Some(BlobError::NotFound(_))));
        assert!(matches!(blobs.get(&tenant("two"), &reference.digest), Err(BlobError::NotFound(_))));
    }
    let staged = fs::read_dir(folder.path().join("blobs/.staging")).unwrap().count();
    assert_eq!(staged, 0, "staging files were left");
}

#[test]
fn damage_is_noticed_and_a_cut_file_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path());
    let reference = blobs.put(&tenant("one"), b"content", "text/plain").unwrap();
    let path = place(folder.path(), "one", &reference.digest);
    for damage in [&b"cOntent"[..], b"cont", b""] {
        fs::write(&path, damage).unwrap();
        assert!(matches!(blobs.get(&tenant("one"), &reference.digest), Err(BlobError::Damaged(_))));
    }
    blobs.put(&tenant("one"), b"content", "text/plain").unwrap();
    assert_eq!(blobs.get(&tenant("one"), &reference.digest).unwrap(), b"content");
}

#[test]
fn content_that_is_there_is_touched_and_not_written_again() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path());
    let reference = blobs.put(&tenant("one"), b"content", "text/plain").unwrap();
    let path = place(folder.path(), "one", &reference.digest);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    fs::File::options().append(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();

    blobs.put(&tenant("one"), b"content", "text/plain").unwrap();

    assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "the file was replaced");
    assert!(blobs.list(&tenant("one")).unwrap()[0].touched > long_ago);
}

#[test]
fn listing_and_removal_serve_a_collector() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path());
    assert_eq!(blobs.tenants().unwrap(), vec![]);
    assert_eq!(blobs.list(&tenant("one")).unwrap(), vec![]);
    let mut digests: Vec<Digest> =
        (0..20u8).map(|n| blobs.put(&tenant("one"), &[n], "text/plain").unwrap().digest).collect();
    digests.sort();
    blobs.put(&tenant("two"), b"x", "text/plain").unwrap();
    fs::write(folder.path().join("one/README"), "not a blob").unwrap();

    assert_eq!(blobs.tenants().unwrap(), vec![tenant("one"), tenant("two")]);
    let listed: Vec<Digest> = blobs.list(&tenant("one")).unwrap().iter().map(|blob| blob.digest).collect();
    assert_eq!(listed, digests);
    assert!(blobs.remove(&tenant("one"), &digests[0]).unwrap());
    assert!(!blobs.remove(&tenant("one"), &digests[0]).unwrap());
    assert_eq!(blobs.list(&tenant("one")).unwrap().len(), 19);
}

#[test]
fn only_old_staging_files_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path());
    blobs.put(&tenant("one"), b"x", "text/plain").unwrap();
    let left = folder.path().join(".staging/1-1");
    fs::write(&left, "half").unwrap();
    assert_eq!(blobs.sweep_staging(SystemTime::UNIX_EPOCH).unwrap(), 0);
    assert_eq!(blobs.sweep_staging(SystemTime::now() + Duration::from_secs(60)).unwrap(), 1);
    assert!(!left.exists());
}

#[test]
fn many_writers_of_one_content_agree() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| blobs.put(&tenant("one"), b"the same", "text/plain").unwrap());
        }
    });
    assert_eq!(blobs.list(&tenant("one")).unwrap().len(), 1);
    assert_eq!(blobs.get(&tenant("one"), &Digest::of(b"the same")).unwrap(), b"the same");
}

#[test]
fn a_blob_is_there_only_after_its_file_and_its_folder_were_synced() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path());
    let stored = blobs.put(&tenant("one"), b"stored", "text/plain").unwrap();
    // Another one of the same folder, so that nothing but the file and the folder is left to sync.
    let beside = (0..)
        .map(|n| format!("beside {n}"))
        .find(|text| Digest::of(text.as_bytes()).hex()[..2] == stored.digest.hex()[..2]);
    let beside = beside.unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            no_sync::fail_syncs(None);
            let refused =
                |bytes: &[u8]| matches!(blobs.put(&tenant("one"), bytes, "text/plain"), Err(BlobError::Storage(_)));
            assert!(refused(beside.as_bytes()), "a blob is stored without a sync");
            let path = place(folder.path(), "one", &Digest::of(beside.as_bytes()));
            assert!(!path.exists(), "a blob has its name before its bytes are synced");
            assert!(refused(b"stored"), "a blob that is there is promised without a sync of its folder");
        });
    });
    blobs.put(&tenant("one"), beside.as_bytes(), "text/plain").unwrap();
}

#[test]
fn a_folder_for_blobs_is_used_only_after_the_one_above_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path().join("blobs"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            no_sync::fail_syncs(None);
            let refused = blobs.put(&tenant("one"), b"stored", "text/plain");
            assert!(matches!(refused, Err(BlobError::Storage(_))), "{refused:?}");
            let below = fs::read_dir(folder.path().join("blobs")).unwrap().count();
            assert_eq!(below, 0, "a folder was used before it was synced in the one above");
        });
    });
    blobs.put(&tenant("one"), b"stored", "text/plain").unwrap();
}

#[test]
fn only_what_nobody_has_stored_since_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::new(folder.path());
    let one = tenant("one");
    let digest = blobs.put(&one, b"stored", "text/plain").unwrap().digest;
    let path = place(folder.path(), "one", &digest);
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    let age = || fs::File::options().append(true).open(&path).unwrap().set_modified(now - hour).unwrap();
    assert!(!blobs.remove_settled(&one, &digest, now - hour).unwrap(), "it was stored a moment ago");
    assert_eq!(blobs.get(&one, &digest).unwrap(), b"stored");
    age();
    assert!(blobs.remove_settled(&one, &digest, now - hour / 2).unwrap());
    assert!(!blobs.remove_settled(&one, &digest, now).unwrap(), "it is gone");
    assert!(matches!(blobs.get(&one, &digest), Err(BlobError::NotFound(_))));
    // Whoever stores it again while it is being removed has it.
    for round in 0..200 {
        blobs.put(&one, b"stored", "text/plain").unwrap();
        age();
        std::thread::scope(|scope| {
            scope.spawn(|| blobs.put(&one, b"stored", "text/plain").unwrap());
            scope.spawn(|| blobs.remove_settled(&one, &digest, now - hour / 2).unwrap());
        });
        assert_eq!(blobs.get(&one, &digest).unwrap(), b"stored", "round {round}");
    }
    assert_eq!(fs::read_dir(folder.path().join(".staging")).unwrap().count(), 0, "nothing is left aside");
}
