//! Builds the two static programs that the library carries: the spawner, and the probe of its self-test.
//!
//! Both are built by a cargo of their own, for a target without dynamic libraries, in a folder of their own. The target
//! is added to the toolchain when it is missing, so that building Akao needs no step before.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// What is built: the package and the variable by which the library finds the file.
const PROGRAMS: [(&str, &str); 2] = [("akao-spawner", "AKAO_SPAWNER_FILE"), ("akao-probe", "AKAO_PROBE_FILE")];

/// Set by the cargo around us for this package; they would change how the other ones are built.
const NOT_INHERITED: [&str; 7] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "CLIPPY_ARGS",
];

fn main() {
    let variable = |name: &str| env::var(name).expect("cargo sets this for build scripts");
    let out = PathBuf::from(variable("OUT_DIR"));
    let workspace = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../..");
    let target = format!("{}-unknown-linux-musl", variable("CARGO_CFG_TARGET_ARCH"));
    for watched in ["Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(watched).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    add_target(&target);
    let folder = out.join("static");
    for (package, found_by) in PROGRAMS {
        let source = workspace.join("crates").join(package);
        println!("cargo::rerun-if-changed={}", source.join("src").display());
        println!("cargo::rerun-if-changed={}", source.join("Cargo.toml").display());
        build(package, &target, &workspace, &folder);
        let file = folder.join(&target).join("release").join(package);
        println!("cargo::rustc-env={found_by}={}", file.display());
    }
}

/// Adds `target` to the toolchain in use, unless it is there.
fn add_target(target: &str) {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let found = Command::new(rustc).args(["--print", "target-libdir", "--target", target]).output();
    let folder = found.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    if !folder.trim().is_empty() && Path::new(folder.trim()).is_dir() {
        return;
    }
    println!("cargo::warning=adding the target {target}, for which the sandbox's own programs are built");
    let added = Command::new("rustup").args(["target", "add", target]).status();
    assert!(
        added.is_ok_and(|status| status.success()),
        "the sandbox's programs need the target {target}; `rustup target add {target}` did not succeed"
    );
}

fn build(package: &str, target: &str, workspace: &Path, folder: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--release", "--locked", "--quiet", "--package", package, "--target", target]);
    // Small and quick to start: no unwinding, no symbols.
    for setting in ["panic=\"abort\"", "strip=\"symbols\"", "debug=false", "lto=true", "codegen-units=1"] {
        cargo.arg("--config").arg(format!("profile.release.{setting}"));
    }
    if package == "akao-spawner" && env::var_os("CARGO_FEATURE_WEAKEN").is_some() {
        cargo.args(["--features", "weaken"]);
    }
    cargo.arg("--manifest-path").arg(workspace.join("Cargo.toml")).arg("--target-dir").arg(folder);
    for name in NOT_INHERITED {
        cargo.env_remove(name);
    }
    let status = cargo.status();
    assert!(status.is_ok_and(|status| status.success()), "{package} did not build for {target}");
}
