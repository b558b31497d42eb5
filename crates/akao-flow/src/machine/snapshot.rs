//! Snapshots: the state as bytes and back. A snapshot is an optimisation of replay and never the only copy of anything.

use super::{Machine, State};
use crate::{control::State as ControlState, program::Program};
use akao_contract::BlobRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::VecDeque, sync::Arc};

/// The format that is written. A reader accepts this one and the one before.
pub const SNAPSHOT_FORMAT: u16 = 1;

/// Why a snapshot cannot be used. The journal's events still can.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The bytes are not a snapshot.
    #[error("the snapshot cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the snapshot has format {found}; this version reads {SNAPSHOT_FORMAT}")]
    Format {
        /// What was found.
        found: u16,
    },
    /// It does not fit the program, or itself.
    #[error("the snapshot is damaged: {0}")]
    Unsound(&'static str),
    /// Made for another definition.
    #[error("the snapshot belongs to another workflow version")]
    Program,
}

#[derive(Serialize)]
struct Writing<'a> {
    format: u16,
    program: akao_contract::Digest,
    state: &'a State,
}

#[derive(Deserialize)]
struct Reading {
    format: u16,
    program: akao_contract::Digest,
    state: State,
}

impl Machine {
    /// The state as JSON bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        let writing = Writing { format: SNAPSHOT_FORMAT, program: self.program.hash(), state: &self.state };
        serde_json::to_vec(&writing).expect("the state holds only values that JSON can carry")
    }

    /// A machine from a snapshot. Loops over stored collections then need [`Machine::supply`] for each of
    /// [`Machine::missing_blobs`].
    ///
    /// # Errors
    /// The bytes are damaged, of another format, or of another program.
    pub fn restore(program: Arc<Program>, bytes: &[u8], trace: bool) -> Result<Self, RestoreError> {
        let reading: Reading = serde_json::from_slice(bytes)?;
        if reading.format != SNAPSHOT_FORMAT {
            return Err(RestoreError::Format { found: reading.format });
        }
        if reading.program != program.hash() {
            return Err(RestoreError::Program);
        }
        super::sound::check(&reading.state, &program).map_err(RestoreError::Unsound)?;
        Ok(Self { program, state: reading.state, trace, messages: VecDeque::new() })
    }

    /// Stored collections that loops of a restored machine walk.
    pub fn missing_blobs(&self) -> Vec<BlobRef> {
        let loops = self.state.frames.iter().filter_map(|(_, frame)| match &frame.state {
            ControlState::ForEach(each) => each.needs_items().cloned(),
            _ => None,
        });
        loops.collect()
    }

    /// Gives a restored machine a collection that it misses. A value that is no collection is left out; the loop then
    /// finds no elements and the journal disagrees, which quarantines the execution.
    pub fn supply(&mut self, blob: &BlobRef, value: &Value) {
        let indexes: Vec<u32> = self.state.frames.iter().map(|(index, _)| index).collect();
        for index in indexes {
            if let Some(frame) = self.state.frames.get_mut(index)
                && let ControlState::ForEach(each) = &mut frame.state
                && each.source.as_ref() == Some(blob)
            {
                let _ = each.refill(value);
            }
        }
    }
}
