//! Syncing: what is acknowledged was synced before, and a sync that fails stops the writer. Removing one of the journal's
//! syncs makes a test here fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/no_sync.rs"]
mod no_sync;
mod support;

use akao_journal::{CommitError, Journal, OpenError};
use no_sync::fail_syncs;
use std::{
    fs,
    path::Path,
    sync::{Mutex, MutexGuard},
    thread,
};
use support::{batch, definition, frame, id, insert, open, options, tenant};

/// File descriptors are the process's own, and one test here looks for the number of one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn start(journal: &mut Journal) {
    let acme = tenant("acme");
    journal.commit(&batch([definition(&acme), insert(1, &acme), frame(1, 1, 1, "acknowledged")])).unwrap();
}

/// Runs `work` on a thread of its own, which may make its syncs fail.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// What the next process finds.
fn assert_kept(folder: &Path) {
    let mut journal = open(folder);
    let frames = journal.read().frames(id(1), 0).unwrap();
    assert_eq!(frames[0].body, b"acknowledged");
    let next = frames.len() as u64 + 1;
    journal.commit(&batch([frame(1, next, 1, "goes on")])).unwrap();
    assert_eq!(journal.read().verify().unwrap().damages, []);
}

fn assert_stopped(journal: &mut Journal, first: &CommitError, file: &Path) {
    assert!(matches!(first, CommitError::Io { .. }), "{first:?}");
    assert!(first.to_string().starts_with(&format!("{} cannot be written: ", file.display())), "{first}");
    assert!(first.hint().contains("Check the disk"), "{}", first.hint());
    assert_eq!(journal.commit(&batch([frame(1, 2, 1, "late")])).as_ref(), Err(first), "the first failure is the last");
    assert_eq!(journal.idle().as_ref(), Err(first));
}

#[test]
fn a_commit_is_synced_before_it_is_acknowledged() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    on_a_thread(|| {
        let mut journal = open(folder.path());
        start(&mut journal);
        fail_syncs(None);
        let failed = journal.commit(&batch([frame(1, 2, 1, "never synced")]));
        assert_stopped(&mut journal, &failed.expect_err("a commit was acknowledged without a sync"), &file);
    });
    assert_kept(folder.path());
}

#[test]
fn the_log_is_emptied_only_after_the_main_file_was_synced() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let log = folder.path().join("journal.db-wal");
    on_a_thread(|| {
        let mut journal = open(folder.path());
        start(&mut journal);
        let before = fs::read(&log).unwrap();
        fail_syncs(None);
        let failed = journal.idle().expect_err("the log was emptied without a sync");
        assert_stopped(&mut journal, &failed, &file);
        drop(journal);
        assert_eq!(fs::read(&log).unwrap(), before, "the log is left alone");
    });
    assert_kept(folder.path());
}

#[test]
fn a_journal_is_not_opened_without_syncs() {
    let _alone = alone();
    let (fresh, used) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    start(&mut open(used.path()));
    for folder in [fresh.path(), used.path()] {
        let error = on_a_thread(|| {
            fail_syncs(None);
            Journal::open(folder, &options()).err().expect("a journal was opened without a sync")
        });
        assert!(error.to_string().contains("journal.db cannot be opened: "), "{error}");
        assert!(error.hint().starts_with("Check"), "{}", error.hint());
    }
    start(&mut open(fresh.path()));
    assert_kept(fresh.path());
    assert_kept(used.path());
}

/// SQLite syncs the folder as well and keeps quiet when that fails; the journal's own sync is the one that says so.
#[test]
fn the_folder_of_a_new_journal_is_synced() {
    let _alone = alone();
    let failed = (3..40).find_map(|descriptor| {
        let folder = tempfile::tempdir().unwrap();
        let opened = on_a_thread(|| {
            fail_syncs(Some(descriptor));
            Journal::open(folder.path(), &options()).err()
        });
        opened.filter(|error| matches!(error, OpenError::Io { path, .. } if path == folder.path()))
    });
    let error = failed.expect("no sync of the folder was seen");
    assert!(error.to_string().ends_with(" cannot be opened"), "{error}");
}
