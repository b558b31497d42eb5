//! Workflows in the browser: checked, drawn, compared and formatted by the code that the server runs.
//!
//! A question is JSON and so is its answer. `abi.rs` carries both over the border of WebAssembly; nothing else here knows it.

mod abi;
mod answer;

pub use answer::{Desk, answer};
