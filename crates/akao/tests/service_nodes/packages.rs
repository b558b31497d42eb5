//! The packages as a user builds them, once for all tests of a run.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder of a package.
pub(crate) fn built(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).join(name)
}

fn build() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nodes/services/build.mjs");
    let folder = Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/service-nodes"));
    let made = Command::new("node").arg(script).arg("--out").arg(folder).output().expect("Node.js");
    let told = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "`cargo xtask setup` installs what the nodes are made of: {told}");
    folder.to_owned()
}
