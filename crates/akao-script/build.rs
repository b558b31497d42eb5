//! Builds the program that runs inline JavaScript, which the library carries.
//!
//! It is linked with everything it needs, so that it runs in a sandbox which shows nothing but it: on Debian the C library's
//! archive stands beside its headers, without which nothing could be linked at all, while the headers of another C library would
//! be one more thing to install. A cargo of its own builds it, in a folder of its own, always optimised.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

const PACKAGE: &str = "akao-javascript";
/// The sources that it is built of, from the workspace's folder.
const SOURCES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "crates/akao-javascript/Cargo.toml",
    "crates/akao-javascript/src",
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
    let (target, folder) = (variable("TARGET"), PathBuf::from(variable("OUT_DIR")).join("javascript"));
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    // The target is named although it is the usual one: so the flags are not those of build scripts.
    cargo.args([
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        PACKAGE,
        "--bin",
        PACKAGE,
        "--target",
        &target,
    ]);
    for setting in ["strip=\"symbols\"", "debug=false", "lto=\"off\"", "codegen-units=2"] {
        cargo.arg("--config").arg(format!("profile.release.{setting}"));
    }
    cargo.arg("--manifest-path").arg(workspace.join("Cargo.toml")).arg("--target-dir").arg(&folder);
    for name in NOT_INHERITED {
        cargo.env_remove(name);
    }
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    let status = cargo.status();
    assert!(status.is_ok_and(|status| status.success()), "{PACKAGE} did not build for {target}");
    println!("cargo::rustc-env=AKAO_JAVASCRIPT_FILE={}", folder.join(target).join("release").join(PACKAGE).display());
}
