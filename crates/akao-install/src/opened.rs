//! The configured repositories at one moment: opened, or why not.

use crate::{Places, Record, RepositoryEntry, RepositoryList, RepositoryListError};
use akao_contract::manifest::PackageId;
use akao_repository::{
    Access, Cached, Catalogue, Fetch, Kill, Limits, LookAlike, LookAlikes, OpenError, Repository, Routes, cached,
};
use jiff::Timestamp;
use semver::Version;
use std::sync::Arc;

/// A repository that was opened.
#[derive(Debug)]
pub struct OpenRepository {
    /// Its name here.
    pub name: String,
    /// See [`RepositoryEntry::vouches`].
    pub vouches: bool,
    /// What it is.
    pub repository: Repository,
}

/// Every configured repository.
#[derive(Debug, Default)]
pub struct OpenRepositories {
    routes: Routes,
    open: Vec<OpenRepository>,
    failed: Vec<(String, OpenError)>,
    /// What those that failed had said before must not run.
    remembered: Vec<(String, Cached)>,
}

impl OpenRepositories {
    /// Opens the repositories of a list, each as `fetch` says. One that fails does not keep the others from being used:
    /// only what is bound to it cannot be had.
    ///
    /// # Errors
    /// The list itself cannot be used, or a root is not the one that it names.
    pub async fn open(
        list: &RepositoryList,
        places: &Places,
        fetch: impl Fn(&RepositoryEntry) -> Result<Arc<dyn Fetch>, RepositoryListError>,
        now: Timestamp,
    ) -> Result<Self, RepositoryListError> {
        let mut opened = Self { routes: list.routes()?, ..Self::default() };
        for entry in list.entries() {
            let (root, state) = (entry.trusted_root(places)?, places.repository_state(&entry.name));
            let access = Access { fetch: fetch(entry)?, root: root.clone(), state, limits: Limits::default() };
            match Repository::open(access, now).await {
                Ok(repository) => {
                    let (name, vouches) = (entry.name.clone(), entry.vouches);
                    opened.open.push(OpenRepository { name, vouches, repository });
                }
                Err(error) => {
                    opened.failed.push((entry.name.clone(), error));
                    // What is kept of it may be damaged as well; then it says nothing.
                    let seen = cached(&places.repository_state(&entry.name), &root);
                    opened.remembered.extend(seen.ok().flatten().map(|seen| (entry.name.clone(), seen)));
                }
            }
        }
        Ok(opened)
    }

    /// Those that were opened.
    pub fn opened(&self) -> &[OpenRepository] {
        &self.open
    }

    /// Those that were not, with the reason.
    pub fn failed(&self) -> &[(String, OpenError)] {
        &self.failed
    }

    /// Ids in all repositories, and among those that are installed, that are easily taken for this one.
    pub fn look_alikes(&self, id: &PackageId, name: &str, installed: &[Record]) -> Vec<LookAlike> {
        let packages = self.open.iter().flat_map(|open| open.repository.index().packages());
        let known = packages.filter(|package| package.deleted.is_none());
        let known = known.map(|package| (package.id.as_str(), package.newest().map(|release| release.name.as_str())));
        let names = installed
            .iter()
            .map(|record| (record.id.as_str(), record.active_version().map(|version| version.name.as_str())));
        // One that is in both is named once: they are told apart by their ids.
        LookAlikes::of(known.chain(names)).warnings(id.as_str(), Some(name))
    }

    /// What the repository of this name says against using a version of a package.
    pub fn warning(&self, name: &str, id: &PackageId, version: &Version) -> Option<String> {
        self.get(name)?.repository.index().package(id)?.warning(version)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&OpenRepository> {
        self.open.iter().find(|open| open.name == name)
    }

    pub(crate) fn failure(&self, name: &str) -> Option<&OpenError> {
        self.failed.iter().find(|(failed, _)| failed == name).map(|(_, error)| error)
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(crate) fn catalogue(&self) -> Catalogue<'_> {
        let offers =
            self.open.iter().map(|open| (open.name.as_str(), open.repository.index(), open.repository.kill_list()));
        Catalogue::of(&self.routes, offers)
    }

    /// What repositories say must not run. Each speaks for the ids that are bound to it, and for no others.
    pub(crate) fn kills(&self) -> impl Iterator<Item = &Kill> {
        let remembered = self.remembered.iter().map(|(name, cached)| (name.as_str(), &cached.kill_list));
        let lists = self.open.iter().map(|open| (open.name.as_str(), open.repository.kill_list())).chain(remembered);
        lists.flat_map(move |(name, list)| list.entries().iter().filter(move |kill| self.is_bound(&kill.id, name)))
    }

    /// Whether it is known of every repository what it says must not run, if only from before.
    pub(crate) fn knows_all_kills(&self) -> bool {
        self.failed.len() == self.remembered.len()
    }

    /// Whether an id is taken from the repository of this name.
    pub fn is_bound(&self, id: &PackageId, name: &str) -> bool {
        self.routes.repository(id) == Ok(name)
    }
}
