//! Topic `server`: the real program over HTTP, beside a bare handler of the same framework in a process of its own.

mod bare;
mod client;
mod idle;
mod load;
mod many;
mod program;
mod read;
mod start;
mod starts;
mod streams;

use crate::{Ground, row::Row};

type Measure = fn(&Ground) -> Vec<Row>;

/// Every figure by name.
pub(crate) const FIGURES: [(&str, Measure); 8] = [
    ("read of an execution", read::read),
    ("server start", start::start),
    ("server start over a full journal", start::full),
    ("idle server", idle::idle),
    ("starts at a steady rate", starts::steady),
    ("overload", starts::overload),
    ("live streams", streams::streams),
    ("executions with a script", many::many),
];

pub(crate) use bare::serve_as_bare;
