//! Makes plans: fetches what is asked for, chooses what that needs, and holds each package against policy, trust and what is
//! installed. No code of a package runs, and nothing is written but files below the cache, which are removed again.

mod error;
mod locked;
mod needs;
mod update;
pub(crate) mod weigh;

pub use error::{LockedDifference, PlanError};
pub use update::UpdateOptions;

use crate::{
    Candidate, Git, Installed, InstalledSource, OpenRepositories, Places, Plan, Settings, Source, installed::above,
};
use akao_contract::manifest::{MANIFEST_FORMAT, PackageId, ResourceCaps};
use akao_package::{ArchiveLimits, PublicKey};
use akao_repository::{Chosen, Locked, Policy as Choice, Request, ResolveError, Skipped, resolve};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The oldest manifest that is read.
const MANIFEST_FORMAT_MIN: u32 = 1;

/// Everything that a plan depends on.
#[derive(Clone, Copy)]
pub struct Planner<'a> {
    /// The data directory.
    pub places: &'a Places,
    /// Its settings.
    pub settings: &'a Settings,
    /// Its repositories, opened now.
    pub repositories: &'a OpenRepositories,
    /// The `git` program.
    pub git: &'a Git,
    /// The operator's caps, for showing which limits would hold.
    pub caps: &'a ResourceCaps,
    /// Bounds of archives.
    pub limits: &'a ArchiveLimits,
    /// Now.
    pub now: Timestamp,
}

/// A package that was fetched, with why.
pub(crate) struct Gathered {
    candidate: Candidate,
    requested: bool,
    needed_by: Vec<String>,
    skipped: Vec<Skipped>,
}

impl Gathered {
    fn asked_for(candidate: Candidate) -> Self {
        Self { candidate, requested: true, needed_by: Vec::new(), skipped: Vec::new() }
    }
}

impl Planner<'_> {
    /// Plans the installation of sources together, with everything that they need. `offered` is a key that somebody gave
    /// for what is signed and not known here.
    ///
    /// # Errors
    /// A source gives no package, or what one needs cannot be had. Packages that policy or trust refuse are in the plan,
    /// with the reason.
    pub async fn install(&self, sources: &[Source], offered: Option<&PublicKey>) -> Result<Plan, PlanError> {
        let (mut gathered, mut requests) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                Source::Named(request) => requests.push(self.nearest(request)),
                source => {
                    let candidate = self.fetch(source)?.offering(offered.cloned());
                    gathered.push(Gathered::asked_for(candidate));
                }
            }
        }
        let named: Vec<PackageId> = requests.iter().map(|request| request.id.clone()).collect();
        let wanted_by = self.needs_of(&gathered, &mut requests)?;
        let chosen = self.choose(&requests, &named, None)?;
        for chosen in chosen {
            let requested = named.contains(&chosen.id);
            if !requested && self.is_there(&chosen)? {
                continue;
            }
            let wanted = wanted_by.get(&chosen.id).cloned().unwrap_or_default();
            gathered.push(self.download(chosen, requested, wanted).await?);
        }
        self.plan(gathered, false)
    }

    /// A package or the nearest above it that its repository has: people name nodes as well.
    fn nearest(&self, request: &Request) -> Request {
        let catalogue = self.repositories.catalogue();
        let id = above(&request.id).find(|id| catalogue.package(id).is_some());
        Request { id: id.unwrap_or_else(|| request.id.clone()), range: request.range.clone() }
    }

    /// The package of a source that is not a repository.
    fn fetch(&self, source: &Source) -> Result<Candidate, PlanError> {
        Ok(match source {
            Source::Folder(path) => Candidate::from_folder(path, self.limits)?,
            Source::File(path) => Candidate::from_file(path, self.limits)?,
            Source::Git(git) => Candidate::from_git(git, self.git, &self.places.cache(), self.limits)?,
            Source::Named(request) => return Err(PlanError::Unfetched(request.to_string())),
        })
    }

    /// Chooses versions for requests and what they need. What is installed is kept where it fits, unless it is asked for.
    fn choose(
        &self,
        requests: &[Request],
        named: &[PackageId],
        published_before: Option<Timestamp>,
    ) -> Result<Vec<Chosen>, PlanError> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        for request in requests {
            self.check_open(&request.id)?;
        }
        let locked = self.kept_versions(named)?;
        let choice = Choice { contract: MANIFEST_FORMAT_MIN..=MANIFEST_FORMAT, locked, published_before };
        resolve(&self.repositories.catalogue(), requests, &choice).map_err(|error| match &error {
            ResolveError::Unknown { repository, .. } => match self.repositories.failure(repository) {
                Some(why) => PlanError::closed(repository, why),
                None => error.into(),
            },
            _ => error.into(),
        })
    }

    /// The repository of an id was opened; one that nobody is bound to is told by who chooses.
    fn check_open(&self, id: &PackageId) -> Result<(), PlanError> {
        let Ok(name) = self.repositories.routes().repository(id) else { return Ok(()) };
        match self.repositories.failure(name) {
            Some(why) => Err(PlanError::closed(name, why)),
            None => Ok(()),
        }
    }

    /// Installed versions from repositories, except of what is asked for.
    fn kept_versions(&self, named: &[PackageId]) -> Result<Vec<Locked>, PlanError> {
        let mut locked = Vec::new();
        for (id, record) in Installed::of(self.places).all().map_err(crate::RecordError::from)? {
            if named.contains(&id) {
                continue;
            }
            // A record that cannot be used keeps nothing; using its package tells.
            for version in record.into_iter().flat_map(|record| record.versions) {
                if matches!(version.source, InstalledSource::Repository { .. }) && version.blocked.is_none() {
                    locked.push(Locked { id: id.clone(), version: version.version, digest: version.archive });
                }
            }
        }
        Ok(locked)
    }

    /// Whether a chosen version is installed with the same bytes.
    fn is_there(&self, chosen: &Chosen) -> Result<bool, PlanError> {
        let record = Installed::of(self.places).record(&chosen.id)?;
        let version = record.as_ref().and_then(|record| record.version(&chosen.version));
        Ok(version.is_some_and(|version| version.archive == chosen.digest))
    }

    async fn download(&self, chosen: Chosen, requested: bool, wanted: Vec<String>) -> Result<Gathered, PlanError> {
        let unknown = || PlanError::NoRepository(chosen.repository.clone());
        let open = self.repositories.get(&chosen.repository).ok_or_else(unknown)?;
        let from = (open.name.as_str(), &open.repository);
        let (version, cache) = ((&chosen.id, &chosen.version), self.places.cache());
        let fetching = Candidate::from_repository(from, version, &cache, self.limits, self.now);
        let candidate = Box::pin(fetching).await?;
        let mut needed_by = chosen.needed_by;
        needed_by.extend(wanted);
        needed_by.sort();
        needed_by.dedup();
        Ok(Gathered { candidate, requested, needed_by, skipped: chosen.skipped })
    }

    /// Weighs every package and puts them in the order in which they are written.
    fn plan(&self, gathered: Vec<Gathered>, automatic: bool) -> Result<Plan, PlanError> {
        let mut seen: BTreeMap<(PackageId, String), ()> = BTreeMap::new();
        for one in &gathered {
            let manifest = one.candidate.manifest();
            let (id, version) = (manifest.id.clone(), manifest.version.clone());
            if seen.insert((id.clone(), version.clone()), ()).is_some() {
                return Err(PlanError::Twice { id, version });
            }
        }
        let weighed = gathered.into_iter().map(|one| self.weigh(one, automatic, None));
        let mut packages = weighed.collect::<Result<Vec<_>, _>>()?;
        needs::order(&mut packages);
        Ok(Plan { packages, kept: Vec::new(), automatic })
    }
}
