//! The table of steps. A new check of the project is a new row here.

use super::{
    Group,
    carried::{FOLDER, PROGRAMS, RUSTFLAGS},
    sdk,
};
use crate::{Chore, command, demo, examples, fuzz, generate, markdown, tidy, web, workspace::Workspace};

/// Crates that must build where there is no operating system.
const PURE_CRATES: [&str; 2] = ["akao-contract", "akao-flow"];
/// Crates that speak to the kernel in ways that differ between architectures, and what stands on them.
const CRATES_OF_THE_KERNEL: [&str; 6] =
    ["akao-spawner", "akao-sandbox", "akao-broker", "akao-runtime", "akao-nodes", "akao-trace"];
/// The other architecture that sandboxes are made for.
const OTHER_TARGET: &str = "aarch64-unknown-linux-gnu";

/// Cases per property in the nightly suite; a usual run takes each test's own number.
const PROPERTY_CASES_NIGHTLY: &str = "4096";

/// Kills of the kill loop in the nightly suite; a usual run makes 300 as part of the tests.
const KILLS_NIGHTLY: &str = "10000";
/// Kills under external nodes, and processes that come and go, in the nightly suite; a usual run makes 60 and 100.
const NODE_KILLS_NIGHTLY: &str = "1000";
/// Where the seeds of the nightly kill loop begin: elsewhere than those of a usual run.
const KILL_SEED_NIGHTLY: &str = "100000";
/// Seeds of one run of the simulator in the nightly suite, so that a failure is told before all have been tried.
const SIMULATOR_SEEDS_AT_ONCE: u64 = 50_000;
/// Runs of the simulator in the nightly suite: a million seeds. A usual run tries the first 10,000 as part of the tests.
const SIMULATOR_RUNS_NIGHTLY: u64 = 20;

/// Seconds for each fuzz target in the nightly suite.
const FUZZ_SECONDS_NIGHTLY: u32 = 60;

/// The program that only the build script of another crate builds whole.
const COMPILER: &str = "akao-typescript";

/// One step of the suite.
pub(super) struct Step {
    /// A short name, unique in the table.
    pub(super) name: &'static str,
    /// What `--only` calls it by.
    pub(super) group: Group,
    /// What it proves, printed as its heading.
    pub(super) purpose: &'static str,
    /// Steps that must have passed before.
    pub(super) needs: &'static [&'static str],
    /// Whether it runs with `--nightly` only.
    pub(super) nightly_only: bool,
    /// The work; the flag says whether this is a nightly run.
    pub(super) run: fn(&Workspace, bool) -> Chore,
}

/// Every step, in the order in which they run: quick ones first.
pub(super) const STEPS: &[Step] = &[
    Step {
        name: "format",
        group: Group::Tidy,
        purpose: "the code is formatted",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| Ok(workspace.cargo().args(["fmt", "--all", "--check"]).run()?),
    },
    Step {
        name: "tidy",
        group: Group::Tidy,
        purpose: "layers, licences, forbidden calls, file headers and links are in order",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| tidy::run(workspace),
    },
    Step { name: "clippy", group: Group::Rust, purpose: "no warnings", needs: &[], nightly_only: false, run: clippy },
    Step {
        name: "wasm",
        group: Group::Rust,
        purpose: "the interpreter builds without an operating system",
        needs: &[],
        nightly_only: false,
        run: wasm,
    },
    Step {
        name: "aarch64",
        group: Group::Rust,
        purpose: "the crates that speak to the kernel compile for 64-bit ARM, and the sandbox's own programs are built for it",
        needs: &[],
        nightly_only: true,
        run: other_architecture,
    },
    // Before the program is built, which carries what comes of it.
    Step {
        name: "console",
        group: Group::Web,
        purpose: "the console is formatted, without lints, sound in its types, passes its own tests, and loads in bounds",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| web::check(workspace),
    },
    Step {
        name: "build",
        group: Group::Rust,
        purpose: "programs and tests compile, once for all the steps below",
        needs: &[],
        nightly_only: false,
        // The tests are part of the selection so that dependencies get the same features here and in `cargo test`.
        run: |workspace, _| Ok(workspace.cargo().args(["build", "--workspace", "--bins", "--tests"]).run()?),
    },
    Step {
        name: "tests",
        group: Group::Rust,
        purpose: "unit, property, integration and documentation tests",
        needs: &["build"],
        nightly_only: false,
        run: tests,
    },
    Step {
        name: "compiler",
        group: Group::Rust,
        purpose: "the tests of the TypeScript compiler, which is built for the program that carries it and not with the workspace",
        needs: &["build"],
        nightly_only: false,
        run: compiler,
    },
    Step {
        name: "sandbox layers",
        group: Group::Rust,
        purpose: "what two layers of the sandbox stop, each stops alone; a spawner of its own can switch single ones off",
        needs: &["build"],
        nightly_only: false,
        run: |workspace, _| {
            let weakened = ["test", "--workspace", "--features", "akao-sandbox/weaken", "--test", "layers"];
            Ok(workspace.cargo().args(weakened).run()?)
        },
    },
    Step {
        name: "long tests",
        group: Group::Rust,
        purpose: "the tests that are marked as ignored because they take long",
        needs: &["build"],
        nightly_only: true,
        run: |workspace, _| Ok(workspace.cargo().args(["test", "--workspace", "--", "--ignored"]).run()?),
    },
    Step {
        name: "kill loop",
        group: Group::Rust,
        purpose: "nothing is lost, doubled or stuck when the program is killed ten thousand times",
        needs: &["build"],
        nightly_only: true,
        run: kill_loop,
    },
    Step {
        name: "simulator",
        group: Group::Rust,
        purpose: "a million seeds of the simulated engine",
        needs: &["build"],
        nightly_only: true,
        run: simulator,
    },
    Step {
        name: "fuzz",
        group: Group::Rust,
        purpose: "no input that the fuzzer makes breaks a reader, a standard node or the interpreter",
        needs: &[],
        nightly_only: true,
        run: |workspace, _| fuzz::run_all(workspace, FUZZ_SECONDS_NIGHTLY),
    },
    Step {
        name: "sdk python",
        group: Group::Sdk,
        purpose: "the Python SDK by its own tests, with the snippets of its README",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| sdk::python(workspace),
    },
    Step {
        name: "sdk typescript",
        group: Group::Sdk,
        purpose: "the TypeScript SDK compiles and passes its own tests, with the snippets of its README",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| sdk::typescript(workspace),
    },
    Step {
        name: "ready nodes",
        group: Group::Sdk,
        purpose: "the nodes that ship with Akao are sound in their types",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| sdk::ready_nodes(workspace),
    },
    Step {
        name: "zod",
        group: Group::Sdk,
        purpose: "the zod that custom nodes find is what its script makes of the npm package",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| sdk::zod(workspace),
    },
    Step {
        name: "sdk go",
        group: Group::Sdk,
        purpose: "the Go SDK by its own tests, with the snippets of its README",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| sdk::go(workspace),
    },
    Step {
        name: "sdk rust",
        group: Group::Sdk,
        purpose: "the Rust SDK is formatted, without warnings, and passes its own tests, with the snippets of its README",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| sdk::rust(workspace),
    },
    Step {
        name: "sdk shell",
        group: Group::Sdk,
        purpose: "the shell SDK by its own tests, with the snippets of its README",
        needs: &[],
        nightly_only: false,
        run: |workspace, _| sdk::shell(workspace),
    },
    Step {
        name: "sdk conformance",
        group: Group::Sdk,
        purpose: "every SDK gives the answers of the golden transcripts",
        needs: &["build", "sdk typescript"],
        nightly_only: false,
        run: |workspace, _| sdk::conformance(workspace),
    },
    Step {
        name: "rustdoc",
        group: Group::Docs,
        purpose: "the documentation of the code builds and its links lead somewhere",
        needs: &[],
        nightly_only: true,
        run: rustdoc,
    },
    Step {
        name: "documents",
        group: Group::Docs,
        purpose: "the workflows shown in documents are valid",
        needs: &["build"],
        nightly_only: false,
        run: |workspace, _| markdown::check_workflows(workspace),
    },
    Step {
        name: "generated documents",
        group: Group::Docs,
        purpose: "the reference documents are what the code makes of itself",
        needs: &["build"],
        nightly_only: false,
        run: |workspace, _| generate::check(workspace),
    },
    Step {
        name: "examples",
        group: Group::Examples,
        purpose: "the examples run and give what they promise",
        needs: &["build"],
        nightly_only: false,
        run: |workspace, _| examples::run_all(workspace),
    },
    Step {
        name: "demo",
        group: Group::Examples,
        purpose: "what the demo claims holds: the survey, the kill, the continuation, the team's server",
        needs: &["build"],
        nightly_only: false,
        run: |workspace, _| demo::check(workspace),
    },
    Step {
        name: "journeys",
        group: Group::Web,
        purpose: "people get through the console of a real server in a real browser, by keys alone too, and axe finds nothing",
        needs: &["console", "build"],
        nightly_only: false,
        run: web::journeys,
    },
    Step {
        name: "cargo deny",
        group: Group::Tidy,
        purpose: "advisories, bans, licences and sources of every dependency",
        needs: &[],
        nightly_only: true,
        run: deny,
    },
];

fn clippy(workspace: &Workspace, _: bool) -> Chore {
    let clippy = workspace.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    Ok(clippy.run()?)
}

fn wasm(workspace: &Workspace, _: bool) -> Chore {
    let packages = PURE_CRATES.iter().flat_map(|name| ["--package", name]);
    Ok(workspace.cargo().args(["build", "--target", "wasm32-unknown-unknown"]).args(packages).run()?)
}

/// The build script of the sandbox builds its static programs for that architecture as well; Rust's own linker suffices for them.
/// A library for encryption is compiled by the C compiler for that architecture, which `cargo xtask setup` installs.
fn other_architecture(workspace: &Workspace, _: bool) -> Chore {
    let packages = CRATES_OF_THE_KERNEL.iter().flat_map(|name| ["--package", name]);
    let check = workspace.cargo().args(["check", "--target", OTHER_TARGET]).args(packages);
    Ok(check.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld").run()?)
}

fn tests(workspace: &Workspace, nightly: bool) -> Chore {
    let tests = workspace.cargo().args(["test", "--workspace", "--no-fail-fast"]);
    let tests = if nightly { tests.env("PROPTEST_CASES", PROPERTY_CASES_NIGHTLY) } else { tests };
    Ok(tests.run()?)
}

/// In the folder and with the flags of the carried program, whose dependencies are there since the build.
fn compiler(workspace: &Workspace, _: bool) -> Chore {
    let told = workspace.command("rustc").args(["-vV"]).read()?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say what it runs on")?;
    let folder = workspace.metadata()?.target_directory.join("debug").join(FOLDER);
    let program = PROGRAMS.iter().find(|program| program.package == COMPILER).ok_or("no compiler is carried")?;
    let tests = workspace.cargo().args(["test"]).args(program.arguments(host, &folder));
    Ok(tests.env("RUSTFLAGS", RUSTFLAGS).run()?)
}

fn kill_loop(workspace: &Workspace, _: bool) -> Chore {
    let kills = workspace.cargo().args(["test", "--package", "akao", "--test", "kill_loop"]);
    kills.env("AKAO_KILLS", KILLS_NIGHTLY).env("AKAO_KILL_SEED", KILL_SEED_NIGHTLY).run()?;
    let kills = workspace.cargo().args(["test", "--package", "akao", "--test", "node_kills"]);
    kills.env("AKAO_NODE_KILLS", NODE_KILLS_NIGHTLY).env("AKAO_KILL_SEED", KILL_SEED_NIGHTLY).run()?;
    let cycles = workspace.cargo().args(["test", "--package", "akao-nodes", "--test", "external", "--", "case_88"]);
    Ok(cycles.env("AKAO_CYCLES", NODE_KILLS_NIGHTLY).run()?)
}

/// The seeds follow those of a usual run. Optimised, the simulator is several times faster.
fn simulator(workspace: &Workspace, _: bool) -> Chore {
    for run in 1..=SIMULATOR_RUNS_NIGHTLY {
        let first = (run * SIMULATOR_SEEDS_AT_ONCE).to_string();
        let arguments = ["test", "--release", "--package", "akao-engine", "--test", "simulator"];
        let seeds = workspace.cargo().args(arguments).env("AKAO_SIMULATOR_SEED", &first);
        seeds.env("AKAO_SIMULATOR_SEEDS", &SIMULATOR_SEEDS_AT_ONCE.to_string()).run()?;
    }
    Ok(())
}

fn rustdoc(workspace: &Workspace, _: bool) -> Chore {
    let rustdoc = workspace.cargo().args(["doc", "--workspace", "--no-deps"]);
    Ok(rustdoc.env("RUSTDOCFLAGS", "-D warnings").run()?)
}

/// Compiling `cargo deny` takes minutes, so a usual run relies on the licence check of `tidy` and only this one installs.
fn deny(workspace: &Workspace, _: bool) -> Chore {
    if !command::is_installed("cargo-deny") {
        workspace.cargo().args(["install", "--locked", "cargo-deny"]).run()?;
    }
    Ok(workspace.cargo().args(["deny", "check"]).run()?)
}
