//! Storage that fails under the real program: what it says, what it keeps, and how it goes on once the cause is gone.
//!
//! | file | what goes wrong |
//! |---|---|
//! | `disk.rs` | the disk is full, cannot be written, or cannot keep what it was given |
//! | `damage.rs` | a bit was flipped while nothing ran |
//! | `owners.rs` | a second process, one that does not answer, one that is told to end |
//!
//! `region.rs` makes a part of every file unusable. Mounts are made in a namespace of the test's own; system calls fail for the processes of a test alone.

mod damage;
mod disk;
#[path = "../../../akao-journal/tests/support/no_sync.rs"]
mod no_sync;
mod owners;
#[path = "../support/program.rs"]
mod program;
mod region;

use program::{Answer, Place};
use rustix::process::Signal;
use serde_json::Value;
use std::{fs, path::Path, thread, time::Duration};
use tempfile::TempDir;

/// Waits for a signal; its input can be as large as a test wants it.
const WAITS: &str = r#"akao: 1
id: waits
version: 1.0.0
outputs: { got: "${steps.go.outputs.payload}" }
root: { type: WaitForSignal, id: go, props: { signalName: go } }
"#;

const HELLO: &str = "akao: 1\nid: hello\nversion: 1.0.0\nroot: { type: LogMessage, props: { message: hello } }\n";

/// A folder with workflow files; the owner ends with it.
struct Ground {
    place: Place,
    _folder: TempDir,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place { folder: folder.path().to_owned() };
        for (name, text) in [("waits.yaml", WAITS), ("hello.yaml", HELLO)] {
            fs::write(place.folder.join(name), text).expect("a workflow file");
        }
        Self { place, _folder: folder }
    }

    fn folder(&self) -> &Path {
        &self.place.folder
    }

    fn ask(&self, arguments: &[&str]) -> Answer {
        self.place.ask(arguments).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// As [`Ground::ask`], for what must work.
    fn done(&self, arguments: &[&str]) -> Value {
        let answer = self.ask(arguments);
        assert!(answer.is_done(), "akao {}: {}", arguments.join(" "), answer.document);
        answer.document
    }

    /// Runs a command that must work and whose words do not matter.
    fn ask_plain(&self, arguments: &[&str]) {
        let status = self.place.spawn(arguments).wait().expect("it ends");
        assert!(status.success(), "{arguments:?}: {}", program::tail(&self.place.folder.join("spawned.log")));
    }

    /// As [`Ground::ask`], for what must be refused: its code, kind, message and hint.
    fn refused(&self, arguments: &[&str]) -> (i32, String, String, String) {
        let answer = self.ask(arguments);
        let part = |name: &str| answer.error(name).to_owned();
        assert!(!answer.is_done(), "akao {}: {}", arguments.join(" "), answer.document);
        (answer.code, part("kind"), part("message"), part("suggestion"))
    }

    /// Starts `waits.yaml` with an input and returns the acknowledged id.
    fn waits(&self, input: &str) -> String {
        id_of(&self.done(&["run", "waits.yaml", "--detach", "--input", input]))
    }

    fn status(&self, id: &str) -> String {
        let listed = self.done(&["executions", "list", "--text", id]);
        listed["executions"][0]["status"].as_str().unwrap_or("not there").to_owned()
    }

    fn wait_until(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..500 {
            if holds() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("not in time: {what}\n{}", program::tail(&self.place.data().join("owner.log")));
    }

    fn wait_for(&self, id: &str, status: &str) {
        let mut last = String::new();
        for _ in 0..200 {
            last = self.status(id);
            if last == status {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{id} is {last}, not {status}\n{}", program::tail(&self.place.data().join("owner.log")));
    }

    fn signal(&self, id: &str) {
        self.done(&["executions", "signal", id, "go", "--payload", "{\"n\":1}"]);
    }

    /// Ends the owner as a service manager does.
    fn stop(&self) {
        self.place.end_owner(Signal::TERM).unwrap_or_else(|problem| panic!("{problem}"));
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = self.place.end_owner(Signal::KILL);
    }
}

fn id_of(document: &Value) -> String {
    document["execution"].as_str().expect("an id").to_owned()
}

/// A small generator: the same seed gives the same numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
