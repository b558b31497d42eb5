//! Topic `server`: the real program over HTTP, beside a bare handler of the same framework in a process of its own.

mod bare;
mod idle;
mod load;
mod program;
mod read;
mod start;

use crate::{Ground, row::Row};

type Measure = fn(&Ground) -> Vec<Row>;

/// Every figure by name.
pub(crate) const FIGURES: [(&str, Measure); 3] =
    [("read of an execution", read::read), ("server start", start::start), ("idle server", idle::idle)];

pub(crate) use bare::serve_as_bare;
