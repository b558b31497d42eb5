//! What a repository's folder holds now, read from its timestamp down and held against the signatures.
//!
//! Expiry does not count here: who refreshes an expired repository must be able to read it.

use super::{Folder, FolderError, METADATA, TARGETS};
use crate::{
    index::{Index, PART_BYTES_MAX, part_name, part_named, part_of},
    key::SigningKey,
    kill::{KILL_LIST, KILL_LIST_BYTES_MAX, KillList},
    metadata::{self, Identity, RoleName},
    record::{Content, Package},
};
use akao_contract::{Digest, manifest::PackageId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU64,
};
use tough::schema::{Role, Root, Signed, Snapshot, Target, Targets, Timestamp as TimestampRole};

/// The state of a repository.
pub(super) struct Current {
    pub(super) root: Root,
    pub(super) identity: Identity,
    /// Version of timestamp, snapshot and targets; 0 before the first commit.
    pub(super) versions: [u64; 3],
    /// When each of them ends.
    pub(super) expires: [Timestamp; 3],
    /// Targets by name, as the metadata lists them.
    pub(super) targets: BTreeMap<String, Content>,
    pub(super) index: Index,
    pub(super) kill: KillList,
    /// Parts of the index that were changed. The others stay byte for byte, with whatever a later version wrote into them.
    touched: BTreeSet<u8>,
}

impl Current {
    pub(super) fn empty(root: Root, identity: Identity) -> Self {
        Self {
            root,
            identity,
            versions: [0; 3],
            expires: [Timestamp::UNIX_EPOCH; 3],
            targets: BTreeMap::new(),
            index: Index::default(),
            kill: KillList::default(),
            touched: BTreeSet::new(),
        }
    }

    /// A package that is going to be changed.
    pub(super) fn package_mut(&mut self, id: &PackageId) -> Option<&mut Package> {
        self.touched.insert(part_of(id));
        self.index.entry(id)
    }

    /// Adds a package or puts it in the place of the one with its id.
    pub(super) fn put(&mut self, package: Package) {
        self.touched.insert(part_of(&package.id));
        self.index.put(package);
    }
}

/// The name under which a target is stored.
pub(crate) fn stored_name(content: &Content, name: &str) -> String {
    format!("{}.{name}", content.digest.hex())
}

impl Folder {
    /// The newest root, followed from the first, and after it the one before.
    fn roots(&self) -> Result<Vec<Root>, FolderError> {
        let mut signed: Signed<Root> = self.role("1.root.json", &[])?;
        let mut before = None;
        loop {
            let next = format!("{}.root.json", signed.signed.version.saturating_add(1));
            if !self.metadata(&next).exists() {
                return Ok([signed.signed].into_iter().chain(before).collect());
            }
            let following: Signed<Root> = self.role(&next, &[])?;
            signed.signed.verify_role(&following).map_err(|error| self.damaged(format!("{next}: {error}")))?;
            before = Some(std::mem::replace(&mut signed, following).signed);
        }
    }

    pub(super) fn current(&self) -> Result<Current, FolderError> {
        // Whoever was killed while keys were rotated left roles that the root before signed; the next commit mends it.
        let roots = self.roots()?;
        let identity = metadata::identity(&roots[0]).ok_or_else(|| self.damaged("its root has no mark".to_owned()))?;
        let timestamp: Signed<TimestampRole> = self.role("timestamp.json", &roots)?;
        let version = |meta: Option<&tough::schema::Metafile>| meta.map_or(0, |meta| meta.version.get());
        let named = version(timestamp.signed.meta.get("snapshot.json"));
        let snapshot: Signed<Snapshot> = self.role(&format!("{named}.snapshot.json"), &roots)?;
        let named = version(snapshot.signed.meta.get("targets.json"));
        let targets: Signed<Targets> = self.role(&format!("{named}.targets.json"), &roots)?;
        let mut current = Current::empty(roots[0].clone(), identity);
        current.versions =
            [timestamp.signed.version, snapshot.signed.version, targets.signed.version].map(NonZeroU64::get);
        current.expires = [timestamp.signed.expires, snapshot.signed.expires, targets.signed.expires];
        for (name, target) in &targets.signed.targets {
            let content = content_of(target).ok_or_else(|| self.damaged(format!("{} has no digest", name.raw())))?;
            let bytes = self.read(TARGETS, &stored_name(&content, name.raw()))?;
            if Content::of(&bytes) != content {
                return Err(self.damaged(format!("{} is not what the metadata says", name.raw())));
            }
            match part_named(name.raw()) {
                Some(part) => current.index.unpack(part, &bytes)?,
                None if name.raw() == KILL_LIST => current.kill = KillList::read(&bytes)?,
                None => {}
            }
            current.targets.insert(name.raw().to_owned(), content);
        }
        Ok(current)
    }

    fn role<T: Role + DeserializeOwned + serde::Serialize>(
        &self,
        name: &str,
        signers: &[Root],
    ) -> Result<Signed<T>, FolderError> {
        let bytes = self.read(METADATA, name)?;
        let signed: Signed<T> =
            serde_json::from_slice(&bytes).map_err(|error| self.damaged(format!("{name}: {error}")))?;
        match signers.iter().map(|root| root.verify_role(&signed)).min_by_key(Result::is_err) {
            Some(Err(error)) => Err(self.damaged(format!("{name}: {error}"))),
            _ => Ok(signed),
        }
    }

    pub(super) fn damaged(&self, reason: String) -> FolderError {
        FolderError::Damaged { dir: self.dir.clone(), reason }
    }

    /// Writes the parts that differ from what the metadata lists, then targets, snapshot and, last, the timestamp.
    pub(super) fn commit(&self, mut current: Current, keys: &[SigningKey], now: Timestamp) -> Result<(), FolderError> {
        let kill = current.kill.to_bytes()?;
        within(KILL_LIST, &kill, KILL_LIST_BYTES_MAX)?;
        for part in std::mem::take(&mut current.touched) {
            match current.index.pack(part)? {
                Some(bytes) => {
                    within(&part_name(part), &bytes, PART_BYTES_MAX)?;
                    self.write_target(&mut current, part_name(part), &bytes)?;
                }
                None => drop(current.targets.remove(&part_name(part))),
            }
        }
        self.write_target(&mut current, KILL_LIST.to_owned(), &kill)?;
        let kind = current.identity.kind;
        let expires = metadata::expiry(kind, RoleName::Targets, now)?;
        let mut targets = Targets::new(metadata::SPECIFICATION.to_owned(), after(current.versions[2]), expires);
        targets.delegations = None;
        for (name, content) in &current.targets {
            let name = name.as_str().try_into().map_err(|_| self.damaged(format!("{name} is no name of a target")))?;
            targets.targets.insert(name, target_of(content));
        }
        targets._extra.extend([metadata::mark(&current.identity)]);
        let targets = metadata::sign(RoleName::Targets, targets, &current.root, keys)?;
        let described = metadata::meta(&targets);
        // Everything is signed before anything is written: keys that do not suffice leave no trace.
        let online = self.online(&current, described, keys, now)?;
        self.write(METADATA, &format!("{}.targets.json", after(current.versions[2])), targets.buffer())?;
        self.write_online(&current, &online)
    }

    /// Signs snapshot and timestamp.
    pub(super) fn online(
        &self,
        current: &Current,
        targets: tough::schema::Metafile,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<[Vec<u8>; 2], FolderError> {
        let (kind, specification) = (current.identity.kind, metadata::SPECIFICATION.to_owned());
        let expires = metadata::expiry(kind, RoleName::Snapshot, now)?;
        let mut snapshot = Snapshot::new(specification.clone(), after(current.versions[1]), expires);
        snapshot.meta.insert("targets.json".to_owned(), targets);
        snapshot._extra.extend([metadata::mark(&current.identity)]);
        let snapshot = metadata::sign(RoleName::Snapshot, snapshot, &current.root, keys)?;
        let expires = metadata::expiry(kind, RoleName::Timestamp, now)?;
        let mut timestamp = TimestampRole::new(specification, after(current.versions[0]), expires);
        timestamp.meta.insert("snapshot.json".to_owned(), metadata::meta(&snapshot));
        timestamp._extra.extend([metadata::mark(&current.identity)]);
        let timestamp = metadata::sign(RoleName::Timestamp, timestamp, &current.root, keys)?;
        Ok([snapshot.buffer().clone(), timestamp.buffer().clone()])
    }

    pub(super) fn write_online(
        &self,
        current: &Current,
        [snapshot, timestamp]: &[Vec<u8>; 2],
    ) -> Result<(), FolderError> {
        self.write(METADATA, &format!("{}.snapshot.json", after(current.versions[1])), snapshot)?;
        self.write(METADATA, "timestamp.json", timestamp)
    }

    fn write_target(&self, current: &mut Current, name: String, bytes: &[u8]) -> Result<(), FolderError> {
        let content = Content::of(bytes);
        if current.targets.get(&name) != Some(&content) {
            self.write(TARGETS, &stored_name(&content, &name), bytes)?;
            current.targets.insert(name, content);
        }
        Ok(())
    }
}

/// Nothing is published that clients refuse to fetch.
fn within(what: &str, bytes: &[u8], max: u64) -> Result<(), FolderError> {
    let bytes = bytes.len() as u64;
    if bytes <= max { Ok(()) } else { Err(FolderError::Grown { what: format!("`{what}`"), bytes, max }) }
}

fn after(version: u64) -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(version)
}

pub(crate) fn content_of(target: &Target) -> Option<Content> {
    let digest: [u8; 32] = target.hashes.sha256.as_ref().try_into().ok()?;
    Some(Content { digest: Digest::from_bytes(digest), bytes: target.length })
}

fn target_of(content: &Content) -> Target {
    Target {
        length: content.bytes,
        hashes: tough::schema::Hashes { sha256: content.digest.bytes().to_vec().into(), _extra: Default::default() },
        custom: Default::default(),
        _extra: Default::default(),
    }
}
