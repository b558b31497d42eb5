//! Every chore of the project, as `cargo xtask CHORE`. CI calls the same chores as people do.
//!
//! This program builds first on a new machine, so it depends on little and on no crate of the workspace.

mod bench;
mod cargo_tool;
mod command;
mod coverage;
mod demo;
mod examples;
mod fuzz;
mod generate;
mod markdown;
mod picture;
mod setup;
mod suite;
mod tidy;
mod web;
mod workspace;

use clap::{Parser, Subcommand};
use std::{error::Error, process::ExitCode};
use workspace::Workspace;

/// What a chore ends with; the error is printed with its causes.
type Chore = Result<(), Box<dyn Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Akao project.", disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    chore: ChoreArgs,
}

#[derive(Subcommand)]
enum ChoreArgs {
    /// Install what the other chores need and is missing, saying so.
    Setup(setup::Args),
    /// Show what Akao does, on this repository, and check that it does it.
    Demo(demo::Args),
    /// Run every check and test; CI runs exactly this.
    Test(suite::Args),
    /// Measure the figures of docs/performance.md with their floors.
    Bench(bench::Args),
    /// Count which lines the Rust tests run.
    Coverage(coverage::Args),
    /// Give the parsers and the interpreter inputs that nobody thought of.
    Fuzz(fuzz::Args),
    /// Make the reference documents from the code.
    Generate(generate::Args),
    /// Draw the pictures of the documents from what the demo prints.
    Picture,
    /// Build the console, which the program carries when it is built afterwards.
    Web(web::Args),
    /// Check what the compiler does not: layers, licences, forbidden calls, file headers, links.
    Tidy,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Chore {
    let workspace = Workspace::find()?;
    match args.chore {
        ChoreArgs::Setup(args) => setup::run(&workspace, &args),
        ChoreArgs::Demo(args) => demo::run(&workspace, &args),
        ChoreArgs::Test(args) => suite::run(&workspace, &args),
        ChoreArgs::Bench(args) => bench::run(&workspace, &args),
        ChoreArgs::Coverage(args) => coverage::run(&workspace, &args),
        ChoreArgs::Fuzz(args) => fuzz::run(&workspace, &args),
        ChoreArgs::Generate(args) => generate::run(&workspace, &args),
        ChoreArgs::Picture => picture::run(&workspace),
        ChoreArgs::Web(args) => web::run(&workspace, &args),
        ChoreArgs::Tidy => tidy::run(&workspace),
    }
}
