//! What a data directory demands of packages and whom it trusts: the files in `config/`.

use crate::{
    FileError, Places, RepositoryList, RepositoryListError, file, kill::KeptKillList, repositories::RepositoryEntry,
};
use akao_package::trust::{KillError, KillList, Policy, Trust, TrustError};
use akao_repository::TrustedRoot;
use std::path::{Path, PathBuf};

const POLICY: &str = "policy.toml";
const TRUST: &str = "trust.toml";
const REPOSITORIES: &str = "repositories.toml";
const KILL_LIST: &str = "kill-list.json";

/// The settings of a data directory. Where a file is missing, defaults hold.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What is demanded.
    pub policy: Policy,
    /// Whose keys are trusted.
    pub trust: Trust,
    /// Which repositories there are.
    pub repositories: RepositoryList,
    /// The operator's list of what must not run.
    pub kill_list: Option<KillList>,
}

/// Why the settings cannot be used. Nothing is installed by half of them.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The policy.
    #[error("`{}` cannot be read: {reason}", .path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// The trusted keys.
    #[error("`{}` cannot be used", .path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: TrustError,
    },
    /// A change of the trusted keys that is not possible.
    #[error(transparent)]
    Keys(#[from] TrustError),
    /// The repositories.
    #[error(transparent)]
    Repositories(#[from] RepositoryListError),
    /// A change of the policy that would leave the kept kill list without a key.
    #[error("none of these keys has signed the kill list that holds now")]
    Orphaned,
    /// The kill list.
    #[error("the kill list in `{}` is not taken", .path.display())]
    KillList {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KillError,
    },
}

impl SettingsError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::File(error) => error.suggestion().to_owned(),
            Self::Policy { .. } => "Mend the line, or put back an earlier copy of the file.".to_owned(),
            Self::Trust { source, .. } | Self::Keys(source) => source.suggestion().to_owned(),
            Self::Repositories(error) => error.suggestion(),
            Self::Orphaned => {
                "Name the key of that list too, take in one that the new key has signed, then leave the old key out."
                    .to_owned()
            }
            Self::KillList { .. } => {
                "Fetch the list again with its signature; `kill_list_keys` of the policy says who may sign it."
                    .to_owned()
            }
        }
    }
}

impl Settings {
    /// Reads the settings of a data directory.
    ///
    /// # Errors
    /// A file cannot be read, or does not say what it should. There is no falling back to defaults then.
    pub fn read(places: &Places) -> Result<Self, SettingsError> {
        let policy = read_policy(places)?;
        let kill_list = kept_kill_list(places, &policy)?;
        Ok(Self { trust: read_trust(places)?, repositories: read_repositories(places)?, kill_list, policy })
    }
}

/// Reads the policy, and nothing else.
///
/// # Errors
/// The file cannot be read, or does not say what it should.
pub fn read_policy(places: &Places) -> Result<Policy, SettingsError> {
    let path = places.config().join(POLICY);
    let Some(text) = file::read(&path)? else { return Ok(Policy::default()) };
    Policy::read(&text).map_err(|reason| SettingsError::Policy { path, reason })
}

/// Reads whose keys are trusted, and nothing else.
///
/// # Errors
/// The file cannot be read, or does not say what it should.
pub fn read_trust(places: &Places) -> Result<Trust, SettingsError> {
    let path = places.config().join(TRUST);
    let Some(text) = file::read(&path)? else { return Ok(Trust::default()) };
    Trust::read(&text).map_err(|source| SettingsError::Trust { path, source })
}

fn read_repositories(places: &Places) -> Result<RepositoryList, SettingsError> {
    let text = file::read(&places.config().join(REPOSITORIES))?;
    Ok(text.map(|text| RepositoryList::read(&text)).transpose()?.unwrap_or_default())
}

pub(crate) fn kill_list_path(places: &Places) -> PathBuf {
    places.config().join(KILL_LIST)
}

/// The operator's kill list as it is kept, held against the keys of the policy.
///
/// # Errors
/// The file cannot be read, or none of the keys has signed it.
pub fn kept_kill_list(places: &Places, policy: &Policy) -> Result<Option<KillList>, SettingsError> {
    let path = kill_list_path(places);
    let Some(text) = file::read(&path)? else { return Ok(None) };
    let open = KeptKillList::from_text(&text).and_then(|kept| kept.open(&policy.kill_list_keys));
    open.map(Some).map_err(|source| SettingsError::KillList { path, source })
}

/// Who holds the lock of the data directory writes the trusted keys.
pub(crate) fn write_trust(places: &Places, trust: &Trust) -> Result<(), FileError> {
    file::write(&places.config().join(TRUST), &trust.write())
}

/// Changes the policy, while nobody else does, and gives it before and after. The operator's kill list has to hold under the
/// new one as well; it goes only when no key may sign one any more.
///
/// # Errors
/// A file cannot be read or written, or the kept list is signed by none of the keys that are left. Then all is as it was.
pub fn change_policy(places: &Places, change: impl FnOnce(&mut Policy)) -> Result<(Policy, Policy), SettingsError> {
    let _lock = file::lock(&places.lock())?;
    let before = read_policy(places)?;
    let mut policy = before.clone();
    change(&mut policy);
    if policy.kill_list_keys.is_empty() {
        // First, since a list without a key would keep everything from being installed.
        file::remove(&kill_list_path(places))?;
    } else if kept_kill_list(places, &before).is_ok() {
        // One that does not hold now is what the change may be meant to mend.
        kept_kill_list(places, &policy).map_err(|_| SettingsError::Orphaned)?;
    }
    file::write(&places.config().join(POLICY), &policy.write())?;
    Ok((before, policy))
}

/// Changes whose keys are trusted, while nobody else does.
///
/// # Errors
/// The file cannot be read or written, or the change is not possible. Then it is as it was.
pub fn change_trust<T>(
    places: &Places,
    change: impl FnOnce(&mut Trust) -> Result<T, TrustError>,
) -> Result<T, SettingsError> {
    let _lock = file::lock(&places.lock())?;
    let mut trust = read_trust(places)?;
    let done = change(&mut trust)?;
    write_trust(places, &trust)?;
    Ok(done)
}

/// Changes which repositories there are, while nobody else does.
///
/// # Errors
/// The file cannot be read or written, or the change is not possible. Then it is as it was.
pub fn change_repositories<T>(
    places: &Places,
    change: impl FnOnce(&mut RepositoryList) -> Result<T, RepositoryListError>,
) -> Result<T, SettingsError> {
    let _lock = file::lock(&places.lock())?;
    let mut list = read_repositories(places)?;
    let done = change(&mut list)?;
    file::write(&places.config().join(REPOSITORIES), &list.write())?;
    Ok(done)
}

/// Adds a repository with the root that it is trusted by, whose fingerprint somebody has compared.
///
/// # Errors
/// As with [`change_repositories`].
pub fn add_repository(places: &Places, entry: RepositoryEntry, root: &TrustedRoot) -> Result<(), SettingsError> {
    let path = places.repository_root(&entry.name);
    change_repositories(places, |list| {
        let entry = RepositoryEntry { root: root.fingerprint(), ..entry };
        list.add(entry)?;
        // Before the list names it, it is there.
        Ok(write_root(&path, root)?)
    })
}

fn write_root(path: &Path, root: &TrustedRoot) -> Result<(), FileError> {
    let text = std::str::from_utf8(root.bytes()).map_err(std::io::Error::other);
    file::write(path, text.map_err(FileError::new(path, "written"))?)
}
