//! `akao diff`: what differs in meaning between two workflow files. Layout, comments and aliases do not count.

use crate::{cli::Context, commands::definition_of, exit::Exit, failure::Failure};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `akao diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that is compared from; `-` for standard input.
    before: PathBuf,
    /// The file that is compared to.
    after: PathBuf,
}

/// Prints the difference. Exit 0 when there is none, else 1.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let before = definition_of(&args.before, context)?;
    let after = definition_of(&args.after, context)?;
    let difference = akao_flow::diff::diff(&before, &after);
    let output = &context.output;
    if output.json {
        let (mut document, summary) = (json!(difference), json!(difference.summary()));
        document["same"] = json!(difference.is_empty());
        document["summary"] = summary;
        output.document(&document)?;
    } else if difference.is_empty() {
        output.note("Both files mean the same.");
    } else {
        output.text(&difference.to_text(output.color_out))?;
    }
    Ok(if difference.is_empty() { Exit::Success } else { Exit::Failure })
}
