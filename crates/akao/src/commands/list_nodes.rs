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
use akao_install::{Installed, Places, Record};
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
    let installed = installed_types(context);
    types.extend(installed.iter().map(|(node_type, _)| node_type.clone()));
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
        let list: Vec<Value> = types.iter().map(|node_type| summary(node_type, &linked, &installed)).collect();
        context.output.document(&json!({ "nodes": list }))?;
    } else {
        let rows: Vec<_> = types
            .iter()
            .map(|node_type| {
                let from = source(node_type, &linked, &installed);
                vec![node_type.name.clone(), category_name(node_type), from, node_type.summary.clone()]
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

/// The nodes of installed packages, each with its package's record. What cannot be read is told by `akao verify`.
pub(super) fn installed_types(context: &Context) -> Vec<(NodeType, Record)> {
    let Ok(folder) = wiring::data_dir(context) else { return Vec::new() };
    let places = Places::new(&folder);
    let records = Installed::of(&places).all().unwrap_or_default().into_iter().filter_map(|(_, record)| record.ok());
    let mut types = Vec::new();
    for record in records {
        let Some(active) = record.active_version() else { continue };
        let Ok(folder) = akao_manifest::read_folder(&places.store().path(&active.content)) else { continue };
        let manifest = folder.manifest();
        types.extend(manifest.nodes.iter().map(|node| (node.to_node_type(manifest), record.clone())));
    }
    types
}

/// Where a node type comes from: built in, linked, or installed in this version, with what keeps it from being used.
fn source(node_type: &NodeType, linked: &Linked, installed: &[(NodeType, Record)]) -> String {
    if linked.folder_of(&node_type.name).is_some() {
        return "linked".to_owned();
    }
    match installed.iter().find(|(installed, _)| installed.name == node_type.name) {
        None => "built in".to_owned(),
        Some((_, record)) => format!("{} {}", status(record), record.active),
    }
}

fn status(record: &Record) -> &'static str {
    match (&record.disabled, record.active_version().and_then(|version| version.blocked.as_ref())) {
        (_, Some(_)) => "blocked",
        (Some(_), _) => "disabled",
        (None, None) => "installed",
    }
}

fn summary(node_type: &NodeType, linked: &Linked, installed: &[(NodeType, Record)]) -> Value {
    let record = installed.iter().find(|(installed, _)| installed.name == node_type.name).map(|(_, record)| record);
    let package = record.map(|record| {
        json!({
            "id": record.id, "status": status(record), "version": record.active,
            "source": record.active_version().map(|version| version.source.to_string()),
            "versions": record.versions.iter().map(|version| &version.version).collect::<Vec<_>>(),
        })
    });
    json!({
        "package": package,
        "type": node_type.name, "aliases": node_type.aliases, "version": node_type.version,
        "category": node_type.category, "summary": node_type.summary,
        "folder": linked.folder_of(&node_type.name),
    })
}
