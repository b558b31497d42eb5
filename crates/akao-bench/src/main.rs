//! The figures of `docs/performance.md`: each is measured together with its floor, the floor before and after, so that a
//! ratio means something on a machine whose absolute times drift.

mod custom;
mod engine;
mod external;
mod packages;
mod repository;
mod row;
mod script;
mod server;

use clap::Parser;
use mimalloc::MiMalloc;
use row::Row;
use std::process::ExitCode;

/// The allocator of the program that is measured.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measures and compares with the goals.
#[derive(Parser)]
struct Args {
    /// Shorter durations and smaller data; ends within 50 s a topic.
    #[arg(long)]
    quick: bool,
    /// One line of JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Only this topic.
    #[arg(long)]
    only: Option<Topic>,
    /// Only figures whose name holds this text.
    #[arg(long)]
    figure: Option<String>,
    /// The `akao` program to measure.
    #[arg(long)]
    akao: Option<std::path::PathBuf>,
}

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Topic {
    /// Journal, interpreter, loader, program start.
    Engine,
    /// Nodes in processes of their own.
    External,
    /// Archives, signatures and the store.
    Packages,
    /// Searching packages and choosing versions.
    Repository,
    /// The program over HTTP.
    Server,
    /// Inline scripts.
    Script,
    /// Custom nodes in TypeScript.
    Custom,
}

/// What a measurement is given.
pub(crate) struct Ground {
    pub(crate) quick: bool,
    pub(crate) akao: Option<std::path::PathBuf>,
}

fn main() -> ExitCode {
    external::serve_as_peer();
    server::serve_as_bare();
    let args = Args::parse();
    let wanted = |name: &str| args.figure.as_deref().is_none_or(|text| name.contains(text));
    let ground = Ground { quick: args.quick, akao: args.akao.clone() };
    let topics = [
        (Topic::Engine, "engine", &engine::FIGURES[..]),
        (Topic::External, "external", &external::FIGURES[..]),
        (Topic::Packages, "packages", &packages::FIGURES[..]),
        (Topic::Repository, "repository", &repository::FIGURES[..]),
        (Topic::Server, "server", &server::FIGURES[..]),
        (Topic::Script, "script", &script::FIGURES[..]),
        (Topic::Custom, "custom", &custom::FIGURES[..]),
    ];
    let mut rows: Vec<Row> = Vec::new();
    for (_, topic, figures) in topics.into_iter().filter(|(topic, ..)| args.only.is_none_or(|only| only == *topic)) {
        for (name, measure) in figures.iter().filter(|(name, _)| wanted(name)) {
            eprintln!("measuring {name}");
            rows.extend(measure(&ground).into_iter().map(|row| Row { topic, ..row }));
        }
    }
    if args.json {
        println!("{}", serde_json::to_string(&rows).expect("rows are plain data"));
    } else {
        row::print(&rows);
    }
    ExitCode::SUCCESS
}
