//! What packages from folders, files and git need, and the order of a plan.

use super::{Gathered, PlanError, Planner};
use crate::{Installed, LookupError, PlannedPackage};
use akao_contract::manifest::{Dependency, Manifest, PackageId};
use akao_repository::Request;
use semver::VersionReq;
use std::collections::BTreeMap;

impl Planner<'_> {
    /// Adds a request for everything that packages need and that is neither among them nor installed. Gives who needs it.
    pub(super) fn needs_of(
        &self,
        gathered: &[Gathered],
        requests: &mut Vec<Request>,
    ) -> Result<BTreeMap<PackageId, Vec<String>>, PlanError> {
        let mut wanted: BTreeMap<PackageId, Vec<String>> = BTreeMap::new();
        for manifest in gathered.iter().map(|one| one.candidate.manifest()) {
            for need in &manifest.dependencies {
                let range = range_of(manifest, need)?;
                let among = |other: &Gathered| {
                    other.candidate.manifest().id == need.id && range.matches(&other.candidate.version())
                };
                if gathered.iter().any(among) || self.has(&need.id, &range)? {
                    continue;
                }
                wanted.entry(need.id.clone()).or_default().push(format!("{} {}", manifest.id, manifest.version));
                requests.push(Request { id: need.id.clone(), range });
            }
        }
        Ok(wanted)
    }

    /// Whether a version within the range is installed and may run.
    fn has(&self, id: &PackageId, range: &VersionReq) -> Result<bool, PlanError> {
        match Installed::of(self.places).find(id, range) {
            Ok(found) => Ok(found.package == *id),
            Err(LookupError::Record(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }
}

pub(super) fn range_of(manifest: &Manifest, need: &Dependency) -> Result<VersionReq, PlanError> {
    need.version.parse().map_err(|_| PlanError::Range {
        id: manifest.id.clone(),
        needed: need.id.clone(),
        range: akao_contract::shortened(need.version.clone(), 80),
    })
}

/// Puts what is needed before what needs it. Packages that need each other stay in the order of their ids.
pub(super) fn order(packages: &mut Vec<PlannedPackage>) {
    packages.sort_by(|a, b| (&a.id, &a.version).cmp(&(&b.id, &b.version)));
    let mut left = std::mem::take(packages);
    while !left.is_empty() {
        let waits = |package: &PlannedPackage| {
            let needs = &package.candidate.manifest().dependencies;
            left.iter().any(|other| other.id != package.id && needs.iter().any(|need| need.id == other.id))
        };
        let at = left.iter().position(|package| !waits(package)).unwrap_or_default();
        packages.push(left.remove(at));
    }
}
