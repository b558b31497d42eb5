//! Where each command works, so that none answers for this machine when a server was named.

use crate::{
    cli::{Command, Context},
    commands::{env, node},
    failure::Failure,
};

/// Where a command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the server that is named or used, else on this machine.
    Either,
    /// On files that it is given, or on what this program knows by itself: a server changes nothing.
    Files,
    /// On this machine and its data directory alone.
    Here,
}

impl Place {
    /// Every command is here by name: whoever adds one decides.
    fn of(command: &Command) -> Self {
        match command {
            Command::Run(_)
            | Command::Validate(_)
            | Command::Executions(_)
            | Command::Tasks(_)
            | Command::ListNodes(_)
            | Command::NodeInfo(_)
            | Command::Sdk(_)
            | Command::Audit(_)
            | Command::Env(env::Command::List(_)) => Self::Either,
            Command::New(_)
            | Command::Schema(_)
            | Command::Fmt(_)
            | Command::Diff(_)
            | Command::Graph(_)
            | Command::Import(_)
            | Command::Login(_)
            | Command::Logout(_)
            | Command::Context(_)
            | Command::Completions(_)
            | Command::Owner(_)
            | Command::Docs(_)
            | Command::Node(node::Command::Init(_) | node::Command::Validate(_) | node::Command::Pack(_)) => {
                Self::Files
            }
            Command::Dev(_)
            | Command::Serve(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Vault(_)
            | Command::Operator(_)
            | Command::Install(_)
            | Command::Uninstall(_)
            | Command::Update(_)
            | Command::Rollback(_)
            | Command::Enable(_)
            | Command::Disable(_)
            | Command::Verify(_)
            | Command::Search(_)
            | Command::Lock(_)
            | Command::Node(_)
            | Command::Key(_)
            | Command::Repo(_)
            | Command::Policy(_)
            | Command::KillList(_)
            | Command::Env(env::Command::Create(_) | env::Command::Remove(_))
            | Command::Sandbox(_)
            | Command::Doctor(_) => Self::Here,
        }
    }
}

/// Refuses a command of this machine where a server is named for it.
///
/// # Errors
/// One is.
pub(crate) fn check(command: &Command, context: &Context) -> Result<(), Failure> {
    match (&context.server, Place::of(command)) {
        (Some(server), Place::Here) => {
            let message = format!("this is done on a data directory of this machine, and the server {server} is named");
            Err(Failure::usage(message)
                .hint("Leave out `--server` and the variable AKAO_SERVER, or name a folder with `--data-dir`."))
        }
        _ => Ok(()),
    }
}
