//! `akao graph`: draws a workflow for a terminal, as SVG or as mermaid text.

use crate::{cli::Context, commands::definition_of, exit::Exit, failure::Failure, replace::replace_file};
use akao_flow::draw;
use clap::ValueEnum;
use serde_json::json;
use std::path::PathBuf;

/// Columns of a drawing when the terminal does not tell its own.
const WIDTH_DEFAULT: usize = 100;

/// A form of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// Lines of text.
    #[default]
    Terminal,
    /// A picture.
    Svg,
    /// Text that many document tools draw.
    Mermaid,
}

/// Arguments of `akao graph`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow file; `-` for standard input.
    file: PathBuf,
    /// How to draw it [default: by the name of the file to write, else terminal].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write to this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Draws the workflow.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    let definition = definition_of(&args.file, context)?;
    let extension = args.output.as_ref().and_then(|file| file.extension()).and_then(|extension| extension.to_str());
    let format = args.format.unwrap_or(match extension {
        Some("svg") => Format::Svg,
        Some("mmd" | "mermaid") => Format::Mermaid,
        _ => Format::Terminal,
    });
    let plain = args.output.is_some() || output.json;
    let options = draw::Options {
        width: crossterm::terminal::size().map_or(WIDTH_DEFAULT, |(columns, _)| usize::from(columns.max(20))),
        color: output.color_out && !plain,
        ..draw::Options::default()
    };
    let drawing = match format {
        Format::Terminal => draw::terminal(&definition, &options),
        Format::Svg => draw::svg(&definition, &options),
        Format::Mermaid => draw::mermaid(&definition, &options),
    };
    match &args.output {
        Some(file) => {
            replace_file(file, drawing.as_bytes())?;
            if output.json {
                output.document(&json!({ "file": file }))?;
                return Ok(Exit::Success);
            }
            output.note(&format!("Wrote {}.", file.display()));
        }
        None if output.json => output.document(&json!({ "drawing": drawing }))?,
        None => output.text(&drawing)?,
    }
    Ok(Exit::Success)
}
