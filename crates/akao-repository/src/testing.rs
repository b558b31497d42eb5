//! Packages for this crate's own tests.

use crate::{
    index::Index,
    key::PublicKey,
    record::{Content, Need, Package, Release},
};
use jiff::Timestamp;

/// A version with nothing special.
pub(crate) fn release(version: &str) -> Release {
    Release {
        version: version.parse().unwrap(),
        name: "A package".into(),
        description: String::new(),
        publisher: PublicKey::from_bytes([1; 32]),
        archive: Content::of(version.as_bytes()),
        signature: Content::of(b"signature"),
        published: Timestamp::UNIX_EPOCH,
        contract: 1,
        permissions: Vec::new(),
        capabilities: Vec::new(),
        dependencies: Vec::new(),
        library: false,
        yanked: None,
        deprecated: None,
    }
}

/// A version that needs others.
pub(crate) fn needing(version: &str, needs: &[(&str, &str)]) -> Release {
    let need = |(id, range): &(&str, &str)| Need { id: id.parse().unwrap(), version: range.parse().unwrap() };
    Release { dependencies: needs.iter().map(need).collect(), ..release(version) }
}

/// An index of packages with their versions, lowest first.
pub(crate) fn index_of<const N: usize>(packages: [(&str, Vec<Release>); N]) -> Index {
    let mut index = Index::default();
    for (id, mut releases) in packages {
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        index.put(Package {
            id: id.parse().unwrap(),
            publisher: PublicKey::from_bytes([1; 32]),
            deprecated: None,
            successor: None,
            deleted: None,
            releases,
        });
    }
    index
}
