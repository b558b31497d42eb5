//! What the solver chooses versions for, and how packages with several lines become that.
//!
//! | unit | its versions are | needs |
//! |---|---|---|
//! | `Root` | one | a `Library`, `Line` or `Either` for each request |
//! | `Library(package)` | the package's versions | what the version needs |
//! | `Line(package, line)` | those of one line | what the version needs |
//! | `Either(package, range)` | the lines that a range allows | `Line` of that line |

use semver::Version;
use std::fmt;

/// The part of a package's versions that are compatible with each other by semantic versioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Line(u64, u64, u64);

impl Line {
    /// The line of a version: the parts up to the first that is not zero.
    pub(super) fn of(version: &Version) -> Self {
        match (version.major, version.minor) {
            (0, 0) => Self(0, 0, version.patch),
            (0, minor) => Self(0, minor, 0),
            (major, _) => Self(major, 0, 0),
        }
    }
}

/// A package by its place in the provider's list, or something made of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Unit {
    Root,
    Library(u32),
    Line(u32, Line),
    /// The second number is the range's place in the provider's list.
    Either(u32, u32),
}

impl Unit {
    /// The package that it stands for.
    pub(super) fn package(self) -> Option<usize> {
        match self {
            Self::Root => None,
            Self::Library(package) | Self::Line(package, _) | Self::Either(package, _) => Some(package as usize),
        }
    }
}

impl fmt::Display for Unit {
    /// For debugging: people read what `explain` makes of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
