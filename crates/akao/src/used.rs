//! How much each package of external nodes was used in a data directory, so that what is used most can be started ahead.
//! It is counted when an owner ends; counts of one that was killed are lost, which costs a little time later and nothing else.

use crate::{failure::Failure, replace::replace_file};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The file within the data directory.
const FILE: &str = "cache/used.json";

/// The version of the file; another is counted anew.
const FORMAT: u32 = 1;

/// Packages that are remembered; those with the fewest calls are forgotten.
const PACKAGES_MAX: usize = 1_000;

/// After so long without a call a package is forgotten, in milliseconds: 30 days.
const FORGOTTEN_MS: i64 = 30 * 24 * 3_600_000;

/// The packages of a data directory by their ids.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Used {
    akao_used_nodes: u32,
    packages: BTreeMap<String, Calls>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calls {
    calls: u64,
    /// When it was called last, in Unix milliseconds.
    last_ms: i64,
}

impl Used {
    /// What was counted. A file that cannot be read counts nothing.
    pub(crate) fn read(data_dir: &Path) -> Self {
        let read = fs::read(file(data_dir)).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        let none = Self { akao_used_nodes: FORMAT, packages: BTreeMap::new() };
        read.filter(|used| used.akao_used_nodes == FORMAT).unwrap_or(none)
    }

    /// Adds calls.
    pub(crate) fn add(&mut self, package: &str, calls: u64, now_ms: i64) {
        if calls > 0 {
            let counted = self.packages.entry(package.to_owned()).or_default();
            counted.calls = counted.calls.saturating_add(calls);
            counted.last_ms = now_ms;
        }
    }

    /// Forgets what was not used for long, and what was used least.
    pub(crate) fn forget(&mut self, now_ms: i64) {
        self.packages.retain(|_, calls| now_ms.saturating_sub(calls.last_ms) <= FORGOTTEN_MS);
        let most: Vec<String> = self.most(PACKAGES_MAX).into_iter().map(str::to_owned).collect();
        if most.len() < self.packages.len() {
            self.packages.retain(|package, _| most.contains(package));
        }
    }

    /// The packages with the most calls, most first; of equals the first by name.
    pub(crate) fn most(&self, count: usize) -> Vec<&str> {
        let mut all: Vec<_> = self.packages.iter().collect();
        all.sort_by_key(|(_, calls)| std::cmp::Reverse(calls.calls));
        all.into_iter().take(count).map(|(package, _)| package.as_str()).collect()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub(crate) fn write(&self, data_dir: &Path) -> Result<(), Failure> {
        let path = file(data_dir);
        let failed =
            |error: &dyn std::error::Error| Failure::storage(format!("cannot write {}", path.display())).because(error);
        let text = serde_json::to_vec(self).map_err(|error| failed(&error))?;
        fs::create_dir_all(path.parent().unwrap_or(data_dir)).map_err(|error| failed(&error))?;
        replace_file(&path, &text)
    }
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_most_comes_first_and_is_kept() {
        let data = tempfile::tempdir().unwrap();
        let mut used = Used::read(data.path());
        for (package, calls) in [("com.example.a", 3), ("com.example.b", 5), ("com.example.c", 0), ("com.example.d", 3)]
        {
            used.add(package, calls, 1_000);
        }
        used.add("com.example.a", 4, 2_000);
        used.write(data.path()).unwrap();
        let read = Used::read(data.path());
        assert_eq!(read, used);
        assert_eq!(read.most(9), ["com.example.a", "com.example.b", "com.example.d"]);
        assert_eq!(read.most(1), ["com.example.a"]);
    }

    #[test]
    fn what_was_not_used_for_long_is_forgotten() {
        let mut used = Used::default();
        used.add("com.example.old", 1_000, 0);
        used.add("com.example.new", 1, FORGOTTEN_MS);
        used.forget(FORGOTTEN_MS + 1);
        assert_eq!(used.most(9), ["com.example.new"]);
        for number in 0..PACKAGES_MAX {
            used.add(&format!("com.example.n{number}"), 2, FORGOTTEN_MS);
        }
        used.forget(FORGOTTEN_MS + 1);
        assert_eq!(used.most(usize::MAX).len(), PACKAGES_MAX);
        assert!(!used.most(usize::MAX).contains(&"com.example.new"), "it has the fewest calls");
    }

    #[test]
    fn a_file_that_cannot_be_read_counts_nothing() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("cache")).unwrap();
        for text in
            ["", "{", "{\"akao_used_nodes\":2,\"packages\":{}}", "{\"akao_used_nodes\":1,\"more\":0,\"packages\":{}}"]
        {
            fs::write(data.path().join(FILE), text).unwrap();
            assert_eq!(Used::read(data.path()).most(9), Vec::<&str>::new(), "{text}");
        }
    }
}
