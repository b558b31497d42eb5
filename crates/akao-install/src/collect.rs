//! Looks after the store: removes contents that nobody refers to, and holds everything that is installed against its digest.

use crate::{FileError, Installed, InstalledVersion, Places, RecordError, SettingsError, settings};
use akao_contract::{Digest, manifest::PackageId};
use akao_package::{
    Collected, Damage, DifferenceKind, StoreError, StoredDifference,
    trust::{Revocation, Trust},
};
use semver::Version;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

/// Why the store cannot be looked after.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A record cannot be used, so that it is not known what it refers to.
    #[error("nothing is collected")]
    Record(#[from] RecordError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The settings, by which it is known what is trusted.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl CollectError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Record(error) => error.suggestion(),
            Self::Store(error) => error.suggestion(),
            Self::File(error) => error.suggestion().to_owned(),
            Self::Settings(error) => error.suggestion(),
        }
    }
}

/// Removes contents that no record and nothing in `referenced` refers to, and that nobody stored since `unused_since`; and
/// what killed processes left before that. `referenced` is what is known outside: kept copies of linked folders, contents
/// that executions are pinned to.
///
/// # Errors
/// A record cannot be used: then nothing is removed, since it may refer to anything.
pub fn collect(
    places: &Places,
    referenced: &BTreeSet<Digest>,
    unused_since: SystemTime,
) -> Result<Collected, CollectError> {
    let installed = Installed::of(places);
    let guard = installed.lock()?;
    guard.sweep()?;
    let mut all = referenced.clone();
    for (_, record) in installed.all()? {
        all.extend(record?.versions.iter().map(|version| version.content));
    }
    let store = places.store();
    store.sweep_staging(unused_since)?;
    Ok(store.collect(&all, unused_since)?)
}

/// Something that is not as it was installed.
#[derive(Debug)]
pub enum Finding {
    /// A content in the store differs from its digest.
    Damaged {
        /// The installed versions that have this content; none when it is kept for something else.
        versions: Vec<(PackageId, Version)>,
        /// What differs.
        damage: Damage,
    },
    /// A version is signed by a key that was revoked since it was installed.
    Revoked {
        /// The package.
        id: PackageId,
        /// The version.
        version: Version,
        /// The key's fingerprint.
        key: Digest,
        /// When and why.
        revocation: Revocation,
    },
    /// A record cannot be used.
    Record {
        /// The package.
        id: PackageId,
        /// Why.
        error: RecordError,
    },
}

/// Hashes everything in the store again, reads every record, and holds the keys that have signed what is installed against those
/// that were revoked. Nothing when all of it is sound. A damaged content is not
/// run: it is held against its digest before its first step.
///
/// # Errors
/// The store's folder, that of the records or the settings cannot be read.
pub fn verify(places: &Places) -> Result<Vec<Finding>, CollectError> {
    let (mut findings, mut of) = (Vec::new(), BTreeMap::<Digest, Vec<(PackageId, Version)>>::new());
    let trust = settings::read_trust(places)?;
    for (id, record) in Installed::of(places).all()? {
        match record {
            Ok(record) => {
                for version in record.versions {
                    findings.extend(revoked(&id, &version, &trust));
                    of.entry(version.content).or_default().push((id.clone(), version.version));
                }
            }
            Err(error) => findings.push(Finding::Record { id, error }),
        }
    }
    let store = places.store();
    let mut damages = store.verify()?;
    for digest in of.keys().filter(|digest| !store.contains(digest)) {
        let missing = StoredDifference { path: ".".to_owned(), kind: DifferenceKind::Missing };
        damages.push(Damage { digest: *digest, differences: vec![missing] });
    }
    findings.extend(damages.into_iter().map(|damage| {
        let versions = of.get(&damage.digest).cloned().unwrap_or_default();
        Finding::Damaged { versions, damage }
    }));
    Ok(findings)
}

fn revoked(id: &PackageId, version: &InstalledVersion, trust: &Trust) -> Option<Finding> {
    let key = version.publisher.as_ref()?;
    let (revocation, key) = (trust.revocation(key)?.clone(), key.fingerprint());
    Some(Finding::Revoked { id: id.clone(), version: version.version.clone(), key, revocation })
}
