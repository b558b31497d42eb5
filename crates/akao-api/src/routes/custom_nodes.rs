//! Custom nodes: TypeScript that is uploaded, looked through, approved and used by workflows. The paths without a version
//! answer in the shapes that older clients know.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    condition::{CHANGES, expected},
    documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Approval, Code, CustomNodeWithBody, Error, NodeOrder, PageRequest, Permission, custom_node_tag};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

const READ: Access = Access::May(Permission::CustomNodesRead);
const WRITE: Access = Access::May(Permission::CustomNodesWrite);
const APPROVE: Access = Access::May(Permission::CustomNodesApprove);

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/custom-nodes", READ, "list_custom_nodes",
            "The tenant's custom nodes, every version of them, newest first.",
            Takes::Nothing, &[(200, Gives::Page("CustomNode"))], list, parameters: PAGE),
        route!(POST "/api/v1/custom-nodes", WRITE, "add_custom_node",
            "Compiles a node and keeps it as a draft.",
            Takes::Json("NewCustomNode"), &[(201, Gives::Json("CustomNodeWithSource"))], add,
            refuses: &[Code::VersionTaken, Code::Conflict, Code::QuotaExceeded]),
        route!(GET "/api/v1/custom-nodes/policy", READ, "show_custom_node_policy",
            "How versions come to be active.",
            Takes::Nothing, &[(200, Gives::Json("CustomNodePolicy"))], policy),
        route!(POST "/api/v1/custom-nodes/policy", APPROVE, "set_custom_node_policy",
            "Decides how versions come to be active.",
            Takes::Json("CustomNodePolicy"), &[(200, Gives::Json("CustomNodePolicy"))], set_policy,
            parameters: CHANGES, refuses: &[Code::Changed]),
        route!(GET "/api/v1/custom-nodes/{node}", READ, "show_custom_node",
            "A version with its schema and what was uploaded.",
            Takes::Nothing, &[(200, Gives::Json("CustomNodeWithSource"))], show),
        route!(GET "/api/v1/custom-nodes/{node}/versions", READ, "list_custom_node_versions",
            "Every version of the same node, newest first.",
            Takes::Nothing, &[(200, Gives::Json("CustomNodes"))], versions),
        route!(GET "/api/v1/custom-nodes/{node}/dependents", READ, "list_custom_node_dependents",
            "Which workflows use the node, in which versions.",
            Takes::Nothing, &[(200, Gives::Json("CustomNodeDependents"))], dependents),
        route!(POST "/api/v1/custom-nodes/{node}/activate", WRITE, "activate_custom_node",
            "Lets workflows use a version, or has it wait for approval.",
            Takes::Nothing, &[(200, Gives::Json("CustomNodeMoved"))], activate, parameters: CHANGES,
            refuses: &[Code::Changed]),
        route!(POST "/api/v1/custom-nodes/{node}/deprecate", WRITE, "deprecate_custom_node",
            "Retires a version: workflows that use it are warned, and go on.",
            Takes::Json("DeprecateCustomNode"), &[(200, Gives::Json("CustomNode"))], deprecate, parameters: CHANGES,
            refuses: &[Code::Conflict, Code::Changed]),
        route!(POST "/api/v1/custom-nodes/{node}/withdraw", APPROVE, "withdraw_custom_node",
            "Takes a version's grants back: no step of it begins any more.",
            Takes::Json("WithdrawCustomNode"), &[(200, Gives::Json("CustomNode"))], withdraw, parameters: CHANGES,
            refuses: &[Code::Changed]),
        route!(POST "/api/v1/custom-nodes/{node}/rollback", WRITE, "rollback_custom_node",
            "Retires the newest active version in favour of the one before it.",
            Takes::Nothing, &[(200, Gives::Json("CustomNodeRolledBack"))], rollback,
            refuses: &[Code::Conflict, Code::Changed]),
        route!(GET "/api/custom-nodes", READ, "list_custom_nodes_plain",
            "The tenant's newest custom nodes, at most 200.",
            Takes::Nothing, &[(200, Gives::Json("PlainCustomNodes"))], list_plain),
        route!(POST "/api/custom-nodes", WRITE, "add_custom_node_plain",
            "Compiles a node of one file and keeps it as a draft.",
            Takes::Json("PlainNewCustomNode"), &[(201, Gives::Json("PlainCustomNodeMade"))], add_plain,
            refuses: &[Code::VersionTaken, Code::Conflict, Code::QuotaExceeded]),
        route!(POST "/api/custom-nodes/{node}/activate", WRITE, "activate_custom_node_plain",
            "Lets workflows use a version, or has it wait for approval.",
            Takes::Nothing, &[(200, Gives::Json("PlainCustomNodeMoved"))], activate_plain, parameters: CHANGES,
            refuses: &[Code::Changed]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBody {
    name: String,
    version: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    files: Option<BTreeMap<String, String>>,
    #[serde(default)]
    entry: Option<String>,
    #[serde(default)]
    schema: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
struct PlainBody {
    name: String,
    version: String,
    #[serde(default)]
    description: Option<String>,
    source_code: String,
    #[serde(default)]
    schema: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeprecateBody {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    successor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithdrawBody {
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyBody {
    approval: String,
}

/// The file that one text becomes.
const ONE_FILE: &str = "node.ts";

impl NewBody {
    fn into_order(self) -> Result<NodeOrder, Error> {
        let (files, entry) = match (self.source, self.files, self.entry) {
            (Some(source), None, None) => (BTreeMap::from([(ONE_FILE.to_owned(), source)]), ONE_FILE.to_owned()),
            (None, Some(files), Some(entry)) => (files, entry),
            _ => {
                return Err(Error::invalid("the body has either `source`, or `files` with `entry`")
                    .hint("Send the text of one file as `source`, or several by their paths as `files`."));
            }
        };
        let Self { name, version, description, schema, .. } = self;
        Ok(NodeOrder { name, version, description, files, entry, schema: schema.filter(|schema| !schema.is_null()) })
    }
}

async fn made(call: &Call, order: NodeOrder) -> Result<CustomNodeWithBody, Error> {
    let actor = Arc::clone(call.actor()?);
    call.platform().add_custom_node(&actor, order).await
}

fn add(call: Call) -> Answering {
    Box::pin(async move {
        let order = call.json::<NewBody>()?.into_order()?;
        let made = made(&call, order).await?;
        let document = documents::custom_node_with_source(&made);
        Ok(Answer::made(&document, Some(place(&made))).status(StatusCode::CREATED).tagged(&custom_node_tag(&made.node)))
    })
}

fn add_plain(call: Call) -> Answering {
    Box::pin(async move {
        let PlainBody { name, version, description, source_code, schema } = call.json()?;
        let files = BTreeMap::from([(ONE_FILE.to_owned(), source_code)]);
        let schema = schema.filter(|schema| !schema.is_null());
        let order = NodeOrder { name, version, description, files, entry: ONE_FILE.to_owned(), schema };
        let made = made(&call, order).await?;
        let document = json!({"customNode": documents::plain_custom_node_with_schema(&made)});
        Ok(Answer::made(&document, Some(place(&made))).status(StatusCode::CREATED).tagged(&custom_node_tag(&made.node)))
    })
}

fn place(made: &CustomNodeWithBody) -> String {
    format!("/api/v1/custom-nodes/{}", made.node.id)
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.custom_nodes(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::custom_node)))
    })
}

fn list_plain(call: Call) -> Answering {
    Box::pin(async move {
        let page = PageRequest::new(Some("200"), None)?;
        let found = call.blocking(move |platform, actor| platform.custom_nodes(actor, &page)).await?;
        let nodes: Vec<Value> = found.items.iter().map(documents::plain_custom_node).collect();
        Ok(Answer::json(&json!({"nodes": nodes})))
    })
}

fn policy(call: Call) -> Answering {
    Box::pin(async move {
        let approval = call.blocking(akao_platform::Platform::custom_node_approval).await?;
        Ok(policy_answer(approval))
    })
}

fn policy_answer(approval: Approval) -> Answer {
    Answer::json(&json!({"approval": approval.as_str()})).tagged(approval.as_str())
}

fn set_policy(call: Call) -> Answering {
    Box::pin(async move {
        let PolicyBody { approval } = call.json()?;
        let known = Approval::ALL.map(Approval::as_str).join(", ");
        let approval: Approval =
            approval.parse().map_err(|()| Error::invalid(format!("`approval` is one of {known}")))?;
        let expected = expected(&call)?;
        call.blocking(move |platform, actor| platform.set_custom_node_approval(actor, approval, &expected)).await?;
        Ok(policy_answer(approval))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("node").to_owned();
        let found = call.blocking(move |platform, actor| platform.custom_node(actor, &id)).await?;
        Ok(Answer::json(&documents::custom_node_with_source(&found)).tagged(&custom_node_tag(&found.node)))
    })
}

fn versions(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("node").to_owned();
        let found = call.blocking(move |platform, actor| {
            platform.custom_node_versions(actor, &platform.custom_node_name(actor, &id)?)
        });
        let nodes: Vec<Value> = found.await?.iter().map(documents::custom_node).collect();
        Ok(Answer::json(&json!({"items": nodes})))
    })
}

fn dependents(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("node").to_owned();
        let found = call
            .blocking(move |platform, actor| platform.custom_node_uses(actor, &platform.custom_node_name(actor, &id)?));
        let uses: Vec<Value> = found.await?.iter().map(documents::custom_node_use).collect();
        Ok(Answer::json(&json!({"items": uses})))
    })
}

fn activate(call: Call) -> Answering {
    activated(call, documents::custom_node)
}

fn activate_plain(call: Call) -> Answering {
    activated(call, documents::plain_custom_node)
}

fn activated(call: Call, document: fn(&akao_store::CustomNode) -> Value) -> Answering {
    Box::pin(async move {
        let (id, expected) = (call.path_value("node"), expected(&call)?);
        let moved = call.blocking(move |platform, actor| platform.activate_custom_node(actor, &id, &expected));
        let (node, message) = moved.await?;
        Ok(Answer::json(&json!({"node": document(&node), "message": message})).tagged(&custom_node_tag(&node)))
    })
}

fn shown(node: &akao_store::CustomNode) -> Answer {
    Answer::json(&documents::custom_node(node)).tagged(&custom_node_tag(node))
}

fn withdraw(call: Call) -> Answering {
    Box::pin(async move {
        let WithdrawBody { message } = call.json()?;
        let (id, expected) = (call.path_value("node"), expected(&call)?);
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.withdraw_custom_node(actor, &id, &expected, message.as_deref())
        };
        Ok(shown(&call.blocking(work).await?))
    })
}

fn deprecate(call: Call) -> Answering {
    Box::pin(async move {
        let DeprecateBody { message, successor } = call.json()?;
        let (id, expected) = (call.path_value("node"), expected(&call)?);
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.deprecate_custom_node(actor, &id, &expected, message.as_deref(), successor.as_deref())
        };
        Ok(shown(&call.blocking(work).await?))
    })
}

fn rollback(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("node").to_owned();
        let moved = call.blocking(move |platform, actor| {
            platform.rollback_custom_node(actor, &platform.custom_node_name(actor, &id)?)
        });
        let (back, gone) = moved.await?;
        let document = json!({"active": documents::custom_node(&back), "deprecated": documents::custom_node(&gone)});
        Ok(Answer::json(&document))
    })
}
