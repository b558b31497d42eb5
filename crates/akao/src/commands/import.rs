//! `akao import`: turns workflows of other programs into workflow files, and says what became of each part.

use crate::{
    catalogue::{catalogue, node_types},
    cli::Context,
    exit::Exit,
    failure::Failure,
    load::read_bytes,
    replace::replace_file,
};
use akao_import::{Dialect, Includes, Source, Verdict, import};
use clap::ValueEnum;
use serde_json::json;
use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum ReportFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Arguments of `akao import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to import; `-` for standard input.
    file: PathBuf,
    /// What it is written in [default: recognised by its content].
    #[arg(long, value_name = "DIALECT", value_parser = dialect_parser())]
    from: Option<String>,
    /// Write the workflow to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Form of the report on standard error.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    report: ReportFormat,
    /// Fail when something has no counterpart.
    #[arg(long)]
    strict: bool,
}

fn dialect_parser() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(Dialect::ALL.map(Dialect::as_str))
}

/// Imports the file. The workflow goes to standard output, the report to standard error.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    let (name, bytes) = read_bytes(&args.file)?;
    let text =
        String::from_utf8(bytes).map_err(|error| Failure::usage(format!("{name} is not UTF-8")).because(&error))?;
    let dialect = args.from.as_deref().map(str::parse::<Dialect>).transpose().map_err(|error| refused(&error))?;
    let folder = Folder(args.file.parent().map(Path::to_owned).unwrap_or_default());
    let known: BTreeSet<String> = node_types().into_iter().map(|node_type| node_type.name).collect();
    let source = Source::new(&name, &text).with_includes(&folder).with_node_types(&known);
    let imported = import(&source, dialect).map_err(|error| refused(&error))?;
    let yaml = akao_flow::format_workflow(&imported.yaml, &catalogue()).unwrap_or(imported.yaml);
    let report = &imported.report;
    if output.json {
        output.document(&json!({ "workflow": yaml, "report": report.to_json() }))?;
    } else {
        match args.report {
            ReportFormat::Text => output.note(report.to_text().trim_end()),
            ReportFormat::Json => output.note(&report.to_json().to_string()),
        }
    }
    let placeholders = report.count(Verdict::Placeholder);
    if args.strict && placeholders > 0 {
        let message = format!("{placeholders} nodes of {name} have no counterpart");
        let failure = Failure::usage(message).hint("Replace them in the source, or import without `--strict`.");
        return if output.json { Ok(Exit::Usage) } else { Err(failure) };
    }
    match &args.output {
        Some(file) => replace_file(file, yaml.as_bytes())?,
        None if !output.json => output.text(&yaml)?,
        None => {}
    }
    Ok(Exit::Success)
}

fn refused(error: &akao_import::ImportError) -> Failure {
    Failure::usage(error.to_string())
}

/// Included files, from the folder of the main source and below it.
struct Folder(PathBuf);

impl Includes for Folder {
    fn read(&self, path: &str) -> Option<String> {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let (_, bytes) = inside.then(|| read_bytes(&self.0.join(path)).ok()).flatten()?;
        String::from_utf8(bytes).ok()
    }
}
