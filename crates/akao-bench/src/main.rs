//! The figures of `docs/performance.md`: each is measured together with its floor, the floor before and after, so that a
//! ratio means something on a machine whose absolute times drift.

mod engine;
mod row;

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
    /// The topic; `engine` is the only one so far.
    #[arg(long, default_value = "engine")]
    only: String,
    /// Only figures whose name holds this text.
    #[arg(long)]
    figure: Option<String>,
    /// The `akao` program to measure.
    #[arg(long)]
    akao: Option<std::path::PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.only != "engine" {
        eprintln!("error: there is no topic `{}`; the topics are: engine", args.only);
        return ExitCode::from(2);
    }
    let wanted = |name: &str| args.figure.as_deref().is_none_or(|text| name.contains(text));
    let mut rows: Vec<Row> = Vec::new();
    for (name, measure) in engine::FIGURES {
        if wanted(name) {
            eprintln!("measuring {name}");
            rows.extend(measure(&engine::Ground { quick: args.quick, akao: args.akao.clone() }));
        }
    }
    if args.json {
        println!("{}", serde_json::to_string(&rows).expect("rows are plain data"));
    } else {
        row::print(&rows);
    }
    ExitCode::SUCCESS
}
