//! What must not run: the operator's own list and those of repositories, put together, and held against what is installed.

use crate::{
    Disabled, Event, FileError, Installed, InstalledVersion, Places, Record, SettingsError, What, file,
    installed::Guard,
    opened::OpenRepositories,
    settings::{self, kill_list_path},
};
use akao_contract::manifest::PackageId;
use akao_package::{
    PublicKey, Signature,
    trust::{KillEntry, KillError, KillList, KillTarget},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The operator's list as it is kept: as it was sent, so that it is checked whenever it is read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptKillList {
    akao_kept_kill_list: u32,
    list: String,
    signature: String,
}

impl KeptKillList {
    pub(crate) fn from_text(text: &str) -> Result<Self, KillError> {
        let kept: Self = serde_json::from_str(text).map_err(|error| KillError::Form(error.to_string()))?;
        match kept.akao_kept_kill_list {
            1 => Ok(kept),
            other => Err(KillError::Form(format!("it has the format {other}; this version reads 1"))),
        }
    }

    pub(crate) fn open(&self, keys: &[PublicKey]) -> Result<KillList, KillError> {
        let signature = Signature::read(&self.signature).map_err(KillError::Signature)?;
        KillList::open(&self.list, &signature, keys, 0)
    }
}

/// Takes a list in that a key of the policy has signed and that is not older than the one that is kept.
///
/// # Errors
/// It is not, or the file cannot be written. Then the list before goes on holding.
pub fn take_kill_list(places: &Places, text: &str, signature: &Signature) -> Result<KillList, SettingsError> {
    let path = kill_list_path(places);
    let failed = |source| SettingsError::KillList { path: path.clone(), source };
    let _lock = file::lock(&places.lock())?;
    let policy = settings::read_policy(places)?;
    // The key of the list before may have left the policy; a list by a key that is in it takes its place then.
    let known = match settings::kept_kill_list(places, &policy) {
        Ok(list) => list.map_or(0, |list| list.number),
        Err(SettingsError::KillList { source: KillError::Unsigned | KillError::Signature(_), .. }) => 0,
        Err(error) => return Err(error),
    };
    let list = KillList::open(text, signature, &policy.kill_list_keys, known).map_err(failed)?;
    let (list_text, signature) = (text.to_owned(), signature.as_str().to_owned());
    let kept = KeptKillList { akao_kept_kill_list: 1, list: list_text, signature };
    // Texts and a number alone: nothing can fail.
    file::write(&path, &serde_json::to_string(&kept).unwrap_or_default())?;
    Ok(list)
}

/// What all lists say of one package: the operator's, and those of the repositories, each for the ids that are bound to it.
/// A repository names a digest together with an id, and means that package alone.
pub(crate) fn kills_of(id: &PackageId, own: Option<&KillList>, repositories: &OpenRepositories) -> KillList {
    let issued = own.map_or(Timestamp::UNIX_EPOCH, |list| list.issued);
    let mut entries: Vec<KillEntry> = own.map(|list| list.entries.clone()).unwrap_or_default();
    for kill in repositories.kills().filter(|kill| kill.id == *id) {
        let target = match kill.digest {
            Some(digest) => KillTarget::Digest(digest),
            None => KillTarget::Versions { id: kill.id.clone(), versions: kill.versions.clone() },
        };
        entries.push(KillEntry { target, reason: kill.reason.clone() });
    }
    KillList::new(own.map_or(0, |list| list.number), issued, entries)
}

/// Why an installed version must not run: a list names it now, or named it when it was last looked at.
pub(crate) fn reason_against(kills: &KillList, id: &PackageId, version: &InstalledVersion) -> Option<String> {
    let digests = [version.content, version.archive];
    let met = kills.meets(id, &version.version.to_string(), &digests).map(|entry| entry.reason.clone());
    met.or_else(|| version.blocked.clone())
}

/// What all lists change about what is installed, decided and not yet written. While this is there, nobody else changes what
/// is installed.
#[derive(Debug)]
pub struct KillListChanges {
    guard: Guard,
    changes: Vec<Change>,
    now: Timestamp,
}

/// What becomes of one package.
#[derive(Debug)]
struct Change {
    record: Record,
    /// The versions that must not run any more, and those that may again.
    versions: Vec<What>,
    /// Why the package is disabled with its active version.
    disabled: Option<String>,
}

/// Changes of which some could not be written.
#[derive(Debug, thiserror::Error)]
#[error("not everything that kill lists name could be stopped")]
pub struct PartlyKilled {
    /// What was done all the same.
    pub done: Vec<Event>,
    /// Why the first of the rest was not.
    #[source]
    pub source: FileError,
}

impl KillListChanges {
    /// Holds what is installed against all lists: a version that is on one must not run any more, and a package whose active
    /// version is, is disabled with the reason. A version that no list names any more may run again; its package stays disabled
    /// until somebody enables it.
    ///
    /// # Errors
    /// The folders of the records cannot be read.
    pub fn decide(
        places: &Places,
        own: Option<&KillList>,
        repositories: &OpenRepositories,
        now: Timestamp,
    ) -> Result<Self, FileError> {
        let installed = Installed::of(places);
        let guard = installed.lock()?;
        let changes = changes_of(&installed, own, repositories)?.collect();
        Ok(Self { guard, changes, now })
    }

    /// Whether there is anything to decide at this moment. Nobody is waited for who changes what is installed.
    ///
    /// # Errors
    /// The folders of the records cannot be read.
    pub fn are_due(
        places: &Places,
        own: Option<&KillList>,
        repositories: &OpenRepositories,
    ) -> Result<bool, FileError> {
        Ok(changes_of(&Installed::of(places), own, repositories)?.next().is_some())
    }

    /// What is about to be done.
    pub fn events(&self) -> Vec<Event> {
        self.changes.iter().flat_map(|change| change.events(self.now)).collect()
    }

    /// Writes it. What cannot be written of one package keeps nothing else of what a list names running.
    ///
    /// # Errors
    /// A record cannot be written. All the others are.
    pub fn carry_out(self) -> Result<Vec<Event>, PartlyKilled> {
        let (mut done, mut failed) = (Vec::new(), None);
        for change in &self.changes {
            let written = change.write(&self.guard, self.now, &mut done);
            failed = failed.or(written.err());
        }
        match failed {
            None => Ok(done),
            Some(source) => Err(PartlyKilled { done, source }),
        }
    }
}

/// What becomes of each package that does not stay as it is.
fn changes_of<'a>(
    installed: &Installed,
    own: Option<&'a KillList>,
    repositories: &'a OpenRepositories,
) -> Result<impl Iterator<Item = Change> + use<'a>, FileError> {
    // A record that cannot be used gives nothing that could run.
    let records = installed.all()?.into_iter().filter_map(|(_, record)| record.ok());
    Ok(records.filter_map(move |record| Change::of(record, own, repositories)))
}

impl Change {
    /// None where a package stays as it is.
    fn of(mut record: Record, own: Option<&KillList>, repositories: &OpenRepositories) -> Option<Self> {
        let kills = kills_of(&record.id, own, repositories);
        let mut versions = Vec::new();
        for version in &mut record.versions {
            let digests = [version.content, version.archive];
            let met = kills.meets(&record.id, &version.version.to_string(), &digests);
            let met = met.map(|entry| entry.reason.clone());
            // A list that cannot be read says nothing, also not that a version may run again.
            if version.blocked == met || (met.is_none() && !repositories.knows_all_kills()) {
                continue;
            }
            versions.push(match &met {
                Some(reason) => What::Blocked { version: version.version.clone(), reason: reason.clone() },
                None => What::Unblocked { version: version.version.clone() },
            });
            version.blocked = met;
        }
        let reason = record.active_version().and_then(|version| version.blocked.clone());
        let disabled = reason.filter(|_| record.disabled.is_none());
        (!versions.is_empty() || disabled.is_some()).then_some(Self { record, versions, disabled })
    }

    fn events(&self, now: Timestamp) -> impl Iterator<Item = Event> + '_ {
        self.of_versions(now).chain(self.of_disabling(now))
    }

    fn of_versions(&self, now: Timestamp) -> impl Iterator<Item = Event> + '_ {
        self.versions.iter().cloned().map(move |what| Event::new(now, &self.record.id, what))
    }

    fn of_disabling(&self, now: Timestamp) -> impl Iterator<Item = Event> + '_ {
        let disabled = self.disabled.iter().map(|reason| What::Disabled { reason: reason.clone() });
        disabled.map(move |what| Event::new(now, &self.record.id, what))
    }

    /// Writes it, and adds to `done` what was done, also where the rest of it fails.
    fn write(&self, guard: &Guard, now: Timestamp, done: &mut Vec<Event>) -> Result<(), FileError> {
        if !self.versions.is_empty() {
            guard.write(&self.record)?;
            done.extend(self.of_versions(now));
        }
        if let Some(reason) = &self.disabled {
            guard.disable(&self.record, Disabled { at: now, reason: reason.clone() })?;
            done.extend(self.of_disabling(now));
        }
        Ok(())
    }
}
