//! `akao sdk`: nodes in TypeScript, from the first line to the versions that workflows use.

mod deploy;
mod init;
mod project;
mod schema;
mod server;
mod test;
mod test_files;
mod trial;
mod validate;
mod versions;

use crate::{cli::Context, exit::Exit, failure::Failure};

/// Every command of `akao sdk`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Begin a node: its source, its schema and its test.
    Init(init::Args),
    /// Run the tests of a project in the runtime that will run its nodes.
    Test(test::Args),
    /// Check types by the TypeScript compiler, and look for what is most likely not meant and what a reviewer should see.
    Validate(validate::Args),
    /// Compile a node and keep it as a version that workflows can use.
    Deploy(deploy::Args),
    /// Let workflows of a server use a version.
    Promote(versions::Args),
    /// Retire the newest active version on a server in favour of the one before it.
    Rollback(versions::Args),
    /// Retire a version on a server: workflows that use it are warned.
    Deprecate(versions::DeprecateArgs),
    /// Take back on a server that a version was let in: its grants go, and no step of it begins any more.
    Withdraw(versions::WithdrawArgs),
    /// Show which workflows of a server use a node.
    Dependents(versions::Args),
}

/// Carries out one of the commands.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Test(args) => test::run(&args, context),
        Command::Validate(args) => validate::run(&args, context),
        Command::Deploy(args) => deploy::run(&args, context),
        Command::Promote(args) => versions::promote(&args, context),
        Command::Rollback(args) => versions::rollback(&args, context),
        Command::Deprecate(args) => versions::deprecate(&args, context),
        Command::Withdraw(args) => versions::withdraw(&args, context),
        Command::Dependents(args) => versions::dependents(&args, context),
    }
}
