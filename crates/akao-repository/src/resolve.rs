//! Choosing versions: requests and ranges in, one exact version for each package out, or an explanation why not.
//!
//! Nodes are processes, so that incompatible versions of a package stand side by side: each *line* of a package (1.x, 2.x,
//! 0.3.x, as semantic versioning divides them) is chosen on its own. A library is loaded into the process of who needs it;
//! there is one version of it in all. What is locked is kept, the highest version that fits is taken, and for every choice
//! it is said why newer versions were not.

mod explain;
mod offer;
mod provider;
mod unit;

pub use offer::{Skipped, Why};

use crate::route::{Catalogue, RouteError};
use akao_contract::{Digest, manifest::PackageId};
use jiff::Timestamp;
use provider::Provider;
use semver::{Version, VersionReq};
use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr};

/// Most packages that are looked at for one answer.
pub const PACKAGES_MAX: usize = 10_000;

/// A package that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: PackageId,
    /// The versions that will do.
    pub range: VersionReq,
}

/// Why a text is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The id.
    #[error(transparent)]
    Id(#[from] akao_contract::manifest::PackageIdError),
    /// The range.
    #[error("`{0}` is not a range of versions such as `^1.2`, `~1.2.3`, `>=1, <2` or `=1.2.3`: {1}")]
    Range(String, String),
}

impl FromStr for Request {
    type Err = RequestError;

    /// `com.example.enrich` or `com.example.enrich@^1.2`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, range) = text.split_once('@').unwrap_or((text, "*"));
        let shown = || range.chars().take(80).collect();
        let parsed = range.parse().map_err(|error: semver::Error| RequestError::Range(shown(), error.to_string()))?;
        Ok(Self { id: id.parse()?, range: parsed })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.range == VersionReq::STAR { write!(f, "{}", self.id) } else { write!(f, "{}@{}", self.id, self.range) }
    }
}

/// A version that was chosen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The package.
    pub id: PackageId,
    /// The version.
    pub version: Version,
    /// The archive's digest.
    pub digest: Digest,
}

/// What may be chosen.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Versions of the node contract that this Akao speaks.
    pub contract: RangeInclusive<u32>,
    /// Versions that are kept where they fit, also when they are yanked.
    pub locked: Vec<Locked>,
    /// Only versions that were published before this, unless they are locked: a cool-down.
    pub published_before: Option<Timestamp>,
}

/// One chosen version.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The package.
    pub id: PackageId,
    /// The version.
    pub version: Version,
    /// The repository that offers it.
    pub repository: String,
    /// The archive's digest.
    pub digest: Digest,
    /// Whether it was asked for, not only needed.
    pub requested: bool,
    /// Who needs it, `id version` each, sorted.
    pub needed_by: Vec<String>,
    /// Newer versions that were not taken, newest first, and why.
    pub skipped: Vec<Skipped>,
}

/// Why there is no choice.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No repository for an id.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// No such package.
    #[error("there is no package `{id}` in the repository `{repository}`")]
    Unknown {
        /// The id.
        id: PackageId,
        /// The repository that it is bound to.
        repository: String,
        /// Other repositories that offer it without being bound to it.
        strangers: Vec<String>,
    },
    /// The requests contradict each other or what is offered.
    #[error("no versions fit together\n{explanation}")]
    Conflict {
        /// Sentences that lead from what was asked for to the contradiction.
        explanation: String,
    },
    /// A locked version has other bytes now.
    #[error("{id} {version} is locked as {locked}, and the repository offers it as {offered}")]
    Changed {
        /// The package.
        id: PackageId,
        /// The version.
        version: Version,
        /// The digest in the lock.
        locked: Digest,
        /// The digest in the repository.
        offered: Digest,
    },
    /// More packages than anybody needs.
    #[error("more than {PACKAGES_MAX} packages would be needed")]
    Many,
}

impl ResolveError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Route(error) => error.suggestion().to_owned(),
            Self::Unknown { id, strangers, .. } if !strangers.is_empty() => format!(
                "`{}` offers {id} but is not bound to it; if that is right, bind the prefix to it.",
                strangers.join("`, `")
            ),
            Self::Unknown { .. } => "Search the repositories for the id.".to_owned(),
            Self::Conflict { .. } => "Widen one of the ranges, or leave one of the packages out.".to_owned(),
            Self::Changed { .. } => "Do not install it: versions never change. Tell the repository's owner.".to_owned(),
            Self::Many => "Ask for fewer packages at once.".to_owned(),
        }
    }
}

/// Chooses a version for every request and everything that is needed for it. The answer is sorted by id and version, and
/// the same for the same input.
///
/// # Errors
/// A package is unknown, or no versions fit together.
pub fn resolve(catalogue: &Catalogue<'_>, requests: &[Request], policy: &Policy) -> Result<Vec<Chosen>, ResolveError> {
    for request in requests {
        known(catalogue, &request.id)?;
    }
    let provider = Provider::of(catalogue, requests, policy)?;
    let solution = provider.solve()?;
    let wants = provider.wants(&solution);
    let mut chosen: BTreeMap<(PackageId, Version), Chosen> = BTreeMap::new();
    for (id, version) in &solution {
        let Some((repository, package)) = catalogue.package(id) else { continue };
        let Some(release) = package.release(version) else { continue };
        let asked: Vec<&Request> = requests.iter().filter(|request| request.id == *id).collect();
        let entry = Chosen {
            id: id.clone(),
            version: version.clone(),
            repository: repository.to_owned(),
            digest: release.archive.digest,
            requested: asked.iter().any(|request| offer::fits(&request.range, version)),
            needed_by: Vec::new(),
            skipped: provider.skipped(id, version, &wants),
        };
        chosen.insert((id.clone(), version.clone()), entry);
    }
    for (id, version) in &solution {
        for (needed, at) in provider.needed_by(id, version, &solution) {
            if let Some(entry) = chosen.get_mut(&(needed, at)) {
                entry.needed_by.push(format!("{id} {version}"));
            }
        }
    }
    Ok(chosen.into_values().collect())
}

fn known(catalogue: &Catalogue<'_>, id: &PackageId) -> Result<(), ResolveError> {
    let repository = catalogue.repository(id)?.to_owned();
    match catalogue.package(id) {
        Some(_) => Ok(()),
        None => {
            let strangers = catalogue.strangers(id).into_iter().map(str::to_owned).collect();
            Err(ResolveError::Unknown { id: id.clone(), repository, strangers })
        }
    }
}

#[cfg(test)]
mod tests;
