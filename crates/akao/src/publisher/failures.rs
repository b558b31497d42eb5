//! How what went wrong with archives and repositories is presented: its kind, its exit and what to do.

use crate::{exit::Exit, failure::Failure};
use akao_package::{ArchiveError, PackError};
use akao_repository::{FolderError, MirrorError, OpenError, ServeError};
use std::error::Error;

fn failure(kind: &'static str, exit: Exit, error: &dyn Error, hint: &str) -> Failure {
    let failure = Failure::new(kind, exit, error.to_string()).hint(hint);
    match error.source() {
        Some(source) => failure.because(source),
        None => failure,
    }
}

/// Kind and exit of a repository's folder that cannot be read or changed.
impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let (kind, exit) = match &error {
            FolderError::Exists(_)
            | FolderError::Immutable { .. }
            | FolderError::Deleted(_)
            | FolderError::Publisher { .. } => ("conflict", Exit::Failure),
            FolderError::Absent(_) | FolderError::Unknown(_) => ("not_found", Exit::Failure),
            FolderError::Text(_)
            | FolderError::Record(_)
            | FolderError::Sign(_)
            | FolderError::Size { .. }
            | FolderError::Grown { .. } => ("usage", Exit::Usage),
            FolderError::Damaged { .. } | FolderError::Part(_) | FolderError::KillList(_) => {
                ("damaged", Exit::Internal)
            }
            FolderError::Io { .. } => ("storage", Exit::Failure),
            FolderError::Random => ("internal", Exit::Internal),
        };
        let hint = match &error {
            FolderError::Absent(dir) => format!("Make one with `akao repo init {}`.", dir.display()),
            FolderError::Publisher { .. } => {
                "Sign with the publisher's key; `--accept-publisher` hands the package over \
                                              to the new key."
                    .to_owned()
            }
            other => other.suggestion().to_owned(),
        };
        failure(kind, exit, &error, &hint)
    }
}

/// An archive that is refused.
impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        failure("usage", Exit::Usage, &error, error.suggestion())
    }
}

/// A folder that cannot be packed.
pub(crate) fn pack_failure(error: &PackError) -> Failure {
    failure("usage", Exit::Usage, error, &error.suggestion())
}

/// A repository that is not believed or not reached.
pub(crate) fn open_failure(error: &OpenError) -> Failure {
    let (kind, exit) = match error {
        OpenError::Fetch { .. } => ("not_found", Exit::Failure),
        OpenError::Root => ("usage", Exit::Usage),
        OpenError::State { .. } => ("storage", Exit::Failure),
        _ => ("conflict", Exit::Failure),
    };
    failure(kind, exit, error, error.suggestion())
}

/// A copy that was not made.
pub(crate) fn mirror_failure(error: &MirrorError) -> Failure {
    let (kind, hint) = match error {
        MirrorError::Open(error) => return open_failure(error),
        MirrorError::Download(error) => ("conflict", error.suggestion()),
        MirrorError::Expired { .. } => ("conflict", "Its owner has to refresh it; check this machine's clock too."),
        MirrorError::Other(_) => ("conflict", "Name another folder for this copy."),
        MirrorError::Io { .. } => ("storage", "Check free space and the permissions of the folder."),
    };
    failure(kind, Exit::Failure, error, hint)
}

/// A repository that cannot be served.
pub(crate) fn serve_failure(error: ServeError) -> Failure {
    match error {
        ServeError::Folder(error) => error.into(),
        ServeError::Listener(error) => Failure::storage("the listener cannot be used").because(&error),
    }
}
