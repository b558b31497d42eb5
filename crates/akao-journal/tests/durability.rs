//! What an acknowledgement is worth: kill, full disk, second writer, poisoned writer, settings in force.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use akao_contract::ExecutionId;
use akao_journal::{Batch, CommitError, Journal, OpenError, ReadError, Reader, Write};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};
use support::{batch, definition, execution, frame, id, insert, open, options, tenant};

/// Tells a child process of a test which folder to work on.
const FOLDER: &str = "AKAO_JOURNAL_TEST_FOLDER";

/// Starts this test program again to run one ignored test on `folder`, by a shell that first runs `prelude`.
fn child(folder: &Path, test: &str, prelude: &str) -> Child {
    let script = format!("{prelude} exec \"$0\" --exact {test} --ignored --nocapture --test-threads=1");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).arg(std::env::current_exe().unwrap()).env(FOLDER, folder);
    shell.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The folder that the parent test names; none when somebody runs all ignored tests.
fn child_folder() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

fn start(journal: &mut Journal) {
    let acme = tenant("acme");
    journal.commit(&batch([definition(&acme), insert(1, &acme), insert(2, &acme)])).unwrap();
}

/// Commits batches of frames of two executions until something ends it, and says each number after its commit.
#[test]
#[ignore = "runs as a child process of other tests"]
fn child_commits() {
    let Some(folder) = child_folder() else { return };
    let mut journal = open(&folder);
    start(&mut journal);
    for n in 1..1_000_000u64 {
        let body = format!("{n:>256}");
        match journal.commit(&batch([frame(1, n, 1, body.clone()), frame(2, n, 1, body)])) {
            Ok(()) => println!("acknowledged {n}"),
            Err(error) => return println!("failed {error:?}"),
        }
    }
}

/// The last acknowledged number in a child's lines, and its `failed` line.
fn last_acknowledged(lines: impl Iterator<Item = String>) -> (u64, Option<String>) {
    let mut last = 0;
    for line in lines {
        // The first line of output may share its line with the test runner's own words.
        if let Some((_, number)) = line.rsplit_once("acknowledged ") {
            last = number.parse().unwrap();
        } else if let Some((_, error)) = line.split_once("failed ") {
            return (last, Some(error.to_owned()));
        }
    }
    (last, None)
}

fn assert_contiguous(reader: &Reader, execution: ExecutionId, acknowledged: u64) -> u64 {
    let frames = reader.frames(execution, 1).unwrap();
    for (at, frame) in frames.iter().enumerate() {
        assert_eq!((frame.first_seq, frame.count), (at as u64 + 1, 1));
        assert_eq!(frame.body, format!("{:>256}", at + 1).into_bytes());
    }
    let reached = frames.len() as u64;
    assert!(reached >= acknowledged, "{acknowledged} were acknowledged, {reached} are there");
    reached
}

#[test]
fn what_was_acknowledged_survives_kill() {
    for round in 0..5u64 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = child(folder.path(), "child_commits", "");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let wanted = 50 + 37 * round;
        let early: Vec<String> =
            lines.by_ref().take_while(|line| !line.ends_with(&format!("acknowledged {wanted}"))).collect();
        assert!(early.len() as u64 >= wanted - 1);
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = last_acknowledged(lines).0.max(wanted);
        let beside = Reader::open(folder.path()).unwrap();
        let reached = assert_contiguous(&beside, id(1), acknowledged);
        let mut journal = open(folder.path());
        assert_eq!(assert_contiguous(journal.read(), id(1), reached), reached);
        assert_eq!(assert_contiguous(journal.read(), id(2), reached), reached, "a batch is whole or absent");
        journal.commit(&batch([frame(1, reached + 1, 1, format!("{:>256}", reached + 1))])).unwrap();
        assert_eq!(journal.read().verify().unwrap().damages, []);
    }
}

#[test]
fn a_second_writer_is_refused_with_the_process_id_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = child(folder.path(), "child_commits", "");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("acknowledged ")));
    match Journal::open(folder.path(), &options()) {
        Err(OpenError::Locked { folder: named, pid, started_at_ms }) => {
            assert_eq!((named.as_path(), pid, started_at_ms), (folder.path(), child.id(), support::NOW_MS));
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two writers"),
    }
    assert!(Reader::open(folder.path()).unwrap().execution(id(1)).unwrap().is_some(), "readers are welcome");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(open(folder.path()).epoch(), 2);
}

#[test]
fn a_writer_whose_lock_file_was_deleted_is_fenced_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = open(folder.path());
    start(&mut first);
    fs::remove_file(folder.path().join("journal.lock")).unwrap();
    let mut second = open(folder.path());
    let refused = first.commit(&batch([frame(1, 1, 1, "late")])).unwrap_err();
    assert!(matches!(refused, CommitError::Fenced { found: 2, own: 1, .. }), "{refused}");
    second.commit(&batch([frame(1, 1, 1, "in time")])).unwrap();
    drop(first);
    assert_eq!(second.read().frames(id(1), 0).unwrap()[0].body, b"in time");
}

#[test]
fn a_full_disk_stops_the_writer_and_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    start(&mut journal);
    journal.limit_pages(60).unwrap();
    let body = |n: u64| format!("{n:>256}");
    let (acknowledged, first) = (1..)
        .find_map(|n| journal.commit(&batch([frame(1, n, 1, body(n))])).err().map(|error| (n - 1, error)))
        .unwrap();
    assert!(matches!(first, CommitError::DiskFull { .. }), "{first}");
    assert!(first.to_string().contains("journal.db") && first.to_string().contains("full"), "{first}");
    assert!(first.hint().contains("Free space"));
    assert!(acknowledged > 10);
    for late in [Batch::default(), batch([frame(1, acknowledged + 1, 1, "")])] {
        assert_eq!(journal.commit(&late), Err(first.clone()), "poisoned by the first cause");
    }
    assert_eq!((journal.idle(), journal.prune(i64::MAX)), (Err(first), Ok(0)));
    assert_eq!(assert_contiguous(journal.read(), id(1), acknowledged), acknowledged);
    let log = folder.path().join("journal.db-wal");
    let before = (fs::read(folder.path().join("journal.db")).unwrap(), fs::read(&log).unwrap());
    drop(journal);
    let after = (fs::read(folder.path().join("journal.db")).unwrap(), fs::read(&log).unwrap());
    assert!(before == after, "a writer that has failed moves nothing when it closes");
    let mut journal = open(folder.path());
    assert_eq!(assert_contiguous(journal.read(), id(1), acknowledged), acknowledged);
    journal.commit(&batch([frame(1, acknowledged + 1, 1, body(acknowledged + 1))])).unwrap();
}

#[test]
fn a_failing_write_stops_the_writer_and_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    // A limit on the size of files makes the kernel refuse the write, as a broken disk does.
    let child = child(folder.path(), "child_commits", "trap '' XFSZ; ulimit -f 400;");
    let output = child.wait_with_output().unwrap();
    let lines = BufReader::new(&output.stdout[..]).lines().map_while(Result::ok);
    let (acknowledged, failed) = last_acknowledged(lines);
    let failed = failed.expect("the limit is met");
    assert!(
        acknowledged > 0 && failed.starts_with("Io {") && failed.contains("journal.db"),
        "{acknowledged}: {failed}"
    );
    let journal = open(folder.path());
    assert_contiguous(journal.read(), id(1), acknowledged);
    assert_eq!(journal.read().verify().unwrap().damages, []);
}

#[test]
fn a_batch_that_breaks_a_rule_is_refused_whole() {
    let acme = tenant("acme");
    let key =
        |execution| Write::PutStartKey { tenant: acme.clone(), key: "k".into(), request_hash: [0; 32], execution };
    let foreign = Write::PutStartKey { tenant: tenant("x"), key: "k".into(), request_hash: [0; 32], execution: id(1) };
    let cases: [(&str, Vec<Write>, &str); 9] = [
        ("gap", vec![frame(1, 1, 2, ""), frame(1, 4, 1, "")], "must begin at 3"),
        ("again", vec![frame(1, 1, 2, ""), frame(1, 2, 1, "")], "must begin at 3"),
        ("late start", vec![frame(1, 2, 1, "")], "must begin at 0 or 1"),
        ("no events", vec![frame(1, 1, 0, "")], "0 events"),
        ("unknown execution", vec![frame(9, 1, 1, "")], "is not in the journal"),
        ("twice", vec![insert(1, &acme)], "is already in the journal"),
        ("no definition", vec![Write::InsertExecution(Box::new(execution(5, &tenant("x"))))], "is not there"),
        ("key twice", vec![key(id(1)), key(id(2))], "has already started"),
        ("another tenant's key", vec![foreign], "is not of tenant"),
    ];
    for (name, writes, reason) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = open(folder.path());
        start(&mut journal);
        let error = journal.commit(&Batch { writes }).unwrap_err();
        assert!(matches!(&error, CommitError::Refused { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
        assert_eq!(journal.read().frames(id(1), 0).unwrap(), [], "{name}");
        assert_eq!(journal.commit(&Batch::default()), Err(error), "{name}");
    }
}

#[test]
fn files_that_are_not_ours_are_left_alone() {
    let newer = |folder: &Path| {
        drop(open(folder));
        let other = rusqlite::Connection::open(folder.join("journal.db")).unwrap();
        other.execute("UPDATE meta SET value = 99 WHERE name = 'format'", []).unwrap();
    };
    let foreign = |folder: &Path| {
        let other = rusqlite::Connection::open(folder.join("journal.db")).unwrap();
        other.execute_batch("CREATE TABLE t (a)").unwrap();
    };
    let text = |folder: &Path| {
        fs::write(folder.join("journal.db"), "not a database, but long enough to be one ".repeat(50)).unwrap()
    };
    type Make = fn(&Path);
    let cases: [(&str, Make, &str); 3] = [
        ("newer", newer, "has journal format 99"),
        ("foreign", foreign, "is not an Akao journal"),
        ("text", text, "is damaged"),
    ];
    for (name, make, reason) in cases {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let before = fs::read(folder.path().join("journal.db")).unwrap();
        let error = Journal::open(folder.path(), &options()).err().expect(name);
        assert!(error.to_string().contains(reason), "{name}: {error}");
        let error = Reader::open(folder.path()).err().expect(name);
        assert!(error.to_string().contains(reason), "{name}: {error}");
        assert_eq!(fs::read(folder.path().join("journal.db")).unwrap(), before, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(folder.path()), Err(ReadError::Missing { .. })));
    let nowhere = folder.path().join("absent");
    assert!(matches!(Journal::open(&nowhere, &options()), Err(OpenError::Io { .. })));
}

#[test]
fn the_settings_that_durability_rests_on_are_in_force() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let settings = open(folder.path()).settings().unwrap();
        assert_eq!((settings.journal_mode.as_str(), settings.synchronous), ("wal", 2), "2 is FULL");
        assert_eq!((settings.automatic_checkpoint_pages, settings.page_bytes), (0, 4096));
    }
}

/// The locks of this process on the journal's file. Each descriptor tells its own; the kernel's list of all locks is read in
/// pieces and leaves some out while others change.
fn locks(folder: &Path) -> usize {
    let file = folder.join("journal.db");
    let mut count = 0;
    for descriptor in fs::read_dir("/proc/self/fd").unwrap().flatten() {
        if fs::read_link(descriptor.path()).is_ok_and(|target| target == file) {
            let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(descriptor.file_name())).unwrap();
            count += info.lines().filter(|line| line.starts_with("lock:")).count();
        }
    }
    count
}

#[test]
fn what_looks_at_the_file_leaves_the_writers_locks_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    start(&mut journal);
    let held = locks(folder.path());
    assert!(held > 0, "the connection holds a lock");
    journal.read().verify().unwrap();
    journal.read().disk_use().unwrap();
    drop(journal.reader().unwrap());
    drop(Reader::open(folder.path()).unwrap());
    assert_eq!(locks(folder.path()), held);
}

/// Bytes of the log's file.
fn log_bytes(journal: &Journal) -> u64 {
    journal.read().disk_use().unwrap().wal_bytes
}

#[test]
fn a_slow_writer_writes_over_its_log_and_a_large_log_gives_its_room_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    start(&mut journal);
    for n in 1..2_000 {
        journal.commit(&batch([frame(1, n, 1, format!("{n:>256}"))])).unwrap();
    }
    // Two pages a commit would be 16 MB; it has come round every 256 commits.
    let small = log_bytes(&journal);
    assert!((1_000_000..5_000_000).contains(&small), "{small} bytes");

    // One commit that is larger than what may keep its place while nothing happens.
    journal.commit(&batch([frame(2, 1, 1, noise(3_000_000))])).unwrap();
    assert!(log_bytes(&journal) > 2_200_000);
    journal.idle().unwrap();
    assert_eq!(log_bytes(&journal), 0);

    journal.commit(&batch([frame(2, 2, 1, noise(10_000))])).unwrap();
    let kept = log_bytes(&journal);
    journal.idle().unwrap();
    assert!(kept > 0 && log_bytes(&journal) == kept, "a small log keeps its {kept} bytes");
    journal.commit(&batch([frame(2, 3, 1, noise(10_000))])).unwrap();
    let after = log_bytes(&journal);
    assert!(after < 2 * kept, "and is written over: {kept} bytes became {after}");
}

/// Text that hardly compresses.
fn noise(bytes: usize) -> String {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text
}
