//! Schemas of custom nodes, and of the shapes of them that older clients know.

use super::{Named, any, digest, id, list, number, object, or_null, reference, text, time, truth, words};
use akao_platform::{Approval, NODE_STATUSES};
use serde_json::{Value, json};

pub(super) fn schemas() -> Named {
    let mut all = versions();
    all.extend(changes());
    all.extend(plain());
    all
}

fn name() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 255})
}

fn version() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 64})
}

/// Versions, and who uses them.
fn versions() -> Named {
    let finding = object(&[
        ("rule", text()),
        ("weight", words(["asks", "notice", "alarm"])),
        ("reason", text()),
        ("file", text()),
        ("line", number()),
        ("column", number()),
    ]);
    let node = [
        ("id", id()),
        ("name", text()),
        ("version", text()),
        ("description", or_null(&text())),
        ("status", words(NODE_STATUSES)),
        ("bundle", digest()),
        ("permissions", list(text())),
        ("scan", list(finding)),
        ("message", or_null(&text())),
        ("successor", or_null(&text())),
        ("created_by", id()),
        ("created_at", time()),
        ("changed_by", id()),
        ("changed_at", time()),
    ];
    let more = [("schema", any()), ("source", text())];
    let with_source: Vec<(&str, Value)> = node.iter().cloned().chain(more).collect();
    let used = object(&[
        ("workflow", text()),
        ("workflow_version", text()),
        ("latest", truth()),
        ("name", text()),
        ("version", text()),
    ]);
    let of = || reference("CustomNode");
    vec![
        ("CustomNode", object(&node)),
        ("CustomNodeWithSource", object(&with_source)),
        ("CustomNodes", object(&[("items", list(of()))])),
        ("CustomNodeDependents", object(&[("items", list(used))])),
        ("CustomNodeMoved", object(&[("node", of()), ("message", text())])),
        ("CustomNodeRolledBack", object(&[("active", of()), ("deprecated", of())])),
    ]
}

/// What changes them.
fn changes() -> Named {
    let files = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let new = [
        ("name", name()),
        ("version", version()),
        ("description?", or_null(&text())),
        ("source?", text()),
        ("files?", files),
        ("entry?", text()),
        ("schema?", any()),
    ];
    let message = ("message?", or_null(&text()));
    vec![
        ("NewCustomNode", object(&new)),
        ("DeprecateCustomNode", object(&[message.clone(), ("successor?", or_null(&text()))])),
        ("WithdrawCustomNode", object(&[message])),
        ("CustomNodePolicy", object(&[("approval", words(Approval::ALL.map(Approval::as_str)))])),
    ]
}

/// The same as older clients know it.
fn plain() -> Named {
    let node = object(&[
        ("id", id()),
        ("name", text()),
        ("version", text()),
        ("description", or_null(&text())),
        ("status", words(NODE_STATUSES)),
        ("schema?", any()),
        ("bundleHash", digest()),
        ("createdBy", id()),
        ("createdAt", time()),
        ("updatedAt", time()),
    ]);
    let new = [
        ("name", name()),
        ("version", version()),
        ("description?", or_null(&text())),
        ("sourceCode", text()),
        ("schema?", any()),
    ];
    let of = || reference("PlainCustomNode");
    vec![
        ("PlainCustomNode", node),
        ("PlainCustomNodes", object(&[("nodes", list(of()))])),
        ("PlainCustomNodeMade", object(&[("customNode", of())])),
        ("PlainCustomNodeMoved", object(&[("node", of()), ("message", text())])),
        ("PlainNewCustomNode", object(&new)),
    ]
}
