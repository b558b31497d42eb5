//! `akao fmt`: brings workflow files into the usual form, in place.

use crate::{
    catalogue::catalogue,
    cli::Context,
    exit::Exit,
    failure::Failure,
    load::{FileProblem, STDIN, read_bytes},
    problems,
    replace::replace_file,
};
use akao_flow::{Catalogue, format_workflow};
use serde_json::json;
use similar::TextDiff;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Arguments of `akao fmt`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Workflow files, or `-` to read standard input and write standard output.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write nothing; exit 1 when a file is not in the usual form.
    #[arg(long)]
    check: bool,
    /// Write nothing; print what would change.
    #[arg(long)]
    diff: bool,
    /// Print the result instead of writing it.
    #[arg(long, conflicts_with_all = ["check", "diff"])]
    stdout: bool,
}

/// Formats the files. Exit 2 when one cannot be read as a workflow; with `--check`, 1 when one would change.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let (catalogue, output) = (catalogue(), &context.output);
    let (mut changed, mut broken) = (Vec::new(), Vec::new());
    let mut texts = BTreeMap::new();
    for file in &args.files {
        match format(file, &catalogue)? {
            Formatted::Broken { name, text, problems } => {
                broken.extend(problems.into_iter().map(|problem| FileProblem { file: name.clone(), problem }));
                texts.insert(name, text);
            }
            Formatted::Done { name, before, after } => {
                if args.diff && !output.json {
                    output.text(&unified(&name, &before, &after))?;
                } else if (args.stdout || name == STDIN) && !args.check && !output.json {
                    output.text(&after)?;
                }
                if before == after {
                    continue;
                }
                let write = !(args.check || args.diff || args.stdout || name == STDIN);
                if write {
                    replace_file(file, after.as_bytes())?;
                    output.note(&format!("Formatted {name}."));
                } else if args.check {
                    output.note(&format!("{name} is not in the usual form."));
                }
                changed.push(name);
            }
        }
    }
    if output.json {
        output.document(&json!({ "changed": changed, "problems": broken }))?;
    } else {
        output.note_text(&problems::render(&broken, &texts, output.color_err));
    }
    Ok(match (broken.is_empty(), args.check && !changed.is_empty()) {
        (false, _) => Exit::Usage,
        (true, true) => Exit::Failure,
        (true, false) => Exit::Success,
    })
}

enum Formatted {
    Broken { name: String, text: String, problems: Vec<akao_flow::Problem> },
    Done { name: String, before: String, after: String },
}

fn format(file: &Path, catalogue: &Catalogue) -> Result<Formatted, Failure> {
    let (name, bytes) = read_bytes(file)?;
    let before =
        String::from_utf8(bytes).map_err(|error| Failure::usage(format!("{name} is not UTF-8")).because(&error))?;
    Ok(match format_workflow(&before, catalogue) {
        Ok(after) => Formatted::Done { name, before, after },
        Err(problems) => Formatted::Broken { name, text: before, problems },
    })
}

fn unified(name: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().header(name, &format!("{name} (formatted)")).to_string()
}
