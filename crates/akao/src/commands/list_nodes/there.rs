//! `akao list-nodes` at a server: what workflows may use there, in the shape of this machine's.

use crate::{
    catalogue::category_name,
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{plain_line, table},
    remote::Remote,
};
use akao_contract::{Category, NodeType};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn run(category: Option<&str>, remote: &Remote, context: &Context) -> Result<Exit, Failure> {
    let query: Vec<(&str, &str)> = category.map(|category| ("category", category)).into_iter().collect();
    let mut types = remote.items("/api/v1/node-types", &query, u32::MAX)?;
    types.extend(custom(category, remote)?);
    if let Some(wanted) = category.filter(|_| types.is_empty()) {
        return Err(Failure::usage(format!("there is no category `{}`", plain_line(wanted)))
            .hint("Leave out `--category` to see them all."));
    }
    // One that this version does not know comes last.
    types.sort_by_key(|node_type| {
        let category = serde_json::from_value::<Category>(node_type["category"].clone()).ok();
        (category.is_none(), category)
    });
    let packages = remote.items("/api/v1/packages", &[], u32::MAX)?;
    let of = |node_type: &Value| {
        let holds =
            |package: &&Value| package["nodes"].as_array().is_some_and(|nodes| nodes.contains(&node_type["type"]));
        packages.iter().find(holds)
    };
    if context.output.json {
        let list: Vec<Value> = types.iter().map(|node_type| document(node_type, of(node_type))).collect();
        context.output.document(&json!({"nodes": list}))?;
    } else {
        let rows: Vec<Vec<String>> = types.iter().map(|node_type| row(node_type, of(node_type))).collect();
        context.output.text(&table(&["TYPE", "CATEGORY", "FROM", "HEALTH", "SOURCE", "DOES"], &rows))?;
    }
    Ok(Exit::Success)
}

/// The custom nodes of the tenant that workflows may use, each as its newest version; none where the token shows none.
fn custom(category: Option<&str>, remote: &Remote) -> Result<Vec<Value>, Failure> {
    let all = match remote.items("/api/v1/custom-nodes", &[], u32::MAX) {
        Err(failure) if failure.kind == "forbidden" => Vec::new(),
        all => all?,
    };
    let active = all.iter().filter(|node| node["status"] == "active").filter_map(|node| node["name"].as_str());
    let names: BTreeSet<String> = active.map(str::to_owned).collect();
    let types = remote.custom_node_types(&names.into_iter().collect::<Vec<_>>())?;
    let fits = |node_type: &NodeType| category.is_none_or(|wanted| category_name(node_type) == wanted);
    let shown = |node_type: NodeType| {
        json!({
            "type": node_type.name, "aliases": [], "version": node_type.version, "category": node_type.category,
            "summary": node_type.summary, "custom": true,
        })
    };
    Ok(types.into_iter().filter(fits).map(shown).collect())
}

fn document(node_type: &Value, package: Option<&Value>) -> Value {
    let package = package.map(|package| {
        json!({
            "id": package["package"], "status": package["status"], "version": package["version"],
            // Where it was installed from is for the operator.
            "source": null, "versions": package["versions"], "health": package["health"],
            "update": package["update"], "deprecated": package["deprecated"],
        })
    });
    let mut document = node_type.clone();
    document["package"] = json!(package);
    document["folder"] = Value::Null;
    document["custom"] = json!(node_type["custom"] == true);
    document
}

fn row(node_type: &Value, package: Option<&Value>) -> Vec<String> {
    let text = |document: &Value, name: &str| plain_line(document[name].as_str().unwrap_or_default());
    let from = match package {
        Some(package) => format!("{} {}", text(package, "status"), text(package, "version")),
        None if node_type["custom"] == true => format!("custom {}", text(node_type, "version")),
        None => "built in".to_owned(),
    };
    let health = package.map(|package| text(package, "health")).unwrap_or_default();
    // Where it was installed from is for the operator.
    let source = String::new();
    vec![text(node_type, "type"), text(node_type, "category"), from, health, source, text(node_type, "summary")]
}
