//! Opening a repository: root, timestamp, snapshot, targets, then the parts of the index that are not here yet.

use super::{
    Access, OpenError, Repository, TrustedRoot,
    state::{Seen, State},
    transport::{Bounded, whole},
};
use crate::{
    fetch::Fetch,
    folder::{METADATA, content_of},
    index::{Index, PART_BYTES_MAX, part_named},
    kill::{KILL_LIST, KILL_LIST_BYTES_MAX, KillList},
    metadata::{self, Identity, RoleName},
    record::Content,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use tough::{
    ExpirationEnforcement, IntoVec, RepositoryLoader, TargetName,
    schema::{Root, Signed},
};

/// The first root that a repository offers, for who has none yet. Nothing vouches for it: people compare its fingerprint.
///
/// # Errors
/// It does not arrive, or it is no root.
pub async fn offered_root(fetch: &dyn Fetch, limits: super::Limits) -> Result<(TrustedRoot, Identity), OpenError> {
    let name = format!("{METADATA}/1.root.json");
    let bytes = whole(fetch, &name, limits.role_bytes_max, limits.file_timeout).await;
    let bytes = bytes.map_err(|source| OpenError::Fetch { place: fetch.place(), source })?;
    let root: Signed<Root> = serde_json::from_slice(&bytes).map_err(|_| OpenError::Root)?;
    root.signed.verify_role(&root).map_err(|_| OpenError::Root)?;
    let identity = metadata::identity(&root.signed).ok_or(OpenError::Root)?;
    Ok((TrustedRoot::new(bytes), identity))
}

impl Repository {
    /// Opens a repository at the given time.
    ///
    /// # Errors
    /// It cannot be reached, or what it shows is not to be believed. What was seen before is kept in either case.
    pub async fn open(access: Access, now: Timestamp) -> Result<Self, OpenError> {
        let dir = access.state.clone();
        let locked = tokio::task::spawn_blocking(move || State::lock(&dir)).await;
        let state = locked.map_err(|error| OpenError::State { path: access.state.clone(), source: error.into() })??;
        let mut seen = state.seen(&access.root, now)?;
        let folder = state.lay_out(&seen)?;
        let transport = Bounded::new(access.fetch.clone(), access.limits);
        let loaded = load(&access, &seen, folder.path(), transport.clone()).await;
        state.keep(&mut seen, folder.path())?;
        let place = access.fetch.place();
        let loaded = loaded.map_err(|error| OpenError::of(error, transport.failed(), &place))?;
        let identity = checked(&access.root, &loaded)?;
        let mut repository = Self {
            identity,
            index: Index::default(),
            kill: KillList::default(),
            expires: [
                (RoleName::Root, loaded.root().signed.expires),
                (RoleName::Timestamp, loaded.timestamp().signed.expires),
                (RoleName::Snapshot, loaded.snapshot().signed.expires),
                (RoleName::Targets, loaded.targets().signed.expires),
            ],
            metadata: transport.arrived(),
            parts: BTreeMap::new(),
            version: loaded.timestamp().signed.version.get(),
            root: loaded.root().signed.clone(),
            access,
        };
        repository.check_time(now).map_err(|(role, expires)| OpenError::Expired { role, expires, now })?;
        // Only a time at which it was valid counts: one run with a clock that is far ahead must not close it for good.
        seen.at = seen.at.max(now);
        state.write(&seen)?;
        repository.read_parts(&state, &mut seen, &loaded, &transport).await?;
        Ok(repository)
    }

    /// Every root from the first to the newest, each signed by the one before, with the names of their files.
    pub(crate) async fn roots(&self) -> Result<Vec<(String, Vec<u8>)>, OpenError> {
        let (fetch, limits) = (self.access.fetch.as_ref(), self.access.limits);
        let mut roots: Vec<(String, Vec<u8>)> = Vec::new();
        let mut before: Option<Signed<Root>> = None;
        for version in 1..=self.root.version.get() {
            let name = format!("{version}.root.json");
            let within = format!("{METADATA}/{name}");
            let bytes = whole(fetch, &within, limits.role_bytes_max, limits.file_timeout).await;
            let bytes = bytes.map_err(|source| OpenError::Fetch { place: fetch.place(), source })?;
            let unsigned = || OpenError::Signature { role: name.clone() };
            let root: Signed<Root> = serde_json::from_slice(&bytes).map_err(|_| unsigned())?;
            before.as_ref().unwrap_or(&root).signed.verify_role(&root).map_err(|_| unsigned())?;
            before = Some(root);
            roots.push((name, bytes));
        }
        // The chain must end at what this client believes, else it is another chain.
        match before {
            Some(newest) if newest.signed == self.root => Ok(roots),
            _ => Err(OpenError::Signature { role: RoleName::Root.to_string() }),
        }
    }

    async fn read_parts(
        &mut self,
        state: &State,
        seen: &mut Seen,
        loaded: &tough::Repository,
        transport: &Bounded,
    ) -> Result<(), OpenError> {
        let place = self.access.fetch.place();
        let mut listed: BTreeMap<String, Content> = BTreeMap::new();
        for (name, target) in loaded.all_targets() {
            let bytes_max = match part_named(name.raw()) {
                Some(_) => PART_BYTES_MAX,
                None if name.raw() == KILL_LIST => KILL_LIST_BYTES_MAX,
                // A later version may have more targets than this one knows.
                None => continue,
            };
            let what = name.raw().to_owned();
            let content = content_of(target).filter(|content| content.bytes <= bytes_max);
            let content = content.ok_or_else(|| OpenError::Malformed {
                what: what.clone(),
                reason: format!("it has no digest, or more than {bytes_max} bytes"),
            })?;
            listed.insert(what, content);
        }
        for (name, content) in &listed {
            let bytes = match state.part(content) {
                Some(bytes) => bytes,
                None => {
                    let bytes = read_target(loaded, name, transport, &place).await?;
                    if Content::of(&bytes) != *content {
                        return Err(OpenError::Tampered { what: name.clone() });
                    }
                    state.keep_part(content, &bytes)?;
                    bytes
                }
            };
            match part_named(name) {
                Some(part) => self.index.unpack(part, &bytes)?,
                None => self.kill = KillList::read(&bytes)?,
            }
            self.parts.insert(name.clone(), bytes);
        }
        if seen.parts != listed {
            seen.parts = listed;
            state.write(seen)?;
        }
        state.sweep(seen);
        Ok(())
    }
}

async fn load(
    access: &Access,
    seen: &Seen,
    folder: &std::path::Path,
    transport: Bounded,
) -> tough::error::Result<tough::Repository> {
    let root = State::newest_root(seen).unwrap_or_else(|| access.root.bytes().to_vec());
    let Some((metadata, targets)) = Bounded::bases() else {
        unreachable!("the made-up place is a URL");
    };
    let limits = tough::Limits {
        max_root_size: access.limits.role_bytes_max,
        max_timestamp_size: access.limits.role_bytes_max,
        max_snapshot_size: access.limits.role_bytes_max,
        max_targets_size: access.limits.targets_bytes_max,
        max_root_updates: 1_000,
    };
    // Expiry is checked against the time that was given, which `tough` cannot take.
    RepositoryLoader::new(&root, metadata, targets)
        .transport(transport)
        .limits(limits)
        .datastore(folder)
        .expiration_enforcement(ExpirationEnforcement::Unsafe)
        .load()
        .await
}

async fn read_target(
    loaded: &tough::Repository,
    name: &str,
    transport: &Bounded,
    place: &str,
) -> Result<Vec<u8>, OpenError> {
    let malformed = |reason: String| OpenError::Malformed { what: name.to_owned(), reason };
    let target = TargetName::new(name).map_err(|error| malformed(error.to_string()))?;
    let stream = loaded.read_target(&target).await.map_err(|error| OpenError::of(error, transport.failed(), place))?;
    let stream = stream.ok_or_else(|| malformed("it is not listed".to_owned()))?;
    stream.into_vec().await.map_err(|error| OpenError::of(error, transport.failed(), place))
}

/// The identity that the trusted root names, if everything that was loaded carries it.
fn checked(trusted: &TrustedRoot, loaded: &tough::Repository) -> Result<Identity, OpenError> {
    let trusted: Signed<Root> = serde_json::from_slice(trusted.bytes()).map_err(|_| OpenError::Root)?;
    let identity = metadata::identity(&trusted.signed).ok_or(OpenError::Root)?;
    let foreign = |what: &str| OpenError::Foreign { what: what.to_owned() };
    // A later root may rename the repository; what it is stays.
    let newest = metadata::identity(&loaded.root().signed).filter(|newest| newest.repository == identity.repository);
    let newest = newest.ok_or_else(|| foreign("root"))?;
    let marks = [
        ("timestamp", metadata::is_marked(loaded.timestamp().signed._extra.iter(), &identity)),
        ("snapshot", metadata::is_marked(loaded.snapshot().signed._extra.iter(), &identity)),
        ("targets", metadata::is_marked(loaded.targets().signed._extra.iter(), &identity)),
    ];
    match marks.into_iter().find(|(_, marked)| !marked) {
        Some((what, _)) => Err(foreign(what)),
        None => Ok(newest),
    }
}
