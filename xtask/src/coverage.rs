//! `cargo xtask coverage`: which lines the Rust tests run, counted by the compiler itself.
//!
//! Programs that the tests start are counted too, but not what a process did that was killed: it writes no counts. The share is
//! therefore a lower bound.

use crate::{Chore, cargo_tool::CargoTool, setup, workspace::Workspace};

const TOOL: CargoTool = CargoTool { program: "cargo-llvm-cov", version: "0.9.1" };

/// What only tests and benchmarks are made of.
const LEFT_OUT: &str = "/(tests|benches|examples)/|akao-bench|xtask";

/// Options of `cargo xtask coverage`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the tests of these test programs, by name, such as `server`; all tests when none is named.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    tests: Vec<String>,
    /// Fail below this share of lines, in percent.
    #[arg(long, value_name = "PERCENT")]
    at_least: Option<u32>,
}

/// Builds everything with counters, runs the tests and prints a line for each file; pages are left in `target/coverage`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Chore {
    setup::ensure(workspace)?;
    workspace.command("rustup").args(["component", "add", "llvm-tools"]).run()?;
    TOOL.ensure(workspace)?;
    let mut tests = TOOL.command(workspace).args(["llvm-cov", "--workspace", "--no-report", "--no-fail-fast"]);
    for name in &args.tests {
        tests = tests.args(["--test", name]);
    }
    // What failed is told again below; what the others ran is known all the same.
    let tested = tests.run();
    let report = || {
        let report = TOOL.command(workspace).args(["llvm-cov", "report", "--ignore-filename-regex", LEFT_OUT]);
        // Counts of a process that was killed while it wrote them are left out.
        report.env("LLVM_PROFDATA_FLAGS", "--failure-mode=warn")
    };
    report().args(["--html", "--output-dir", "target/coverage"]).run()?;
    let mut summary = report().args(["--summary-only"]);
    if let Some(percent) = args.at_least {
        summary = summary.args(["--fail-under-lines", &percent.to_string()]);
    }
    summary.run()?;
    Ok(tested?)
}
