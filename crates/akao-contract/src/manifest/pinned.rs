//! The name under which a version of a workflow uses an external node: which node, of which version, with which content.

use super::{PackageId, PackageIdError};
use crate::Digest;
use std::{fmt, str::FromStr};

/// `ID@VERSION#sha256:HEX`. Two contents never share it, so what an execution began with is what it ends with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedNode {
    /// The node, which may be one below its package.
    pub node: PackageId,
    /// The package's version.
    pub version: String,
    /// What the package's folder held.
    pub digest: Digest,
}

/// Why a text is not the name of a pinned node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinnedNodeError {
    /// A part is missing.
    #[error("`{0}` is not ID@VERSION#DIGEST")]
    Form(String),
    /// The id is none.
    #[error("the id is not valid")]
    Id(#[from] PackageIdError),
    /// The digest is none.
    #[error("the digest is not valid: {0}")]
    Digest(String),
}

impl PinnedNode {
    /// The part of a node type's name that people read: the name without its digest.
    pub fn shown(name: &str) -> &str {
        name.split_once('#').map_or(name, |(shown, _)| shown)
    }

    /// Whether a node type's name has the form of a pinned node.
    pub fn is_pinned(name: &str) -> bool {
        name.contains('#')
    }
}

impl fmt::Display for PinnedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{}", self.node, self.version, self.digest)
    }
}

impl FromStr for PinnedNode {
    type Err = PinnedNodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || PinnedNodeError::Form(crate::shortened(text.to_owned(), 200));
        let (named, digest) = text.split_once('#').ok_or_else(form)?;
        let (node, version) = named.split_once('@').ok_or_else(form)?;
        if version.is_empty() {
            return Err(form());
        }
        Ok(Self {
            node: node.parse()?,
            version: version.to_owned(),
            digest: digest.parse().map_err(PinnedNodeError::Digest)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_name_reads_back_and_shows_without_its_digest() {
        let text = format!("com.example.enrich@1.2.0-rc.1+b#sha256:{}", "ab".repeat(32));
        let pinned: PinnedNode = text.parse().expect("a pinned name");
        assert_eq!((pinned.node.as_str(), pinned.version.as_str()), ("com.example.enrich", "1.2.0-rc.1+b"));
        assert_eq!(pinned.to_string(), text);
        assert_eq!(PinnedNode::shown(&text), "com.example.enrich@1.2.0-rc.1+b");
        assert_eq!(PinnedNode::shown("Log"), "Log");
        for bad in
            ["", "Log", "com.example.a@1.0.0", "com.example.a#sha256:00", "com.example.a@#sha256:00", "a@1#x", "@#"]
        {
            assert!(bad.parse::<PinnedNode>().is_err(), "{bad:?}");
        }
    }
}
