//! Step addresses: `/` for the root, else one `/index` a level, with `[iteration]` on a loop or Retry node.
//!
//! `/0/2[17]/1` is the second child of the body run number 17 (zero-based) of the third child of the first child.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::{fmt, str::FromStr};

/// One level of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// Zero-based position among the parent's children.
    pub index: u32,
    /// Zero-based run of the loop or Retry node that this segment names, when the address goes on below it.
    pub iteration: Option<u64>,
}

/// Where a step stands in an execution. The root is the empty list of segments and prints as `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Iteration of the root itself, when the root is a loop.
    pub root_iteration: Option<u64>,
    /// The segments below the root.
    pub segments: SmallVec<[Segment; 6]>,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a step address; an address looks like `/`, `/0/1` or `/0/2[17]/1`")]
pub struct AddressError(pub String);

impl Address {
    /// The address of the root node.
    pub fn root() -> Self {
        Self::default()
    }

    /// The address of child `index` of this node.
    #[must_use]
    pub fn child(&self, index: u32) -> Self {
        let mut child = self.clone();
        child.segments.push(Segment { index, iteration: None });
        child
    }

    /// This address with the iteration of its last segment set.
    #[must_use]
    pub fn with_iteration(mut self, iteration: u64) -> Self {
        match self.segments.last_mut() {
            Some(last) => last.iteration = Some(iteration),
            None => self.root_iteration = Some(iteration),
        }
        self
    }

    /// The address without any iteration: the place in the definition.
    #[must_use]
    pub fn place(&self) -> Self {
        let segments = self.segments.iter().map(|s| Segment { index: s.index, iteration: None }).collect();
        Self { root_iteration: None, segments }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.segments.is_empty() || self.root_iteration.is_some() { "/" } else { "" })?;
        if let Some(iteration) = self.root_iteration {
            write!(f, "[{iteration}]")?;
        }
        for segment in &self.segments {
            write!(f, "/{}", segment.index)?;
            if let Some(iteration) = segment.iteration {
                write!(f, "[{iteration}]")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || AddressError(text.to_owned());
        let mut rest = text.strip_prefix('/').ok_or_else(bad)?;
        let mut address = Self::root();
        if rest.starts_with('[') {
            let (head, tail) = rest.split_once('/').map_or((rest, ""), |(h, t)| (h, t));
            address.root_iteration = Some(iteration(head).ok_or_else(bad)?);
            rest = tail;
        }
        if rest.is_empty() {
            return Ok(address);
        }
        for part in rest.split('/') {
            let (index, suffix) = part.find('[').map_or((part, None), |at| (&part[..at], Some(&part[at..])));
            let iteration = match suffix {
                Some(suffix) => Some(iteration(suffix).ok_or_else(bad)?),
                None => None,
            };
            address.segments.push(Segment { index: index.parse().map_err(|_| bad())?, iteration });
        }
        Ok(address)
    }
}

fn iteration(text: &str) -> Option<u64> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_as_they_are_read() {
        for text in ["/", "/0", "/0/2[17]/1", "/[3]/0", "/[3]", "/10/0/4[0]"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in ["", "0/1", "/a", "/0/", "/0[", "/0[x]", "//", "/-1"] {
            assert!(text.parse::<Address>().is_err(), "{text} was accepted");
        }
    }
}
