//! What a repository says about versions that are published, and what keeps its metadata valid: yank, deprecate, delete,
//! kill, refresh, rotate, clear.

use super::{Folder, FolderError, METADATA, TARGETS, checked_text, current::Current, current::stored_name};
use crate::{
    key::SigningKey,
    kill::Kill,
    metadata::{self, RoleName, Roles},
    record::{Content, Remark},
};
use akao_contract::manifest::PackageId;
use jiff::{SignedDuration, Timestamp};
use semver::Version;
use std::{collections::BTreeSet, fs, time::SystemTime};

/// What refreshing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refreshed {
    /// Until when clients take the repository as it stands.
    pub valid_until: Timestamp,
    /// Whether the targets were signed again too, which takes the publisher's keys.
    pub targets: bool,
}

/// A word against using a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deprecation<'a> {
    /// Why not.
    pub reason: &'a str,
    /// The package that takes its place. It counts for the whole package, not for one of its versions.
    pub successor: Option<&'a PackageId>,
}

/// What clearing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Files that were removed.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Folder {
    /// Takes a version out of new choices; `None` gives it back. What has it locked goes on.
    ///
    /// # Errors
    /// There is no such version, the keys do not suffice, or the disk refuses.
    pub fn yank(
        &self,
        id: &PackageId,
        version: &Version,
        reason: Option<&str>,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<(), FolderError> {
        reason.map_or(Ok(()), |reason| checked_text("the reason", reason))?;
        self.change(keys, now, |current| {
            let unknown = || FolderError::Unknown(format!("{id} {version}"));
            let package = current.package_mut(id).ok_or_else(unknown)?;
            let release = package.releases.iter_mut().find(|release| release.version == *version);
            release.ok_or_else(unknown)?.yanked = reason.map(|reason| Remark { reason: reason.to_owned(), at: now });
            Ok(())
        })
    }

    /// Says why a package, or one of its versions, should no longer be used; `None` takes the word back.
    ///
    /// # Errors
    /// There is no such package or version, it has been deleted, the keys do not suffice, or the disk refuses.
    pub fn deprecate(
        &self,
        id: &PackageId,
        version: Option<&Version>,
        word: Option<&Deprecation<'_>>,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<(), FolderError> {
        word.map_or(Ok(()), |word| checked_text("the reason", word.reason))?;
        self.change(keys, now, |current| {
            let unknown = || FolderError::Unknown(id.to_string());
            let package = current.package_mut(id).filter(|package| package.deleted.is_none()).ok_or_else(unknown)?;
            let reason = word.map(|word| word.reason.to_owned());
            match version {
                None => {
                    package.deprecated = reason;
                    package.successor = word.and_then(|word| word.successor.cloned());
                }
                Some(version) => {
                    let release = package.releases.iter_mut().find(|release| release.version == *version);
                    let unknown = || FolderError::Unknown(format!("{id} {version}"));
                    release.ok_or_else(unknown)?.deprecated = reason;
                }
            }
            Ok(())
        })
    }

    /// Removes a package with all versions from the index. Its id is never given again; its archives stay until they are
    /// cleared.
    ///
    /// # Errors
    /// There is no such package, the keys do not suffice, or the disk refuses.
    pub fn delete(&self, id: &PackageId, reason: &str, keys: &[SigningKey], now: Timestamp) -> Result<(), FolderError> {
        checked_text("the reason", reason)?;
        self.change(keys, now, |current| {
            let package = current.package_mut(id).ok_or_else(|| FolderError::Unknown(id.to_string()))?;
            package.deleted.get_or_insert(Remark { reason: reason.to_owned(), at: now });
            package.releases.clear();
            Ok(())
        })
    }

    /// Adds an entry to the kill list. It may name packages that this repository does not have.
    ///
    /// # Errors
    /// The keys do not suffice, or the disk refuses.
    pub fn kill(&self, kill: Kill, keys: &[SigningKey], now: Timestamp) -> Result<(), FolderError> {
        checked_text("the reason", &kill.reason)?;
        self.change(keys, now, |current| {
            current.kill.add(kill);
            Ok(())
        })
    }

    /// Takes every entry for a package off the kill list, and says how many there were.
    ///
    /// # Errors
    /// The keys do not suffice, or the disk refuses.
    pub fn lift(&self, id: &PackageId, keys: &[SigningKey], now: Timestamp) -> Result<usize, FolderError> {
        let mut lifted = 0;
        self.change(keys, now, |current| {
            lifted = current.kill.lift(id);
            Ok(())
        })?;
        Ok(lifted)
    }

    /// Signs snapshot and timestamp again, and the targets when they would end first and the keys are at hand.
    ///
    /// # Errors
    /// The keys do not suffice for snapshot and timestamp, the repository is damaged, or the disk refuses.
    pub fn refresh(&self, keys: &[SigningKey], now: Timestamp) -> Result<Refreshed, FolderError> {
        let _lock = self.lock()?;
        let current = self.current()?;
        let kind = current.identity.kind;
        let root_expires = current.root.expires;
        let online_expires = metadata::expiry(kind, RoleName::Timestamp, now)?;
        let half = kind.validity(RoleName::Targets).as_secs() / 2;
        let targets_old = current.expires[2] < now.saturating_add(SignedDuration::from_secs(half)).unwrap_or(now);
        let signs = keys
            .iter()
            .any(|key| current.root.keys(tough::schema::RoleType::Targets).any(|held| *held == key.public().tuf_key()));
        if targets_old && signs {
            let targets = metadata::expiry(kind, RoleName::Targets, now)?;
            self.commit(current, keys, now)?;
            return Ok(Refreshed { valid_until: online_expires.min(targets).min(root_expires), targets: true });
        }
        let name = format!("{}.targets.json", current.versions[2]);
        let bytes = self.read(METADATA, &name)?;
        let content = Content::of(&bytes);
        let described = tough::schema::Metafile {
            length: Some(content.bytes),
            hashes: Some(tough::schema::Hashes {
                sha256: content.digest.bytes().to_vec().into(),
                _extra: Default::default(),
            }),
            version: current.versions[2].try_into().map_err(|_| self.damaged(format!("{name} has no version")))?,
            _extra: Default::default(),
        };
        let valid_until = online_expires.min(current.expires[2]).min(root_expires);
        let online = self.online(&current, described, keys, now)?;
        self.write_online(&current, &online)?;
        Ok(Refreshed { valid_until, targets: false })
    }

    /// Names other keys for the roles. `keys` must suffice for the old root and the new one, and for the new targets,
    /// snapshot and timestamp, which are signed again.
    ///
    /// # Errors
    /// The keys do not suffice, the repository is damaged, or the disk refuses.
    pub fn rotate(&self, roles: &Roles, keys: &[SigningKey], now: Timestamp) -> Result<(), FolderError> {
        let _lock = self.lock()?;
        let mut current = self.current()?;
        let version = current.root.version.saturating_add(1);
        let root = metadata::root(&current.identity, roles, version, now)?;
        let signed = metadata::sign_root(root.clone(), Some(&current.root), keys)?;
        current.root = root;
        for (role, name) in [
            (tough::schema::RoleType::Targets, RoleName::Targets),
            (tough::schema::RoleType::Snapshot, RoleName::Snapshot),
            (tough::schema::RoleType::Timestamp, RoleName::Timestamp),
        ] {
            let held = current.root.roles.get(&role).map_or(0, |held| held.threshold.get());
            let given = keys.iter().filter(|key| current.root.keys(role).any(|key_| *key_ == key.public().tuf_key()));
            if (given.count() as u64) < held {
                return Err(metadata::SignError::Keys(name).into());
            }
        }
        // A client that comes between the two sees an error and tries again.
        self.write(METADATA, &format!("{version}.root.json"), signed.buffer())?;
        self.commit(current, keys, now)
    }

    /// Removes files that nothing names and that are older than `before`: clients may still be reading younger ones.
    ///
    /// # Errors
    /// The repository is damaged, or the disk refuses.
    pub fn clear(&self, before: SystemTime) -> Result<Cleared, FolderError> {
        let _lock = self.lock()?;
        let current = self.current()?;
        let mut kept: BTreeSet<String> = current.targets.iter().map(|(name, held)| stored_name(held, name)).collect();
        for package in current.index.packages() {
            for release in &package.releases {
                let (id, version) = (&package.id, &release.version);
                kept.insert(stored_name(&release.archive, &super::publish::archive_name(id, version)));
                kept.insert(stored_name(&release.signature, &super::publish::signature_name(id, version)));
            }
        }
        kept.insert("timestamp.json".to_owned());
        kept.insert(format!("{}.snapshot.json", current.versions[1]));
        kept.insert(format!("{}.targets.json", current.versions[2]));
        let mut cleared = Cleared::default();
        for part in [METADATA, TARGETS] {
            let folder = self.dir.join(part);
            let failed = |source| FolderError::Io { path: folder.clone(), source };
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let data = entry.metadata().map_err(failed)?;
                let young = data.modified().map_or(true, |modified| modified >= before);
                // Every root stays: clients follow them one by one.
                if kept.contains(&name) || name.ends_with(".root.json") || young || !data.is_file() {
                    continue;
                }
                fs::remove_file(entry.path()).map_err(failed)?;
                cleared = Cleared { files: cleared.files + 1, bytes: cleared.bytes + data.len() };
            }
        }
        Ok(cleared)
    }

    fn change(
        &self,
        keys: &[SigningKey],
        now: Timestamp,
        edit: impl FnOnce(&mut Current) -> Result<(), FolderError>,
    ) -> Result<(), FolderError> {
        let _lock = self.lock()?;
        let mut current = self.current()?;
        edit(&mut current)?;
        self.commit(current, keys, now)
    }
}
