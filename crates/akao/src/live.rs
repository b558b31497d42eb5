//! An execution as it is seen from outside: its history and what is added to it, as a tree, lines or a drawing.

pub(crate) mod lines;
pub(crate) mod terminal;
pub(crate) mod tree;

pub(crate) use akao_engine::{
    Follower, Update,
    steps::{self, Steps},
};

use crate::{failure::Failure, wiring};
use akao_contract::ExecutionId;
use akao_flow::Catalogue;
use akao_journal::Readers;
use std::{path::Path, sync::Arc};

/// A follower of an execution of a data directory that stands before the first event.
///
/// # Errors
/// The execution or its workflow cannot be read.
pub(crate) fn follower(folder: &Path, execution: ExecutionId, catalogue: &Catalogue) -> Result<Follower, Failure> {
    Ok(Follower::new(Arc::new(Readers::new(folder)), wiring::blobs(folder), execution, catalogue)?)
}
