//! Why there is no plan.

use crate::{CandidateError, RecordError};
use akao_contract::{Digest, manifest::PackageId};
use akao_repository::{OpenError, ResolveError};
use std::fmt;

/// In what a package differs from its lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedDifference {
    /// The package.
    pub id: PackageId,
    /// Its version.
    pub version: String,
    /// What differs.
    pub what: &'static str,
    /// What the lock says.
    pub locked: String,
    /// Where it was looked for.
    pub from: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for LockedDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, version, what, locked, from, found } = self;
        write!(f, "{id} {version} is locked with {what} {locked}, and {from} gives {found}")
    }
}

/// Why there is no plan. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A source gives no package.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// What is asked for or needed cannot be had.
    #[error(transparent)]
    Resolve(Box<ResolveError>),
    /// The repository that has it cannot be used now.
    #[error("the repository `{name}` cannot be used: {reason}")]
    Closed {
        /// Its name.
        name: String,
        /// Why, with its causes.
        reason: String,
        /// What to do, as a sentence.
        cure: &'static str,
    },
    /// A repository that is not configured.
    #[error("no repository is called `{0}` here")]
    NoRepository(String),
    /// A record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The same version from two sources.
    #[error("{id} {version} comes from two of the sources")]
    Twice {
        /// The package.
        id: PackageId,
        /// The version.
        version: String,
    },
    /// A range of versions that is none.
    #[error("{id} needs {needed} {range}, which is no range of versions")]
    Range {
        /// The package.
        id: PackageId,
        /// What it needs.
        needed: PackageId,
        /// What it says.
        range: String,
    },
    /// A package that is to be updated is not installed.
    #[error("`{0}` is not installed")]
    NotInstalled(PackageId),
    /// What a lock names is not what its source gives.
    #[error("{0}")]
    Locked(Box<LockedDifference>),
    /// A lock's source is no source.
    #[error("{id} is locked to a source that cannot be used: {reason}")]
    LockedSource {
        /// The package.
        id: PackageId,
        /// Why.
        reason: String,
    },
    /// What is locked is installed and may not be used.
    #[error("{id} {version} is locked and cannot be used here: {reason}")]
    LockedUnusable {
        /// The package.
        id: PackageId,
        /// Its version.
        version: String,
        /// Why.
        reason: String,
        /// What to do, as a sentence.
        cure: String,
    },
    /// A package of a repository was taken for another source.
    #[error("`{0}` is a package of a repository")]
    Unfetched(String),
}

impl From<ResolveError> for PlanError {
    fn from(error: ResolveError) -> Self {
        Self::Resolve(Box::new(error))
    }
}

impl PlanError {
    pub(super) fn closed(name: &str, error: &OpenError) -> Self {
        let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        let reason = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        Self::Closed { name: name.to_owned(), reason, cure: error.suggestion() }
    }

    /// A digest or its absence, as it is shown.
    pub(super) fn shown(digest: Option<Digest>) -> String {
        digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string())
    }

    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Candidate(error) => error.suggestion(),
            Self::Resolve(error) => error.suggestion(),
            Self::Closed { cure, .. } => (*cure).to_owned(),
            Self::NoRepository(name) => {
                format!("Add it by `akao repo add {name} PLACE --prefix PREFIX --fingerprint FINGERPRINT`.")
            }
            Self::Record(error) => error.suggestion(),
            Self::Twice { .. } => "Name one of the sources.".to_owned(),
            Self::Range { .. } => "Ask its publisher to mend the manifest.".to_owned(),
            Self::NotInstalled(id) => format!("Install it by `akao install {id}`."),
            Self::Locked(_) => {
                "Do not use it unless its publisher says why it changed; then make the lock anew.".to_owned()
            }
            Self::LockedUnusable { cure, .. } => cure.clone(),
            Self::LockedSource { .. } => "Make the lock anew.".to_owned(),
            Self::Unfetched(name) => format!("Install it by its name, `{name}`."),
        }
    }
}
