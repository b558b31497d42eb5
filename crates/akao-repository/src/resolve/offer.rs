//! What a package offers to a resolution: which versions may be chosen, and why the others may not.

use super::{Policy, ResolveError};
use crate::{record::Release, route::Catalogue};
use akao_contract::manifest::PackageId;
use jiff::Timestamp;
use semver::{Version, VersionReq};
use std::fmt;

/// Most newer versions that are told for one choice.
const SKIPPED_MAX: usize = 8;

/// A newer version that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The version.
    pub version: Version,
    /// Why.
    pub why: Why,
}

/// Why a version was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The repository says that nobody should take it newly.
    Yanked(String),
    /// The kill list forbids it.
    Killed(String),
    /// It is written for a version of the node contract that this Akao does not speak.
    Contract {
        /// What it is written for.
        needs: u32,
        /// The lowest and the highest that are spoken.
        speaks: (u32, u32),
    },
    /// It is younger than the cool-down allows.
    Young(Timestamp),
    /// It is a pre-release that nobody asked for by name.
    PreRelease,
    /// It is outside of a range: who wants the range, and which it is.
    Range {
        /// Who wants it.
        by: String,
        /// The range.
        range: VersionReq,
    },
    /// What it needs does not fit to the rest, or another version was locked.
    Rest,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yanked(reason) => write!(f, "it is yanked: {reason}"),
            Self::Killed(reason) => write!(f, "the kill list forbids it: {reason}"),
            Self::Contract { needs, speaks: (from, to) } if from == to => {
                write!(f, "it needs version {needs} of the node contract, and this Akao speaks {from}")
            }
            Self::Contract { needs, speaks: (from, to) } => {
                write!(f, "it needs version {needs} of the node contract, and this Akao speaks {from} to {to}")
            }
            Self::Young(published) => write!(f, "it was published at {published}, within the cool-down"),
            Self::PreRelease => f.write_str("it is a pre-release"),
            Self::Range { by, range } => write!(f, "{by} asks for {range}"),
            Self::Rest => f.write_str("it does not fit to the rest, or another version is locked"),
        }
    }
}

/// A version with whether it may be chosen.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) release: &'a Release,
    pub(super) barred: Option<Why>,
    pub(super) locked: bool,
}

/// A package with its versions, lowest first.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    pub(super) id: PackageId,
    pub(super) library: bool,
    pub(super) candidates: Vec<Candidate<'a>>,
}

/// Whether a range admits a version. Pre-releases are admitted where the range names one of the same version.
pub(super) fn fits(range: &VersionReq, version: &Version) -> bool {
    range.matches(version)
}

impl<'a> Offer<'a> {
    /// A package as the catalogue offers it; without versions when it does not.
    pub(super) fn of(catalogue: &Catalogue<'a>, id: &PackageId, policy: &Policy) -> Result<Self, ResolveError> {
        let mut offer = Self { id: id.clone(), library: false, candidates: Vec::new() };
        let Some((_, package)) = catalogue.package(id) else { return Ok(offer) };
        offer.library = package.releases.iter().any(|release| release.library);
        for release in &package.releases {
            let locked = policy.locked.iter().find(|locked| locked.id == *id && locked.version == release.version);
            if let Some(locked) = locked.filter(|locked| locked.digest != release.archive.digest) {
                let (id, version) = (id.clone(), release.version.clone());
                let (locked, offered) = (locked.digest, release.archive.digest);
                return Err(ResolveError::Changed { id, version, locked, offered });
            }
            let locked = locked.is_some();
            offer.candidates.push(Candidate {
                release,
                barred: barred(catalogue, id, release, policy, locked),
                locked,
            });
        }
        Ok(offer)
    }

    /// The places of the versions that a range admits.
    pub(super) fn admitted<'b>(&'b self, range: &'b VersionReq) -> impl Iterator<Item = u32> + 'b {
        let admitted = |(at, candidate): (u32, &Candidate<'_>)| fits(range, &candidate.release.version).then_some(at);
        (0u32..).zip(&self.candidates).filter_map(admitted)
    }

    /// Versions above the chosen one with the reason for each; `ranges` are those that somebody wants.
    pub(super) fn skipped(&self, chosen: &Version, ranges: &[(String, VersionReq)]) -> Vec<Skipped> {
        let newer = self.candidates.iter().rev().take_while(|candidate| candidate.release.version > *chosen);
        let why = |candidate: &Candidate<'_>| {
            let version = &candidate.release.version;
            if let Some(barred) = &candidate.barred {
                return barred.clone();
            }
            // A range that admits the chosen version is one that the choice had to obey.
            let obeyed = ranges.iter().filter(|(_, range)| fits(range, chosen));
            let outside = obeyed.filter(|(_, range)| !fits(range, version)).collect::<Vec<_>>();
            match outside.first() {
                Some(_)
                    if !version.pre.is_empty() && outside.iter().all(|(_, range)| admits_release(range, version)) =>
                {
                    Why::PreRelease
                }
                Some((by, range)) => Why::Range { by: by.clone(), range: range.clone() },
                None => Why::Rest,
            }
        };
        let skipped =
            newer.map(|candidate| Skipped { version: candidate.release.version.clone(), why: why(candidate) });
        skipped.take(SKIPPED_MAX).collect()
    }
}

/// Whether a range would admit a pre-release if it were the release itself.
fn admits_release(range: &VersionReq, version: &Version) -> bool {
    fits(range, &Version::new(version.major, version.minor, version.patch))
}

fn barred(catalogue: &Catalogue<'_>, id: &PackageId, release: &Release, policy: &Policy, locked: bool) -> Option<Why> {
    if let Some(kill) = catalogue.forbids(id, &release.version, &release.archive.digest) {
        return Some(Why::Killed(kill.reason.clone()));
    }
    if !policy.contract.contains(&release.contract) {
        let speaks = (*policy.contract.start(), *policy.contract.end());
        return Some(Why::Contract { needs: release.contract, speaks });
    }
    if locked {
        return None;
    }
    if let Some(yanked) = &release.yanked {
        return Some(Why::Yanked(yanked.reason.clone()));
    }
    let young = policy.published_before.is_some_and(|before| release.published >= before);
    young.then_some(Why::Young(release.published))
}
