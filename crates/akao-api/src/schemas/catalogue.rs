//! Schemas of what workflows may be made of, and of what their steps write.

use super::{Named, any, digest, list, number, object, or_null, text, time, truth, words};
use serde_json::json;

pub(super) fn schemas() -> Named {
    let category = words(["composite", "decorator", "waiting", "condition", "data", "file", "network", "test"]);
    let summary = [
        ("type", text()),
        ("aliases", list(text())),
        ("version", text()),
        ("category", category.clone()),
        ("summary", text()),
    ];
    let declared = json!({"type": "object", "required": ["name"], "properties": {"name": text()}});
    let refused = object(&[("type", text()), ("message", text()), ("suggestion", text())]);
    let health = words(["ready", "idle", "unwell", "failing", "stopped"]);
    vec![
        ("NodeTypeSummary", object(&summary)),
        (
            "NodeType",
            json!({
                "type": "object", "required": ["name", "version", "category", "summary", "props"],
                "properties": {"name": text(), "version": text(), "category": category, "summary": text(), "props": any()},
            }),
        ),
        ("Catalogue", object(&[("items", list(declared.clone()))])),
        ("TypeNames", object(&[("types", list(text()))])),
        ("NamedTypes", object(&[("items", list(declared)), ("refused", list(refused))])),
        (
            "Package",
            object(&[
                ("package", text()),
                ("version", text()),
                ("versions", list(text())),
                ("status", words(["installed", "disabled", "blocked"])),
                ("reason", or_null(&text())),
                ("nodes", list(text())),
                ("update", or_null(&text())),
                ("deprecated", or_null(&text())),
                ("health", health),
                ("processes", number()),
            ]),
        ),
        (
            "Environment",
            object(&[
                ("name", text()),
                ("language", text()),
                ("version", text()),
                ("interpreter", or_null(&text())),
                ("built_in", truth()),
                ("bytes", number()),
                ("packages", list(object(&[("name", text()), ("version", text())]))),
                ("modules", list(text())),
            ]),
        ),
        (
            "LogLine",
            object(&[
                ("place", text()),
                ("at", time()),
                ("step", text()),
                ("level", words(["debug", "info", "warn", "error"])),
                ("message", text()),
            ]),
        ),
    ]
}

/// Schemas of what the operator does with packages.
pub(super) fn packages() -> Named {
    let order = [("package?", text()), ("versions?", text())];
    let with = |more: &[(&'static str, serde_json::Value)]| -> Vec<(&'static str, serde_json::Value)> {
        order.iter().cloned().chain(more.iter().cloned()).collect()
    };
    let unreachable = list(object(&[("repository", text()), ("why", text()), ("cure", text())]));
    let found = object(&[
        ("package", text()),
        ("version", text()),
        ("name", text()),
        ("description", or_null(&text())),
        ("repository", or_null(&text())),
        ("installed", or_null(&text())),
        ("corrected", truth()),
        ("deprecated", or_null(&text())),
    ]);
    let kept = object(&[("package", text()), ("version", text()), ("why", text()), ("skipped", list(text()))]);
    vec![
        ("PackageOrder", object(&with(&[("update?", truth())]))),
        ("AgreedOrder", object(&with(&[("consent", digest()), ("grants?", list(text()))]))),
        ("DisablePackage", object(&[("reason", text())])),
        (
            "PackagesFound",
            object(&[("items", list(found)), ("repositories", number()), ("unreachable", unreachable.clone())]),
        ),
        (
            "Repository",
            object(&[
                ("repository", text()),
                ("prefixes", list(text())),
                ("vouches", truth()),
                ("kill_list", object(&[("looked_at", or_null(&time())), ("missing", or_null(&text()))])),
            ]),
        ),
        ("PlannedPackage", planned()),
        (
            "PackagePlan",
            object(&[
                ("packages", list(super::reference("PlannedPackage"))),
                ("kept", list(kept)),
                ("unreachable", unreachable),
                ("consent", digest()),
            ]),
        ),
        ("PackagesDone", object(&[("done", list(object(&[("package", text()), ("text", text())])))])),
    ]
}

fn planned() -> serde_json::Value {
    let signature =
        object(&[("state", words(["absent", "valid", "invalid", "unknown_key"])), ("key", or_null(&text()))]);
    object(&[
        ("package", text()),
        ("version", text()),
        ("name", text()),
        ("description", or_null(&text())),
        ("content", digest()),
        ("source", text()),
        ("requested", truth()),
        ("needed_by", list(text())),
        ("needs", list(text())),
        ("provides", list(text())),
        ("nodes", list(text())),
        ("runtime", text()),
        ("signature", signature),
        ("asks", list(object(&[("permission", text()), ("granted", truth())]))),
        ("grantable", list(text())),
        ("limits", list(object(&[("limit", text()), ("asked", text()), ("held", text())]))),
        ("installed", or_null(&text())),
        ("already", truth()),
        ("activates", truth()),
        ("changes_record", truth()),
        ("changes", list(object(&[("effect", words(["widens", "breaks", "neutral"])), ("text", text())]))),
        ("agree", list(text())),
        ("refused", or_null(&object(&[("why", text()), ("cure", text())]))),
        ("warnings", list(text())),
    ])
}
