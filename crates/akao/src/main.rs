//! The akao program. It reads arguments, environment and terminal, wires the crates together and presents what they say;
//! what a workflow means and how it is run is decided elsewhere.

mod acts;
mod catalogue;
mod cli;
mod commands;
mod docs;
mod exit;
mod failure;
mod linked;
mod live;
mod load;
mod operator;
mod output;
mod owner;
mod problems;
mod publisher;
mod replace;
mod stop;
mod tenants;
mod tls;
mod used;
mod wiring;

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Steps are made of many small values, and a wide loop has a hundred thousand of them; see decision record 0008.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
