//! The reference documents: the program itself writes them, because it knows its node types and options. The types of the
//! console are made from one of them.

use crate::{Chore, command, workspace::Workspace};

/// Options of `cargo xtask generate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when a document is not as it would be written.
    #[arg(long)]
    check: bool,
}

/// Builds the program, as the tests do so that nothing is built twice, and has it write the documents.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Chore {
    workspace.cargo().args(["build", "--workspace"]).run()?;
    if args.check { check(workspace) } else { write(workspace, &[]) }
}

/// Compares the documents with what the program, which must have been built, would write.
pub(crate) fn check(workspace: &Workspace) -> Chore {
    write(workspace, &["--check"])
}

fn write(workspace: &Workspace, options: &[&str]) -> Chore {
    let program = workspace.metadata()?.program("akao");
    workspace.command(&program).args(["docs", "generate", "docs"]).args(options).run()?;
    // The console's types follow from the document of the interface.
    if command::is_installed("node") {
        workspace.command("node").args(["web/tools/api-types.mjs"]).args(options).run()?;
    }
    Ok(())
}
