//! Topic `external`: calls of nodes in processes, starts of sandboxes and of nodes, memory.
//!
//! The broker's relay needs a network namespace of its own and is measured by `cargo bench -p akao-broker`.

mod calls;
mod links;
mod memory;
mod peer;
mod spawn;
mod start;

use crate::Ground;
use crate::row::Row;

/// A measurement; it may give several rows.
type Measure = fn(&Ground) -> Vec<Row>;

/// Every figure by name.
pub(crate) const FIGURES: [(&str, Measure); 7] = [
    ("calls of a Rust node", calls::rust),
    ("calls of a Python node", calls::python),
    ("calls of a Node.js node", calls::node),
    ("sandboxed spawn", spawn::spawn),
    ("process start", start::start),
    ("links", links::links),
    ("memory", memory::memory),
];

pub(crate) use calls::{BareEcho, context, external_nodes, external_nodes_with};
pub(crate) use peer::serve_as_peer;
