//! `akao node-info`: everything that one node type declares, with an example that runs.

use crate::{
    catalogue::node_types, cli::Context, docs::node_page, exit::Exit, failure::Failure, linked::Linked, wiring,
};
use akao_contract::NodeType;
use serde_json::json;
use std::path::Path;

/// Arguments of `akao node-info`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name or alias of the node type, the id of a linked node, or the folder of a package.
    #[arg(value_name = "TYPE")]
    name: String,
}

/// Prints the node type: its page of the reference, or the declaration with `--json`.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut types = node_types();
    types.extend(external(&args.name, context)?);
    let node_type = match types.last().filter(|_| Path::new(&args.name).is_dir()) {
        Some(own) => own,
        None => find(&types, &args.name)?,
    };
    if context.output.json {
        context.output.document(&json!(node_type))?;
    } else {
        context.output.text(&node_page(node_type))?;
    }
    Ok(Exit::Success)
}

/// The node types of the folder that is named, or those that are linked. What cannot be read among the latter is left out.
fn external(name: &str, context: &Context) -> Result<Vec<NodeType>, Failure> {
    let folder = Path::new(name);
    if folder.is_dir() {
        let read = akao_manifest::read_folder(folder);
        let read = read.map_err(|error| Failure::usage(error.to_string()).hint(error.suggestion()))?;
        let manifest = read.manifest();
        // The package's own node comes last, which is the one that is shown.
        let mut nodes: Vec<_> = manifest.nodes.iter().collect();
        nodes.sort_by_key(|node| node.id == manifest.id);
        return Ok(nodes.into_iter().map(|node| node.to_node_type(manifest)).collect());
    }
    match wiring::data_dir(context) {
        Ok(data_dir) if name.contains('.') => {
            let linked = Linked::read(&data_dir)?.node_types().into_iter().filter_map(Result::ok);
            let installed = super::list_nodes::installed_types(context).into_iter();
            Ok(linked.chain(installed).collect())
        }
        _ => Ok(Vec::new()),
    }
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
