//! Custom nodes: TypeScript of a tenant, from its text to a node that workflows use by its name.
//!
//! | step | where |
//! |---|---|
//! | sources become one bundle, with what is wrong and what a reviewer should see | [`Compiler`], in a sandbox |
//! | the bundle becomes a package: a manifest, the schema of its props, the source | [`Draft`] |
//! | the package stands under its tenant, name and version | [`Shelf`] |
//! | a step of it is a step of an external node | `akao-nodes` |
//!
//! Nothing here reads TypeScript: whatever a tenant wrote is data until it is in the sandbox.

mod compiler;
mod draft;
mod engine;
mod name;
mod schema;
mod shelf;

pub use compiler::{CompileProblem, Compiled, Compiler, Finding, Lint, Options, Said, Sources, Weight};
pub use draft::{Draft, DraftError};
pub use engine::Engine;
pub use name::{NameError, NodeName, NodeVersion, pascal};
pub use schema::{SCHEMA_ENTRY, is_of_props, schema_source};
pub use shelf::{FOLDER, Shelf, ShelfError, every_version};
