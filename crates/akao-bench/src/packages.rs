//! Topic `packages`: packing, checking and storing archives.

mod install;
mod start;

use crate::Ground;
use crate::row::Row;

/// A measurement; it may give several rows.
type Measure = fn(&Ground) -> Vec<Row>;

/// Every figure by name.
pub(crate) const FIGURES: [(&str, Measure); 3] =
    [("install", install::install), ("pack", install::pack_twice), ("start", start::start)];
