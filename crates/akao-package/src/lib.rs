//! Packages of external nodes as they are kept: folders named by the digest of their content, which nobody changes.
//!
//! A folder that a workflow names is copied here when an execution starts, so that editing it changes nothing that runs.
//! Nothing of a package is run here.

mod copy;
mod store;

pub use store::{Store, StoreError, Stored};
