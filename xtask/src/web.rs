//! `cargo xtask web`: the console, built for the program to carry: the interpreter's checks as WebAssembly, then the pages.
//! And the steps of the suite that check and try it in a real browser.

use crate::{Chore, command::Command, setup, workspace::Workspace};
use std::{fs, path::Path, time::SystemTime};

/// The crate that browsers load.
const WASM_CRATE: &str = "akao-web";
const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// Where the compiler puts it, and where the pages take it from.
const WASM_FILE: &str = "wasm32-unknown-unknown/web/akao_web.wasm";
const WASM_PLACE: &str = "web/src/generated/akao_web.wasm";

/// A browser that Debian has; the one that the test runner would fetch by itself cannot be fetched everywhere.
pub(crate) const BROWSER: &str = "/usr/bin/chromium";

/// Arguments of `cargo xtask web`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Also take the pictures of its pages for the documents.
    #[arg(long)]
    pub(crate) pictures: bool,
    /// Also build the program and open a server on an execution that is under way, until Ctrl-C.
    #[arg(long, conflicts_with = "pictures")]
    pub(crate) demo: bool,
    /// Also measure how quick it is.
    #[arg(long, conflicts_with_all = ["pictures", "demo"])]
    pub(crate) bench: bool,
}

/// Builds the console, and takes its pictures when that is asked.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Chore {
    // Only what opens a browser needs one.
    if args.pictures || args.bench {
        setup::ensure(workspace)?
    } else {
        setup::ensure_build(workspace)?
    }
    build(workspace)?;
    let script = match args {
        Args { pictures: true, .. } => "pictures",
        Args { demo: true, .. } => "demo",
        Args { bench: true, .. } => return measure(workspace),
        _ => return Ok(()),
    };
    workspace.cargo().args(["build", "--package", "akao"]).run()?;
    Ok(npm(workspace, &["run", script]).env("AKAO_PROGRAM", &program(workspace)?).run()?)
}

/// Measures with the program as it is shipped.
fn measure(workspace: &Workspace) -> Chore {
    workspace.cargo().args(["build", "--release", "--package", "akao"]).run()?;
    let program = workspace.metadata()?.release_program("akao");
    Ok(npm(workspace, &["run", "bench"]).env("AKAO_PROGRAM", &program.to_string_lossy()).run()?)
}

/// Builds the console into `web/dist/console`.
pub(crate) fn build(workspace: &Workspace) -> Chore {
    install(workspace)?;
    module(workspace)?;
    Ok(npm(workspace, &["run", "build"]).run()?)
}

/// Formatting, lints, types, the generated types, tests without a browser, the build and its bound.
pub(crate) fn check(workspace: &Workspace) -> Chore {
    install(workspace)?;
    module(workspace)?;
    for script in ["lint", "types", "test", "build", "budget"] {
        npm(workspace, &["run", script]).run()?;
    }
    Ok(())
}

/// Journeys of people through the console of a real server, in a real browser.
pub(crate) fn journeys(workspace: &Workspace, nightly: bool) -> Chore {
    let journeys = npm(workspace, &["run", "journeys"]).env("AKAO_PROGRAM", &program(workspace)?);
    let journeys = if nightly { journeys.env("AKAO_NIGHTLY", "1") } else { journeys };
    Ok(journeys.run()?)
}

fn program(workspace: &Workspace) -> Result<String, Box<dyn std::error::Error>> {
    Ok(workspace.metadata()?.program("akao").to_string_lossy().into_owned())
}

/// Installs what the lock file names, when that has changed.
fn install(workspace: &Workspace) -> Chore {
    let folder = workspace.root.join("web");
    if is_older(&folder.join("node_modules/.package-lock.json"), &folder.join("package-lock.json")) {
        npm(workspace, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).run()?;
    }
    Ok(())
}

fn module(workspace: &Workspace) -> Chore {
    let build = ["build", "--package", WASM_CRATE, "--target", WASM_TARGET, "--profile", "web", "--lib"];
    workspace.cargo().args(build).run()?;
    fs::copy(workspace.metadata()?.target_directory.join(WASM_FILE), workspace.root.join(WASM_PLACE))?;
    Ok(())
}

fn npm(workspace: &Workspace, arguments: &[&str]) -> Command {
    let npm = workspace.command("npm").args(["--prefix", "web"]).args(arguments);
    match setup::node_path(workspace) {
        Some(path) => npm.env("PATH", &path),
        None => npm,
    }
}

/// Whether `one` is missing or was written before `other`.
fn is_older(one: &Path, other: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    time(one) < time(other) || !one.exists()
}
