//! Git repositories as sources: one commit is fetched into a bare repository, and its files are written out from there.
//!
//! The machine's own `git` does it, told to follow no configuration but ours. Nothing is checked out, so that no filter,
//! attribute, hook or submodule of a foreign repository takes part; what cannot be part of a package is refused by its path.
//! docs/decisions/0024-git-sources-by-the-git-program.md has the reasons.

mod address;
mod export;
mod run;

pub use address::{GitProtocol, GitSource, GitSourceError};

use akao_package::ArchiveLimits;
use run::{Bounds, Ended};
use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Names of a git's own variables that are passed on; all others of it are not.
const PASSED: [&str; 4] = ["GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"];

/// Bounds of fetching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GitLimits {
    /// Longest time for one command of git.
    pub timeout: Duration,
    /// Most bytes that may be fetched.
    pub fetched_bytes_max: u64,
}

impl Default for GitLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(120), fetched_bytes_max: 512 << 20 }
    }
}

/// The `git` program and what it is started with.
#[derive(Debug, Clone)]
pub struct Git {
    /// The program.
    pub program: PathBuf,
    /// Its whole environment: what it needs to find `ssh`, its keys and its agent (`PATH`, `HOME`, `SSH_AUTH_SOCK`), and a
    /// proxy. Variables of git itself are dropped, except for those that name a way of `ssh` or certificates.
    pub environment: Vec<(OsString, OsString)>,
    /// Bounds.
    pub limits: GitLimits,
}

/// A commit's files in a temporary folder.
#[derive(Debug)]
pub(crate) struct Exported {
    /// The folder, which goes away with this value.
    pub(crate) folder: TempDir,
    /// The commit's full hash.
    pub(crate) commit: String,
}

/// Why a git repository cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program cannot be started.
    #[error("`{}` cannot be started", .program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It said no.
    #[error("git cannot {act} {url}: {told}")]
    Refused {
        /// What was tried, such as `fetch`.
        act: &'static str,
        /// The repository.
        url: String,
        /// What git wrote, shortened.
        told: String,
    },
    /// It took too long.
    #[error("git did not {act} {url} within {} s", .timeout.as_secs())]
    Slow {
        /// What was tried.
        act: &'static str,
        /// The repository.
        url: String,
        /// The bound.
        timeout: Duration,
    },
    /// Too much was sent.
    #[error("{url} sends more than the {bytes_max} bytes allowed")]
    Large {
        /// The repository.
        url: String,
        /// The bound.
        bytes_max: u64,
    },
    /// What was asked for is no commit.
    #[error("`{reference}` of {url} is not a commit")]
    NoCommit {
        /// The repository.
        url: String,
        /// What was asked for.
        reference: String,
    },
    /// There is no such folder in it.
    #[error("{url} has no folder `{folder}` at {commit}")]
    NoFolder {
        /// The repository.
        url: String,
        /// The folder.
        folder: String,
        /// The commit.
        commit: String,
    },
    /// Something that cannot be part of a package.
    #[error("`{path}` in {url} {problem}")]
    Content {
        /// The repository.
        url: String,
        /// Where, as far as it can be shown.
        path: String,
        /// What it is, as a fragment.
        problem: String,
    },
    /// The temporary folder.
    #[error("`{}` cannot be written", .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl GitError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Program { .. } => "Install git, or fetch the folder by other means and install that.",
            Self::Refused { .. } => {
                "Check the address and the name behind `#`, and that git reaches it without asking for a password."
            }
            Self::Slow { .. } => "Try again, or fetch it by other means and install the folder.",
            Self::Large { .. } => "Ask the author for an archive; a package needs no history of this size.",
            Self::NoCommit { .. } => "Name a branch, a tag, or all 40 characters of a commit behind `#`.",
            Self::NoFolder { .. } => "Name a folder that holds a `_.yaml` behind `#REF:`.",
            Self::Content { .. } => "Ask the author for an archive of the package.",
            Self::Io { .. } => "Check free space and the permissions of the data directory.",
        }
    }
}

impl Git {
    /// Fetches a commit's files below `work`, which is made if it is not there.
    pub(crate) fn export(&self, source: &GitSource, work: &Path, limits: &ArchiveLimits) -> Result<Exported, GitError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| GitError::Io { path, source }
        };
        crate::file::make_folder(work).map_err(failed(work))?;
        let folder = |prefix: &str| tempfile::Builder::new().prefix(prefix).tempdir_in(work).map_err(failed(work));
        let (repository, folder) = (folder("git-")?, folder("files-")?);
        let at = At { git: self, source, repository: repository.path() };
        at.init()?;
        let commit = at.fetch()?;
        let tree = at.tree(&commit)?;
        at.write_files(&tree, folder.path(), limits)?;
        Ok(Exported { folder, commit })
    }
}

/// A bare repository that something is fetched into.
struct At<'a> {
    git: &'a Git,
    source: &'a GitSource,
    repository: &'a Path,
}

impl At<'_> {
    fn init(&self) -> Result<(), GitError> {
        // Without a template there are no hooks.
        self.run("prepare for", ["init", "--quiet", "--bare", "--template=", "."].map(OsStr::new)).map(drop)
    }

    /// Fetches one commit without its history; gives its hash.
    fn fetch(&self) -> Result<String, GitError> {
        let reference = self.source.reference.as_deref().unwrap_or("HEAD");
        let arguments = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--",
            &self.source.url,
            reference,
        ];
        self.run("fetch", arguments.map(OsStr::new))?;
        let no_commit = || GitError::NoCommit { url: self.source.url.clone(), reference: reference.to_owned() };
        let commit = self.hash("FETCH_HEAD^{commit}").map_err(|_| no_commit())?;
        // A hash that was asked for is what was got, not what some branch of that name says.
        let is_hash = [40, 64].contains(&reference.len()) && reference.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash && !reference.eq_ignore_ascii_case(&commit) {
            return Err(no_commit());
        }
        Ok(commit)
    }

    /// The tree of the folder that is meant.
    fn tree(&self, commit: &str) -> Result<String, GitError> {
        let Some(folder) = &self.source.folder else { return self.hash(&format!("{commit}^{{tree}}")) };
        let no_folder =
            || GitError::NoFolder { url: self.source.url.clone(), folder: folder.clone(), commit: commit.to_owned() };
        let found = self.hash(&format!("{commit}:{folder}")).map_err(|_| no_folder())?;
        let kind = self.run("read", ["cat-file", "-t", &found].map(OsStr::new)).map_err(|_| no_folder())?;
        if kind.trim_ascii() == b"tree" { Ok(found) } else { Err(no_folder()) }
    }

    fn hash(&self, name: &str) -> Result<String, GitError> {
        let told = self.run("read", ["rev-parse", "--verify", "--quiet", "--end-of-options", name].map(OsStr::new))?;
        let hash = String::from_utf8_lossy(&told).trim().to_owned();
        let is_hash = [40, 64].contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash { Ok(hash) } else { Err(self.refused("read", "it answered no hash")) }
    }

    fn run<const N: usize>(&self, act: &'static str, arguments: [&OsStr; N]) -> Result<Vec<u8>, GitError> {
        let mut command = self.command();
        command.args(arguments);
        let limits = &self.git.limits;
        let bounds = Bounds { timeout: limits.timeout, folder: self.repository, bytes_max: limits.fetched_bytes_max };
        match run::run(command, &bounds).map_err(|source| self.not_started(source))? {
            Ended::Well(told) => Ok(told),
            Ended::Badly(told) => Err(self.refused(act, &told)),
            Ended::Slow => Err(GitError::Slow { act, url: self.source.url.clone(), timeout: limits.timeout }),
            Ended::Large => Err(GitError::Large { url: self.source.url.clone(), bytes_max: limits.fetched_bytes_max }),
        }
    }

    /// A `git` that follows no configuration but what stands here.
    fn command(&self) -> Command {
        let protocol = self.source.protocol.as_str();
        let mut command = Command::new(&self.git.program);
        let is_gits = |name: &OsStr| name.as_encoded_bytes().starts_with(b"GIT_") && !PASSED.iter().any(|p| name == *p);
        let given = self.git.environment.iter().filter(|(name, _)| !is_gits(name));
        command.env_clear();
        // A command stands above a program for git, so that none is set where somebody names a program.
        if !self.git.environment.iter().any(|(name, _)| name == "GIT_SSH") {
            command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
        }
        command.envs(given.map(|(name, value)| (name, value)));
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", protocol)
            .env("GIT_DIR", self.repository)
            .env("LC_ALL", "C");
        for setting in [
            "protocol.allow=never",
            &format!("protocol.{protocol}.allow=always"),
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "core.askPass=",
            "credential.helper=",
            "http.followRedirects=initial",
            "fetch.fsckObjects=true",
            "transfer.bundleURI=false",
            "gc.auto=0",
        ] {
            command.arg("-c").arg(setting);
        }
        command.current_dir(self.repository).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn not_started(&self, source: io::Error) -> GitError {
        GitError::Program { program: self.git.program.clone(), source }
    }

    fn refused(&self, act: &'static str, told: &str) -> GitError {
        let url = self.source.url.clone();
        GitError::Refused { act, url, told: akao_contract::shortened(shown(told.trim()), 500) }
    }

    fn content(&self, path: &[u8], problem: impl Into<String>) -> GitError {
        let path = akao_contract::shortened(shown(&String::from_utf8_lossy(path)), 200);
        GitError::Content { url: self.source.url.clone(), path, problem: problem.into() }
    }
}

/// Text of others without what would steer a terminal.
fn shown(text: &str) -> String {
    text.replace('\n', ", ").chars().map(|c| if akao_contract::steers_terminal(c) { '\u{fffd}' } else { c }).collect()
}
