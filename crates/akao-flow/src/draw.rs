//! Drawings of a workflow: a tree for the terminal, a Mermaid flowchart, a self-contained SVG.
//!
//! They show the definition and, when statuses are given, the state of an execution. All text from the file is escaped
//! and cut; the work is linear in the nodes but for the edges of graphs, which are bounded.

mod card;
mod mermaid;
mod svg;
mod terminal;

#[cfg(test)]
mod tests;

use akao_contract::{Address, NodeStatus};
pub use mermaid::mermaid;
use std::collections::BTreeMap;
pub use svg::svg;
pub use terminal::terminal;

/// How a workflow is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Columns of the terminal; lines are cut there.
    pub width: usize,
    /// Box characters and arrows instead of ASCII, in the terminal.
    pub unicode: bool,
    /// ANSI colours, in the terminal.
    pub color: bool,
    /// States of the nodes of the tree that is run. Of several iterations of a node the last one counts.
    pub statuses: BTreeMap<Address, NodeStatus>,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 100, unicode: true, color: false, statuses: BTreeMap::new() }
    }
}

impl Options {
    /// The states by place, without iterations.
    fn status_by_place(&self) -> BTreeMap<Address, NodeStatus> {
        self.statuses.iter().map(|(address, status)| (address.place(), *status)).collect()
    }
}
