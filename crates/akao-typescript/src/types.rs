//! JSON Schema of a node's props from the types in its files: what `defineNode<…>` is given, or the type of what the class of a
//! node is made with. Types that are imported from other files of the node are looked for there. Only what is plain to see is said:
//! a type that is not understood, or comes from a package, is anything, and may be missing, so that nothing is refused that fits the
//! type.
//!
//! Files are read first ([`files`]), and the names of types in them ([`names`]); then each node is looked for ([`nodes`]), and the
//! type of its props becomes a schema ([`objects`], [`values`], [`absence`]).

mod absence;
mod files;
mod names;
mod nodes;
mod objects;
#[cfg(test)]
mod tests;
mod values;

use crate::resolve::Files;
use akao_node::Value;
use names::{In, Types};
use oxc_allocator::Allocator;
use std::collections::{BTreeMap, BTreeSet};

/// Deeper types are anything.
const DEPTH_MAX: usize = 16;
/// After so many types, further ones are anything: aliases may stand for each other again and again.
const TYPES_MAX: usize = 2_000;

/// What the types of a node say.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Typed {
    /// The schemas of nodes by what they are exported as.
    pub(crate) schemas: BTreeMap<String, Value>,
    /// The files of which that came, beside the entry.
    pub(crate) files: BTreeSet<String>,
}

/// Reads the types of the file `entry` and of what it imports from other files of the project.
pub(crate) fn schemas(files: &Files<'_>, entry: &str) -> Typed {
    let allocator = Allocator::default();
    let programs = files::programs(&allocator, files, entry);
    let Some(own) = programs.first() else { return Typed::default() };
    let types = Types::of(&programs);
    let schemas = nodes::schemas(In { types: &types, file: 0 }, own.text, &own.program);
    let used = types.files.iter().filter(|file| file.is_used.get()).map(|file| file.path.to_owned());
    Typed { schemas, files: used.collect() }
}
