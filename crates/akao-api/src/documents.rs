//! What the platform answers, as the documents that callers see. Each field is named here; nothing gets out because a row has
//! it.

use akao_contract::{Address, ExecutionStatus};
use akao_engine::steps::{Step, failure_json, timestamp};
use akao_flow::{Finish, Problem};
use akao_journal::{ExecutionRow, TaskRow};
use akao_platform::{Actor, Means, Page, SignedIn, Whoami};
use akao_store::{Member, Token, Workflow, WorkflowVersion};
use serde_json::{Value, json};

/// A page of documents.
pub(crate) fn page<T>(page: &Page<T>, document: impl FnMut(&T) -> Value) -> Value {
    json!({"items": page.items.iter().map(document).collect::<Vec<_>>(), "next": page.next})
}

/// Who asks.
pub(crate) fn actor(actor: &Actor) -> Value {
    let (by, csrf) = match &actor.means {
        Means::Session { csrf, .. } => ("session", Some(csrf)),
        Means::Token(_) => ("token", None),
    };
    json!({
        "user": actor.user, "email": actor.email, "name": actor.name, "tenant": actor.tenant, "role": actor.role,
        "permissions": actor.permissions, "operator": actor.operator, "by": by, "csrf": csrf,
    })
}

/// Who asks, with what else it belongs to.
pub(crate) fn me(who: &Actor, whoami: &Whoami) -> Value {
    let mut document = actor(who);
    document["tenant_title"] = json!(whoami.tenant_title);
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

/// A person of a tenant.
pub(crate) fn member(member: &Member) -> Value {
    json!({
        "user": member.account, "email": member.email, "name": member.name, "role": member.role,
        "since": timestamp(member.since_ms),
    })
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

/// Problems of a text.
pub(crate) fn problems(problems: &[Problem]) -> Value {
    problems.iter().map(|problem| json!(problem)).collect()
}

/// An execution, from its row alone.
pub(crate) fn execution(row: &ExecutionRow) -> Value {
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
    json!({
        "execution": row.id, "workflow": row.workflow, "version": row.version, "digest": row.definition,
        "status": row.status, "waiting": row.waiting,
        "started_at": timestamp(row.started_ms), "ended_at": row.ended_ms.map(timestamp),
        "duration_ms": row.ended_ms.map(|ended| ended.saturating_sub(row.started_ms).max(0)),
        "parent": row.parent.map(|(parent, _)| parent), "forked_from": row.forked_from.map(|(origin, _)| origin),
        "outputs": finish.map(|finish| finish.outputs), "error": error,
    })
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
