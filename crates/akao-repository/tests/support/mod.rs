//! What the tests of repositories share: keys, manifests, a published repository, and fetchers that lie.

#![allow(dead_code, reason = "each test file uses a part of it")]

use akao_contract::manifest::{Manifest, PackageId};
use akao_repository::{
    Access, Body, BoxFuture, Fetch, FetchError, Folder, FolderFetch, Kind, Limits, NewRepository, Publication,
    Published, Repository, Roles, SigningKey, TrustedRoot,
};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The key with this number.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).unwrap()
}

/// The time at which every test begins.
pub(crate) fn start() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

/// That many days later.
pub(crate) fn days(days: i64) -> Timestamp {
    start() + SignedDuration::from_hours(24 * days)
}

pub(crate) fn id(text: &str) -> PackageId {
    text.parse().unwrap()
}

/// A manifest with nothing special.
pub(crate) fn manifest(id: &str, version: &str) -> Manifest {
    serde_json::from_value(serde_json::json!({
        "manifest": 1, "id": id, "name": "A package", "version": version,
        "runtime": { "type": "executable", "command": "run", "transport": "socket" },
        "nodes": [{ "id": id }],
    }))
    .unwrap()
}

/// An archive of a version: any bytes will do.
pub(crate) fn archive(id: &str, version: &str) -> Vec<u8> {
    format!("archive of {id} {version} ").repeat(500).into_bytes()
}

/// Publishes a version by key 1.
pub(crate) fn publish(folder: &Folder, id: &str, version: &str, now: Timestamp) -> Published {
    let publication = Publication {
        archive: &archive(id, version),
        signature: &format!("signature of {id} {version}"),
        manifest: &manifest(id, version),
        publisher: key(9).public(),
        library: false,
        accept_publisher: false,
    };
    folder.publish(&publication, &[key(1)], now).unwrap()
}

/// A repository of one person in a folder of its own.
pub(crate) struct Ground {
    pub(crate) temp: tempfile::TempDir,
    pub(crate) folder: Folder,
    pub(crate) root: TrustedRoot,
}

impl Ground {
    /// An empty repository.
    pub(crate) fn empty(kind: Kind) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::at(temp.path().join("repository"));
        let new = NewRepository { name: "Test".into(), kind, roles: Roles::one_person(key(1).public()) };
        let root = TrustedRoot::new(folder.init(&new, &[key(1)], start()).unwrap());
        Self { temp, folder, root }
    }

    /// A repository with two packages.
    pub(crate) fn filled() -> Self {
        let ground = Self::empty(Kind::Folder);
        publish(&ground.folder, "com.example.enrich", "1.0.0", start());
        publish(&ground.folder, "com.example.mailer", "2.1.0", start());
        ground
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.temp.path().join("state")
    }

    /// A copy of the repository as it is now.
    pub(crate) fn copy(&self, name: &str) -> PathBuf {
        let to = self.temp.path().join(name);
        copy(self.folder.dir(), &to);
        to
    }

    pub(crate) fn access(&self, fetch: impl Fetch + 'static) -> Access {
        Access { fetch: Arc::new(fetch), root: self.root.clone(), state: self.state(), limits: Limits::default() }
    }

    pub(crate) async fn open(&self) -> Repository {
        self.open_at(start()).await
    }

    pub(crate) async fn open_at(&self, now: Timestamp) -> Repository {
        Repository::open(self.access(FolderFetch::new(self.folder.dir())), now).await.unwrap()
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// The name of the file in a folder whose name holds `text`.
pub(crate) fn named(folder: &Path, part: &str, text: &str) -> String {
    let names = fs::read_dir(folder.join(part)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(text)).collect();
    names.sort();
    format!("{part}/{}", names.pop().unwrap_or_else(|| panic!("no file with `{text}`")))
}

/// What a lying fetcher gives instead of a file.
#[derive(Clone)]
pub(crate) enum Lie {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing.
    Absent,
    /// A fault of the server.
    Fault,
    /// Bytes without end.
    Endless,
    /// A beginning, then silence.
    Silence,
}

/// A folder with some files replaced.
pub(crate) struct Lying {
    pub(crate) folder: FolderFetch,
    pub(crate) lies: BTreeMap<String, Lie>,
}

impl Lying {
    pub(crate) fn about(folder: &Path, lies: impl IntoIterator<Item = (String, Lie)>) -> Self {
        Self { folder: FolderFetch::new(folder), lies: lies.into_iter().collect() }
    }
}

impl Fetch for Lying {
    fn place(&self) -> String {
        "a liar".into()
    }

    fn fetch<'a>(&'a self, name: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Body, FetchError>> {
        use futures_util::stream::{self, StreamExt};
        let lie = self.lies.get(name).cloned();
        Box::pin(async move {
            let body: Body = match lie {
                None => return self.folder.fetch(name, bytes_max).await,
                Some(Lie::Absent) => return Err(FetchError::Absent(name.into())),
                Some(Lie::Fault) => return Err(FetchError::Failed { name: name.into(), reason: "500".into() }),
                Some(Lie::Bytes(bytes)) => Box::pin(stream::iter([Ok(bytes.into())])),
                Some(Lie::Endless) => Box::pin(stream::repeat_with(|| Ok(vec![b' '; 4096].into()))),
                Some(Lie::Silence) => Box::pin(stream::iter([Ok(b"{".to_vec().into())]).chain(stream::pending())),
            };
            Ok(body)
        })
    }
}

/// Limits for silence.
pub(crate) fn impatient() -> Limits {
    Limits { file_timeout: Duration::from_millis(50), idle_timeout: Duration::from_millis(50), ..Limits::default() }
}
