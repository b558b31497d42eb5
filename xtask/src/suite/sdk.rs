//! The steps that test the SDKs: each by its own language's runner, then all of them by the golden transcripts; the types of the
//! nodes that are written with them; and what such nodes find without bringing it along.

use crate::{Chore, command::Command, workspace::Workspace};
use std::{fs, path::Path};

/// Debian's own, because nodes are started with it.
const PYTHON: &str = "/usr/bin/python3";
/// How long one answer may take. It is long because the machine may be busy with other things; nothing waits for it.
const ANSWER_MS_MAX: &str = "60000";

/// The Python SDK's tests, isolated from what else is installed.
pub(super) fn python(workspace: &Workspace) -> Chore {
    Ok(workspace.command(PYTHON).args(["-I", "-m", "unittest", "discover", "-s", "sdk/python/tests"]).run()?)
}

/// Runs the tests of the TypeScript SDK, one of which compiles it and compares with what is checked in.
pub(super) fn typescript(workspace: &Workspace) -> Chore {
    let folder = workspace.root.join("sdk/typescript");
    install(workspace, "sdk/typescript")?;
    let compiler = "sdk/typescript/node_modules/typescript/bin/tsc";
    workspace.command("node").args([compiler, "--project", "sdk/typescript/conformance"]).run()?;
    // One by one, because versions of Node.js take a folder for different things.
    let mut tests = Vec::new();
    for entry in fs::read_dir(folder.join("tests"))? {
        tests.push(entry?.path().to_string_lossy().into_owned());
    }
    tests.sort();
    Ok(workspace.command("node").args(["--test"]).args(&tests).run()?)
}

/// Checks the types of the nodes that ship with Akao. What they import is there by `cargo xtask setup`.
pub(super) fn ready_nodes(workspace: &Workspace) -> Chore {
    let compiler = "nodes/services/node_modules/typescript/bin/tsc";
    for folder in ["nodes/standard", "nodes/services"] {
        workspace.command("node").args([compiler, "--project", folder]).run()?;
    }
    Ok(())
}

/// Makes the zod that the TypeScript compiler carries once more, of what npm has, and compares.
pub(super) fn zod(workspace: &Workspace) -> Chore {
    const FOLDER: &str = "crates/akao-typescript/zod";
    install(workspace, FOLDER)?;
    let make = format!("{FOLDER}/make.mjs");
    Ok(workspace.command("node").args([&make, "--check"]).run()?)
}

/// Installs what the lock file of a folder names, when that has changed.
fn install(workspace: &Workspace, folder: &str) -> Chore {
    let path = workspace.root.join(folder);
    if is_older(&path.join("node_modules/.package-lock.json"), &path.join("package-lock.json")) {
        let arguments = ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"];
        workspace.command("npm").args(arguments).run()?;
    }
    Ok(())
}

/// The Go SDK's vet and tests.
pub(super) fn go(workspace: &Workspace) -> Chore {
    run_go(workspace, &["vet", "./..."])?;
    run_go(workspace, &["test", "./..."])
}

/// Runs go in the module's folder; Go 1.19 has no option for it. The toolchain is the one that is there, and nothing is fetched.
fn run_go(workspace: &Workspace, arguments: &[&str]) -> Chore {
    println!("in sdk/go:");
    let go = Command::new("go", &workspace.root.join("sdk/go")).args(arguments);
    Ok(go.env("GOTOOLCHAIN", "local").env("GOPROXY", "off").run()?)
}

/// The Rust SDK is a workspace of its own, as its users have it.
pub(super) fn rust(workspace: &Workspace) -> Chore {
    let manifest = ["--manifest-path", "sdk/rust/Cargo.toml"];
    let target = rust_target(workspace);
    let cargo = |arguments: &[&str]| {
        let cargo = workspace.cargo().args(&arguments[..1]).args(manifest).args(&arguments[1..]);
        cargo.env("CARGO_TARGET_DIR", &target).run()
    };
    cargo(&["fmt", "--check"])?;
    cargo(&["clippy", "--all-targets", "--", "-D", "warnings"])?;
    Ok(cargo(&["test"])?)
}

/// The shell SDK's tests.
pub(super) fn shell(workspace: &Workspace) -> Chore {
    Ok(workspace.command("bash").args(["sdk/shell/tests/run.sh"]).run()?)
}

/// Plays every transcript against every SDK.
pub(super) fn conformance(workspace: &Workspace) -> Chore {
    let player = workspace.metadata()?.program("akao-conformance");
    let go = workspace.root.join("target/sdk/go-conformance");
    let go_text = go.to_string_lossy();
    run_go(workspace, &["build", "-o", &go_text, "./conformance"])?;
    let target = rust_target(workspace);
    let build = ["build", "--manifest-path", "sdk/rust/Cargo.toml", "--example", "conformance"];
    workspace.cargo().args(build).env("CARGO_TARGET_DIR", &target).run()?;
    let rust = format!("{target}/debug/examples/conformance");
    let commands: [&[&str]; 5] = [
        &[PYTHON, "-I", "sdk/python/conformance/main.py"],
        &["node", "sdk/typescript/conformance/dist/main.js"],
        &[&go_text],
        &[&rust],
        &["bash", "sdk/shell/conformance/main.sh"],
    ];
    for command in commands {
        workspace.command(&player).args(["--timeout-ms", ANSWER_MS_MAX, "--"]).args(command).run()?;
    }
    Ok(())
}

/// Where the Rust SDK is built, apart from the workspace's own output.
fn rust_target(workspace: &Workspace) -> String {
    workspace.root.join("target/sdk/rust").to_string_lossy().into_owned()
}

/// Whether `made` is missing or was written before `source` was.
fn is_older(made: &Path, source: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    match (time(made), time(source)) {
        (Some(made), Some(source)) => made < source,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_older_is_made_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("source"), "").expect("a file");
        assert!(is_older(&path("made"), &path("source")));
        fs::write(path("made"), "").expect("a file");
        assert!(!is_older(&path("made"), &path("source")));
    }
}
