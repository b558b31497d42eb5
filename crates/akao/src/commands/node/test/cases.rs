//! The files of cases: `tests/*.yaml`, each a list.

use super::super::stand::Given;
use crate::{commands::run::grants, failure::Failure};
use akao_contract::ErrorKind;
use akao_step::Secret;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of the cases.
const FOLDER: &str = "tests";

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// A file with its cases.
#[derive(Debug)]
pub(super) struct CaseFile {
    pub(super) path: PathBuf,
    pub(super) cases: Vec<Case>,
}

/// Inputs, and what is expected of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it shows.
    pub(super) name: String,
    /// Which node of the package, where it holds several.
    pub(super) node: Option<String>,
    /// The inputs.
    #[serde(default)]
    pub(super) input: Map<String, Value>,
    /// What is granted.
    #[serde(default)]
    grants: Vec<String>,
    /// Folders for volumes, relative to the file.
    #[serde(default)]
    volumes: BTreeMap<String, PathBuf>,
    /// Secrets with their values; not real ones.
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// What is expected.
    #[serde(default)]
    pub(super) expect: Expected,
}

/// What is expected of a call.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// All outputs, exactly.
    pub(super) outputs: Option<Map<String, Value>>,
    /// Outputs that are among them; of an object the members that are named.
    #[serde(default)]
    pub(super) contains: Map<String, Value>,
    /// That it fails, and how.
    pub(super) error: Option<ExpectedError>,
    /// Texts that stand in some line of the log.
    #[serde(default)]
    pub(super) logs: Vec<String>,
}

/// An expected failure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedError {
    /// Its kind.
    pub(super) kind: Option<ErrorKind>,
    /// A part of its message.
    pub(super) message: Option<String>,
}

/// Every file of cases of a package, by name.
pub(super) fn read_cases(package: &Path) -> Result<Vec<CaseFile>, Failure> {
    let folder = package.join(FOLDER);
    let unreadable =
        |path: &Path, error: io::Error| Failure::usage(format!("cannot read {}", path.display())).because(&error);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&folder, error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(&folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| read(&path).map(|cases| CaseFile { path, cases })).collect()
}

fn read(path: &Path) -> Result<Vec<Case>, Failure> {
    let shown = path.display();
    let unreadable = |error: io::Error| Failure::usage(format!("cannot read {shown}")).because(&error);
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{shown} is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let hint = "A file of cases is a list of `name`, `input` and `expect`; docs/node-development.md shows one.";
    let value = akao_yaml::to_value(&text).map_err(|error| Failure::usage(format!("{shown}: {error}")).hint(hint))?;
    let Value::Array(items) = value else { return Err(Failure::usage(format!("{shown} is not a list")).hint(hint)) };
    let case = |(at, item): (usize, Value)| {
        let name = item.get("name").and_then(Value::as_str).map_or_else(|| (at + 1).to_string(), str::to_owned);
        let wrong = |error: serde_json::Error| Failure::usage(format!("{shown}: case {name}: {error}")).hint(hint);
        serde_json::from_value(item).map_err(wrong)
    };
    items.into_iter().enumerate().map(case).collect()
}

impl Case {
    /// What the node may use. `file` is the file of the case.
    pub(super) fn given(&self, file: &Path) -> Result<Given, Failure> {
        let home = file.parent().unwrap_or(Path::new("."));
        let mut volumes = BTreeMap::new();
        for (name, folder) in &self.volumes {
            let folder = home
                .join(folder)
                .canonicalize()
                .map_err(|error| Failure::usage(format!("the volume `{name}` cannot be found")).because(&error))?;
            volumes.insert(name.clone(), folder.display().to_string());
        }
        let secrets = self.secrets.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str())));
        Ok(Given { grants: grants(&self.grants)?, volumes, secrets: secrets.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_read_by_file_and_mistakes_are_placed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_cases(folder.path()).unwrap().is_empty());
        let tests = folder.path().join(FOLDER);
        fs::create_dir(&tests).unwrap();
        let good = "- name: one\n  input: { a: 1 }\n  expect: { outputs: { b: 2 } }\n- name: two\n";
        fs::write(tests.join("b.yaml"), good).unwrap();
        fs::write(tests.join("a.yml"), "[]\n").unwrap();
        fs::write(tests.join("notes.txt"), "none").unwrap();
        let files = read_cases(folder.path()).unwrap();
        let counts: Vec<usize> = files.iter().map(|file| file.cases.len()).collect();
        assert_eq!(counts, [0, 2]);
        for (text, message) in [
            ("{", "bad.yaml: "),
            ("a: 1", "is not a list"),
            ("- name: x\n  inputs: {}", "case x: unknown field `inputs`"),
            ("- input: {}", "case 1: missing field `name`"),
        ] {
            fs::write(tests.join("bad.yaml"), text).unwrap();
            let failure = read_cases(folder.path()).unwrap_err();
            assert!(failure.message.contains(message), "{}", failure.message);
        }
    }
}
