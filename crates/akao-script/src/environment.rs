//! Environments: packages that the scripts of a step may import, put together once and shared read-only.
//!
//! `NAME.json` is the record of an environment of Python, `NAME.javascript.json` one of JavaScript; it names the content.
//! `sha256/<digest>/` holds the content of one or of several: the packages in `site` or `node_modules`, `environment.json` with what
//! was taken, by its digests, and of JavaScript `bundle.js`, of which scripts in QuickJS have them. An environment that is made
//! again gets other content and a new record. Who uses a content has a lease of it ([`Lease`]): what no record names any more goes
//! when nobody has one.

mod create;
mod lease;
mod listed;
mod program;

pub(crate) use lease::Lease;

pub use create::{Bundler, EnvironmentError, EnvironmentMakers, EnvironmentOrder};
pub use listed::ListedEnvironment;
pub use program::{Asked, Program, ProgramError};

use akao_contract::Digest;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The environment that a step has when it names none: the one that was made under this name, else what the language has of its
/// own.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// The version of a record.
const FORMAT: u32 = 1;

/// How the name of a record ends.
const RECORD: &str = "json";

/// Where contents stand.
const CONTENTS: &str = "sha256";

/// How long after its last change a record that is being written is nobody's any more.
const STALE_AFTER: Duration = Duration::from_secs(86_400);

/// How often an environment is looked for that is made again meanwhile.
const LOOKS_MAX: usize = 100;

/// Longest name of an environment, in bytes.
const NAME_BYTES_MAX: usize = 60;

/// A package in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of the file that it was taken from, in hexadecimal; empty where `integrity` stands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// The digest of the file in the words of npm; empty where `sha256` stands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub integrity: String,
    /// The name of that file.
    pub file: String,
}

/// An environment, as its record has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    environment: u32,
    /// Its name.
    pub name: String,
    /// The language of its packages.
    pub language: String,
    /// The version of the language that it was made for.
    pub version: String,
    /// What runs its scripts; the machine's usual interpreter when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<Program>,
    /// What its folder holds.
    pub content: Digest,
    /// The size of that, in bytes.
    pub bytes: u64,
    /// The memory that its packages take once they are loaded, in bytes.
    pub loaded_bytes: u64,
    /// What was asked for.
    pub asked: Vec<String>,
    /// What was taken, with everything that it needs.
    pub packages: Vec<EnvironmentPackage>,
    /// What scripts can import of it.
    pub modules: Vec<String>,
    /// What they cannot, unless they run in Node.js, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, String>,
}

/// The environments of a data directory.
#[derive(Debug, Clone)]
pub struct Environments {
    folder: PathBuf,
}

impl Environments {
    /// Those in a folder, which is made with the first.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Whether a text can be the name of an environment.
    pub fn is_name(text: &str) -> bool {
        (1..=NAME_BYTES_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    }

    /// Every environment, by name and language. Blocks.
    ///
    /// # Errors
    /// The folder or a record cannot be read.
    pub fn list(&self) -> io::Result<Vec<Environment>> {
        let mut found = BTreeMap::new();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == RECORD) {
                let environment = read(&path)?;
                found.insert((environment.name.clone(), environment.language.clone()), environment);
            }
        }
        Ok(found.into_values().collect())
    }

    /// The environment of a name: each language has its own. Blocks for the time of reading a short file.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub fn find(&self, language: &str, name: &str) -> io::Result<Option<Environment>> {
        if !Self::is_name(name) {
            return Ok(None);
        }
        match read(&self.record(language, name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// The environment of a name with a lease of its content: as long as that is had, the content stays.
    ///
    /// # Errors
    /// Its record cannot be read, or its content is not there.
    pub(crate) async fn lend(&self, language: &str, name: &str) -> io::Result<Option<(Environment, Lease)>> {
        let mut without = None;
        for _ in 0..LOOKS_MAX {
            let Some(environment) = self.find(language, name)? else { return Ok(None) };
            let place = self.content(&environment);
            if let Some(lease) = Lease::take(&place)? {
                return Ok(Some((environment, lease)));
            }
            // Either it has another record by now, or none. Where another content is just put in its place, it is there at
            // the second look.
            let is_gone = !place.exists();
            if is_gone && without.as_ref() == Some(&environment) {
                break;
            }
            without = is_gone.then_some(environment);
            tokio::time::sleep(lease::WAIT).await;
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "its content is not there"))
    }

    /// Whether an environment's content is what its record says. Blocks for the time of reading all of it.
    pub fn is_sound(&self, environment: &Environment) -> bool {
        create::digest_of(&self.content(environment)).is_some_and(|digest| digest == environment.content)
    }

    /// Forgets an environment, and removes its content when no other has it. What runs still use goes with a later call of this or of
    /// [`Self::create`]. False when there is none. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self, language: &str, name: &str) -> io::Result<bool> {
        let Some(environment) = self.find(language, name)? else { return Ok(false) };
        fs::remove_file(self.record(language, name))?;
        sweep(&self.folder);
        self.collect_all();
        // It is gone by now, unless it could not be removed.
        self.collect(&environment.content)?;
        Ok(true)
    }

    /// The folder of an environment's content.
    pub fn content(&self, environment: &Environment) -> PathBuf {
        self.place(&environment.content)
    }

    fn place(&self, content: &Digest) -> PathBuf {
        self.folder.join(CONTENTS).join(content.hex())
    }

    fn record(&self, language: &str, name: &str) -> PathBuf {
        // The first language that had environments has the plain names.
        self.folder.join(match language {
            "Python" => format!("{name}.{RECORD}"),
            other => format!("{name}.{}.{RECORD}", other.to_lowercase()),
        })
    }

    /// Removes every content that no record names and nobody uses. What cannot be removed now is tried again by the next.
    fn collect_all(&self) {
        let named = self.named();
        for entry in fs::read_dir(self.folder.join(CONTENTS)).into_iter().flatten().flatten() {
            // What is not called by a digest is not ours.
            let Ok(content) = format!("sha256:{}", entry.file_name().to_string_lossy()).parse::<Digest>() else {
                continue;
            };
            // What is used is not locked for nothing: who wants to use it would have to wait.
            if named.as_ref().is_some_and(|named| !named.contains(&content)) {
                let _ = self.collect(&content);
            }
        }
    }

    /// The contents that records name; none where one cannot be read, so that nobody knows which it names.
    fn named(&self) -> Option<BTreeSet<Digest>> {
        Some(self.list().ok()?.into_iter().map(|environment| environment.content).collect())
    }

    /// Removes a content that no record names and nobody uses.
    fn collect(&self, content: &Digest) -> io::Result<()> {
        let place = self.place(content);
        let is_named = || self.named().is_none_or(|named| named.contains(content));
        if is_named() {
            return Ok(());
        }
        let Some(_alone) = Lease::alone(&place)? else { return Ok(()) };
        // Whoever is about to name it in a record has a lease: only now is it sure that nobody will.
        if is_named() {
            return Ok(());
        }
        create::unseal(&place)?;
        // What is there by its content's name is whole, whenever this is interrupted.
        let going = self.folder.join(format!("{}{}", create::MAKING, content.hex()));
        // What an interrupted removal of the same content left would be in the way.
        gone(fs::remove_dir_all(&going))?;
        fs::rename(&place, &going)?;
        gone(fs::remove_dir_all(&going))
    }
}

/// What another process has removed is gone as well.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes what was never completed, because its maker was killed, and what was replaced and is used no more. What cannot be
/// removed now is tried again by the next.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_making = entry.file_name().to_string_lossy().starts_with(create::MAKING);
        // Another maker may have been here first.
        let Ok(found) = entry.metadata() else { continue };
        let is_stale = || found.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE_AFTER));
        match found.is_dir() {
            // Its maker has a lease, and so has a run that still uses what was replaced.
            true if is_making => {
                if let Ok(Some(_alone)) = Lease::alone(&path) {
                    let _ = create::unseal(&path).and_then(|()| fs::remove_dir_all(&path));
                }
            }
            false if is_making && is_stale() => drop(fs::remove_file(&path)),
            _ => {}
        }
    }
}

fn read(path: &Path) -> io::Result<Environment> {
    let unusable = |reason: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {reason}", path.display()));
    let environment: Environment =
        serde_json::from_slice(&fs::read(path)?).map_err(|error| unusable(error.to_string()))?;
    match environment.environment {
        FORMAT => Ok(environment),
        other => Err(unusable(format!("`environment` is {other}, and this version reads {FORMAT}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn environment(name: &str, content: Digest) -> Environment {
        Environment {
            environment: FORMAT,
            name: name.to_owned(),
            language: "Python".to_owned(),
            version: "3.11".to_owned(),
            interpreter: None,
            content,
            bytes: 1,
            loaded_bytes: 2,
            asked: vec!["one".to_owned()],
            packages: Vec::new(),
            modules: vec!["one".to_owned()],
            refused: BTreeMap::new(),
        }
    }

    #[test]
    fn contents_go_with_the_last_environment_that_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let environments = Environments::new(folder.path().to_owned());
        assert_eq!((environments.list().unwrap(), environments.find("Python", "a").unwrap()), (Vec::new(), None));
        let content = Digest::of(b"content");
        for name in ["b", "a"] {
            let made = environment(name, content);
            fs::create_dir_all(environments.content(&made)).unwrap();
            fs::write(environments.record("Python", name), serde_json::to_vec(&made).unwrap()).unwrap();
        }
        let place = environments.place(&content);
        assert_eq!(environments.list().unwrap().iter().map(|one| &*one.name).collect::<Vec<_>>(), ["a", "b"]);
        assert!(environments.remove("Python", "a").unwrap() && place.is_dir());
        assert!(environments.remove("Python", "b").unwrap() && !place.exists());
        assert!(!environments.remove("Python", "b").unwrap());
        fs::write(environments.record("Python", "c"), "{}").unwrap();
        assert!(environments.find("Python", "c").unwrap_err().to_string().contains(".json: missing field"));
    }

    #[tokio::test]
    async fn a_content_stays_while_it_is_used_and_goes_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let environments = Environments::new(folder.path().to_owned());
        let add = |name: &str, content: &[u8]| {
            let made = environment(name, Digest::of(content));
            fs::create_dir_all(environments.content(&made).join("site")).unwrap();
            fs::write(environments.record("Python", name), serde_json::to_vec(&made).unwrap()).unwrap();
            environments.content(&made)
        };
        let (used, other) = (add("used", b"one"), add("other", b"two"));
        let (lent, first) = environments.lend("Python", "used").await.unwrap().unwrap();
        let (_, second) = environments.lend("Python", "used").await.unwrap().unwrap();
        assert_eq!(environments.content(&lent), used);
        assert!(environments.remove("Python", "used").unwrap());
        assert!(used.join("site").is_dir(), "two runs use it");
        drop(first);
        assert!(environments.lend("Python", "used").await.unwrap().is_none(), "no other run begins with it");
        environments.collect_all();
        assert!(used.join("site").is_dir(), "one run uses it");
        drop(second);
        assert!(environments.remove("Python", "other").unwrap());
        assert!(!used.exists() && !other.exists());
        let gone = add("gone", b"three");
        fs::remove_dir_all(&gone).unwrap();
        assert_eq!(environments.lend("Python", "gone").await.unwrap_err().to_string(), "its content is not there");
    }

    #[test]
    fn what_a_killed_maker_left_is_swept_and_what_is_being_made_stays() {
        let folder = tempfile::tempdir().unwrap();
        let made = [".making-old", ".making-new", ".making-record", CONTENTS].map(|name| folder.path().join(name));
        for path in [&made[0], &made[1], &made[3]] {
            fs::create_dir_all(path.join("site")).unwrap();
            fs::write(path.join("site/module.py"), "").unwrap();
        }
        fs::write(&made[2], "{}").unwrap();
        // It was killed when it had sealed what it made.
        fs::set_permissions(made[0].join("site"), fs::Permissions::from_mode(0o555)).unwrap();
        let long_ago = std::time::SystemTime::now() - STALE_AFTER * 2;
        fs::File::open(&made[2]).unwrap().set_modified(long_ago).unwrap();
        let maker = Lease::take(&made[1]).unwrap().unwrap();
        sweep(folder.path());
        assert_eq!(made.each_ref().map(|path| path.exists()), [false, true, false, true]);
        drop(maker);
        sweep(folder.path());
        assert!(!made[1].exists());
    }

    #[test]
    fn what_is_wrong_with_others_is_no_failure_of_a_removal() {
        let folder = tempfile::tempdir().unwrap();
        let environments = Environments::new(folder.path().to_owned());
        let (made, other) = (environment("a", Digest::of(b"own")), environment("b", Digest::of(b"other")));
        fs::create_dir_all(environments.content(&made)).unwrap();
        // What stands in the place of another's content is no folder.
        fs::write(environments.content(&other), "").unwrap();
        let write = || fs::write(environments.record("Python", "a"), serde_json::to_vec(&made).unwrap()).unwrap();
        write();
        assert!(environments.remove("Python", "a").unwrap());
        assert!(!environments.content(&made).exists() && environments.content(&other).exists());
        // Nobody knows what a record names that cannot be read.
        fs::create_dir(environments.content(&made)).unwrap();
        fs::write(environments.record("Python", "broken"), "{}").unwrap();
        write();
        assert!(environments.remove("Python", "a").unwrap());
        assert!(environments.content(&made).is_dir());
    }

    #[test]
    fn an_interrupted_removal_is_not_in_the_way_of_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let environments = Environments::new(folder.path().to_owned());
        let made = environment("a", Digest::of(b"content"));
        let left = folder.path().join(format!("{}{}", create::MAKING, made.content.hex()));
        for place in [environments.content(&made), left.clone()] {
            fs::create_dir_all(place.join("site")).unwrap();
        }
        fs::write(environments.record("Python", "a"), serde_json::to_vec(&made).unwrap()).unwrap();
        assert!(environments.remove("Python", "a").unwrap());
        assert!(!left.exists() && !environments.content(&made).exists());
    }

    #[test]
    fn each_language_has_its_own_names() {
        let folder = tempfile::tempdir().unwrap();
        let environments = Environments::new(folder.path().to_owned());
        for (language, content) in [("Python", Digest::of(b"one")), ("JavaScript", Digest::of(b"two"))] {
            let made = Environment { language: language.to_owned(), ..environment("default", content) };
            fs::create_dir_all(environments.content(&made)).unwrap();
            fs::write(environments.record(language, "default"), serde_json::to_vec(&made).unwrap()).unwrap();
        }
        let listed: Vec<String> = environments.list().unwrap().into_iter().map(|one| one.language).collect();
        assert_eq!(listed, ["JavaScript", "Python"]);
        assert!(environments.remove("JavaScript", "default").unwrap());
        assert_eq!(environments.find("JavaScript", "default").unwrap(), None);
        assert_eq!(environments.find("Python", "default").unwrap().map(|one| one.content), Some(Digest::of(b"one")));
    }

    #[test]
    fn names_are_plain() {
        for good in ["default", "data-2", "a_b"] {
            assert!(Environments::is_name(good), "{good}");
        }
        for bad in ["", "Data", "2", "a/b", "..", "a.b", &"a".repeat(61)] {
            assert!(!Environments::is_name(bad), "{bad}");
        }
    }
}
