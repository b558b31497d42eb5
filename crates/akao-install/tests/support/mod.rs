//! A data directory, packages to put into it, a repository and git repositories to take them from.

#![allow(dead_code, reason = "each test file uses a part of it")]

use akao_contract::manifest::{PackageId, ResourceCaps};
use akao_install::{
    Agreement, Applied, ApplyError, Event, Git, GitLimits, Installed, OpenRepositories, Places, Plan, PlanError,
    Planner, RepositoryEntry, Settings, Source, UpdateOptions, What, add_repository, apply, change_trust,
};
use akao_package::{
    Archive, ArchiveLimits, Lock, PackOptions, Purpose, SecretKey, Signature, new_key, pack, sign_bytes,
};
use akao_repository::{Fetch, Folder, FolderFetch, Kind, NewRepository, Publication, Roles, SigningKey, TrustedRoot};
use jiff::{SignedDuration, Timestamp};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

/// The time at which every test begins.
pub(crate) fn start() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

pub(crate) fn days(days: i64) -> Timestamp {
    start() + SignedDuration::from_hours(24 * days)
}

pub(crate) fn id(text: &str) -> PackageId {
    text.parse().unwrap()
}

/// A package to write: an id with a version, and lines of its manifest besides.
pub(crate) struct Package<'a> {
    pub(crate) id: &'a str,
    pub(crate) version: &'a str,
    pub(crate) more: &'a str,
    pub(crate) text: &'a str,
}

pub(crate) fn package<'a>(id: &'a str, version: &'a str) -> Package<'a> {
    Package { id, version, more: "", text: "hello" }
}

impl<'a> Package<'a> {
    pub(crate) fn with(self, more: &'a str) -> Self {
        Self { more, ..self }
    }

    pub(crate) fn saying(self, text: &'a str) -> Self {
        Self { text, ..self }
    }

    /// Writes its folder anew.
    pub(crate) fn write(&self, folder: &Path) {
        let _ = fs::remove_dir_all(folder);
        self.write_into(folder);
    }

    pub(crate) fn write_into(&self, folder: &Path) {
        fs::create_dir_all(folder.join("bin")).unwrap();
        let Self { id, version, more, text } = self;
        let manifest = format!(
            "manifest: 1\nid: {id}\nname: Package {id}\nversion: {version}\ndescription: For tests\n\
             runtime: {{ type: executable, command: bin/run }}\noutputs: {{ text: {{ type: string }} }}\n{more}\n"
        );
        fs::write(folder.join("_.yaml"), manifest).unwrap();
        fs::write(folder.join("LICENSE"), "Apache-2.0\n").unwrap();
        fs::write(folder.join("README.md"), "# For tests\n").unwrap();
        fs::write(folder.join("bin/run"), format!("#!/bin/sh\necho {text}\n")).unwrap();
        fs::set_permissions(folder.join("bin/run"), Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn archive(&self) -> Vec<u8> {
        let temp = tempfile::tempdir().unwrap();
        self.write_into(temp.path());
        pack(temp.path(), &PackOptions::default()).unwrap().bytes
    }
}

pub(crate) fn secret_key() -> SecretKey {
    SecretKey::from_file(&new_key(None).unwrap().secret_file, None).unwrap()
}

pub(crate) fn signed(archive: &[u8], key: &SecretKey) -> Signature {
    let opened = Archive::open(archive.to_vec(), &ArchiveLimits::default()).unwrap();
    sign_bytes(archive, &Purpose::of(&opened), key).unwrap()
}

/// A data directory with its surroundings.
pub(crate) struct Ground {
    pub(crate) temp: tempfile::TempDir,
    pub(crate) places: Places,
    pub(crate) git: Git,
    caps: ResourceCaps,
    limits: ArchiveLimits,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let places = Places::new(temp.path().join("data"));
        Self { places, temp, git: git(), caps: ResourceCaps::default(), limits: ArchiveLimits::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    pub(crate) fn installed(&self) -> Installed {
        Installed::of(&self.places)
    }

    pub(crate) fn source(&self, text: &str) -> Source {
        Source::parse(text, self.temp.path()).unwrap()
    }

    pub(crate) async fn open(&self, now: Timestamp) -> OpenRepositories {
        let settings = Settings::read(&self.places).unwrap();
        let fetch = |entry: &RepositoryEntry| {
            let folder = entry.folder.clone().expect("tests keep repositories in folders");
            Ok(Arc::new(FolderFetch::new(folder)) as Arc<dyn Fetch>)
        };
        OpenRepositories::open(&settings.repositories, &self.places, fetch, now).await.unwrap()
    }

    /// Plans with everything as it is at a time.
    pub(crate) async fn plan_at(&self, sources: &[&str], now: Timestamp) -> Result<Plan, PlanError> {
        let sources: Vec<Source> = sources.iter().map(|text| self.source(text)).collect();
        let (settings, repositories) = (Settings::read(&self.places).unwrap(), self.open(now).await);
        self.planner(&settings, &repositories, now).install(&sources, None).await
    }

    pub(crate) async fn plan(&self, source: &str) -> Result<Plan, PlanError> {
        self.plan_at(&[source], start()).await
    }

    pub(crate) async fn update_at(&self, ids: &[&str], automatic: bool, now: Timestamp) -> Plan {
        let ids: Vec<PackageId> = ids.iter().map(|text| id(text)).collect();
        let (settings, repositories) = (Settings::read(&self.places).unwrap(), self.open(now).await);
        self.planner(&settings, &repositories, now).update(&ids, &UpdateOptions { automatic }).await.unwrap()
    }

    pub(crate) async fn locked(&self, lock: &Lock) -> Result<Plan, PlanError> {
        let (settings, repositories) = (Settings::read(&self.places).unwrap(), self.open(start()).await);
        self.planner(&settings, &repositories, start()).locked(lock, self.temp.path()).await
    }

    pub(crate) fn planner<'a>(
        &'a self,
        settings: &'a Settings,
        repositories: &'a OpenRepositories,
        now: Timestamp,
    ) -> Planner<'a> {
        let Self { places, git, caps, limits, .. } = self;
        Planner { places, settings, repositories, git, caps, limits, now }
    }

    /// Writes a plan to which somebody agrees wholly.
    pub(crate) async fn agree(&self, plan: &Plan) -> Applied {
        self.apply(plan, &Agreement::to_all(plan)).await.unwrap()
    }

    pub(crate) async fn apply(&self, plan: &Plan, agreement: &Agreement) -> Result<Applied, ApplyError> {
        apply(plan, agreement, &self.places, &self.open(start()).await, start())
    }

    pub(crate) async fn install(&self, source: &str) -> Applied {
        let plan = self.plan(source).await.unwrap();
        self.agree(&plan).await
    }

    /// Trusts a key for all packages of `com.example.`.
    pub(crate) fn trust(&self, key: &SecretKey) {
        let prefix = "com.example.".parse().unwrap();
        change_trust(&self.places, |trust| trust.add(prefix, key.public().clone(), start(), None)).unwrap();
    }

    /// `ID VERSION` of every active version, sorted; a disabled one in brackets.
    pub(crate) fn active(&self) -> Vec<String> {
        let all = self.installed().all().unwrap().into_iter();
        let shown = |(id, record): (PackageId, Result<akao_install::Record, _>)| {
            let record = record.unwrap();
            let text = format!("{id} {}", record.active);
            if record.disabled.is_some() { format!("({text})") } else { text }
        };
        all.map(shown).collect()
    }
}

/// What happened, a word each.
pub(crate) fn words(events: &[Event]) -> Vec<&'static str> {
    let word = |event: &Event| match event.what {
        What::Installed { .. } => "installed",
        What::Repaired { .. } => "repaired",
        What::Granted { .. } => "granted",
        What::Activated { rollback: false, .. } => "activated",
        What::Activated { rollback: true, .. } => "rolled back",
        What::Pinned { .. } => "pinned",
        What::Uninstalled { .. } => "uninstalled",
        What::Disabled { .. } => "disabled",
        What::Enabled => "enabled",
        What::Blocked { .. } => "blocked",
        What::Unblocked { .. } => "unblocked",
    };
    events.iter().map(word).collect()
}

/// A repository of one person in a folder.
pub(crate) struct Publisher {
    pub(crate) folder: Folder,
    pub(crate) root: TrustedRoot,
    pub(crate) key: SecretKey,
    role: SigningKey,
}

impl Publisher {
    /// An empty repository, whose root uses the key of this number.
    pub(crate) fn new(folder: &Path, number: u8) -> Self {
        let role = SigningKey::from_seed(&[number; 32]).unwrap();
        let folder = Folder::at(folder.to_owned());
        let new = NewRepository { name: "Test".into(), kind: Kind::Folder, roles: Roles::one_person(role.public()) };
        let root = TrustedRoot::new(folder.init(&new, std::slice::from_ref(&role), start()).unwrap());
        Self { folder, root, key: secret_key(), role }
    }

    pub(crate) fn publish(&self, package: &Package<'_>, now: Timestamp) {
        self.publish_archive(&package.archive(), now);
    }

    pub(crate) fn publish_archive(&self, bytes: &[u8], now: Timestamp) {
        let archive = Archive::open(bytes.to_vec(), &ArchiveLimits::default()).unwrap();
        let signature = signed(bytes, &self.key);
        let publication = Publication {
            archive: bytes,
            signature: signature.as_str(),
            manifest: archive.manifest(),
            publisher: akao_repository::PublicKey::from_bytes(*self.key.public().ed25519()),
            library: false,
            accept_publisher: true,
        };
        self.folder.publish(&publication, std::slice::from_ref(&self.role), now).unwrap();
    }

    /// Makes it known to a data directory.
    pub(crate) fn add_to(&self, ground: &Ground, name: &str, prefixes: &[&str], vouches: bool) {
        let entry = RepositoryEntry {
            name: name.to_owned(),
            url: None,
            folder: Some(self.folder.dir().to_owned()),
            ca_files: Vec::new(),
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            root: self.root.fingerprint(),
            vouches,
        };
        add_repository(&ground.places, entry, &self.root).unwrap();
    }

    pub(crate) fn keys(&self) -> &[SigningKey] {
        std::slice::from_ref(&self.role)
    }
}

/// The machine's git with what it needs to start.
pub(crate) fn git() -> Git {
    let kept = ["PATH", "HOME"].iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
    Git { program: "git".into(), environment: kept.collect(), limits: GitLimits::default() }
}

/// A git repository that a test fills.
pub(crate) struct Repo {
    pub(crate) folder: PathBuf,
}

impl Repo {
    pub(crate) fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let repo = Self { folder };
        repo.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repo
    }

    /// Runs git in it; gives what it answered.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        let settings = [
            "user.name=Test",
            "user.email=test@example.com",
            "commit.gpgSign=false",
            "protocol.file.allow=always",
            "core.protectNTFS=false",
            "core.protectHFS=false",
        ];
        command.args(settings.iter().flat_map(|setting| ["-c", setting])).args(arguments).current_dir(&self.folder);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").stdin(Stdio::null());
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {told}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits everything; gives the commit.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits a tree of entries that no checkout would make: `MODE TYPE HASH<tab>PATH` each.
    pub(crate) fn commit_tree(&self, entries: &[String]) -> String {
        let tree = self.with_input(&["mktree", "--missing", "-z"], &entries.join("\0").into_bytes());
        let commit = self.git(&["commit-tree", "-m", "x", &tree]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }

    pub(crate) fn blob(&self, content: &str) -> String {
        self.with_input(&["hash-object", "-w", "--stdin"], content.as_bytes())
    }

    /// Runs git with something on its input.
    pub(crate) fn with_input(&self, arguments: &[&str], input: &[u8]) -> String {
        use std::io::Write;
        let mut command = Command::new("git");
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        format!("git+file://{}", self.folder.display())
    }
}
