//! Where a node stands in a definition: `/0/1` below the root, `#name/0/1` below a tree of `trees:`.

use crate::{Definition, NodeDef};
use akao_contract::Address;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// A place in a definition. It names no iteration.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The tree of `trees:`; none is the tree that is run.
    pub tree: Option<String>,
    /// The address within that tree.
    pub address: Address,
}

impl Place {
    /// The root of the tree that is run, or of the named tree.
    pub fn root(tree: Option<&str>) -> Self {
        Self { tree: tree.map(str::to_owned), address: Address::root() }
    }

    /// The place of child `index`.
    #[must_use]
    pub fn child(&self, index: usize) -> Self {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Self { tree: self.tree.clone(), address: self.address.child(index) }
    }
}

/// The trees of a definition in their order: the one that is run first, then the named ones.
pub(crate) fn trees(definition: &Definition) -> impl Iterator<Item = (Option<&str>, &NodeDef)> {
    std::iter::once((None, &definition.root))
        .chain(definition.trees.iter().map(|(name, root)| (Some(name.as_str()), root)))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tree) = &self.tree {
            write!(f, "#{tree}")?;
        }
        write!(f, "{}", self.address)
    }
}

impl FromStr for Place {
    type Err = akao_contract::AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(rest) = text.strip_prefix('#') else {
            return Ok(Self { tree: None, address: text.parse()? });
        };
        let at = rest.find('/').ok_or_else(|| akao_contract::AddressError(text.to_owned()))?;
        Ok(Self { tree: Some(rest[..at].to_owned()), address: rest[at..].parse()? })
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_print_as_they_are_read() {
        for text in ["/", "/0/1", "#inner/", "#inner/2"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in ["", "#inner", "inner/0", "#inner/x"] {
            assert!(text.parse::<Place>().is_err(), "{text} was accepted");
        }
    }
}
