//! What the platform answers, as the documents that callers see. Each field is named here; nothing gets out because a row has
//! it.

use akao_contract::{Address, Digest, ExecutionId, ExecutionStatus, Tenant};
use akao_engine::{
    Attributes,
    steps::{Step, failure_json, timestamp},
};
use akao_flow::{Finish, Problem};
use akao_journal::{ExecutionRow, TaskRow};
use akao_platform::{
    Actor, CustomNodeWithBody, Identity, Kept, Limits, Means, NamedRole, Page, Platform, Quota, SignedIn, Team, Used,
    Whoami, address,
};
use akao_step::Secret;
use akao_store::{CustomNode, CustomNodeUse, Member, SecretRow, TenantRow, Token, User, Workflow, WorkflowVersion};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A page of documents.
pub(crate) fn page<T>(page: &Page<T>, document: impl FnMut(&T) -> Value) -> Value {
    json!({"items": page.items.iter().map(document).collect::<Vec<_>>(), "next": page.next})
}

/// A document with the secret that is shown this once.
pub(crate) fn with_secret(mut document: Value, secret: &Secret) -> Value {
    document["secret"] = json!(secret.expose());
    document
}

/// Who asks.
pub(crate) fn actor(actor: &Actor) -> Value {
    let (by, csrf) = match &actor.means {
        Means::Session { csrf, .. } => ("session", Some(csrf)),
        Means::Token(_) => ("token", None),
        Means::Schedule(_) => ("schedule", None),
        Means::Hook(_) => ("hook", None),
        Means::Webhook(_) => ("webhook", None),
    };
    json!({
        "user": actor.user, "kind": actor.kind.as_str(), "email": address(actor.kind, &actor.email), "name": actor.name, "tenant": actor.tenant, "role": actor.role,
        "permissions": actor.permissions, "operator": actor.operator, "by": by, "csrf": csrf,
    })
}

/// Who asks, with what else it belongs to.
pub(crate) fn me(who: &Actor, whoami: &Whoami) -> Value {
    let mut document = actor(who);
    document["tenant_title"] = json!(whoami.tenant_title);
    document["second_factor"] = json!(whoami.has_second_factor);
    let membership = |found: &akao_store::Membership| json!({"tenant": found.tenant, "role": found.role});
    document["memberships"] = whoami.memberships.iter().map(membership).collect();
    document
}

/// Somebody who has signed in.
pub(crate) fn signed_in(signed_in: &SignedIn) -> Value {
    let mut document = actor(&signed_in.actor);
    document["expires_at"] = json!(timestamp(signed_in.expires_ms));
    document
}

/// A token, without its secret.
pub(crate) fn token(token: &Token) -> Value {
    let permissions: Vec<&str> = token.permissions.split(' ').filter(|name| !name.is_empty()).collect();
    json!({
        "id": token.id, "user": token.account, "name": token.name, "permissions": permissions,
        "created_at": timestamp(token.created_ms), "expires_at": timestamp(token.expires_ms),
        "revoked_at": token.revoked_ms.map(timestamp),
    })
}

/// A secret, without its value.
pub(crate) fn secret(secret: &SecretRow) -> Value {
    json!({
        "name": secret.name, "version": secret.version, "created_at": timestamp(secret.created_ms),
        "updated_at": timestamp(secret.updated_ms), "updated_by": secret.updated_by,
    })
}

/// A person of a tenant.
pub(crate) fn member(member: &Member) -> Value {
    json!({
        "user": member.account, "kind": member.kind.as_str(), "email": address(member.kind, &member.email),
        "name": member.name, "role": member.role, "since": timestamp(member.since_ms),
    })
}

/// An account, for the operator.
pub(crate) fn account(user: &User) -> Value {
    json!({
        "user": user.id, "kind": user.kind.as_str(), "email": address(user.kind, &user.email), "name": user.name,
        "operator": user.operator, "disabled": user.disabled, "created_at": timestamp(user.created_ms),
    })
}

/// What is kept about an account. The hashes of secrets are not told.
pub(crate) fn kept(kept: &Kept) -> Value {
    let membership = |found: &akao_store::Membership| json!({"tenant": found.tenant, "role": found.role});
    let session = |found: &akao_store::Session| {
        json!({
            "tenant": found.tenant, "created_at": timestamp(found.created_ms), "expires_at": timestamp(found.expires_ms),
        })
    };
    let of_tenant = |tenant: &Tenant, mut document: Value| {
        document["tenant"] = json!(tenant);
        document
    };
    json!({
        "account": account(&kept.user),
        "memberships": kept.memberships.iter().map(membership).collect::<Vec<_>>(),
        "sessions": kept.sessions.iter().map(session).collect::<Vec<_>>(),
        "tokens": kept.tokens.iter().map(|(tenant, found)| of_tenant(tenant, token(found))).collect::<Vec<_>>(),
        "identities": kept.identities.iter().map(identity).collect::<Vec<_>>(),
        "second_factor": kept.has_second_factor,
        "audit": kept.audit.iter().map(|(tenant, line)| of_tenant(tenant, line.clone())).collect::<Vec<_>>(),
        "audit_complete": !kept.has_more,
    })
}

/// A role.
pub(crate) fn role(role: &NamedRole) -> Value {
    json!({
        "role": role.name, "title": role.title, "permissions": role.permissions, "built_in": role.revision.is_none(),
    })
}

/// A team with its members.
pub(crate) fn team(team: &Team) -> Value {
    json!({
        "team": team.row.name, "title": team.row.title, "role": team.row.role, "members": team.members,
        "created_at": timestamp(team.row.created_ms), "changed_at": timestamp(team.row.changed_ms),
    })
}

/// An identity at a provider.
pub(crate) fn identity(identity: &Identity) -> Value {
    json!({
        "id": identity.id, "provider": identity.provider, "issuer": identity.issuer, "subject": identity.subject,
        "linked_at": timestamp(identity.created_ms),
    })
}

/// A tenant, for the operator.
pub(crate) fn tenant(tenant: &TenantRow) -> Value {
    json!({
        "tenant": tenant.name, "title": tenant.title, "created_at": timestamp(tenant.created_ms),
        "deleted_since": tenant.ending_ms.map(timestamp),
    })
}

/// What a tenant may use.
pub(crate) fn limits(limits: &Limits) -> Value {
    let of = |quota: &Quota| (quota.as_str().to_owned(), json!(limits.of(*quota)));
    json!({
        "tier": limits.tier, "limits": Quota::ALL.iter().map(of).collect::<Map<_, _>>(),
        "overridden": limits.overrides.keys().collect::<Vec<_>>(),
    })
}

/// What a tenant may use, and what it uses.
pub(crate) fn quotas(allowed: &Limits, used: &Used) -> Value {
    let mut document = limits(allowed);
    let of = |(quota, value): (&Quota, &Option<u64>)| (quota.as_str().to_owned(), json!(value));
    document["used"] = Value::Object(used.of.iter().map(of).collect());
    document["queued"] = json!(used.queued);
    document
}

/// A version of a workflow.
pub(crate) fn version(version: &WorkflowVersion) -> Value {
    json!({
        "number": version.number, "version": version.version, "digest": version.digest,
        "created_by": version.created_by, "created_at": timestamp(version.created_ms),
    })
}

/// A workflow.
pub(crate) fn workflow(workflow: &Workflow) -> Value {
    json!({
        "workflow": workflow.id, "name": workflow.name, "created_at": timestamp(workflow.created_ms),
        "changed_at": timestamp(workflow.changed_ms), "latest": version(&workflow.latest),
    })
}

/// JSON that stands in a column as text.
fn stored(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// A version of a custom node, as lists have it.
pub(crate) fn custom_node(node: &CustomNode) -> Value {
    json!({
        "id": node.id, "name": node.name, "version": node.version, "description": node.description,
        "status": node.status, "bundle": node.bundle, "permissions": stored(&node.permissions),
        "scan": stored(&node.scan), "message": node.message, "successor": node.successor,
        "created_by": node.created_by, "created_at": timestamp(node.created_ms), "changed_by": node.changed_by,
        "changed_at": timestamp(node.changed_ms),
    })
}

/// One with its schema and what was uploaded.
pub(crate) fn custom_node_with_source(found: &CustomNodeWithBody) -> Value {
    let mut document = custom_node(&found.node);
    document["schema"] = schema_of(found);
    document["source"] = json!(found.body.source);
    document
}

/// The same as older clients know it, without what is not in lists.
pub(crate) fn plain_custom_node(node: &CustomNode) -> Value {
    json!({
        "id": node.id, "name": node.name, "version": node.version, "description": node.description,
        "status": node.status, "bundleHash": node.bundle, "createdBy": node.created_by,
        "createdAt": timestamp(node.created_ms), "updatedAt": timestamp(node.changed_ms),
    })
}

/// One with its schema.
pub(crate) fn plain_custom_node_with_schema(found: &CustomNodeWithBody) -> Value {
    let mut document = plain_custom_node(&found.node);
    document["schema"] = schema_of(found);
    document
}

fn schema_of(found: &CustomNodeWithBody) -> Value {
    found.body.schema.as_deref().map_or(Value::Null, stored)
}

/// Where a custom node is used.
pub(crate) fn custom_node_use(used: &CustomNodeUse) -> Value {
    json!({
        "workflow": used.workflow, "workflow_version": used.workflow_version, "latest": used.latest,
        "name": used.name, "version": used.version,
    })
}

/// Problems of a text.
pub(crate) fn problems(problems: &[Problem]) -> Value {
    problems.iter().map(|problem| json!(problem)).collect()
}

/// An execution as callers see it.
#[derive(Serialize)]
pub(crate) struct ExecutionDocument<'r> {
    execution: ExecutionId,
    workflow: &'r str,
    version: &'r str,
    digest: Digest,
    status: ExecutionStatus,
    waiting: Option<&'r str>,
    started_at: String,
    ended_at: Option<String>,
    duration_ms: Option<i64>,
    parent: Option<ExecutionId>,
    forked_from: Option<ExecutionId>,
    outputs: Option<Map<String, Value>>,
    error: Option<Value>,
    warnings: Vec<String>,
    last_event: u64,
}

/// An execution, from its row alone.
pub(crate) fn execution(row: &ExecutionRow) -> Value {
    json!(execution_document(row))
}

/// An execution with the id of the step at which it failed, which its definition tells and not its row.
pub(crate) async fn named_execution(platform: &Platform, row: &ExecutionRow) -> Value {
    let mut document = execution(row);
    if !document["error"]["step"].is_object() {
        return document;
    }
    let of = row.clone();
    match platform.blocking(move |platform| platform.failed_step(&of)).await {
        Ok(id) => document["error"]["step"]["id"] = json!(id),
        // The row is told all the same; its step has an address too.
        Err(error) => tracing::warn!("the step at which {} failed cannot be named: {error}", row.id),
    }
    document
}

/// The same, to be written at once.
pub(crate) fn execution_document(row: &ExecutionRow) -> ExecutionDocument<'_> {
    let finish = row.summary.as_deref().and_then(|bytes| serde_json::from_slice::<Finish>(bytes).ok());
    let error = match (&finish, row.status) {
        (_, ExecutionStatus::Quarantined) => {
            let reason = row.waiting.as_deref().unwrap_or("its record is damaged");
            let message = format!("the execution is quarantined: {reason}");
            Some(json!({"kind": "internal", "message": message, "retryable": false, "detail": null, "step": null}))
        }
        (Some(finish), _) => finish.failure.as_ref().map(|failure| failure_json(&Default::default(), failure)),
        (None, _) => None,
    };
    ExecutionDocument {
        execution: row.id,
        workflow: &row.workflow,
        version: &row.version,
        digest: row.definition,
        status: row.status,
        waiting: row.waiting.as_deref(),
        started_at: timestamp(row.started_ms),
        ended_at: row.ended_ms.map(timestamp),
        duration_ms: row.ended_ms.map(|ended| ended.saturating_sub(row.started_ms).max(0)),
        parent: row.parent.map(|(parent, _)| parent),
        forked_from: row.forked_from.map(|(origin, _)| origin),
        outputs: finish.map(|finish| finish.outputs),
        error,
        // What cannot be read warns of nothing: the execution is told all the same.
        warnings: serde_json::from_slice::<Attributes>(&row.attributes).map_or_else(|_| Vec::new(), |of| of.warnings),
        last_event: row.last_seq,
    }
}

/// A step of an execution.
pub(crate) fn step(address: &Address, step: &Step) -> Value {
    let mut document = step.to_json(address);
    document["name"] = json!(step.name);
    document["props"] = json!(step.props);
    document["outputs"] = json!(step.outputs);
    document["logs"] = json!(step.logs);
    document["usage"] = json!(step.usage);
    document["waiting"] = json!(step.waiting);
    document["held"] = json!(step.held);
    document
}

/// What waits for a person.
pub(crate) fn task(row: &TaskRow) -> Value {
    let opaque = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or(Value::Null);
    json!({
        "task": format!("{}:{}", row.execution, row.op), "execution": row.execution, "title": row.title,
        "assignee": row.assignee, "role": row.role, "due_at": row.due_ms.map(timestamp),
        "status": row.status.as_str(), "created_at": timestamp(row.created_ms),
        "closed_at": row.closed_ms.map(timestamp), "details": opaque(&row.body),
        "result": row.result.as_deref().map(opaque),
    })
}
