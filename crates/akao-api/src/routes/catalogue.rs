//! What workflows may be made of: node types, installed packages, environments of scripts.

use super::tokens::{CURSOR, LIMIT, PAGE};
use crate::{
    Access,
    answer::Answer,
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_contract::NodeType;
use akao_flow::Refusal;
use akao_platform::{Error, Permission};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const TYPES: &[Parameter] = &[
    LIMIT,
    CURSOR,
    Parameter {
        place: Place::Query,
        name: "category",
        what: "composite, decorator, waiting, condition, data, file, network or test.",
    },
];

pub(super) fn routes() -> Vec<Route> {
    let read = Access::May(Permission::WorkflowsRead);
    vec![
        route!(GET "/api/v1/node-types", read, "list_node_types", "The node types that workflows may use.",
            Takes::Nothing, &[(200, Gives::Page("NodeTypeSummary"))], list, parameters: TYPES),
        route!(GET "/api/v1/node-types/{type}", read, "show_node_type",
            "Everything that a node type declares: schemas, permissions, errors, examples.",
            Takes::Nothing, &[(200, Gives::Json("NodeType"))], show),
        route!(POST "/api/v1/catalogue/named", read, "name_types",
            "What names of node types stand for that are not the program's: packages by a range, and custom nodes.",
            Takes::Json("TypeNames"), &[(200, Gives::Json("NamedTypes"))], by_name),
        route!(GET "/api/v1/packages", read, "list_packages",
            "The packages of nodes that the operator has installed, and how they are.",
            Takes::Nothing, &[(200, Gives::Page("Package"))], packages, parameters: PAGE),
        route!(GET "/api/v1/environments", read, "list_environments",
            "The environments of scripts: those that the operator has made, and what the languages have of their own as `default`.",
            Takes::Nothing, &[(200, Gives::Page("Environment"))], environments, parameters: PAGE),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamesBody {
    types: Vec<String>,
}

fn summary(node_type: &Arc<NodeType>) -> Value {
    json!({
        "type": node_type.name, "aliases": node_type.aliases, "version": node_type.version,
        "category": node_type.category, "summary": node_type.summary,
    })
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let category = call.query.get("category").map(str::to_owned);
        let types = call.blocking(move |platform, _| platform.node_types(category.as_deref())).await?;
        let found = call.query.page()?.of_all(types.into_iter(), |node_type| node_type.name.clone())?;
        Ok(Answer::json(&documents::page(&found, summary)))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let node_type = call.about("type", |platform, _, name| platform.node_type(name)).await?;
        Ok(Answer::json(&json!(node_type)))
    })
}

fn refused((name, refusal): (&String, &Refusal)) -> Value {
    json!({"type": name, "message": refusal.message, "suggestion": refusal.suggestion})
}

fn by_name(call: Call) -> Answering {
    Box::pin(async move {
        let NamesBody { types } = call.json()?;
        let found = call.blocking(move |platform, actor| platform.named_types(actor, &types)).await?;
        let refused: Vec<Value> = found.refused.iter().map(refused).collect();
        Ok(Answer::json(&json!({"items": found.types, "refused": refused})))
    })
}

/// A page of documents that these texts of theirs tell apart.
pub(super) fn named(call: &Call, all: Vec<Value>, names: &'static [&'static str]) -> Result<Answer, Error> {
    let text = |document: &Value, name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let place = |document: &Value| names.iter().map(|name| text(document, name)).collect::<Vec<_>>().join(" ");
    let found = call.query.page()?.of_all(all.into_iter(), place)?;
    Ok(Answer::json(&documents::page(&found, Value::clone)))
}

fn packages(call: Call) -> Answering {
    Box::pin(async move {
        let all = call.blocking(|platform, actor| platform.shelf().packages(&actor.tenant)).await?;
        named(&call, all, &["package"])
    })
}

fn environments(call: Call) -> Answering {
    Box::pin(async move {
        let all = call.blocking(|platform, _| platform.shelf().environments()).await?;
        // Each language has names of its own.
        named(&call, all, &["name", "language"])
    })
}
