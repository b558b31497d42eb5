//! One module for each kind of thing: its row as plain data, and the statements about it.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod members;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod workflows;
