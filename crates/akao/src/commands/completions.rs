//! `akao completions`: what a shell needs to complete commands and options.

use crate::{
    cli::{Cli, Context},
    exit::Exit,
    failure::Failure,
};
use clap::CommandFactory;
use clap_complete::Shell;

/// Arguments of `akao completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell; its own manual says where the file belongs.
    shell: Shell,
}

/// Prints the script of a shell.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if context.output.json {
        return Err(Failure::usage("completions are a script, `--json` one document").hint("Leave out `--json`."));
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "akao", &mut script);
    context.output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
