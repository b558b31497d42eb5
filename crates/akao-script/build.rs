//! Builds the programs that the library carries: the one that runs JavaScript, and the one that compiles TypeScript for it.
//!
//! Each is linked with everything it needs, so that it runs in a sandbox which shows nothing but it: on Debian the C library's
//! archive stands beside its headers, without which nothing could be linked at all, while the headers of another C library would
//! be one more thing to install. A cargo of its own builds each, in a folder beside the build's own, always optimised.

mod carried;

use carried::{FOLDER, PROGRAMS, Program, RUSTFLAGS};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The sources that they are built of, from the workspace's folder.
const SOURCES: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "crates/akao-javascript/Cargo.toml",
    "crates/akao-javascript/src",
    "crates/akao-typescript/Cargo.toml",
    "crates/akao-typescript/src",
    "sdk/rust/Cargo.toml",
    "sdk/rust/src",
];
/// Set by the cargo around us for this package; they would change how the other one is built.
const NOT_INHERITED: [&str; 6] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
];

fn main() {
    let variable = |name: &str| env::var(name).expect("cargo sets this for build scripts");
    let workspace = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", workspace.join(source).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=carried.rs");
    let (target, own) = (variable("TARGET"), PathBuf::from(variable("OUT_DIR")));
    // Lints, builds and tests each run this script for a folder of its own; what takes minutes is built once for all of them.
    let shared = own.ancestors().nth(3).unwrap_or(&own).join(FOLDER);
    for program in &PROGRAMS {
        let built = build(program, &workspace, &target, &shared);
        let file = own.join(program.package);
        fs::copy(&built, &file).unwrap_or_else(|error| panic!("{} cannot be copied: {error}", built.display()));
        let variable = program.package.to_uppercase().replace('-', "_");
        println!("cargo::rustc-env={variable}_FILE={}", file.display());
    }
}

fn build(program: &Program, workspace: &Path, target: &str, folder: &Path) -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet"]).args(program.arguments(target, folder));
    cargo.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    for name in NOT_INHERITED {
        cargo.env_remove(name);
    }
    cargo.env("RUSTFLAGS", RUSTFLAGS);
    let status = cargo.status();
    assert!(status.is_ok_and(|status| status.success()), "{} did not build for {target}", program.package);
    folder.join(program.package).join(target).join("release").join(program.package)
}
