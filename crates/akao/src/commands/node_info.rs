//! `akao node-info`: everything that one node type declares, with an example that runs.

use crate::{catalogue::node_types, cli::Context, docs::node_page, exit::Exit, failure::Failure};
use akao_contract::NodeType;
use serde_json::json;

/// Arguments of `akao node-info`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name or alias of the node type.
    #[arg(value_name = "TYPE")]
    name: String,
}

/// Prints the node type: its page of the reference, or the declaration with `--json`.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let types = node_types();
    let node_type = find(&types, &args.name)?;
    if context.output.json {
        context.output.document(&json!(node_type))?;
    } else {
        context.output.text(&node_page(node_type))?;
    }
    Ok(Exit::Success)
}

/// The node type of a name or alias.
pub(crate) fn find<'a>(types: &'a [NodeType], name: &str) -> Result<&'a NodeType, Failure> {
    let called = |node_type: &&NodeType, name: &str| {
        node_type.name == name || node_type.aliases.iter().any(|alias| alias == name)
    };
    if let Some(found) = types.iter().find(|node_type| called(node_type, name)) {
        return Ok(found);
    }
    let names = types.iter().map(|node_type| node_type.name.as_str());
    let near = names
        .map(|known| (strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()), known))
        .min()
        .filter(|(distance, known)| *distance <= known.chars().count() / 3);
    let failure = Failure::usage(format!("there is no node type `{name}`"));
    Err(match near {
        Some((_, known)) => failure.hint(format!("Did you mean `{known}`?")),
        None => failure.hint("`akao list-nodes` shows the node types."),
    })
}
