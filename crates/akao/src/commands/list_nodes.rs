//! `akao list-nodes`: the node types that workflows may use.

use crate::{
    catalogue::{category_name, node_types},
    cli::Context,
    exit::Exit,
    failure::Failure,
    linked::Linked,
    output::{Style, table},
    wiring,
};
use akao_contract::NodeType;
use serde_json::{Value, json};

/// Arguments of `akao list-nodes`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this category: composite, decorator, waiting, condition, data, file, network or test.
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,
}

/// Prints the node types, by category and name; linked ones among them.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut types = node_types();
    let linked = match wiring::data_dir(context) {
        Ok(folder) => Linked::read(&folder)?,
        Err(_) => Linked::default(),
    };
    for found in linked.node_types() {
        match found {
            Ok(node_type) => types.push(node_type),
            Err((id, error)) => context.output.always(&format!(
                "{} the linked package `{id}` cannot be read: {error}. {}",
                context.output.err(Style::Warning, "warning:"),
                error.suggestion()
            )),
        }
    }
    types.sort_by_key(|node_type| node_type.category);
    if let Some(wanted) = &args.category {
        let known: Vec<String> = categories(&types);
        if !known.contains(wanted) {
            return Err(Failure::usage(format!("there is no category `{wanted}`"))
                .hint(format!("The categories are {}.", known.join(", "))));
        }
        types.retain(|node_type| category_name(node_type) == *wanted);
    }
    if context.output.json {
        let list: Vec<Value> = types.iter().map(|node_type| summary(node_type, &linked)).collect();
        context.output.document(&json!({ "nodes": list }))?;
    } else {
        let rows: Vec<_> = types
            .iter()
            .map(|node_type| {
                let from = linked.folder_of(&node_type.name).map_or("built in", |_| "linked");
                vec![node_type.name.clone(), category_name(node_type), from.to_owned(), node_type.summary.clone()]
            })
            .collect();
        context.output.text(&table(&["TYPE", "CATEGORY", "FROM", "DOES"], &rows))?;
    }
    Ok(Exit::Success)
}

fn categories(sorted: &[NodeType]) -> Vec<String> {
    let mut names: Vec<String> = sorted.iter().map(category_name).collect();
    names.dedup();
    names
}

fn summary(node_type: &NodeType, linked: &Linked) -> Value {
    json!({
        "type": node_type.name, "aliases": node_type.aliases, "version": node_type.version,
        "category": node_type.category, "summary": node_type.summary,
        "folder": linked.folder_of(&node_type.name),
    })
}
