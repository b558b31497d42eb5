//! Custom nodes that were deployed on this machine, as node types: those of the project in this folder come before those of the data
//! directory, as they do for its workflows.

use crate::{cli::Context, failure::Failure, output::Style, wiring};
use akao_contract::{NodeType, Tenant};
use akao_custom::{NodeName, NodeVersion, Shelf};
use std::{collections::BTreeSet, path::Path};

/// The newest version of each. What cannot be read among them is told.
pub(in crate::commands) fn newest(context: &Context) -> Result<Vec<NodeType>, Failure> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::<NodeName>::new());
    for shelf in shelves(context) {
        for name in shelf.nodes().map_err(|error| unreadable(&error))? {
            if !seen.insert(name.clone()) {
                continue;
            }
            match find(&shelf, &NodeVersion { name: name.clone(), version: None })? {
                Some(Ok(node_type)) => found.push(node_type),
                Some(Err(reason)) => context.output.always(&format!(
                    "{} the custom node `{name}` cannot be read: {reason}",
                    context.output.err(Style::Warning, "warning:"),
                )),
                None => {}
            }
        }
    }
    found.sort_by(|one: &NodeType, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The one that a text names, with or without its version.
pub(in crate::commands) fn named(text: &str, context: &Context) -> Result<Option<NodeType>, Failure> {
    let Some(wanted) = text.parse::<NodeVersion>().ok().filter(|_| NodeVersion::may_be(text)) else { return Ok(None) };
    for shelf in shelves(context) {
        match find(&shelf, &wanted)? {
            Some(Ok(node_type)) => return Ok(Some(node_type)),
            Some(Err(reason)) => {
                return Err(Failure::usage(format!("the custom node `{text}` cannot be read: {reason}")));
            }
            None => {}
        }
    }
    Ok(None)
}

fn shelves(context: &Context) -> Vec<Shelf> {
    let data = wiring::data_dir(context).ok().map(|folder| wiring::shelf(&folder, &Tenant::local()));
    std::iter::once(Shelf::of_project(Path::new("."))).chain(data).collect()
}

/// A version by the name that its people gave it, and not by that of its package.
fn find(shelf: &Shelf, wanted: &NodeVersion) -> Result<Option<Result<NodeType, String>>, Failure> {
    let Some(place) = shelf.find(wanted).map_err(|error| unreadable(&error))? else { return Ok(None) };
    let read = akao_nodes::pin(&place).map_err(|error| error.to_string()).and_then(|pinned| {
        let node_type = pinned.node_types().into_iter().next().ok_or("there is no node in it")?;
        Ok(NodeType { name: wanted.name.as_str().to_owned(), ..NodeType::clone(&node_type) })
    });
    Ok(Some(read))
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::storage("the custom nodes cannot be read").because(error).hint("Check the folder's permissions.")
}
