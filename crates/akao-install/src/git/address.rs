//! The address of a git repository with what is meant in it: `git+https://host/path#REF:FOLDER`.

use std::fmt;
use url::Url;

/// Longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 2048;

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitProtocol {
    /// A repository on this machine.
    File,
    /// By `ssh`, as its own configuration says.
    Ssh,
    /// By HTTPS.
    Https,
}

impl GitProtocol {
    /// How git calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Ssh => "ssh",
            Self::Https => "https",
        }
    }
}

/// A commit of a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    /// How it is reached.
    pub protocol: GitProtocol,
    /// The address without `git+`.
    pub url: String,
    /// A branch, a tag or a commit; none for what the repository itself shows first.
    pub reference: Option<String>,
    /// The folder of the package in it; none for the whole.
    pub folder: Option<String>,
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GitSourceError {
    /// Another protocol.
    #[error("it is reached by none of `git+https`, `git+ssh` and `git+file`")]
    Protocol,
    /// Not a URL, or one with parts that mean nothing here.
    #[error("it is not an address with a path")]
    Url,
    /// A password in it.
    #[error("it holds a password")]
    Password,
    /// A host or user that could be taken for an option.
    #[error("its host or user begins with a hyphen or holds odd characters")]
    Host,
    /// Not the name of a branch, tag or commit.
    #[error("what stands behind `#` is no name of a branch, tag or commit")]
    Reference,
    /// Not a folder in the repository.
    #[error("what stands behind `:` is no folder in the repository")]
    Folder,
}

impl GitSourceError {
    /// A sentence: what to do.
    pub fn suggestion(self) -> &'static str {
        match self {
            Self::Protocol => "Write `git+https://…`, `git+ssh://…` or `git+file://…`.",
            Self::Url => "Write for example `git+https://example.com/nodes.git#v1.2.0:enrich`.",
            Self::Password => "Leave it out: it would be kept and shown. Use `git+ssh` with a key.",
            Self::Host => "Write the host as it is: letters, digits, dots and hyphens.",
            Self::Reference => "Write a branch, a tag, or all 40 characters of a commit.",
            Self::Folder => "Write its path from the top of the repository, such as `#main:nodes/enrich`.",
        }
    }
}

impl GitSource {
    /// Reads `git+PROTOCOL://…`, with `#REF`, `#REF:FOLDER` or `#:FOLDER` behind it.
    ///
    /// # Errors
    /// It is not of this form, or could be taken for something else by git or ssh.
    pub fn parse(text: &str) -> Result<Self, GitSourceError> {
        let odd = |c: char| c.is_whitespace() || c == '\\' || akao_contract::steers_terminal(c);
        if text.len() > ADDRESS_BYTES_MAX || text.contains(odd) {
            return Err(GitSourceError::Url);
        }
        let text = text.strip_prefix("git+").ok_or(GitSourceError::Protocol)?;
        let (url, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (reference, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self::new(url, part(reference), part(folder))
    }

    /// A commit by the address without `git+`.
    ///
    /// # Errors
    /// As with [`GitSource::parse`].
    pub fn new(url: &str, reference: Option<String>, folder: Option<String>) -> Result<Self, GitSourceError> {
        let protocol = match url.split_once("://") {
            Some(("file", _)) => GitProtocol::File,
            Some(("ssh", _)) => GitProtocol::Ssh,
            Some(("https", _)) => GitProtocol::Https,
            _ => return Err(GitSourceError::Protocol),
        };
        check_url(url, protocol)?;
        // What comes from a lock is shown as well.
        let parts = [Some(url), reference.as_deref(), folder.as_deref()];
        if parts.into_iter().flatten().any(|part| part.contains(akao_contract::steers_terminal)) {
            return Err(GitSourceError::Folder);
        }
        if reference.as_deref().is_some_and(|reference| !is_reference(reference)) {
            return Err(GitSourceError::Reference);
        }
        let folder = folder.map(|folder| folder.trim_end_matches('/').to_owned());
        if folder.as_deref().is_some_and(|folder| !is_folder(folder)) {
            return Err(GitSourceError::Folder);
        }
        Ok(Self { protocol, url: url.to_owned(), reference, folder })
    }
}

impl fmt::Display for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "git+{}", self.url)?;
        match (&self.reference, &self.folder) {
            (None, None) => Ok(()),
            (reference, None) => write!(f, "#{}", reference.as_deref().unwrap_or_default()),
            (reference, Some(folder)) => write!(f, "#{}:{folder}", reference.as_deref().unwrap_or_default()),
        }
    }
}

fn check_url(text: &str, protocol: GitProtocol) -> Result<(), GitSourceError> {
    let url: Url = text.parse().map_err(|_| GitSourceError::Url)?;
    if url.query().is_some() || url.fragment().is_some() || url.path().len() < 2 {
        return Err(GitSourceError::Url);
    }
    if url.password().is_some() {
        return Err(GitSourceError::Password);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    // Read from the text, as git and ssh read it: a reader of URLs may see something else in it.
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    if protocol == GitProtocol::File {
        return if authority.is_empty() { Ok(()) } else { Err(GitSourceError::Host) };
    }
    let (user, host) = authority.rsplit_once('@').unwrap_or(("user", authority));
    let host = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host);
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_is_plain = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.chars().all(plain),
    };
    let sound = host_is_plain && user.chars().all(plain);
    let begins_well = |text: &str| !text.is_empty() && !text.starts_with('-');
    if sound && begins_well(host) && begins_well(user) { Ok(()) } else { Err(GitSourceError::Host) }
}

/// Whether a text can name a branch, tag or commit and nothing else: no option, no refspec, no expression.
fn is_reference(text: &str) -> bool {
    let odd = |c: char| c.is_ascii_control() || " ~^:?*[\\+@{}\"'".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    text.len() <= 250
        && !text.starts_with('-')
        && !text.ends_with('.')
        && !text.contains(odd)
        && !text.contains("..")
        && text.split('/').all(part)
}

fn is_folder(text: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..") && !part.starts_with('-') && !part.contains(':');
    text.len() <= 1024 && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_reference_and_a_folder() {
        let source = |text: &str| GitSource::parse(text).map(|s| (s.url, s.reference, s.folder));
        let some = |text: &str| Some(text.to_owned());
        let url = "https://example.com/nodes.git";
        assert_eq!(source(&format!("git+{url}")), Ok((url.into(), None, None)));
        assert_eq!(source(&format!("git+{url}#v1.2.0")), Ok((url.into(), some("v1.2.0"), None)));
        assert_eq!(source(&format!("git+{url}#release/1:a/b/")), Ok((url.into(), some("release/1"), some("a/b"))));
        assert_eq!(source(&format!("git+{url}#:a")), Ok((url.into(), None, some("a"))));
        for text in [
            "git+file:///srv/nodes",
            "git+ssh://git@example.com:2222/nodes.git#main:enrich",
            "git+https://[::1]:8443/a",
        ] {
            assert_eq!(GitSource::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_git_or_ssh_would_take_for_something_else_is_refused() {
        use GitSourceError::{Folder, Host, Password, Protocol, Reference, Url};
        for (text, problem) in [
            ("git+http://example.com/a", Protocol),
            ("git+ext::sh -c whoami", Url),
            ("git+ext::sh", Protocol),
            ("git+/srv/nodes", Protocol),
            ("git+https://example.com", Url),
            ("git+https://example.com/a?b", Url),
            ("git+https://user:secret@example.com/a", Password),
            ("git+ssh://-oProxyCommand=x/a", Host),
            ("git+ssh://-l@example.com/a", Host),
            ("git+ssh://a@b@-x/a", Host),
            ("git+ssh://exa$mple/a", Host),
            ("git+file://host/a", Host),
            ("git+https://example.com/a\nb", Url),
            ("git+https://example.com/a#--upload-pack=x", Reference),
            ("git+https://example.com/a#+main", Reference),
            ("git+https://example.com/a#main~1", Reference),
            ("git+https://example.com/a#main@{1}", Reference),
            ("git+https://example.com/a#a..b", Reference),
            ("git+https://example.com/a#refs/heads/*", Reference),
            ("git+https://example.com/a#main:../b", Folder),
            ("git+https://example.com/a#main:/b", Folder),
            ("git+https://example.com/a#main:a:b", Folder),
            ("git+https://example.com/a#main:-a", Folder),
        ] {
            assert_eq!(GitSource::parse(text), Err(problem), "{text}");
        }
    }
}
