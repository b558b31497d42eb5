//! Where a package is to come from, as people write it.
//!
//! | text | means |
//! |---|---|
//! | `./enrich`, `/srv/enrich`, `.` | a folder |
//! | `./enrich-1.2.0.akao` | an archive, with `.minisig` beside it if it is signed |
//! | `git+https://host/path#REF:FOLDER` | a git repository; also `git+ssh` and `git+file`; both parts behind `#` may be left out |
//! | `com.example.enrich`, `com.example.enrich@^1.2` | a package of a configured repository |
//!
//! What a text means is decided by the text alone, never by what happens to be in the current folder.

use crate::git::{GitSource, GitSourceError};
use akao_repository::{Request, RequestError};
use std::path::{Path, PathBuf};

/// The ending of archives.
const ARCHIVE_ENDING: &str = ".akao";

/// Where a package is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder, by its absolute path.
    Folder(PathBuf),
    /// An archive, by its absolute path.
    File(PathBuf),
    /// A git repository.
    Git(GitSource),
    /// A package of a repository.
    Named(Request),
}

/// Why a text is no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Nothing.
    #[error("no source is named")]
    Empty,
    /// An address that is not one of git.
    #[error("`{text}` is not a source")]
    Address {
        /// What was written.
        text: String,
        /// What to write instead, as a sentence.
        cure: String,
    },
    /// An address of git that is not sound.
    #[error("`{text}` is not a git source: {problem}")]
    Git {
        /// What was written.
        text: String,
        /// What is wrong.
        problem: GitSourceError,
    },
    /// Neither a path nor an id.
    #[error("`{text}` is neither a path nor a package: {problem}")]
    Name {
        /// What was written.
        text: String,
        /// What is wrong with it as an id.
        problem: String,
    },
}

impl SourceError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Empty => {
                "Name a folder, a `.akao` file, a git repository, or a package such as `com.example.enrich@^1.2`."
                    .to_owned()
            }
            Self::Address { cure, .. } => cure.clone(),
            Self::Git { problem, .. } => problem.suggestion().to_owned(),
            Self::Name { text, .. } => {
                format!("Write `./{text}` for a folder or file, or a package such as `com.example.enrich@^1.2`.")
            }
        }
    }
}

impl Source {
    /// Reads what somebody wrote. Relative paths start at `base`. Nothing is looked for yet.
    ///
    /// # Errors
    /// It is none of the forms above.
    pub fn parse(text: &str, base: &Path) -> Result<Self, SourceError> {
        let shown = || akao_contract::shortened(text.to_owned(), 200);
        if text.is_empty() {
            return Err(SourceError::Empty);
        }
        if text.starts_with("git+") {
            let wrong = |problem| SourceError::Git { text: shown(), problem };
            return GitSource::parse(text).map(Self::Git).map_err(wrong);
        }
        if let Some(cure) = address(text) {
            return Err(SourceError::Address { text: shown(), cure });
        }
        if text.contains('/') || text == "." || text == ".." {
            return Ok(path(text, base));
        }
        match text.parse::<Request>() {
            Ok(request) => Ok(Self::Named(request)),
            // `enrich-1.2.0.akao` is no id, since a part of an id begins with a letter.
            Err(_) if text.ends_with(ARCHIVE_ENDING) => Ok(path(text, base)),
            Err(error) => Err(SourceError::Name { text: shown(), problem: problem_of(&error) }),
        }
    }
}

fn path(text: &str, base: &Path) -> Source {
    let path = base.join(text);
    let path = std::path::absolute(&path).unwrap_or(path);
    if text.ends_with(ARCHIVE_ENDING) { Source::File(path) } else { Source::Folder(path) }
}

fn problem_of(error: &RequestError) -> String {
    match error {
        RequestError::Id(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// What to write instead of an address that is not one of git; none when the text is no address.
fn address(text: &str) -> Option<String> {
    if let Some((scheme, _)) = text.split_once("://") {
        return Some(match scheme {
            "https" | "ssh" => format!(
                "For a git repository write `git+{text}`; a package from a repository is installed by its name once the repository was added."
            ),
            "http" | "git" => {
                "Write `git+https://…`: what comes over an open connection could be anybody's.".to_owned()
            }
            "file" => format!("Write the path alone, or `git+{text}` for a git repository."),
            _ => "Write a path, `git+https://…`, `git+ssh://…` or `git+file://…`, or a package's name.".to_owned(),
        });
    }
    // The form of scp: `git@host:path`.
    let (host, path) = text.split_once(':')?;
    let is_scp = host.contains('@') && !host.contains('/') && !path.starts_with('/');
    is_scp.then(|| format!("Write `git+ssh://{host}/{path}`."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::GitProtocol;

    fn parse(text: &str) -> Result<Source, SourceError> {
        Source::parse(text, Path::new("/base"))
    }

    #[test]
    fn each_form_is_told_from_its_text_alone() {
        let folder = |path: &str| Source::Folder(path.into());
        let file = |path: &str| Source::File(path.into());
        let named = |text: &str| Source::Named(text.parse().unwrap());
        for (text, source) in [
            (".", folder("/base/.")),
            ("./enrich", folder("/base/enrich")),
            ("nodes/enrich", folder("/base/nodes/enrich")),
            ("/srv/enrich", folder("/srv/enrich")),
            ("./com.example.enrich", folder("/base/com.example.enrich")),
            ("./a.akao", file("/base/a.akao")),
            ("enrich-1.2.0.akao", file("/base/enrich-1.2.0.akao")),
            ("com.example.enrich-1.2.0.akao", file("/base/com.example.enrich-1.2.0.akao")),
            ("com.example.enrich", named("com.example.enrich")),
            ("com.example.enrich@^1.2", named("com.example.enrich@^1.2")),
            ("com.example.akao", named("com.example.akao")),
        ] {
            assert_eq!(parse(text), Ok(source), "{text}");
        }
        let Ok(Source::Git(git)) = parse("git+https://example.com/nodes.git#v1:enrich") else { panic!() };
        assert_eq!(git.protocol, GitProtocol::Https);
    }

    #[test]
    fn what_is_no_source_is_refused_with_a_cure() {
        for (text, cure) in [
            ("", "Name a folder"),
            ("https://example.com/nodes.git", "`git+https://example.com/nodes.git`"),
            ("http://example.com/nodes.git", "open connection"),
            ("file:///srv/nodes", "the path alone"),
            ("ftp://example.com/a", "Write a path"),
            ("git@example.com:nodes.git", "`git+ssh://git@example.com/nodes.git`"),
            ("enrich", "`./enrich`"),
            ("com.example", "`./com.example`"),
            ("com.example.enrich@nonsense", "`com.example.enrich@^1.2`"),
            ("Com.Example.Enrich", "`./Com.Example.Enrich`"),
            ("git+http://example.com/a", "git+https"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.suggestion().contains(cure), "{text}: {error}: {}", error.suggestion());
        }
    }
}
