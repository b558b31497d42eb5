//! `akao schema`: the JSON Schema of workflow files, of the manifests of nodes, or of the props of one node type.

use crate::{catalogue::node_types, cli::Context, commands::node_info, exit::Exit, failure::Failure};

/// Arguments of `akao schema`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the props of this node type.
    #[arg(long, value_name = "TYPE", conflicts_with = "manifest")]
    node: Option<String>,
    /// Of manifests of external nodes instead of workflow files.
    #[arg(long)]
    manifest: bool,
}

/// Prints the schema: over several lines, or on one with `--json`.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let types = node_types();
    let schema = match &args.node {
        Some(name) => node_info::find(&types, name)?.props.clone(),
        None if args.manifest => akao_contract::manifest::manifest_schema(),
        None => akao_flow::workflow_schema(&types),
    };
    if context.output.json {
        context.output.document(&schema)?
    } else {
        context.output.pretty(&schema)?
    }
    Ok(Exit::Success)
}
