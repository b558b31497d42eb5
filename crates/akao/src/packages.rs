//! The packages of a data directory as the operator of its server manages them: by the same means as the command line, from the
//! configured repositories alone. A path or an address of git would be one of the server's machine, and is not taken.

use crate::{
    acts::{self, Intent},
    commands::packages::{Desk, install, repositories, search, show, uninstall},
    failure::Failure,
};
use akao_contract::{Digest, Permission, manifest::PackageId};
use akao_install::{
    Agreement, Applied, ApplyError, Event, Installed, InstalledSource, Kept, KillListLooks, OpenRepositories, Plan,
    PlanError, PlannedPackage, Record, RepositoryEntry, Source, SwitchError, UpdateOptions, apply, disable, enable,
    note_offers, rollback,
};
use akao_nodes::ExternalNodes;
use akao_package::{Change, Effect};
use akao_platform::{Code, Error, PackageManager, PackageOrder, PackagePlan, PackageSwitch};
use akao_repository::Request;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::runtime::Handle;

/// See the module.
pub(crate) struct ServedPackages {
    folder: PathBuf,
    nodes: Arc<ExternalNodes>,
    runtime: Handle,
}

impl ServedPackages {
    /// Of a data directory whose nodes this process runs; repositories are asked on this runtime.
    pub(crate) fn new(folder: &Path, nodes: Arc<ExternalNodes>, runtime: Handle) -> Self {
        Self { folder: folder.to_owned(), nodes, runtime }
    }

    fn desk(&self) -> Result<(Desk, OpenRepositories), Error> {
        let desk = Desk::at(&self.folder).map_err(failed)?;
        let repositories = self.runtime.block_on(desk.opened()).map_err(failed)?;
        Ok((desk, repositories))
    }

    /// Does something that is in the audit of the machine before it is done, and counts from the next step on.
    fn does(
        &self,
        desk: &Desk,
        (intent, by): (Intent, &str),
        work: impl FnOnce() -> Result<Vec<Event>, Error>,
    ) -> Result<Vec<Value>, Error> {
        let announced = acts::announce(desk.places.root(), vec![intent], by).map_err(failed)?;
        match work() {
            Ok(events) => {
                let done = self.counted(&events);
                announced.ended(&events, acts::NOTHING_TO_CHANGE).map_err(failed)?;
                Ok(done)
            }
            Err(error) => {
                // Why it was not done is what there is to tell, whether or not the audit hears of it.
                let _ = announced.came_to_nothing(&error.to_string());
                Err(error)
            }
        }
    }

    /// What was done counts from the next step on.
    fn counted(&self, events: &[Event]) -> Vec<Value> {
        let mut changed: Vec<PackageId> = events.iter().map(|event| event.id.clone()).collect();
        changed.dedup();
        self.nodes.forget(&changed);
        events.iter().map(|event| json!({"package": event.id, "text": show::sentence(event)})).collect()
    }

    fn record(&self, package: &str) -> Result<Record, Error> {
        let id = id(package)?;
        let desk = Desk::at(&self.folder).map_err(failed)?;
        let record = Installed::of(&desk.places).record(&id).map_err(|error| refused(&error, &error.suggestion()))?;
        record.ok_or_else(|| not_installed(&id))
    }
}

impl PackageManager for ServedPackages {
    fn search(&self, query: &str, limit: usize) -> Result<Value, Error> {
        let (desk, repositories) = self.desk()?;
        let found = search::find(&repositories, &desk.places, query, limit).map_err(failed)?;
        let items: Vec<Value> = found.iter().map(hit).collect();
        let repositories_count = desk.settings.repositories.entries().len();
        Ok(json!({"items": items, "repositories": repositories_count, "unreachable": unreachable(&repositories)}))
    }

    fn repositories(&self) -> Result<Vec<Value>, Error> {
        let desk = Desk::at(&self.folder).map_err(failed)?;
        let looks = KillListLooks::read(&desk.places);
        // Not where they lie: a folder is one of the server's machine, and an address may hold what is nobody else's.
        let document = |entry: &RepositoryEntry| {
            json!({
                "repository": entry.name, "prefixes": entry.prefixes, "vouches": entry.vouches,
                "kill_list": repositories::kill_list(&looks.of(entry)),
            })
        };
        Ok(desk.settings.repositories.entries().iter().map(document).collect())
    }

    fn plan(&self, order: &PackageOrder) -> Result<Box<dyn PackagePlan>, Error> {
        let (desk, repositories) = self.desk()?;
        let planner = desk.planner(&repositories);
        let plan = match order {
            PackageOrder::Install { package, versions } => {
                let source = Source::Named(request(package, versions.as_deref())?);
                self.runtime.block_on(planner.install(&[source], None))
            }
            PackageOrder::Update { package } => {
                let ids = from_repositories(&Installed::of(&desk.places), package.as_deref())?;
                // The planner takes no names for all of them, folders and git among them.
                match ids.is_empty() {
                    true => Ok(Plan::default()),
                    false => self.runtime.block_on(planner.update(&ids, &UpdateOptions::default())),
                }
            }
        };
        let plan = plan.map_err(|error| match &error {
            PlanError::NotInstalled(id) => not_installed(id),
            error => refused(error, &error.suggestion()),
        })?;
        note_offers(&desk.places, &repositories).map_err(|error| refused(&error, error.suggestion()))?;
        let served = Self::new(&self.folder, Arc::clone(&self.nodes), self.runtime.clone());
        Ok(Box::new(ServedPlan { served, desk, repositories, plan }))
    }

    fn switch(&self, package: &str, switch: &PackageSwitch, by: &str) -> Result<Vec<Value>, Error> {
        let (id, (desk, repositories)) = (id(package)?, self.desk()?);
        let (doing, details) = match switch {
            PackageSwitch::Enable => ("enabling", json!({})),
            PackageSwitch::Disable { reason } => ("disabling", json!({"reason": reason})),
            PackageSwitch::Rollback => ("rolling_back", json!({})),
        };
        self.does(&desk, (Intent::new(id.as_str(), doing, details), by), || {
            let events = match switch {
                PackageSwitch::Enable => enable(&desk.places, &id, &repositories, desk.now),
                PackageSwitch::Disable { reason } => disable(&desk.places, &id, reason, desk.now),
                PackageSwitch::Rollback => rollback(&desk.places, &id, &repositories, desk.now),
            };
            events.map_err(|error| match &error {
                SwitchError::NotInstalled(id) => not_installed(id),
                error => refused(error, &error.suggestion()),
            })
        })
    }

    fn contents(&self, package: &str, version: Option<&str>) -> Result<Vec<Digest>, Error> {
        let record = self.record(package)?;
        let Some(version) = version else {
            return Ok(record.versions.iter().map(|version| version.content).collect());
        };
        let found = record.version(&number(version)?).map(|version| vec![version.content]);
        found.ok_or_else(|| Error::not_found(format_args!("version {version} of `{package}`")))
    }

    fn uninstall(&self, package: &str, version: Option<&str>, by: &str) -> Result<Vec<Value>, Error> {
        let (id, version) = (id(package)?, version.map(number).transpose()?);
        let desk = Desk::at(&self.folder).map_err(failed)?;
        // Which workflows a tenant runs is its own business.
        let uses =
            uninstall::uses(&desk, &id, |execution| format!("an execution of the tenant `{}`", execution.tenant));
        let uses = uses.map_err(failed)?;
        let intent = Intent::new(id.as_str(), "uninstalling", json!({"version": version, "force": false}));
        self.does(&desk, (intent, by), || {
            let events = akao_install::uninstall(&desk.places, &id, version.as_ref(), &uses, false, desk.now);
            events.map_err(|error| match &error {
                akao_install::UninstallError::Used { .. } => {
                    refused(&error, "Wait until these have ended, or take away first what needs it.")
                }
                error => refused(error, &error.suggestion()),
            })
        })
    }

    fn collect(&self) {
        let collected = Desk::at(&self.folder).and_then(|desk| uninstall::collected(&desk));
        if let Err(failure) = collected {
            tracing::warn!("what no package needs any more stays: {}", failure.full_message());
        }
    }
}

/// A plan with what it was made from.
struct ServedPlan {
    served: ServedPackages,
    desk: Desk,
    repositories: OpenRepositories,
    plan: Plan,
}

impl PackagePlan for ServedPlan {
    fn document(&self) -> Value {
        let packages: Vec<Value> = self.plan.packages.iter().map(planned).collect();
        let kept: Vec<Value> = self.plan.kept.iter().map(kept).collect();
        json!({"packages": packages, "kept": kept, "unreachable": unreachable(&self.repositories)})
    }

    fn consent(&self) -> Digest {
        let packages: Vec<Value> = self.plan.packages.iter().map(planned).collect();
        Digest::of(Value::Array(packages).to_string().as_bytes())
    }

    fn refusal(&self) -> Option<(String, String)> {
        let (package, why, cure) = self.plan.refusal()?;
        Some((format!("{} {} is refused: {why}", package.id, package.version), cure.to_owned()))
    }

    fn carry_out(self: Box<Self>, grants: &[Permission], by: &str) -> Result<Vec<Value>, Error> {
        let Self { served, desk, repositories, plan } = *self;
        let mut agreement = Agreement { agreed: true, ..Agreement::default() };
        agreement.grant(&plan, grants);
        let intents = install::intents(&plan, &agreement);
        let announced = acts::announce(desk.places.root(), intents, by).map_err(failed)?;
        let events = match apply(&plan, &agreement, &desk.places, &repositories, desk.now) {
            Ok(Applied { events }) => events,
            Err(error) => {
                let part = if let ApplyError::Partly { done, .. } = &error { done.as_slice() } else { &[] };
                served.counted(part);
                let refused = not_written(&error);
                // Why it was refused is what there is to tell, whether or not the audit hears of it.
                let _ = announced.ended(part, &refused.to_string());
                return Err(refused);
            }
        };
        let mut done = served.counted(&events);
        announced.ended(&events, acts::NOTHING_TO_CHANGE).map_err(failed)?;
        let stopped = desk.enforced(&repositories, by).map_err(failed)?;
        done.extend(served.counted(&stopped));
        Ok(done)
    }
}

/// What of a planned package somebody has to see. Whatever they agree to stands here, since the word that agrees is made of it.
fn planned(package: &PlannedPackage) -> Value {
    let asks = package.explanation.asks.iter();
    let asks: Vec<Value> =
        asks.map(|asked| json!({"permission": asked.permission, "granted": asked.complete})).collect();
    let limits = package.explanation.limits.iter();
    let limits: Vec<Value> =
        limits.map(|held| json!({"limit": held.limit, "asked": held.asked, "held": held.held})).collect();
    let difference = package.difference.as_ref().filter(|_| !package.already);
    let changes: Vec<Value> = difference.iter().flat_map(|difference| &difference.changes).map(change).collect();
    let needs: Vec<String> = package.consents().iter().map(ToString::to_string).collect();
    // Of what is there whoever asks for it again may choose all that it has not; agreeing alone gives none of it.
    let choices = match package.already && package.requested {
        true => package.grantable(),
        false => package.newly_grantable(),
    };
    let look_alikes = package.look_alikes.iter().map(akao_repository::LookAlike::sentence);
    let deprecated = package.warning.iter().map(|text| format!("it is deprecated: {text}"));
    json!({
        "package": package.id, "version": package.version, "name": package.name(), "description": package.description(),
        "content": package.content, "source": source(&package.source), "requested": package.requested,
        "needed_by": package.needed_by, "needs": package.needs, "provides": package.provides,
        "nodes": package.explanation.nodes, "runtime": package.explanation.runtime,
        "signature": show::signature_json(package), "asks": asks, "grantable": choices,
        "limits": limits, "installed": package.installed, "already": package.already, "activates": package.activates,
        "changes_record": package.changes_record(),
        "changes": changes, "agree": needs,
        "refused": package.refusal().map(|(why, cure)| json!({"why": why.to_string(), "cure": cure})),
        "warnings": deprecated.chain(look_alikes).collect::<Vec<_>>(),
    })
}

/// Where it comes from, for people; a folder of the server is not told.
fn source(source: &InstalledSource) -> String {
    match source {
        InstalledSource::Repository { name } => format!("the repository `{name}`"),
        InstalledSource::Git { .. } => "a git repository".to_owned(),
        InstalledSource::Folder { .. } | InstalledSource::File { .. } => "a file of the server".to_owned(),
    }
}

fn change(change: &Change) -> Value {
    let effect = match change.effect() {
        Effect::Widens => "widens",
        Effect::Breaks => "breaks",
        Effect::Neutral => "neutral",
    };
    json!({"effect": effect, "text": change.to_string()})
}

fn kept(kept: &Kept) -> Value {
    let skipped = kept.skipped.iter().map(|newer| format!("not {}: {}", newer.version, newer.why));
    json!({"package": kept.id, "version": kept.version, "why": kept.why, "skipped": skipped.collect::<Vec<_>>()})
}

/// A package that was found, as the interface shows it.
fn hit(found: &Value) -> Value {
    json!({
        "package": found["id"], "version": found["version"], "name": found["name"], "description": found["description"],
        "repository": found["repository"], "installed": found["installed"], "corrected": found["corrected"],
        "deprecated": found["deprecated"],
    })
}

/// Repositories that could not be asked, and why.
fn unreachable(repositories: &OpenRepositories) -> Vec<Value> {
    let told = |(name, error): &(String, akao_repository::OpenError)| json!({"repository": name, "why": with_causes(error), "cure": error.suggestion()});
    repositories.failed().iter().map(told).collect()
}

/// The installed packages that are meant and came from a repository.
fn from_repositories(installed: &Installed, package: Option<&str>) -> Result<Vec<PackageId>, Error> {
    let is_from_one = |record: &Record| {
        matches!(record.active_version().map(|version| &version.source), Some(InstalledSource::Repository { .. }))
    };
    if let Some(package) = package {
        let id = id(package)?;
        let record = installed.record(&id).map_err(|error| refused(&error, &error.suggestion()))?;
        return match record {
            None => Err(not_installed(&id)),
            Some(record) if is_from_one(&record) => Ok(vec![id]),
            Some(_) => Err(Error::new(Code::Conflict, format!("`{id}` did not come from a repository"))
                .hint(format!("Update it on the server's machine: `akao update {id}`."))),
        };
    }
    let all = installed.all().map_err(|error| refused(&error, error.suggestion()))?;
    let records = all.into_iter().filter_map(|(_, record)| record.ok());
    Ok(records.filter(is_from_one).map(|record| record.id).collect())
}

fn id(package: &str) -> Result<PackageId, Error> {
    package.parse().map_err(|error: akao_contract::manifest::PackageIdError| {
        let shown = akao_contract::shortened(package.to_owned(), 80);
        Error::invalid(format!("`{shown}` is no id of a package: {error}"))
    })
}

fn number(version: &str) -> Result<semver::Version, Error> {
    let shown = || akao_contract::shortened(version.to_owned(), 40);
    version.parse().map_err(|_| Error::invalid(format!("`{}` is not a semantic version", shown())))
}

fn request(package: &str, versions: Option<&str>) -> Result<Request, Error> {
    let range = match versions {
        None => semver::VersionReq::STAR,
        Some(range) => range.parse().map_err(|error: semver::Error| {
            let shown = akao_contract::shortened(range.to_owned(), 40);
            Error::invalid(format!("`{shown}` is no range of versions: {error}")).hint("Write for example `^1.2`.")
        })?,
    };
    Ok(Request { id: id(package)?, range })
}

fn not_installed(id: &PackageId) -> Error {
    Error::not_found(format_args!("package `{id}` on this server"))
}

pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What the package manager refuses, as the interface says it.
fn refused(error: &dyn std::error::Error, suggestion: &str) -> Error {
    let refused = Error::new(Code::Conflict, with_causes(error));
    if suggestion.is_empty() { refused } else { refused.hint(suggestion) }
}

fn not_written(error: &ApplyError) -> Error {
    match error {
        ApplyError::Grant { .. } => Error::invalid(error.to_string()).hint("Grant what `grantable` names."),
        ApplyError::Changed { .. } => refused(error, "Look at it again, and agree to what is shown now."),
        error => refused(error, &error.suggestion()),
    }
}

/// What the command line would have said.
fn failed(failure: Failure) -> Error {
    let refused = Error::new(Code::Conflict, failure.full_message());
    match failure.hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}
