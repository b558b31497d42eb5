//! When the kill list of each repository was looked at last: got, and held against what is installed. It is noted with each look,
//! whoever looks, so that a listing can say how old what is known is without asking a repository.
//!
//! Nothing is decided by it: what cannot be read, or was noted of a repository with another root, counts as no look.

use crate::{FileError, OpenRepositories, Places, RepositoryEntry, RepositoryList, file};
use akao_contract::{Digest, shortened};
use akao_repository::OpenError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the file that is written and read.
const FORMAT: u32 = 1;

/// Longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 1_000;

/// What is known of looks at the kill list of one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillListLook {
    /// When the list was got last and held against what is installed.
    pub at: Option<Timestamp>,
    /// Why the last look did not get it. What it said before goes on holding.
    pub missing: Option<String>,
}

/// The looks at the kill lists of all repositories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KillListLooks {
    by_name: BTreeMap<String, Noted>,
}

/// A look at the list of what is trusted by this root: another repository may get the same name later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    root: Digest,
    #[serde(flatten)]
    look: KillListLook,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    akao_kill_list_looks: u32,
    repositories: BTreeMap<String, Noted>,
}

impl KillListLooks {
    /// What was noted.
    pub fn read(places: &Places) -> Self {
        let text = file::read(&places.kill_list_looks()).ok().flatten();
        let stored = text.and_then(|text| serde_json::from_str::<Stored>(&text).ok());
        let stored = stored.filter(|stored| stored.akao_kill_list_looks == FORMAT);
        Self { by_name: stored.map(|stored| stored.repositories).unwrap_or_default() }
    }

    /// What is known of one repository.
    pub fn of(&self, entry: &RepositoryEntry) -> KillListLook {
        let noted = self.by_name.get(&entry.name).filter(|noted| noted.root == entry.root);
        noted.map(|noted| noted.look.clone()).unwrap_or_default()
    }

    /// The same after another look.
    fn after(&self, list: &RepositoryList, repositories: &OpenRepositories, now: Timestamp) -> Self {
        let noted = |entry: &RepositoryEntry| {
            let look = match repositories.failure(&entry.name) {
                Some(why) => KillListLook { missing: Some(reason(why)), ..self.of(entry) },
                None => KillListLook { at: Some(now), missing: None },
            };
            (entry.name.clone(), Noted { root: entry.root, look })
        };
        Self { by_name: list.entries().iter().map(noted).collect() }
    }

    fn write(self, places: &Places) -> Result<(), FileError> {
        let stored = Stored { akao_kill_list_looks: FORMAT, repositories: self.by_name };
        // Texts and numbers alone: nothing can fail.
        file::write(&places.kill_list_looks(), &serde_json::to_string(&stored).unwrap_or_default())
    }
}

/// Notes that what is installed was held against the lists of these repositories, which were opened by the list of them.
///
/// # Errors
/// The file cannot be written.
pub fn note_kill_list_looks(
    places: &Places,
    list: &RepositoryList,
    repositories: &OpenRepositories,
    now: Timestamp,
) -> Result<(), FileError> {
    if list.entries().is_empty() && KillListLooks::read(places).by_name.is_empty() {
        return Ok(());
    }
    let _lock = file::lock(&places.lock())?;
    // Nobody wants to know it closer than to the second.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let before = KillListLooks::read(places);
    let after = before.after(list, repositories, now);
    if after == before { Ok(()) } else { after.write(places) }
}

/// Why a repository could not be opened, with its causes.
fn reason(error: &OpenError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    shortened(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")), REASON_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_repository::FolderFetch;
    use std::{fs, sync::Arc};

    fn entry(name: &str, root: Digest) -> RepositoryEntry {
        RepositoryEntry {
            name: name.to_owned(),
            url: None,
            folder: Some("/srv/packages".into()),
            ca_files: Vec::new(),
            prefixes: vec![format!("com.{name}")],
            root,
            vouches: false,
        }
    }

    fn list(entries: impl IntoIterator<Item = RepositoryEntry>) -> RepositoryList {
        let mut list = RepositoryList::default();
        entries.into_iter().for_each(|entry| list.add(entry).unwrap());
        list
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_look_is_known_of_the_repository_that_it_was_of() {
        let temp = tempfile::tempdir().unwrap();
        let places = Places::new(temp.path());
        let (one, other) = (entry("one", Digest::of(b"one")), entry("other", Digest::of(b"other")));
        let both = list([one.clone(), other.clone()]);
        let late = Timestamp::new(7, 900_000_000).unwrap();
        note_kill_list_looks(&places, &RepositoryList::default(), &OpenRepositories::default(), late).unwrap();
        assert!(!places.kill_list_looks().exists(), "there is nothing to look at");
        note_kill_list_looks(&places, &both, &OpenRepositories::default(), late).unwrap();
        let looks = KillListLooks::read(&places);
        assert_eq!(looks.of(&one), KillListLook { at: Some(at(7)), missing: None });
        assert_eq!(looks.of(&entry("one", Digest::of(b"another"))), KillListLook::default());
        // What is configured no more is forgotten.
        note_kill_list_looks(&places, &list([one.clone()]), &OpenRepositories::default(), at(8)).unwrap();
        let looks = KillListLooks::read(&places);
        assert_eq!((looks.of(&one).at, looks.of(&other)), (Some(at(8)), KillListLook::default()));
        for text in ["", "{", "{\"akao_kill_list_looks\":2,\"repositories\":{}}"] {
            fs::write(places.kill_list_looks(), text).unwrap();
            assert_eq!(KillListLooks::read(&places), KillListLooks::default(), "{text}");
        }
        note_kill_list_looks(&places, &both, &OpenRepositories::default(), at(9)).unwrap();
        assert_eq!(KillListLooks::read(&places).of(&other).at, Some(at(9)), "what nobody can read is written anew");
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_had_keeps_the_time_of_the_look_before() {
        let temp = tempfile::tempdir().unwrap();
        let places = Places::new(temp.path());
        let root = b"no root of any repository".to_vec();
        let one = entry("one", Digest::of(&root));
        fs::create_dir_all(places.repository_root("one").parent().unwrap()).unwrap();
        fs::write(places.repository_root("one"), root).unwrap();
        let only = list([one.clone()]);
        note_kill_list_looks(&places, &only, &OpenRepositories::default(), at(7)).unwrap();
        let empty = temp.path().join("empty");
        let opened = OpenRepositories::open(&only, &places, |_| Ok(Arc::new(FolderFetch::new(empty.clone()))), at(9));
        let opened = opened.await.unwrap();
        note_kill_list_looks(&places, &only, &opened, at(9)).unwrap();
        let look = KillListLooks::read(&places).of(&one);
        assert!(look.at == Some(at(7)) && look.missing.as_ref().is_some_and(|why| !why.is_empty()), "{look:?}");
    }
}
