//! The index: every package of a repository, in as many as 64 parts that are signed and fetched on their own.
//!
//! A package belongs to the part that the first six bits of its id's SHA-256 name. Publishing rewrites one part, and a
//! client that has the others fetches only that one. A small repository has few parts, as empty ones do not exist.

use crate::{
    lookalike::{LookAlike, LookAlikes},
    record::{Package, Release},
};
use akao_contract::{Digest, manifest::PackageId};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io::Read};

/// The format of a part.
const FORMAT: u32 = 1;

/// How many parts there are at most.
pub const PARTS_MAX: u8 = 64;

/// Largest part as it is stored, in bytes.
pub const PART_BYTES_MAX: u64 = 16 << 20;

/// Largest part when it is unpacked, in bytes. Ten thousand packages take about a tenth of this in all parts together.
pub const PART_UNPACKED_BYTES_MAX: u64 = 64 << 20;

/// Level of compression: publishing is rare, fetching is not.
const ZSTD_LEVEL: i32 = 9;

/// Why a part cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// It does not unpack.
    #[error("part {0} of the index cannot be unpacked")]
    Packed(u8, #[source] std::io::Error),
    /// It unpacks to more than anybody needs.
    #[error("part {0} of the index unpacks to more than {PART_UNPACKED_BYTES_MAX} bytes")]
    Large(u8),
    /// It is not what a part holds.
    #[error("part {0} of the index cannot be read")]
    Json(u8, #[source] serde_json::Error),
    /// It was written by a later version.
    #[error("part {part} of the index has the format {format}, and this version reads {FORMAT}")]
    Format {
        /// Which.
        part: u8,
        /// Its format.
        format: u32,
    },
    /// A package stands where another part should hold it, or twice.
    #[error("part {part} of the index holds {id}, which does not belong there")]
    Misplaced {
        /// Which.
        part: u8,
        /// The package.
        id: PackageId,
    },
}

/// All packages of a repository by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    packages: BTreeMap<PackageId, Package>,
}

#[derive(Serialize, Deserialize)]
struct Part<P> {
    format: u32,
    packages: Vec<P>,
}

/// The part that a package belongs to.
pub fn part_of(id: &PackageId) -> u8 {
    Digest::of(id.as_str().as_bytes()).bytes()[0] >> 2
}

/// The name of a part as a target of the repository.
pub(crate) fn part_name(part: u8) -> String {
    format!("index-{part:02}.json.zst")
}

/// The part that a target's name names.
pub(crate) fn part_named(name: &str) -> Option<u8> {
    let part: u8 = name.strip_prefix("index-")?.strip_suffix(".json.zst")?.parse().ok()?;
    (part < PARTS_MAX && part_name(part) == name).then_some(part)
}

impl Index {
    /// A package, also a deleted one.
    pub fn package(&self, id: &PackageId) -> Option<&Package> {
        self.packages.get(id)
    }

    /// A version of a package.
    pub fn release(&self, id: &PackageId, version: &Version) -> Option<&Release> {
        self.package(id)?.release(version)
    }

    /// Every package in the order of ids, deleted ones too.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// Ids that are easily taken for this one, when it is new: none for one that is there. `name` is that for people.
    pub fn look_alikes(&self, id: &PackageId, name: &str) -> Vec<LookAlike> {
        if self.package(id).is_some() {
            return Vec::new();
        }
        let known = self.packages().filter(|package| package.deleted.is_none());
        let known = known.map(|package| (package.id.as_str(), package.newest().map(|release| release.name.as_str())));
        LookAlikes::of(known).warnings(id.as_str(), Some(name))
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// Adds a package or puts it in the place of the one with its id.
    pub fn put(&mut self, package: Package) {
        self.packages.insert(package.id.clone(), package);
    }

    pub(crate) fn entry(&mut self, id: &PackageId) -> Option<&mut Package> {
        self.packages.get_mut(id)
    }

    /// A part as it is stored; none when it would be empty.
    ///
    /// # Errors
    /// It would be larger than clients take.
    pub fn pack(&self, part: u8) -> Result<Option<Vec<u8>>, PartError> {
        let packages: Vec<&Package> = self.packages().filter(|package| part_of(&package.id) == part).collect();
        if packages.is_empty() {
            return Ok(None);
        }
        let json = serde_json::to_vec(&Part { format: FORMAT, packages }).map_err(|e| PartError::Json(part, e))?;
        if json.len() as u64 > PART_UNPACKED_BYTES_MAX {
            return Err(PartError::Large(part));
        }
        let packed = zstd::bulk::compress(&json, ZSTD_LEVEL).map_err(|error| PartError::Packed(part, error))?;
        Ok(Some(packed))
    }

    /// Adds the packages of a part as it is stored.
    ///
    /// # Errors
    /// It does not unpack within its bounds, or is not what a part holds.
    pub fn unpack(&mut self, part: u8, packed: &[u8]) -> Result<(), PartError> {
        let failed = |error| PartError::Packed(part, error);
        let decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(failed)?;
        let mut json = Vec::new();
        decoder.take(PART_UNPACKED_BYTES_MAX + 1).read_to_end(&mut json).map_err(failed)?;
        if json.len() as u64 > PART_UNPACKED_BYTES_MAX {
            return Err(PartError::Large(part));
        }
        self.read(part, &json)
    }

    /// Adds the packages of a part that is unpacked.
    ///
    /// # Errors
    /// It is not what a part holds. Some of its packages may be there then.
    pub fn read(&mut self, part: u8, json: &[u8]) -> Result<(), PartError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_slice(json).map_err(|error| PartError::Json(part, error))?;
        if head.format != FORMAT {
            return Err(PartError::Format { part, format: head.format });
        }
        let read: Part<Package> = serde_json::from_slice(json).map_err(|error| PartError::Json(part, error))?;
        for mut package in read.packages {
            if part_of(&package.id) != part || self.packages.contains_key(&package.id) {
                return Err(PartError::Misplaced { part, id: package.id });
            }
            package.releases.sort_by(|a, b| a.version.cmp(&b.version));
            self.put(package);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PublicKey;

    fn package(id: &str) -> Package {
        let publisher = PublicKey::from_bytes([1; 32]);
        Package {
            id: id.parse().unwrap(),
            publisher,
            deprecated: None,
            successor: None,
            deleted: None,
            releases: Vec::new(),
        }
    }

    #[test]
    fn parts_put_together_are_the_index() {
        let mut index = Index::default();
        (0..500).for_each(|number| index.put(package(&format!("com.example.p{number}"))));
        let mut read = Index::default();
        for part in 0..PARTS_MAX {
            if let Some(packed) = index.pack(part).unwrap() {
                assert_eq!(part_named(&part_name(part)), Some(part));
                read.unpack(part, &packed).unwrap();
            }
        }
        assert_eq!(read, index);
    }

    #[test]
    fn a_part_holds_only_its_own_packages() {
        let mut index = Index::default();
        index.put(package("com.example.enrich"));
        let part = part_of(&"com.example.enrich".parse().unwrap());
        let packed = index.pack(part).unwrap().unwrap();
        let mut read = Index::default();
        assert!(matches!(read.unpack((part + 1) % PARTS_MAX, &packed), Err(PartError::Misplaced { .. })));
        read.unpack(part, &packed).unwrap();
        assert!(matches!(read.unpack(part, &packed), Err(PartError::Misplaced { .. })), "the same part twice");
    }

    #[test]
    fn a_part_that_unpacks_without_end_is_refused() {
        let zeros = vec![b' '; PART_UNPACKED_BYTES_MAX as usize + 10];
        let packed = zstd::bulk::compress(&zeros, 1).unwrap();
        assert!((packed.len() as u64) < PART_BYTES_MAX);
        assert!(matches!(Index::default().unpack(0, &packed), Err(PartError::Large(0))));
    }

    #[test]
    fn a_part_of_a_later_format_is_named_as_such() {
        let packed = zstd::bulk::compress(br#"{"format":2,"packages":[{"new":true}]}"#, 1).unwrap();
        assert!(matches!(Index::default().unpack(3, &packed), Err(PartError::Format { part: 3, format: 2 })));
        for garbage in [&b"x"[..], b"", &zstd::bulk::compress(b"{}", 1).unwrap()] {
            assert!(Index::default().unpack(0, garbage).is_err());
        }
    }

    #[test]
    fn only_the_one_spelling_of_a_part_is_a_part() {
        for name in ["index-64.json.zst", "index-1.json.zst", "index-+1.json.zst", "index-.json.zst", "kill-list.json"]
        {
            assert_eq!(part_named(name), None, "{name}");
        }
    }
}
