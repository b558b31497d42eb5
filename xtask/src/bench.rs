//! `cargo xtask bench`: builds the programs as they are released and measures the figures of `docs/performance.md`.
//!
//! The figures, their floors and their goals stand in `crates/akao-bench`; this chore only builds and passes options on.

use crate::{Chore, workspace::Workspace};

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Shorter durations and smaller data, marked as such; ends within 50 s a topic.
    #[arg(long)]
    quick: bool,
    /// One line of JSON on standard output and nothing else there.
    #[arg(long)]
    json: bool,
    /// Only one topic.
    #[arg(long, value_name = "TOPIC")]
    only: Option<String>,
    /// Only figures whose name holds this text.
    #[arg(long, value_name = "TEXT")]
    figure: Option<String>,
}

/// Builds and measures.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Chore {
    // Standard output belongs to the figures, so cargo and the commands' own lines go to standard error.
    let packages = ["--package", "akao", "--package", "akao-bench"];
    workspace.cargo().args(["build", "--release"]).args(packages).run_unannounced()?;
    let metadata = workspace.metadata()?;
    let program = metadata.release_program("akao-bench");
    let mut bench = workspace.command(&program).args(["--akao"]).args([metadata.release_program("akao")]);
    for (flag, wanted) in [("--quick", args.quick), ("--json", args.json)] {
        if wanted {
            bench = bench.args([flag]);
        }
    }
    for (option, value) in [("--only", &args.only), ("--figure", &args.figure)] {
        if let Some(value) = value {
            bench = bench.args([option, value]);
        }
    }
    Ok(bench.run_unannounced()?)
}
