//! Writes a plan: contents into the store, then keys, then one record for each package, each at once.
//!
//! What the plan was made from is looked at again while the lock is held; when it has changed, nothing is written and the plan
//! is to be made anew. A crash leaves contents that nobody refers to, which are collected, and records that are whole.

use crate::{
    Event, FileError, Installed, InstalledVersion, Need, Places, Plan, PlannedPackage, Record, RecordedNeed,
    SettingsError, What,
    installed::Guard,
    kill,
    opened::OpenRepositories,
    planner::weigh::Case,
    settings::{self, Settings},
};
use akao_contract::{Permission, manifest::PackageId};
use akao_package::{
    PublicKey, StoreError,
    trust::{Consent, SignatureState, Verdict},
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What somebody has agreed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Whether they have agreed to everything that the plan says needs consent.
    pub agreed: bool,
    /// Whether they have agreed that what nobody has signed takes the place of what somebody had. [`Agreement::agreed`] alone does not
    /// say so.
    pub replaces_signed: bool,
    /// What they grant to each package, besides what it keeps.
    pub grants: BTreeMap<PackageId, Vec<Permission>>,
}

impl Agreement {
    /// Agrees to a plan and grants each of its packages what it newly asks for by name.
    pub fn to_all(plan: &Plan) -> Self {
        let grants = plan.packages.iter().map(|package| (package.id.clone(), package.newly_grantable()));
        Self { agreed: true, replaces_signed: false, grants: grants.filter(|(_, grants)| !grants.is_empty()).collect() }
    }

    /// Grants these to the packages of a plan that ask for them. Who named one meant what was asked for: a dependency is given
    /// it only where it asks for that by name. Where nobody asks for it, writing the plan says so.
    pub fn grant(&mut self, plan: &Plan, named: &[Permission]) {
        for grant in named {
            let meant = |package: &&PlannedPackage| {
                let by_name = package.explanation.asks.iter().any(|asked| asked.permission == *grant);
                package.asks_for(grant) && (package.requested || by_name)
            };
            let asking: Vec<_> = plan.packages.iter().filter(meant).collect();
            for package in if asking.is_empty() { plan.packages.iter().take(1).collect() } else { asking } {
                self.grants.entry(package.id.clone()).or_default().push(grant.clone());
            }
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// In the order in which it was done.
    pub events: Vec<Event>,
}

/// Why a plan was not written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A package is refused.
    #[error("{id} {version} is refused: {why}")]
    Refused {
        /// The package.
        id: PackageId,
        /// Its version.
        version: semver::Version,
        /// Why.
        why: String,
        /// A sentence: what to do.
        cure: String,
    },
    /// Nobody has agreed.
    #[error("{id} {version} needs consent: {}", why.iter().map(Need::to_string).collect::<Vec<_>>().join("; "))]
    Consent {
        /// The package.
        id: PackageId,
        /// Its version.
        version: semver::Version,
        /// What to agree to.
        why: Vec<Need>,
    },
    /// Nobody has agreed that it takes the place of what was signed.
    #[error("{id} {version} is not signed, and the package was signed before")]
    Stripped {
        /// The package.
        id: PackageId,
        /// Its version.
        version: semver::Version,
    },
    /// A grant for a package that is not in the plan, or that it does not ask for.
    #[error("`{grant}` gives {id} nothing that it asks for")]
    Grant {
        /// The package.
        id: PackageId,
        /// The grant.
        grant: Permission,
    },
    /// Something changed since the plan was made.
    #[error("{what} has changed since the plan was made")]
    Changed {
        /// What.
        what: String,
    },
    /// A content cannot be stored.
    #[error("{id} {version} cannot be stored")]
    Store {
        /// The package.
        id: PackageId,
        /// Its version.
        version: semver::Version,
        /// Why.
        #[source]
        source: Box<StoreError>,
    },
    /// The disk refused when some of it was written.
    #[error("a part of the plan was written, and then it failed")]
    Partly {
        /// What was done.
        done: Vec<Event>,
        /// Why no more was.
        #[source]
        source: Box<ApplyError>,
    },
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A record.
    #[error(transparent)]
    Record(#[from] crate::RecordError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ApplyError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Refused { cure, .. } => cure.clone(),
            Self::Consent { .. } => "Look at what it asks for, then agree with `--yes`.".to_owned(),
            Self::Stripped { .. } => {
                "Install what its publisher has signed. If the folder is your own work on it, agree with `--replace-signed`."
                    .to_owned()
            }
            Self::Grant { id, .. } => format!("Grant what `{id}` asks for."),
            Self::Changed { .. } => "Run the command again.".to_owned(),
            Self::Store { source, .. } => source.suggestion(),
            Self::Partly { source, .. } => source.suggestion(),
            Self::Settings(error) => error.suggestion(),
            Self::Record(error) => error.suggestion(),
            Self::File(error) => error.suggestion().to_owned(),
        }
    }
}

/// Writes a plan.
///
/// # Errors
/// It is refused, not agreed to, or no longer right: then nothing was written. When the disk refuses, what was written until
/// then is whole, and doing it again does the rest.
pub fn apply(
    plan: &Plan,
    agreement: &Agreement,
    places: &Places,
    repositories: &OpenRepositories,
    now: Timestamp,
) -> Result<Applied, ApplyError> {
    check_refusals(plan)?;
    check_consent(plan, agreement)?;
    check_grants(plan, agreement)?;
    let installed = Installed::of(places);
    let guard = installed.lock()?;
    let mut settings = Settings::read(places)?;
    check_unchanged(plan, &installed, &settings, repositories, now)?;
    let mut applied = Applied::default();
    for package in &plan.packages {
        let damaged = package.already && places.store().get(&package.content).is_err();
        let stored = places.store().install(&package.candidate.archive);
        let (id, version) = (&package.id, &package.version);
        stored.map_err(|source| {
            let source = Box::new(source);
            ApplyError::Store { id: id.clone(), version: version.clone(), source }
        })?;
        if damaged {
            let what = What::Repaired { version: version.clone(), content: package.content };
            applied.events.push(Event::new(now, id, what));
        }
    }
    let mut written = || {
        pin(plan, places, &mut settings, now, &mut applied)?;
        plan.packages.iter().try_for_each(|package| {
            let grants = agreement.grants.get(&package.id).map(Vec::as_slice).unwrap_or_default();
            write(package, grants, &installed, &guard, now, &mut applied)
        })
    };
    match written() {
        Ok(()) => Ok(applied),
        Err(error) if applied.events.is_empty() => Err(error),
        Err(error) => Err(ApplyError::Partly { done: applied.events, source: Box::new(error) }),
    }
}

fn check_refusals(plan: &Plan) -> Result<(), ApplyError> {
    match plan.refusal() {
        None => Ok(()),
        Some((package, why, cure)) => Err(ApplyError::Refused {
            id: package.id.clone(),
            version: package.version.clone(),
            why: why.to_string(),
            cure: cure.to_owned(),
        }),
    }
}

fn check_consent(plan: &Plan, agreement: &Agreement) -> Result<(), ApplyError> {
    match plan.consents().into_iter().next() {
        Some((package, why)) if !agreement.agreed => {
            return Err(ApplyError::Consent { id: package.id.clone(), version: package.version.clone(), why });
        }
        _ => {}
    }
    match plan.packages.iter().find(|package| package.strips_signature()) {
        Some(package) if !agreement.replaces_signed => {
            Err(ApplyError::Stripped { id: package.id.clone(), version: package.version.clone() })
        }
        _ => Ok(()),
    }
}

fn check_grants(plan: &Plan, agreement: &Agreement) -> Result<(), ApplyError> {
    for (id, grants) in &agreement.grants {
        for grant in grants {
            let gives = |package: &PlannedPackage| package.id == *id && package.asks_for(grant);
            if !plan.packages.iter().any(gives) {
                return Err(ApplyError::Grant { id: id.clone(), grant: grant.clone() });
            }
        }
    }
    Ok(())
}

/// Whether each package's record is what the plan was made from, and policy, trust and lists still say the same.
fn check_unchanged(
    plan: &Plan,
    installed: &Installed,
    settings: &Settings,
    repositories: &OpenRepositories,
    now: Timestamp,
) -> Result<(), ApplyError> {
    for package in &plan.packages {
        let is_same = match (&installed.record(&package.id)?, &package.seen) {
            (Some(record), Some(seen)) => record.is_like(seen),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            return Err(ApplyError::Changed { what: format!("what is installed of {}", package.id) });
        }
        let base = package.installed.as_ref().zip(package.seen.as_ref());
        let kills = kill::kills_of(&package.id, settings.kill_list.as_ref(), repositories);
        let case = Case {
            settings,
            candidate: &package.candidate,
            vouched: package.vouched,
            base: base.and_then(|(version, record)| record.version(version)),
            known_content: package.known_content,
            kills: &kills,
            now,
            automatic: plan.automatic,
        };
        let signature = case.signature(&case.trust());
        if case.verdict(&signature, package.difference.as_ref()) != package.verdict {
            return Err(ApplyError::Changed { what: format!("whether {} may be installed", package.id) });
        }
    }
    Ok(())
}

/// Pins packages whose key was seen first to that key.
fn pin(
    plan: &Plan,
    places: &Places,
    settings: &mut Settings,
    now: Timestamp,
    applied: &mut Applied,
) -> Result<(), ApplyError> {
    let mut pinned = false;
    for package in &plan.packages {
        let Verdict::NeedsConsent { why } = &package.verdict else { continue };
        for consent in why {
            if let Consent::FirstUse { key } = consent {
                settings.trust.pin(package.id.clone(), key.clone(), now);
                let what = What::Pinned { key: key.fingerprint() };
                applied.events.push(Event::new(now, &package.id, what));
                pinned = true;
            }
        }
    }
    if pinned {
        settings::write_trust(places, &settings.trust)?;
    }
    Ok(())
}

/// Writes the record of one package, if anything of it changes.
fn write(
    package: &PlannedPackage,
    grants: &[Permission],
    installed: &Installed,
    guard: &Guard,
    now: Timestamp,
    applied: &mut Applied,
) -> Result<(), ApplyError> {
    // The plan may hold two versions of a package: the record is that of a moment ago.
    let before = installed.record(&package.id)?;
    let there = before.as_ref().and_then(|record| record.version(&package.version));
    let there = there.filter(|there| there.content == package.content);
    let had = there.map(|there| there.grants.clone()).unwrap_or_default();
    // A version that is there has its own grants; those of the active one may have been declined for it.
    let kept = if there.is_some() { &[][..] } else { &package.kept_grants[..] };
    let mut all: Vec<Permission> = had.iter().chain(kept).chain(grants).cloned().collect();
    all.sort();
    all.dedup();
    let installed = match there {
        Some(there) if package.takes_key() => InstalledVersion {
            archive: package.archive,
            publisher: publisher(package).cloned(),
            source: package.source.clone(),
            grants: all.clone(),
            ..there.clone()
        },
        Some(there) => InstalledVersion { grants: all.clone(), ..there.clone() },
        None => recorded(package, all.clone(), now),
    };
    let record = merged(before.clone(), package, installed);
    if before.as_ref() == Some(&record) {
        return Ok(());
    }
    guard.write(&record)?;
    let mut event = |what| applied.events.push(Event::new(now, &package.id, what));
    let (version, content) = (package.version.clone(), package.content);
    if there.is_none() || package.takes_key() {
        let publisher = publisher(package).map(|key| key.fingerprint());
        event(What::Installed { version: version.clone(), content, publisher, source: package.source.clone() });
    }
    let new: Vec<Permission> = all.into_iter().filter(|grant| !had.contains(grant)).collect();
    if !new.is_empty() {
        event(What::Granted { version: version.clone(), content, grants: new });
    }
    let active_before = before.map(|record| record.active);
    if active_before.as_ref() != Some(&record.active) {
        event(What::Activated { version, from: active_before, rollback: false });
    }
    Ok(())
}

fn merged(before: Option<Record>, package: &PlannedPackage, version: InstalledVersion) -> Record {
    match before {
        None => Record::new(package.id.clone(), version, package.requested),
        Some(mut record) => {
            record.put(version);
            if package.activates {
                record.activate(&package.version);
            }
            record.requested |= package.requested;
            record
        }
    }
}

fn recorded(package: &PlannedPackage, grants: Vec<Permission>, now: Timestamp) -> InstalledVersion {
    let manifest = package.candidate.manifest();
    let need = |need: &akao_contract::manifest::Dependency| {
        let versions = need.version.parse().unwrap_or(semver::VersionReq::STAR);
        RecordedNeed { id: need.id.clone(), versions }
    };
    InstalledVersion {
        version: package.version.clone(),
        name: manifest.name.clone(),
        content: package.content,
        archive: package.archive,
        publisher: publisher(package).cloned(),
        source: package.source.clone(),
        grants,
        installed: now,
        nodes: manifest.nodes.iter().map(|node| node.id.clone()).collect(),
        provides: package.provides.clone(),
        needs: manifest.dependencies.iter().map(need).collect(),
        blocked: None,
    }
}

/// The key that has signed it.
fn publisher(package: &PlannedPackage) -> Option<&PublicKey> {
    match &package.signature {
        SignatureState::Valid { key } => Some(key),
        _ => None,
    }
}
