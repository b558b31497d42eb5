//! What a node writes is synced: the bytes before the file takes its place, the folder before the write is told as done.
//!
//! One test alone, since file descriptors are the process's own and the test counts on their numbers.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

#[path = "../../akao-journal/tests/support/no_sync.rs"]
mod no_sync;
mod support;

use akao_host::ProjectVolumes;
use akao_step::Volumes;
use std::{fs, thread};
use support::context;

/// Writes `new` over `old` where syncs of a file descriptor fail, or all; whether it was refused, and what is there then.
fn write_without_syncs(of: Option<u32>) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "old").unwrap();
    let context = context(&[("project", folder.path())]);
    let refused = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            no_sync::fail_syncs(of);
            ProjectVolumes::new().write(&context, "a.txt", b"new").is_err()
        });
        writer.join().unwrap()
    });
    (refused, fs::read_to_string(folder.path().join("a.txt")).unwrap())
}

#[test]
fn a_write_is_done_only_after_file_and_folder_were_synced() {
    assert_eq!(write_without_syncs(None), (true, "old".into()), "a file took its place before its bytes were synced");
    // Where the file's own sync works and the folder's does not, the name is already the new file's.
    let seen = (3..40).any(|descriptor| write_without_syncs(Some(descriptor)) == (true, "new".into()));
    assert!(seen, "no sync of the folder was seen");
}
