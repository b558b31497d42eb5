//! The schemas of documents, as the OpenAPI document names them. `documents.rs` makes the documents; a test holds every
//! answer that it gets against these.

mod automation;
mod catalogue;
mod custom_nodes;
mod runners;

use akao_contract::{ExecutionStatus, NodeStatus};
use akao_platform::{Code, Permission, Quota, Role, Tier};
use serde_json::{Map, Value, json};

/// An object with these properties and no others; those whose name ends with `?` may be absent.
fn object(properties: &[(&str, Value)]) -> Value {
    let bare = |name: &str| name.trim_end_matches('?').to_owned();
    let needed: Vec<String> =
        properties.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).map(bare).collect();
    let properties: Map<String, Value> = properties.iter().map(|(name, schema)| (bare(name), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": needed, "additionalProperties": false})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn truth() -> Value {
    json!({"type": "boolean"})
}

fn number() -> Value {
    json!({"type": "integer"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn digest() -> Value {
    json!({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"})
}

fn id() -> Value {
    json!({"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"})
}

fn tenant() -> Value {
    json!({"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"})
}

fn any() -> Value {
    json!({})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn words(words: impl IntoIterator<Item = &'static str>) -> Value {
    json!({"type": "string", "enum": words.into_iter().collect::<Vec<_>>()})
}

/// The schema, or null.
fn or_null(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

pub(crate) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The name of a role: one of those that are built in, or one of the tenant's own.
fn role() -> Value {
    json!({"type": "string", "pattern": "^[a-z][a-z0-9-]{0,63}$", "examples": Role::ALL.map(Role::as_str)})
}

fn kind() -> Value {
    words(["person", "service"])
}

fn permissions() -> Value {
    list(words(Permission::ALL.iter().map(|permission| permission.as_str())))
}

fn execution_status() -> Value {
    words(ExecutionStatus::ALL.map(ExecutionStatus::as_str))
}

/// Every schema by its name.
pub(crate) fn all() -> Map<String, Value> {
    let groups = [
        people(),
        identities(),
        tenants(),
        roles(),
        workflows(),
        custom_nodes::schemas(),
        executions(),
        debugger(),
        rest(),
        catalogue::schemas(),
        catalogue::packages(),
        automation::schemas(),
        runners::schemas(),
    ];
    groups.into_iter().flatten().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

type Named = Vec<(&'static str, Value)>;

fn actor(more: &[(&str, Value)]) -> Value {
    let mut properties = vec![
        ("user", id()),
        ("kind", kind()),
        ("email", or_null(&text())),
        ("name", text()),
        ("tenant", tenant()),
        ("role", role()),
        ("permissions", permissions()),
        ("operator", truth()),
        ("by", words(["session", "token"])),
        ("csrf", or_null(&text())),
    ];
    properties.extend(more.iter().cloned());
    object(&properties)
}

fn people() -> Named {
    let password = json!({"type": "string", "format": "password", "minLength": 12});
    let token = [
        ("id", id()),
        ("user", id()),
        ("name", text()),
        ("permissions", list(text())),
        ("created_at", time()),
        ("expires_at", time()),
        ("revoked_at", or_null(&time())),
    ];
    let made: Vec<(&str, Value)> = token.iter().cloned().chain([("secret", text())]).collect();
    let token_of_tenant: Vec<(&str, Value)> = token.iter().cloned().chain([("tenant", tenant())]).collect();
    let membership = object(&[("tenant", tenant()), ("role", role())]);
    let account = [
        ("user", id()),
        ("kind", kind()),
        ("email", or_null(&text())),
        ("name", text()),
        ("operator", truth()),
        ("disabled", truth()),
        ("created_at", time()),
    ];
    vec![
        (
            "Setup",
            object(&[
                ("code", text()),
                ("tenant", tenant()),
                ("title?", text()),
                ("email", text()),
                ("name", text()),
                ("password", password.clone()),
            ]),
        ),
        ("SetupStatus", object(&[("needed", truth())])),
        ("SignIn", object(&[("email", text()), ("password", text()), ("tenant?", tenant()), ("totp?", text())])),
        ("ResetPassword", object(&[("code", text()), ("password", password.clone())])),
        ("Account", object(&account)),
        (
            "AccountData",
            object(&[
                ("account", reference("Account")),
                ("memberships", list(membership.clone())),
                ("sessions", list(object(&[("tenant", tenant()), ("created_at", time()), ("expires_at", time())]))),
                ("tokens", list(object(&token_of_tenant))),
                ("identities", list(reference("Identity"))),
                ("second_factor", truth()),
                ("audit", list(reference("AuditLine"))),
                ("audit_complete", truth()),
            ]),
        ),
        ("GiveReset", object(&[("email", text()), ("second_factor?", truth())])),
        ("ResetGiven", object(&[("code", text()), ("expires_at", time())])),
        ("Password", object(&[("password", text())])),
        ("Enrolment", object(&[("seed", text()), ("uri", text())])),
        ("TotpCode", object(&[("code", text())])),
        ("RecoveryCodes", object(&[("recovery_codes", list(text()))])),
        ("SignedIn", actor(&[("expires_at", time())])),
        ("ChangePassword", object(&[("present", text()), ("new", password.clone())])),
        ("Me", actor(&[("tenant_title", text()), ("memberships", list(membership)), ("second_factor", truth())])),
        (
            "NewToken",
            object(&[
                ("name", text()),
                ("permissions?", permissions()),
                ("days?", json!({"type": "integer", "minimum": 1, "maximum": 366})),
            ]),
        ),
        ("Token", object(&token)),
        ("TokenMade", object(&made)),
        (
            "Member",
            object(&[
                ("user", id()),
                ("kind", kind()),
                ("email", or_null(&text())),
                ("name", text()),
                ("role", role()),
                ("since", time()),
            ]),
        ),
        ("NewService", object(&[("name", text()), ("role", role())])),
        ("Invite", object(&[("email", text()), ("role", role())])),
        ("Invitation", object(&[("email", text()), ("role", role()), ("code", text()), ("expires_at", time())])),
        ("Join", object(&[("code", text()), ("name?", text()), ("password", password), ("totp?", text())])),
        ("SetRole", object(&[("role", role())])),
    ]
}

fn identities() -> Named {
    let provider = object(&[("provider", text()), ("title", text())]);
    let identity =
        object(&[("id", id()), ("provider", text()), ("issuer", text()), ("subject", text()), ("linked_at", time())]);
    vec![
        ("BeginDevice", object(&[("name", text())])),
        (
            "DeviceBegun",
            object(&[
                ("device_code", text()),
                ("user_code", text()),
                ("page", text()),
                ("seconds", number()),
                ("interval", number()),
            ]),
        ),
        ("DeviceCode", object(&[("device_code", text())])),
        ("Waiting", object(&[("waiting", truth())])),
        ("UserCode", object(&[("user_code", text())])),
        ("DeviceAllowed", object(&[("name", text())])),
        ("Providers", object(&[("items", list(provider))])),
        ("BeginOidc", object(&[("tenant?", tenant()), ("invitation?", text())])),
        ("Elsewhere", object(&[("location", text())])),
        ("Identity", identity),
        ("Identities", object(&[("items", list(reference("Identity")))])),
        ("LinkIdentity", object(&[("provider", text())])),
    ]
}

fn tenants() -> Named {
    let amount = || json!({"type": ["integer", "null"], "minimum": 0});
    let amounts = |optional: &str| {
        let named: Vec<(String, Value)> =
            Quota::ALL.iter().map(|quota| (format!("{quota}{optional}"), amount())).collect();
        object(&named.iter().map(|(name, schema)| (name.as_str(), schema.clone())).collect::<Vec<_>>())
    };
    let tier = || words(Tier::ALL.iter().map(|tier| tier.as_str()));
    let overridden = list(words(Quota::ALL.iter().map(|quota| quota.as_str())));
    let limits = [("tier", tier()), ("limits", amounts("")), ("overridden", overridden)];
    let quotas: Vec<(&str, Value)> =
        limits.iter().cloned().chain([("used", amounts("")), ("queued", number())]).collect();
    vec![
        (
            "Tenant",
            object(&[
                ("tenant", tenant()),
                ("title", text()),
                ("created_at", time()),
                ("deleted_since", or_null(&time())),
            ]),
        ),
        ("NewTenant", object(&[("tenant", tenant()), ("title?", text()), ("owner", text()), ("tier?", tier())])),
        ("Limits", object(&limits)),
        ("Quotas", object(&quotas)),
        ("SetQuota", object(&[("tier", tier()), ("overrides?", amounts("?"))])),
    ]
}

fn roles() -> Named {
    let team = [("title?", text()), ("role", role())];
    let new_team: Vec<(&str, Value)> = [("team", role())].into_iter().chain(team.clone()).collect();
    vec![
        ("Role", object(&[("role", role()), ("title", text()), ("permissions", permissions()), ("built_in", truth())])),
        ("Roles", object(&[("items", list(reference("Role")))])),
        ("NewRole", object(&[("role", role()), ("title?", text()), ("permissions", permissions())])),
        ("ChangeRole", object(&[("title?", text()), ("permissions", permissions())])),
        (
            "Team",
            object(&[
                ("team", role()),
                ("title", text()),
                ("role", role()),
                ("members", list(id())),
                ("created_at", time()),
                ("changed_at", time()),
            ]),
        ),
        ("NewTeam", object(&new_team)),
        ("ChangeTeam", object(&team)),
    ]
}

fn workflows() -> Named {
    let version =
        [("number", number()), ("version", text()), ("digest", digest()), ("created_by", id()), ("created_at", time())];
    let with_source: Vec<(&str, Value)> = version.iter().cloned().chain([("source", text())]).collect();
    let workflow = [
        ("workflow", text()),
        ("name", or_null(&text())),
        ("created_at", time()),
        ("changed_at", time()),
        ("latest", reference("WorkflowVersion")),
    ];
    let problems = list(reference("WorkflowProblem"));
    let saved: Vec<(&str, Value)> =
        workflow.iter().cloned().chain([("added", truth()), ("warnings", problems.clone())]).collect();
    let position = object(&[("line", number()), ("column", number())]);
    vec![
        (
            "Source",
            object(&[
                ("source", json!({"type": "string", "description": "The text of a workflow, in YAML or JSON."})),
                (
                    "lock?",
                    json!({"type": "string", "description": "The text of the `akao.lock` that stands beside it."}),
                ),
            ]),
        ),
        ("WorkflowVersion", object(&version)),
        ("VersionWithSource", object(&with_source)),
        ("Workflow", object(&workflow)),
        ("Saved", object(&saved)),
        (
            "WorkflowProblem",
            object(&[
                ("severity", words(["error", "warning"])),
                ("code", text()),
                ("message", text()),
                ("position", position),
                ("path", text()),
                ("suggestion?", text()),
            ]),
        ),
        ("Validation", object(&[("valid", truth()), ("problems", problems)])),
        ("Difference", json!({"type": "object", "required": ["same", "summary"], "properties": {"same": truth()}})),
    ]
}

fn error() -> Value {
    json!({
        "type": "object", "required": ["kind", "message"],
        "properties": {"kind": text(), "message": text(), "retryable": truth(), "detail": any(), "step": any()},
    })
}

fn executions() -> Named {
    let execution = [
        ("execution", id()),
        ("workflow", text()),
        ("version", text()),
        ("digest", digest()),
        ("status", execution_status()),
        ("waiting", or_null(&text())),
        ("started_at", time()),
        ("ended_at", or_null(&time())),
        ("duration_ms", or_null(&number())),
        ("parent", or_null(&id())),
        ("forked_from", or_null(&id())),
        ("outputs", json!({"type": ["object", "null"]})),
        ("error", or_null(&error())),
        ("warnings", list(text())),
        ("last_event", number()),
    ];
    let node_status = words(
        [NodeStatus::Running, NodeStatus::Success, NodeStatus::Failure, NodeStatus::Skipped, NodeStatus::Cancelled]
            .map(NodeStatus::as_str),
    );
    let earlier =
        object(&[("attempt", number()), ("started_at", time()), ("duration_ms", number()), ("error", error())]);
    let step = [
        ("address", text()),
        ("id", text()),
        ("type", text()),
        ("name", or_null(&text())),
        ("status", node_status),
        ("attempts", or_null(&number())),
        ("earlier", list(earlier)),
        ("started_at", time()),
        ("duration_ms", or_null(&number())),
        ("error", or_null(&error())),
        ("props", json!({"type": ["object", "null"]})),
        ("outputs", json!({"type": "object"})),
        ("logs", list(object(&[("level", text()), ("message", text())]))),
        ("usage", any()),
        ("waiting", or_null(&text())),
        ("held", or_null(&text())),
    ];
    let queued = object(&[
        ("id", id()),
        ("type", text()),
        ("target", text()),
        ("action", text()),
        ("enqueued_at", time()),
        ("position", number()),
        ("key", or_null(&text())),
    ]);
    vec![
        (
            "Start",
            object(&[
                ("workflow", text()),
                ("version?", text()),
                ("input?", json!({"type": "object"})),
                ("grants?", list(text())),
                ("debug?", truth()),
                ("breakpoints?", list(reference("Breakpoint"))),
            ]),
        ),
        (
            "Started",
            object(&[
                ("execution", id()),
                ("status", execution_status()),
                ("repeated", truth()),
                ("position", or_null(&number())),
                ("warnings", list(text())),
            ]),
        ),
        ("Execution", object(&execution)),
        ("Step", object(&step)),
        ("Cancel", object(&[("reason?", text()), ("force?", truth())])),
        ("Signal", object(&[("name", text()), ("key?", text()), ("payload?", any())])),
        ("Fork", object(&[("at", text()), ("edits?", list(object(&[("path", text()), ("value", any())])))])),
        ("Forked", object(&[("execution", or_null(&id()))])),
        ("Replayed", object(&[("events", number()), ("equal", truth())])),
        ("Queue", object(&[("items", list(queued)), ("limit", number())])),
    ]
}

fn debugger() -> Named {
    let held = object(&[("step", text()), ("id", text()), ("reason", text())]);
    let values = [
        ("values", json!({"type": "object"})),
        ("held", list(held)),
        ("breakpoints", list(reference("Breakpoint"))),
        ("status", execution_status()),
    ];
    vec![
        ("Breakpoint", object(&[("at", text()), ("condition?", text()), ("once?", truth())])),
        ("Values", object(&values)),
        ("SetValue", object(&[("path", text()), ("value", any()), ("at?", text())])),
        ("Go", object(&[("mode", words(["continue", "into", "over", "out"]))])),
    ]
}

fn rest() -> Named {
    vec![
        (
            "Task",
            object(&[
                ("task", text()),
                ("execution", id()),
                ("title", text()),
                ("assignee", or_null(&text())),
                ("role", or_null(&text())),
                ("due_at", or_null(&time())),
                ("status", words(["open", "completed", "expired", "cancelled"])),
                ("created_at", time()),
                ("closed_at", or_null(&time())),
                ("details", any()),
                ("result", any()),
            ]),
        ),
        ("Decision", object(&[("approved", truth()), ("data?", any()), ("comment?", text())])),
        (
            "AuditLine",
            json!({
                "type": "object", "required": ["seq"],
                "properties": {"seq": number(), "prev": digest(), "at_ms": number(), "by": {"type": "object"}, "what": text(), "details": {"type": "object"}},
            }),
        ),
        (
            "AuditVerified",
            object(&[
                ("sound", truth()),
                ("lines", or_null(&number())),
                ("last", or_null(&digest())),
                ("signed", or_null(&object(&[("head", text()), ("signature", text()), ("public_key", text())]))),
                ("break", or_null(&text())),
            ]),
        ),
        (
            "Secret",
            object(&[
                ("name", text()),
                ("version", number()),
                ("created_at", time()),
                ("updated_at", time()),
                ("updated_by", id()),
            ]),
        ),
        (
            "SecretValue",
            object(&[("value", json!({"type": "string", "format": "password", "minLength": 4, "writeOnly": true}))]),
        ),
        ("Health", object(&[("status", words(["alive", "ready"]))])),
        ("OpenApi", json!({"type": "object", "required": ["openapi", "paths"]})),
        (
            "Problem",
            object(&[
                ("type", text()),
                ("title", text()),
                ("status", number()),
                ("code", words(Code::ALL.map(Code::as_str))),
                ("detail", text()),
                ("suggestion?", text()),
                ("problems?", list(json!({"type": "object"}))),
                ("request_id", text()),
            ]),
        ),
    ]
}
