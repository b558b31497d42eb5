//! Names of custom nodes. People write `SendSlackMessage`, or `SendSlackMessage@1.0.0` where the version matters; the package
//! behind it has an id in which the tenant takes part, so that two tenants never mean the same one.

use akao_contract::{Digest, Tenant, manifest::PackageId};
use std::{fmt, str::FromStr};

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Longest part of an id that is made of a name: with a mark it still fits.
const PART_BYTES_MAX: usize = 50;
/// Length of a mark.
const MARK_BYTES: usize = 8;
/// What the ids of all custom nodes begin with.
const FIRST: &str = "custom";

/// Why a text names no custom node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, too long, or with other characters.
    #[error("`{0}` is not a name: letters, digits, `_` and `-` after a letter, 255 at most")]
    Name(String),
    /// No version of three numbers.
    #[error("`{0}` is not a version such as 1.0.0")]
    Version(String),
}

/// The name of a custom node: `SendSlackMessage`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as files are called: `send-slack-message`.
    pub fn kebab(&self) -> String {
        let mut kebab = String::new();
        let mut before = '-';
        let mut letters = self.0.chars().peekable();
        while let Some(letter) = letters.next() {
            let begins_word = letter.is_ascii_uppercase()
                && (!before.is_ascii_uppercase() || letters.peek().is_some_and(char::is_ascii_lowercase));
            if begins_word && before != '-' && before != '_' {
                kebab.push('-');
            }
            kebab.push(letter.to_ascii_lowercase());
            before = letter;
        }
        kebab
    }

    /// The id of the package of a tenant's node. Names that would be written alike are told apart by a mark.
    pub fn package(&self, tenant: &Tenant) -> Option<PackageId> {
        let name = match self.kebab() {
            kebab if kebab.len() <= PART_BYTES_MAX && pascal(&kebab) == self.0 && !ends_like_mark(&kebab) => kebab,
            kebab => format!("{}-{}", clipped(&kebab), mark(&self.0)),
        };
        let owner = match tenant.as_str() {
            short if short.len() <= PART_BYTES_MAX => format!("t-{short}"),
            long => format!("t-{}-{}", clipped(long), mark(long)),
        };
        format!("{FIRST}.{owner}.{name}").parse().ok()
    }
}

/// `SendSlackMessage` of `send-slack-message`.
pub fn pascal(kebab: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    kebab.split(['-', '.', ' ']).map(word).collect()
}

fn clipped(text: &str) -> &str {
    &text[..text.len().min(PART_BYTES_MAX)]
}

/// Whether a name could be taken for one that was told apart by a mark.
fn ends_like_mark(kebab: &str) -> bool {
    let end = kebab.rsplit('-').next().unwrap_or_default();
    end.len() == MARK_BYTES && end.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn mark(text: &str) -> String {
    Digest::of(text.as_bytes()).hex()[..MARK_BYTES].to_owned()
}

impl FromStr for NodeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.len() <= NAME_BYTES_MAX
            && text.bytes().all(fits);
        match is_name {
            true => Ok(Self(text.to_owned())),
            false => Err(NameError::Name(akao_contract::shortened(text.to_owned(), 80))),
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name with a version where one is written: what stands behind `type:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeVersion {
    /// The name.
    pub name: NodeName,
    /// The version; none where the newest that is active is meant.
    pub version: Option<semver::Version>,
}

impl NodeVersion {
    /// Whether a text has the form of a custom node's name: one part, without a dot before its version.
    pub fn may_be(text: &str) -> bool {
        !text.contains('#') && text.split('@').next().is_some_and(|name| name.parse::<NodeName>().is_ok())
    }
}

impl FromStr for NodeVersion {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let parse = |version: &str| version.parse().map_err(|_| NameError::Version(version.to_owned()));
        Ok(Self { name: name.parse()?, version: version.map(parse).transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_and_each_name_has_a_package_of_its_own() {
        let id = |name: &str, tenant: &str| {
            let (name, tenant): (NodeName, Tenant) = (name.parse().unwrap(), tenant.parse().unwrap());
            name.package(&tenant).unwrap().to_string()
        };
        assert_eq!(id("SendSlackMessage", "acme"), "custom.t-acme.send-slack-message");
        let long = ("A".repeat(255), "a".repeat(64), "a".repeat(63));
        let all = [
            id("SendSlackMessage", "acme"),
            id("sendSlackMessage", "acme"),
            id("send-slack-message", "acme"),
            id("SendSLACKMessage", "acme"),
            id("HTTPCall", "acme"),
            id("HttpCall", "acme"),
            id("SendSlackMessage", "0"),
            id(&long.0, &long.1),
            id(&long.0, &long.2),
        ];
        let lower = "sendslackmessage";
        let marked = id(lower, "acme");
        let (kebab, mark) = marked.rsplit_once('-').unwrap();
        let same = format!("{}{}", pascal(kebab.rsplit('.').next().unwrap()), pascal(mark));
        assert_ne!(id(&same, "acme"), marked, "a name that looks like a mark has one of its own");
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }

    #[test]
    fn names_are_read_with_their_versions() {
        for (name, kebab) in
            [("SendSlackMessage", "send-slack-message"), ("HTTPCall", "http-call"), ("a_b", "a_b"), ("A1", "a1")]
        {
            assert_eq!(name.parse::<NodeName>().unwrap().kebab(), kebab);
        }
        let read: NodeVersion = "A@1.2.3".parse().unwrap();
        assert_eq!((read.name.as_str(), read.version.unwrap().minor), ("A", 2));
        for bad in ["", "1a", "a.b", "a/b", "A@1", "A@", "@", "../a", "a b"] {
            assert!(bad.parse::<NodeVersion>().is_err(), "{bad}");
        }
        assert!(NodeVersion::may_be("A@1.0.0") && !NodeVersion::may_be("com.example.a@1.0.0"));
    }
}
