//! Topic `engine`: journal, interpreter, loader, program start.

mod floor;
pub(crate) mod house;
mod interpreter;
mod load;
mod parked;
mod process;
mod throughput;

pub(crate) use floor::median;
pub(crate) use process::time;

use crate::{Ground, row::Row};

/// A measurement; it may give several rows.
type Measure = fn(&Ground) -> Vec<Row>;

/// Every figure by name.
pub(crate) const FIGURES: [(&str, Measure); 8] = [
    // First, while the process has no memory left over from other figures.
    ("parked", parked::parked),
    ("fan-out", interpreter::fan_out),
    ("durable steps", throughput::durable_steps),
    ("sequential chain", throughput::sequential_chain),
    ("executions", throughput::executions),
    ("interpreter", interpreter::events),
    ("load and validate", load::load_and_validate),
    ("process", process::one_step),
];
