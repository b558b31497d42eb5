//! Plans of what a lock names: exactly that, or nothing.

use super::{Gathered, LockedDifference, PlanError, Planner, needs};
use crate::{
    Candidate, GitSource, Installed, Kept, Plan, PlannedPackage,
    kill::{kills_of, reason_against},
};
use akao_contract::Digest;
use akao_package::{Lock, LockedPackage, LockedSource, trust::SignatureState};
use std::path::Path;

impl Planner<'_> {
    /// Plans the installation of everything in a lock, each from the source that the lock names, to the byte. Paths in it
    /// start at `base`, the folder of the lock. What is installed and sound in the store is not fetched again.
    ///
    /// # Errors
    /// A source gives another id, version, content, archive or publisher than the lock names, or nothing; or what is locked is
    /// installed and may not be used.
    pub async fn locked(&self, lock: &Lock, base: &Path) -> Result<Plan, PlanError> {
        let mut plan = Plan::default();
        for locked in lock.packages() {
            if let Some(kept) = self.installed_as(locked)? {
                plan.kept.push(kept);
                continue;
            }
            let candidate = Box::pin(self.fetch_locked(locked, base)).await?;
            check(locked, &candidate)?;
            let gathered = Gathered::asked_for(candidate);
            let package = self.weigh(gathered, false, Some(locked.content))?;
            check_publisher(locked, &package)?;
            plan.packages.push(package);
        }
        needs::order(&mut plan.packages);
        Ok(plan)
    }

    /// A package that is installed exactly so, by the bytes in the store: a record says nothing of what became of these.
    fn installed_as(&self, locked: &LockedPackage) -> Result<Option<Kept>, PlanError> {
        let record = Installed::of(self.places).record(&locked.id)?;
        if let Some(disabled) = record.as_ref().and_then(|record| record.disabled.as_ref()) {
            let cure = format!("Enable it with `akao enable {}`.", locked.id);
            return Err(unusable(locked, format!("it is disabled: {}", disabled.reason), cure));
        }
        let same = record.as_ref().and_then(|record| record.content(&locked.content));
        let version = same.filter(|version| {
            version.version.to_string() == locked.version
                && locked.publisher.is_none_or(|key| version.publisher.as_ref().map(|k| k.fingerprint()) == Some(key))
        });
        let Some(version) = version else { return Ok(None) };
        let kills = kills_of(&locked.id, self.settings.kill_list.as_ref(), self.repositories);
        if let Some(reason) = reason_against(&kills, &locked.id, version) {
            let cure = "Do not use it; make the lock anew with another version.".to_owned();
            return Err(unusable(locked, format!("it must not run: {reason}"), cure));
        }
        if self.places.store().get(&version.content).is_err() {
            return Ok(None);
        }
        Ok(Some(Kept {
            id: locked.id.clone(),
            version: version.version.clone(),
            why: "it is installed, and its content is as it was".to_owned(),
            skipped: Vec::new(),
        }))
    }

    async fn fetch_locked(&self, locked: &LockedPackage, base: &Path) -> Result<Candidate, PlanError> {
        let refused = |reason: String| PlanError::LockedSource { id: locked.id.clone(), reason };
        match &locked.source {
            LockedSource::Repository(source) => {
                let name = &source.repository;
                if let Some(why) = self.repositories.failure(name) {
                    return Err(PlanError::closed(name, why));
                }
                // A lock comes with a workflow: it must not lead past the operator's bindings.
                match self.repositories.routes().repository(&locked.id) {
                    Ok(bound) if bound == name => {}
                    Ok(bound) => return Err(refused(format!("its id is bound to the repository `{bound}` here"))),
                    Err(_) => return Err(PlanError::NoRepository(name.clone())),
                }
                let open = self.repositories.get(name).ok_or_else(|| PlanError::NoRepository(name.clone()))?;
                let version = locked.version.parse().map_err(|_| refused("its version is none".to_owned()))?;
                let (from, version) = ((name.as_str(), &open.repository), (&locked.id, &version));
                let cache = self.places.cache();
                Ok(Candidate::from_repository(from, version, &cache, self.limits, self.now).await?)
            }
            LockedSource::Git(source) => {
                let (commit, folder) = (Some(source.commit.clone()), source.folder.clone());
                let git = GitSource::new(&source.git, commit, folder);
                let git = git.map_err(|error| refused(error.to_string()))?;
                Ok(Candidate::from_git(&git, self.git, &self.places.cache(), self.limits)?)
            }
            LockedSource::Path(source) => {
                let path = base.join(&source.path);
                match source.path.ends_with(".akao") {
                    true => Ok(Candidate::from_file(&path, self.limits)?),
                    false => Ok(Candidate::from_folder(&path, self.limits)?),
                }
            }
        }
    }
}

fn unusable(locked: &LockedPackage, reason: String, cure: String) -> PlanError {
    PlanError::LockedUnusable { id: locked.id.clone(), version: locked.version.clone(), reason, cure }
}

/// Holds what was fetched against the lock.
fn check(locked: &LockedPackage, candidate: &Candidate) -> Result<(), PlanError> {
    let manifest = candidate.manifest();
    let archive = candidate.archive.digest();
    let compared = [
        ("the id", locked.id.to_string(), manifest.id.to_string()),
        ("the version", locked.version.clone(), manifest.version.clone()),
        ("the content", locked.content.to_string(), candidate.archive.content().digest.to_string()),
        ("the archive", locked.archive.unwrap_or(archive).to_string(), archive.to_string()),
    ];
    let differs = compared.into_iter().find(|(_, locked, found)| locked != found);
    differs.map_or(Ok(()), |(what, said, found)| Err(other(locked, what, said, candidate, found)))
}

/// Holds the key that signed against the lock. What was locked without a key and is signed since is still the same content.
fn check_publisher(locked: &LockedPackage, package: &PlannedPackage) -> Result<(), PlanError> {
    let found: Option<Digest> = match &package.signature {
        SignatureState::Valid { key } => Some(key.fingerprint()),
        _ => None,
    };
    if locked.publisher.is_none() || locked.publisher == found {
        return Ok(());
    }
    let (said, found) = (PlanError::shown(locked.publisher), PlanError::shown(found));
    Err(other(locked, "the publisher's key", said, &package.candidate, found))
}

fn other(locked: &LockedPackage, what: &'static str, said: String, candidate: &Candidate, found: String) -> PlanError {
    PlanError::Locked(Box::new(LockedDifference {
        id: locked.id.clone(),
        version: locked.version.clone(),
        what,
        locked: said,
        from: candidate.source.to_string(),
        found,
    }))
}
