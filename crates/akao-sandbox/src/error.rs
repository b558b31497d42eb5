//! What can go wrong, for each operation.

use crate::{
    ended::Ended,
    tier::{Tier, TierReport},
};
use akao_spawner::{Stage, wire::Failure};
use std::{io, path::PathBuf, time::Duration};

/// Why a launcher did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The spawner could not be run.
    #[error("the spawner could not be run")]
    Run(#[source] io::Error),
    /// The spawner ended or said something else than expected.
    #[error("the spawner did not answer its settings")]
    Silent(#[source] io::Error),
    /// A folder of the base view could not be opened.
    #[error("`{path}` of the base view could not be opened")]
    Base {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The folder for sandboxes without mounts of their own could not be made.
    #[error("no folder for sandboxes could be made in `{path}`")]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// This machine reaches less than is asked for.
    #[error("this machine reaches {} and {minimum} is asked for", .report.tier)]
    Tier {
        /// What is asked for.
        minimum: Tier,
        /// What was found.
        report: Box<TierReport>,
    },
}

/// Why a sandbox was not made. Nothing of it runs.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// This machine cannot isolate; the launcher's report says why.
    #[error("this machine reaches {0}, which runs no foreign program")]
    Tier(Tier),
    /// It asks for network, which nothing has where there are no namespaces.
    #[error(
        "this machine reaches T2, where nothing has network: without a network of its own a program would have the host's"
    )]
    NoNetwork,
    /// Another's sandbox lives, and there are no namespaces between them.
    #[error(
        "this machine reaches T2, where the programs of two tenants never run at the same time, and another's run now"
    )]
    Neighbours,
    /// A value of the specification is not allowed.
    #[error("{what} is not allowed: {value}")]
    Spec {
        /// The field.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// What is to be shown could not be opened.
    #[error("`{path}` could not be opened for the sandbox")]
    Source {
        /// The path on the host.
        path: PathBuf,
        /// Why; a link on the way is refused.
        #[source]
        cause: io::Error,
    },
    /// A step failed inside.
    #[error("the sandbox could not be made: step `{}` failed", .failure.stage.name())]
    Stage {
        /// The step and its error number.
        failure: Failure,
        /// The same error number as an error.
        #[source]
        cause: io::Error,
    },
    /// The specification is larger than one message.
    #[error("the specification has {0} bytes or descriptors too many for one message")]
    TooLarge(usize),
    /// The spawner is gone.
    #[error("the spawner is gone")]
    SpawnerGone(#[source] io::Error),
    /// It ended before its program ran: its wall limit passed, or something outside killed it.
    #[error("the sandbox ended before its program ran: {:?}", .0.cause)]
    EndedEarly(Ended),
    /// The program did not start in time.
    #[error("the sandbox was not ready within {0:?}")]
    Slow(Duration),
}

impl SpawnError {
    pub(crate) fn stage(failure: Failure) -> Self {
        if failure.stage == Stage::Neighbours {
            return Self::Neighbours;
        }
        Self::Stage { failure, cause: io::Error::from_raw_os_error(failure.errno) }
    }
}

/// Why the end of a sandbox is not known.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// It had not ended by then.
    #[error("the sandbox has not ended yet")]
    NotYet,
    /// The spawner ended first, and with it the sandbox.
    #[error("the spawner is gone, and the sandbox with it")]
    SpawnerGone,
    /// Waiting itself failed.
    #[error("waiting failed")]
    Wait(#[source] io::Error),
}
