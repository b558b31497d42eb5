//! The Python of an environment: which program it is, what it needs, and what it has of its own.

use akao_contract::manifest::RuntimeKind;
use akao_nodes::Interpreters;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

/// The earliest version of Python that runs scripts.
const EARLIEST: (u64, u64) = (3, 11);

/// What every sandbox sees anyway.
const SEEN: [&str; 4] = ["/usr", "/bin", "/lib", "/lib64"];

/// Where a sandbox has folders of its own, so that nothing of the machine is seen there.
const TAKEN: [&str; 8] = ["/tmp", "/workspace", "/volumes", "/package", "/environment", "/engine", "/dev", "/proc"];

/// What is asked of a program. It is written so that any Python can answer.
const QUESTION: &str = include_str!("ask.py");

/// A Python that is not the machine's usual one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The program, without links.
    pub path: PathBuf,
    /// What it needs beside that: its libraries, and where its package client stands. Empty where every sandbox sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<PathBuf>,
}

/// What a program said of itself.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The program.
    pub program: Program,
    /// Its version: `3.12`.
    pub version: String,
    /// The modules of its standard library that scripts can import.
    pub modules: Vec<String>,
}

/// Why a program cannot run scripts.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not there, or cannot be started.
    #[error("`{}` cannot be started", .0.display())]
    Start(PathBuf, #[source] std::io::Error),
    /// It does not answer as Python does.
    #[error("`{}` is no Python", .0.display())]
    NoPython(PathBuf),
    /// It is another Python.
    #[error("`{path}` is {implementation} and not CPython", path = .0.display(), implementation = .1)]
    Other(PathBuf, String),
    /// It, or what it needs, cannot be seen inside.
    #[error("`{path}` stands below `{folder}`, where scripts have a folder of their own", path = .0.display(), folder = .1)]
    Taken(PathBuf, &'static str),
    /// It is too old.
    #[error(
        "`{path}` is Python {major}.{minor}, and scripts need {}.{} or later",
        EARLIEST.0, EARLIEST.1, path = .0.display(), major = .1, minor = .2
    )]
    Old(PathBuf, u64, u64),
}

/// The words of `ask.py`.
#[derive(Deserialize)]
struct Answer {
    implementation: String,
    version: (u64, u64),
    program: PathBuf,
    #[serde(default)]
    needs: Vec<PathBuf>,
    #[serde(default)]
    modules: Vec<String>,
}

impl Asked {
    /// Asks a program of this machine what it is. It reads nothing of its user's. Blocks.
    ///
    /// # Errors
    /// It is no CPython that can run scripts.
    pub fn of(path: &Path) -> Result<Self, ProgramError> {
        let started = |error| ProgramError::Start(path.to_owned(), error);
        // A link into a folder of packages names the program that it stands for.
        let real = path.canonicalize().map_err(started)?;
        let said = Command::new(&real)
            .args(["-E", "-s", "-S", "-B", "-c", QUESTION])
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(started)?;
        Self::understood(path, &said.stdout)
    }

    fn understood(path: &Path, said: &[u8]) -> Result<Self, ProgramError> {
        let answer: Answer = serde_json::from_slice(said).map_err(|_| ProgramError::NoPython(path.to_owned()))?;
        if answer.implementation != "cpython" {
            return Err(ProgramError::Other(path.to_owned(), answer.implementation));
        }
        let (major, minor) = answer.version;
        if answer.version < EARLIEST {
            return Err(ProgramError::Old(path.to_owned(), major, minor));
        }
        let is_seen = |needed: &Path| SEEN.iter().any(|folder| needed.starts_with(folder));
        let needs = std::iter::once(&answer.program).chain(&answer.needs).filter(|needed| !is_seen(needed));
        let needs: Vec<PathBuf> = needs.cloned().collect();
        let taken = |needed: &Path| TAKEN.into_iter().find(|folder| needed.starts_with(folder));
        if let Some((needed, folder)) = needs.iter().find_map(|needed| Some((needed, taken(needed)?))) {
            return Err(ProgramError::Taken(needed.clone(), folder));
        }
        Ok(Self {
            program: Program { needs, path: answer.program },
            version: format!("{major}.{minor}"),
            modules: answer.modules,
        })
    }

    /// The same for the machine's usual Python; none where it has none. A program that has not changed is asked once. Blocks.
    pub fn usual() -> Option<Self> {
        static KNOWN: Mutex<Option<(SystemTime, Asked)>> = Mutex::new(None);
        let path = Interpreters::default().path(RuntimeKind::Python)?;
        let changed = fs::metadata(&path).and_then(|found| found.modified()).ok()?;
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, asked)) = &*known
            && *then == changed
        {
            return Some(asked.clone());
        }
        let asked = Self::of(&path).ok()?;
        *known = Some((changed, asked.clone()));
        Some(asked)
    }
}

impl Program {
    /// What of this machine its processes see, by the places at which they see it: the same ones, which the program has in itself.
    pub(crate) fn folders(&self) -> BTreeMap<PathBuf, PathBuf> {
        self.needs.iter().map(|needed| (needed.clone(), needed.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_program_is_known_by_what_it_says_of_itself() {
        let usual = Asked::usual().expect("this machine has Python");
        assert!(usual.program.needs.is_empty(), "{usual:?}");
        assert!(["json", "decimal", "asyncio"].iter().all(|name| usual.modules.iter().any(|module| module == name)));
        assert!(!usual.modules.iter().any(|module| module.starts_with('_')), "{usual:?}");
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("python");
        symlink("/usr/bin/python3", &link).unwrap();
        assert_eq!(Asked::of(&link).unwrap().program, usual.program, "a link is what it stands for");
    }

    #[test]
    fn what_is_no_python_that_runs_scripts_says_why() {
        let told =
            |answer: &str| Asked::understood(Path::new("/p"), answer.as_bytes()).map_err(|error| error.to_string());
        let cases = [
            ("no document", "`/p` is no Python"),
            (r#"{"implementation":"pypy","version":[3,11],"program":"/p"}"#, "`/p` is pypy and not CPython"),
            (
                r#"{"implementation":"cpython","version":[3,10],"program":"/p"}"#,
                "`/p` is Python 3.10, and scripts need 3.11 or later",
            ),
            (
                r#"{"implementation":"cpython","version":[3,12],"program":"/tmp/p/bin/python3.12"}"#,
                "`/tmp/p/bin/python3.12` stands below `/tmp`, where scripts have a folder of their own",
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(told(answer).unwrap_err(), expected);
        }
        let fit = r#"{"implementation":"cpython","version":[3,13],"program":"/opt/p/bin/python3.13","needs":["/opt/p/lib/python3.13","/usr/lib/x"]}"#;
        let fit = told(fit).unwrap();
        let expected = ["/opt/p/bin/python3.13", "/opt/p/lib/python3.13"].map(PathBuf::from);
        assert_eq!(
            (&*fit.version, &fit.program.needs[..]),
            ("3.13", &expected[..]),
            "what every sandbox sees is not needed"
        );
        let absent = Asked::of(Path::new("/no/such/python")).unwrap_err();
        assert_eq!(absent.to_string(), "`/no/such/python` cannot be started");
    }
}
