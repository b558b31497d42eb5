//! A folder in which the program is used, as root and as a user without rights.
#![allow(dead_code, reason = "each test file uses its own part of this")]

use serde_json::Value;
use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A user that nothing on this machine belongs to.
const NOBODY: u32 = 65_534;

/// A folder in which the program is used, by whom.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    user: u32,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new(user: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let desk = Self { folder, user };
        desk.own(desk.folder.path());
        desk
    }

    /// For whoever runs the tests.
    pub(crate) fn own_user() -> Self {
        Self::new(rustix::process::geteuid().as_raw())
    }

    pub(crate) fn own(&self, path: &Path) {
        if rustix_is_root() {
            std::os::unix::fs::chown(path, Some(self.user), Some(self.user)).expect("root gives files away");
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        let mut made = self.folder.path().to_owned();
        for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
            made.push(part);
            if !made.exists() {
                fs::create_dir(&made).expect("a folder");
                self.own(&made);
            }
        }
        fs::write(&file, text).expect("a file");
        self.own(&file);
    }

    /// A node in Python, with its SDK beside it.
    pub(crate) fn node(&self, name: &str, manifest: &str, code: &str) {
        self.write(&format!("{name}/_.yaml"), manifest);
        self.write(&format!("{name}/main.py"), code);
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python/src/akao");
        for entry in fs::read_dir(sdk).expect("the SDK").map(|entry| entry.expect("an entry").path()) {
            if entry.extension().is_some_and(|extension| extension == "py") {
                let text = fs::read_to_string(&entry).expect("a file of the SDK");
                let file = entry.file_name().expect("a name").to_string_lossy().into_owned();
                self.write(&format!("{name}/akao/{file}"), &text);
            }
        }
    }

    /// The program, as it is used here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("HOME", self.folder.path()).env("AKAO_DATA_DIR", self.path("data"));
        // Where it writes which of its lines ran, when they are counted.
        command.envs(std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE"));
        if rustix_is_root() && self.user != 0 {
            command.uid(self.user).gid(self.user);
        }
        command
    }

    pub(crate) fn akao(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().expect("the program runs");
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn rustix_is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The users under whom each story is told.
pub(crate) fn users() -> Vec<u32> {
    if rustix_is_root() { vec![0, NOBODY] } else { vec![rustix::process::geteuid().as_raw()] }
}
