//! Plans of updates: each package from where it came, to the newest version that fits, saying why newer ones were not taken.

use super::{Gathered, PlanError, Planner, needs};
use crate::{Candidate, GitSource, Installed, InstalledSource, InstalledVersion, Kept, Plan, PlannedPackage, Record};
use akao_contract::manifest::PackageId;
use akao_repository::{Request, ResolveError, Skipped};
use jiff::{SignedDuration, Timestamp};
use semver::{Version, VersionReq};

/// How updates are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpdateOptions {
    /// Whether nobody asked for it: then the policy's cool-down holds.
    pub automatic: bool,
}

impl Planner<'_> {
    /// Plans the update of some packages, or of all when none is named. A package whose source cannot be used stays as it
    /// is, with the reason.
    ///
    /// # Errors
    /// A package that is named is not installed, or a record cannot be used.
    pub async fn update(&self, ids: &[PackageId], options: &UpdateOptions) -> Result<Plan, PlanError> {
        let installed = Installed::of(self.places);
        let ids = if ids.is_empty() { installed.ids().map_err(crate::RecordError::from)? } else { ids.to_vec() };
        let mut plan = Plan { automatic: options.automatic, ..Plan::default() };
        for id in ids {
            let record = installed.record(&id)?.ok_or_else(|| PlanError::NotInstalled(id.clone()))?;
            match Box::pin(self.update_of(&record, options)).await {
                Ok(Newer::Packages(packages)) => self.add(&mut plan, packages),
                Ok(Newer::None { why, skipped }) => plan.kept.push(kept(&record, why, skipped)),
                Err(error) => plan.kept.push(kept(&record, told(&error), Vec::new())),
            }
        }
        needs::order(&mut plan.packages);
        Ok(plan)
    }

    /// Adds packages that are not in the plan yet: several may need the same one.
    fn add(&self, plan: &mut Plan, packages: Vec<PlannedPackage>) {
        for package in packages {
            let same = |other: &&mut PlannedPackage| (&other.id, &other.version) == (&package.id, &package.version);
            match plan.packages.iter_mut().find(same) {
                Some(other) if !other.requested => *other = package,
                Some(_) => {}
                None => plan.packages.push(package),
            }
        }
    }

    async fn update_of(&self, record: &Record, options: &UpdateOptions) -> Result<Newer, PlanError> {
        let Some(active) = record.active_version() else { return Ok(Newer::none("it has no active version")) };
        match &active.source {
            InstalledSource::Repository { name } => self.newer_in_repository(record, active, name, options).await,
            _ => self.newer_elsewhere(record, active, options).await,
        }
    }

    async fn newer_in_repository(
        &self,
        record: &Record,
        active: &InstalledVersion,
        name: &str,
        options: &UpdateOptions,
    ) -> Result<Newer, PlanError> {
        // Who takes over a prefix does not take over what is installed.
        match self.repositories.routes().repository(&record.id) {
            Ok(bound) if bound == name => {}
            _ => return Ok(Newer::none(format!("it came from the repository `{name}`, which its id is not bound to"))),
        }
        let request = Request { id: record.id.clone(), range: VersionReq::STAR };
        let before = options.automatic.then(|| self.cooled_down()).flatten();
        let chosen = match self.choose(&[request], std::slice::from_ref(&record.id), before) {
            Err(PlanError::Resolve(error)) if before.is_some() && matches!(*error, ResolveError::Conflict { .. }) => {
                return Ok(Newer::none("no version that fits is old enough to be taken by itself"));
            }
            chosen => chosen?,
        };
        let newest = chosen.iter().find(|chosen| chosen.requested);
        let skipped = newest.map(|chosen| chosen.skipped.clone()).unwrap_or_default();
        match newest.map(|chosen| &chosen.version) {
            Some(version) if *version > record.active => {}
            Some(version) if *version == record.active && skipped.is_empty() => {
                return Ok(Newer::None { why: "it is the newest".to_owned(), skipped });
            }
            Some(version) if *version == record.active => {
                return Ok(Newer::None { why: "it is the newest that can be taken".to_owned(), skipped });
            }
            Some(version) => {
                return Ok(Newer::None { why: format!("the newest that can be taken is {version}"), skipped });
            }
            None => return Ok(Newer::none("its repository has it no more")),
        }
        let mut gathered = Vec::new();
        for chosen in chosen {
            let requested = chosen.requested;
            if requested || !self.is_there(&chosen)? {
                gathered.push(self.download(chosen, requested, Vec::new()).await?);
            }
        }
        self.newer(gathered, options, active)
    }

    async fn newer_elsewhere(
        &self,
        record: &Record,
        active: &InstalledVersion,
        options: &UpdateOptions,
    ) -> Result<Newer, PlanError> {
        let candidate = match &active.source {
            InstalledSource::Folder { path } => Candidate::from_folder(path, self.limits)?,
            InstalledSource::File { path } => Candidate::from_file(path, self.limits)?,
            InstalledSource::Git { url, reference, folder, .. } => {
                let source = GitSource::new(url, reference.clone(), folder.clone());
                let refused = |reason| PlanError::LockedSource { id: record.id.clone(), reason };
                let source = source.map_err(|error| refused(error.to_string()))?;
                Candidate::from_git(&source, self.git, &self.places.cache(), self.limits)?
            }
            InstalledSource::Repository { name } => return Err(PlanError::Unfetched(name.clone())),
        };
        let (id, version) = (candidate.manifest().id.clone(), candidate.version());
        if id != record.id {
            return Ok(Newer::none(format!("there is the package {id} now in {}", active.source)));
        }
        if version < record.active {
            return Ok(Newer::none(format!("there is the older version {version} in {}", active.source)));
        }
        if version == record.active && candidate.archive.content().digest == active.content {
            return Ok(Newer::none("it is what its source holds"));
        }
        let mut gathered = vec![Gathered::asked_for(candidate)];
        let mut requests = Vec::new();
        let wanted = self.needs_of(&gathered, &mut requests)?;
        for chosen in self.choose(&requests, &[], None)? {
            if !self.is_there(&chosen)? {
                let wanted = wanted.get(&chosen.id).cloned().unwrap_or_default();
                gathered.push(self.download(chosen, false, wanted).await?);
            }
        }
        self.newer(gathered, options, active)
    }

    /// What was gathered for one update; nothing of it when nobody asked and the policy refuses one.
    fn newer(
        &self,
        gathered: Vec<Gathered>,
        options: &UpdateOptions,
        active: &InstalledVersion,
    ) -> Result<Newer, PlanError> {
        let plan = self.plan(gathered, options.automatic)?;
        if let Some((package, refusal, _)) = plan.refusal().filter(|_| options.automatic) {
            let why = format!("{} {} is not taken by itself: {refusal}", package.id, package.version);
            return Ok(Newer::none(why));
        }
        let packages = plan.packages.into_iter().map(|package| {
            // What was only needed stays so when it is updated.
            let requested = package.requested && package.seen.as_ref().is_none_or(|record| record.requested);
            PlannedPackage { requested, ..package }
        });
        let packages: Vec<PlannedPackage> = packages.collect();
        debug_assert!(packages.iter().any(|package| package.version != active.version || !package.already));
        Ok(Newer::Packages(packages))
    }

    /// Versions from before this moment may be taken by themselves.
    fn cooled_down(&self) -> Option<Timestamp> {
        let cool_down_ms = i64::try_from(self.settings.policy.cool_down_ms).unwrap_or(i64::MAX);
        (cool_down_ms > 0).then(|| {
            let before = self.now.checked_sub(SignedDuration::from_millis(cool_down_ms));
            before.unwrap_or(Timestamp::MIN)
        })
    }
}

/// What an update would bring.
enum Newer {
    Packages(Vec<PlannedPackage>),
    None { why: String, skipped: Vec<Skipped> },
}

impl Newer {
    fn none(why: impl Into<String>) -> Self {
        Self::None { why: why.into(), skipped: Vec::new() }
    }
}

fn kept(record: &Record, why: String, skipped: Vec<Skipped>) -> Kept {
    let version: Version = record.active.clone();
    Kept { id: record.id.clone(), version, why, skipped }
}

/// An error with its causes.
fn told(error: &PlanError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
