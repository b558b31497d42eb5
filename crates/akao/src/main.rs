//! The akao program. It reads arguments, environment and terminal, wires the crates together and presents what they say;
//! what a workflow means and how it is run is decided elsewhere.

mod acts;
mod backup;
mod belongs;
mod catalogue;
mod cli;
mod commands;
mod custom;
mod docs;
mod exit;
mod failure;
mod linked;
mod live;
mod load;
mod observe;
mod operator;
mod output;
mod outside;
mod owner;
mod packages;
mod place;
mod problems;
mod providers;
mod publisher;
mod remote;
mod replace;
mod shelf;
mod site;
mod stop;
mod store;
mod tenant_files;
mod tenants;
mod tls;
mod traces;
mod unreferenced;
mod used;
mod vault;
mod wiring;

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Steps are made of many small values, and a wide loop has a hundred thousand of them; see decision record 0008.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
