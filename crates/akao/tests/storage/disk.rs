//! A disk that is full, read-only, elsewhere, or cannot keep what it was given.

use crate::{
    Ground, Random, id_of,
    no_sync::fail_syncs,
    program::{Answer, tail},
    region::{with_files_that_end_at, with_files_unreadable_beyond},
};
use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

/// Tells a test that it runs in a namespace of its own.
const INSIDE: &str = "AKAO_STORAGE_INSIDE";

/// The ways into a namespace of one's own: as anybody, and as root where the kernel gives none to others.
const WAYS_IN: [&[&str]; 2] = [&["--map-root-user", "--mount"], &["--mount"]];

/// The way that this kernel allows, tried with a mount that ends with its namespace.
///
/// # Errors
/// What the kernel says to each.
fn way_in() -> Result<&'static [&'static str], String> {
    let mut told = String::new();
    for way in WAYS_IN {
        let mut attempt = Command::new("unshare");
        attempt.args(way).args(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/tmp"]);
        let output = attempt.stdin(Stdio::null()).output().expect("the program `unshare` (package util-linux)");
        if output.status.success() {
            return Ok(way);
        }
        told.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    Err(told)
}

/// Whether this process may mount. The first time it starts itself again, in a namespace where it may, and says no.
fn may_mount(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let way = match way_in() {
        Ok(way) => way,
        Err(told) => {
            eprintln!("skipped: the kernel lets nobody mount here, not even in a namespace of its own: {told}");
            return false;
        }
    };
    let program = env::current_exe().expect("this program");
    let mut inside = Command::new("unshare");
    inside.args(way).arg(program).args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let output = inside.stdin(Stdio::null()).output().expect("the program `unshare` (package util-linux)");
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success() && told.contains("1 passed"), "inside a namespace: {told}");
    false
}

fn mount(arguments: &[&str], at: &Path) {
    let output = Command::new("mount").args(arguments).arg(at).output().expect("the program `mount`");
    assert!(output.status.success(), "mount {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Takes a mount away again, so that its folder can be removed.
fn unmount(at: &Path) {
    let done = Command::new("umount").arg("--lazy").arg(at).status().expect("the program `umount`");
    assert!(done.success());
}

/// Starts executions with large inputs until one is refused: those that were acknowledged, and the refusal.
fn start_until_refused(ground: &Ground) -> (Vec<String>, Answer) {
    let mut acknowledged = Vec::new();
    let refused = (0..200).find_map(|n| {
        fs::write(ground.folder().join("input.json"), format!("{{\"note\":\"{}\"}}", noise(n))).expect("a file");
        let answer = ground.ask(&["run", "waits.yaml", "--detach", "--input", "@input.json"]);
        if answer.is_done() {
            acknowledged.push(id_of(&answer.document));
            return None;
        }
        Some(answer)
    });
    let refused = refused.expect("it is refused at last");
    assert!(acknowledged.len() > 5, "{acknowledged:?}");
    (acknowledged, refused)
}

/// Text that hardly compresses, and is small enough to stand in the journal itself.
fn noise(seed: u64) -> String {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..2_500).map(|_| format!("{:016x}", random.next())).collect()
}

#[test]
fn a_full_disk_stops_acknowledging_and_loses_nothing() {
    if !may_mount("disk::a_full_disk_stops_acknowledging_and_loses_nothing") {
        return;
    }
    let ground = Ground::new();
    let data = ground.place.data();
    fs::create_dir(&data).expect("a folder");
    mount(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"], &data);
    let (acknowledged, refused) = start_until_refused(&ground);
    assert_full(refused.code, &refused.document["error"], &data);
    // It stays so while nothing is done about it, in the foreground and in the background.
    for arguments in [&["run", "hello.yaml"][..], &["run", "hello.yaml", "--detach"]] {
        let again = ground.ask(arguments);
        assert_full(again.code, &again.document["error"], &data);
    }

    mount(&["-o", "remount,size=64m", "tmpfs"], &data);
    for id in &acknowledged {
        ground.signal(id);
        ground.wait_for(id, "success");
    }
    assert_eq!(ground.done(&["doctor"])["sound"], true);
    ground.stop();
    unmount(&data);
}

/// The refusal says which file cannot grow and what to do.
fn assert_full(code: i32, error: &serde_json::Value, data: &Path) {
    let (message, hint) =
        (error["message"].as_str().unwrap_or_default(), error["suggestion"].as_str().unwrap_or_default());
    assert_eq!(code, 1, "{error}");
    assert!(message.contains(&data.display().to_string()), "{error}");
    assert!(message.contains("full") || message.contains("No space left"), "{error}");
    assert!(hint.to_lowercase().contains("free space"), "{error}");
}

#[test]
fn a_read_only_disk_is_named_and_can_be_read() {
    if !may_mount("disk::a_read_only_disk_is_named_and_can_be_read") {
        return;
    }
    let ground = Ground::new();
    let id = ground.waits("{}");
    ground.stop();
    let data = ground.place.data();
    mount(&["--bind", &data.display().to_string()], &data);
    mount(&["-o", "remount,ro,bind"], &data);
    for arguments in
        [&["run", "hello.yaml"][..], &["run", "hello.yaml", "--detach"], &["executions", "signal", &id, "go"]]
    {
        let (code, kind, message, hint) = ground.refused(arguments);
        assert_eq!((code, kind.as_str()), (1, "storage"), "{arguments:?}: {message}");
        assert!(message.contains(&data.display().to_string()), "{arguments:?}: {message}");
        assert!(message.contains("Read-only file system"), "{arguments:?}: {message}");
        assert!(hint.contains("writable") || hint.contains("--data-dir"), "{arguments:?}: {hint}");
    }
    assert_eq!(ground.status(&id), "waiting");
    assert_eq!(ground.done(&["doctor"])["sound"], true);
    assert_eq!(ground.done(&["executions", "replay", &id])["equal"], true);
    mount(&["-o", "remount,rw,bind"], &data);
    ground.signal(&id);
    ground.wait_for(&id, "success");
    ground.stop();
    unmount(&data);
}

#[test]
fn a_data_directory_that_cannot_be_is_named() {
    let ground = Ground::new();
    fs::write(ground.folder().join("data"), "a file").expect("a file");
    let data = ground.place.data();
    let (code, kind, message, hint) = ground.refused(&["run", "hello.yaml"]);
    assert_eq!((code, kind.as_str()), (1, "storage"), "{message}");
    assert!(message.contains(&data.display().to_string()), "{message}");
    assert!(hint.contains("--data-dir"), "{hint}");
}

#[test]
fn nothing_is_made_by_looking_for_what_is_not_there() {
    let ground = Ground::new();
    for arguments in [&["executions", "show", "01"][..], &["executions", "signal", "01", "go"]] {
        let (code, kind, message, hint) = ground.refused(arguments);
        assert_eq!((code, kind.as_str()), (1, "not_found"), "{arguments:?}: {message}");
        assert!(message.ends_with("/data/journal.db does not exist"), "{arguments:?}: {message}");
        assert!(hint.contains("akao run FILE") && hint.contains("--data-dir"), "{hint}");
    }
    assert!(!ground.place.data().exists());
    // A start makes the folder, with all above it.
    let deep = ground.folder().join("a/b/c");
    let output = Command::new(env!("CARGO_BIN_EXE_akao"))
        .args(["run", "hello.yaml", "--json", "--data-dir"])
        .arg(&deep)
        .current_dir(ground.folder())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(deep.join("journal.db").exists());
}

/// Runs `work` on a thread whose processes cannot sync: one file descriptor of theirs, or any.
fn without_syncs<T: Send>(of: Option<u32>, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            fail_syncs(of);
            work()
        });
        thread.join().expect("the thread ends")
    })
}

#[test]
fn a_disk_that_cannot_sync_acknowledges_nothing() {
    let ground = Ground::new();
    let id = ground.waits("{}");
    ground.stop();
    let data = ground.place.data();
    for arguments in
        [&["run", "hello.yaml"][..], &["run", "hello.yaml", "--detach"], &["executions", "signal", &id, "go"]]
    {
        let (code, kind, message, hint) = without_syncs(None, || ground.refused(arguments));
        assert_eq!((code, kind.as_str()), (1, "storage"), "{arguments:?}: {message}");
        let file = data.join("journal.db");
        assert!(message.contains(&format!("{} cannot be opened: disk I/O error", file.display())), "{message}");
        assert!(hint.starts_with("Check"), "{arguments:?}: {hint}");
    }
    ground.signal(&id);
    ground.wait_for(&id, "success");
    let executions = ground.done(&["executions", "list"]);
    assert_eq!(executions["executions"].as_array().map(Vec::len), Some(1), "nothing else was started: {executions}");
}

#[test]
fn a_new_data_directory_is_synced_where_it_is_made() {
    let ground = Ground::new();
    let (code, kind, message, hint) = without_syncs(None, || ground.refused(&["run", "hello.yaml"]));
    assert_eq!((code, kind.as_str()), (1, "storage"), "{message}");
    let expected = format!("cannot make the data directory {}: Input/output error", ground.place.data().display());
    assert!(message.starts_with(&expected), "{message}");
    assert!(hint.contains("--data-dir"), "{hint}");
    assert_eq!(ground.done(&["run", "hello.yaml"])["status"], "success", "it goes on when the disk does");
}

#[test]
fn a_file_that_cannot_be_synced_is_left_as_it_was() {
    let ground = Ground::new();
    let file = ground.folder().join("untidy.yaml");
    let untidy = "akao:   1\nid: hello\nversion: 1.0.0\nroot: {type: AlwaysSuccess}\n";
    fs::write(&file, untidy).expect("a file");
    let (code, kind, message, _) = without_syncs(None, || ground.refused(&["fmt", "untidy.yaml"]));
    assert_eq!((code, kind.as_str()), (1, "storage"), "{message}");
    assert!(message.ends_with("cannot write untidy.yaml: Input/output error (os error 5)"), "{message}");
    let mut names = fs::read_dir(ground.folder()).expect("the folder").flatten();
    assert!(!names.any(|entry| entry.file_name().to_string_lossy().ends_with(".tmp")), "nothing is left beside");
    assert_eq!(fs::read_to_string(&file).expect("the file"), untidy);
    ground.done(&["fmt", "untidy.yaml"]);
    assert_ne!(fs::read_to_string(&file).expect("the file"), untidy);
}

/// The number by which the owner of a data directory has its main file open.
fn main_file(ground: &Ground) -> u32 {
    let pid = ground.place.owner().expect("an owner").as_raw_nonzero();
    let file = ground.place.data().join("journal.db");
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("its open files").flatten();
    let found = open.into_iter().find(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == file));
    let name = found.expect("it has the journal open").file_name();
    name.to_str().and_then(|name| name.parse().ok()).expect("a number")
}

/// Whether a process is the owner of the data directory.
fn owns(ground: &Ground, process: &Child) -> bool {
    ground.place.owner().is_some_and(|pid| pid.as_raw_nonzero().get().unsigned_abs() == process.id())
}

#[test]
fn a_sync_that_fails_later_ends_the_owner_and_loses_nothing() {
    let ground = Ground::new();
    let first = ground.waits("{}");
    let mut descriptor = main_file(&ground);
    ground.stop();
    let data = ground.place.data();
    // Which number a file gets depends on what the threads of the program open before.
    let mut owner = loop {
        let mut owner = without_syncs(Some(descriptor), || ground.place.spawn(&["owner"]));
        ground.wait_until("the owner has the lock", || owns(&ground, &owner));
        let found = main_file(&ground);
        if found == descriptor {
            break owner;
        }
        descriptor = found;
        ground.stop();
        owner.wait().expect("it ends");
    };
    let second = ground.waits("{}");
    // The owner tidies up when it is idle: it moves the log into the main file, which cannot be synced.
    let status = owner.wait().expect("it ends");
    let told = tail(&ground.folder().join("spawned.log"));
    assert_eq!(status.code(), Some(1), "{told}");
    let expected = format!("error: {} cannot be written: disk I/O error", data.join("journal.db").display());
    assert!(told.contains(&expected), "{told}");
    assert!(told.contains("hint: Check the disk and the system log, then start again."), "{told}");
    for id in [&first, &second] {
        ground.signal(id);
        ground.wait_for(id, "success");
    }
    assert_eq!(ground.done(&["doctor"])["sound"], true);
}

/// The last page of an execution's record cannot be had: that says nothing of the record. (A disk that answers with EIO
/// says that the place itself is bad, which SQLite takes for damage.)
#[test]
fn a_record_that_cannot_be_read_ends_the_owner_and_is_not_taken_for_damaged() {
    let ground = Ground::new();
    let id = ground.waits(&format!("{{\"note\":\"{}\"}}", noise(1)));
    ground.stop();
    let file = ground.place.data().join("journal.db");
    // A record of several pages is the last thing that was added to the file.
    let bound = fs::metadata(&file).expect("the journal").len() - 4096 - 1;
    let mut owner = with_files_unreadable_beyond(bound, libc::ETIMEDOUT, || ground.place.spawn(&["owner"]));
    ground.wait_until("the owner has the lock", || owns(&ground, &owner));
    let refused = ground.ask(&["executions", "signal", &id, "go", "--payload", "{\"n\":1}"]);
    let expected = format!("{} cannot be read: disk I/O error", file.display());
    assert_eq!((refused.code, refused.error("kind")), (1, "stopped"), "{}", refused.document);
    assert!(refused.error("message").contains(&expected), "{}", refused.document);
    assert_eq!(owner.wait().expect("it ends").code(), Some(1), "an owner that cannot read ends");
    let told = tail(&ground.folder().join("spawned.log"));
    assert!(told.contains(&format!("error: {expected}")), "{told}");
    assert_eq!(ground.status(&id), "waiting", "nothing was decided about it");
    ground.signal(&id);
    ground.wait_for(&id, "success");
}

/// Without a mount: the owner works, and from some byte on its files cannot be used any more.
#[test]
fn a_disk_that_fails_under_work_ends_the_owner_and_loses_nothing() {
    let cases = [
        (libc::ENOSPC, "cannot grow, the disk is full", "Free space on the disk of the data directory"),
        (libc::EIO, "cannot be written: disk I/O error", "Check the disk and the system log"),
    ];
    for (errno, what, advice) in cases {
        let ground = Ground::new();
        let file = ground.place.data().join("journal.db");
        let mut owner = with_files_that_end_at(1_000_000, errno, || ground.place.spawn(&["owner"]));
        ground.wait_until("the owner has the lock", || owns(&ground, &owner));
        let (acknowledged, refused) = start_until_refused(&ground);
        let expected = format!("{} {what}", file.display());
        assert_eq!((refused.code, refused.error("kind")), (1, "stopped"), "{}", refused.document);
        assert!(refused.error("message").contains(&expected), "{}", refused.document);
        assert_eq!(owner.wait().expect("it ends").code(), Some(1), "an owner that cannot write ends");
        let told = tail(&ground.folder().join("spawned.log"));
        assert!(told.contains(&format!("error: {expected}")) && told.contains(&format!("hint: {advice}")), "{told}");
        // The next owner finds a disk that works again.
        let listed = ground.done(&["executions", "list", "--status", "waiting", "--limit", "200"]);
        assert_eq!(
            listed["executions"].as_array().map(Vec::len),
            Some(acknowledged.len()),
            "what was refused is not there"
        );
        for id in &acknowledged {
            ground.signal(id);
            ground.wait_for(id, "success");
        }
        assert_eq!(ground.done(&["doctor"])["sound"], true);
    }
}
