//! `akao node-info`: everything that one node type declares, with an example that runs; of an installed one also who published it,
//! what it was granted and how it is. The id of a package shows all of its nodes.

mod installed;

use super::list_nodes::{Packages, own};
use crate::{
    catalogue::node_types, cli::Context, docs::node_page, exit::Exit, failure::Failure, linked::Linked, output::plain,
    site::Site, wiring,
};
use akao_contract::NodeType;
use akao_custom::NodeVersion;
use serde_json::json;
use std::path::Path;

/// Arguments of `akao node-info`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name or alias of the node type, a custom node with or without its version, the id of an installed or linked node, that of
    /// an installed package, or the folder of a package.
    #[arg(value_name = "TYPE")]
    name: String,
}

/// Prints the node type: its page of the reference, or the declaration with `--json`.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let name = args.name.as_str();
    // A folder is of this machine, whatever a server knows.
    if Path::new(name).is_dir() {
        return shown(&of_folder(Path::new(name))?, None, context);
    }
    if let Some(remote) = Site::server_of(context)? {
        // Whoever names no custom node is told so by the list of all others.
        let custom = if NodeVersion::may_be(name) { remote.custom_node_types(&[name.to_owned()])? } else { Vec::new() };
        return match custom.is_empty() {
            true => shown(&[remote.node_type(name)?], None, context),
            false => shown(&custom, None, context),
        };
    }
    let mut types = node_types();
    types.extend(linked(name, context)?);
    let packages = match name.contains('.') {
        true => Packages::look_at(context)?,
        false => Packages::default(),
    };
    types.extend(packages.types());
    if let Some(custom) = own::named(name, context)? {
        return shown(&[custom], None, context);
    }
    // An id is that of a node first: a package with one node has the same.
    let exact = types.iter().find(|node_type| node_type.name == name);
    match (exact, packages.called(name)) {
        (None, Some(package)) => shown(&package.types, Some(installed::Facts::of(package, context)?), context),
        (found, _) => {
            let node_type = found.map_or_else(|| find(&types, name), Ok)?;
            let facts = packages.of(node_type).map(|package| installed::Facts::of(package, context)).transpose()?;
            shown(std::slice::from_ref(node_type), facts, context)
        }
    }
}

/// Prints node types, with what is known of the package that they are installed with.
fn shown(types: &[NodeType], facts: Option<installed::Facts>, context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    if output.json {
        let mut document = match types {
            [one] => json!(one),
            several => json!({ "nodes": several }),
        };
        if let Some(facts) = facts {
            document["package"] = facts.document();
        }
        output.document(&document)?;
        return Ok(Exit::Success);
    }
    if let Some(facts) = &facts {
        facts.tell(output)?;
    }
    let pages: Vec<String> = types.iter().map(node_page).collect();
    // What a package says of itself may not steer the terminal.
    output.text(&plain(&pages.join("\n")))?;
    Ok(Exit::Success)
}

/// The nodes of the package in a folder: its own, or all of them where none has the package's id.
fn of_folder(folder: &Path) -> Result<Vec<NodeType>, Failure> {
    let read = akao_manifest::read_folder(folder);
    let read = read.map_err(|error| Failure::usage(error.to_string()).hint(error.suggestion()))?;
    let manifest = read.manifest();
    let own = manifest.nodes.iter().find(|node| node.id == manifest.id);
    let meant: Vec<_> = own.map_or_else(|| manifest.nodes.iter().collect(), |own| vec![own]);
    Ok(meant.into_iter().map(|node| node.to_node_type(manifest)).collect())
}

/// The node types that are linked, where a name may be one of them. What cannot be read among them is left out.
fn linked(name: &str, context: &Context) -> Result<Vec<NodeType>, Failure> {
    match wiring::data_dir(context) {
        Ok(data_dir) if name.contains('.') => {
            Ok(Linked::read(&data_dir)?.node_types().into_iter().filter_map(Result::ok).collect())
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
