//! `settings:` of a workflow.

use crate::{Concurrency, OnFailure, ProblemCode, Settings};
use akao_document::{Path, Reader};
use akao_yaml::{Entry, Node};

const KEYS: [&str; 3] = ["timeout", "concurrency", "on_failure"];
const CONCURRENCY_KEYS: [&str; 2] = ["key", "limit"];

/// The words of `on_failure`.
pub(crate) const ON_FAILURE: [(&str, OnFailure); 2] = [("stop", OnFailure::Stop), ("continue", OnFailure::Continue)];

pub(crate) fn read(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Settings {
    let mut settings = Settings::default();
    let Some(entries) = reader.mapping(node, at, "settings", "settings: { timeout: 10m }") else { return settings };
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "timeout" => settings.timeout = reader.duration(node, &path, "timeout"),
            "concurrency" => settings.concurrency = concurrency(reader, node, &path),
            "on_failure" => settings.on_failure = reader.word(node, &path, "on_failure", &ON_FAILURE),
            other => reader.unknown_key(key, at, "settings", KEYS, hint(other)),
        }
    }
    settings
}

fn hint(key: &str) -> Option<&'static str> {
    match key {
        "retry" | "retries" => Some("Retries belong to a node: `retry: { attempts: 3 }`."),
        "errorHandling" | "error_handling" => Some("Write `on_failure: stop` or `on_failure: continue`."),
        _ => None,
    }
}

fn concurrency(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Option<Concurrency> {
    let entries = reader.mapping(node, at, "concurrency", "concurrency: { limit: 1 }")?;
    let (mut key_template, mut limit, mut has_limit) = (None, None, false);
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "key" => key_template = reader.text(node, &path, "key"),
            "limit" => {
                has_limit = true;
                limit = reader.count(node, &path, "limit", 1);
            }
            _ => reader.unknown_key(key, at, "concurrency", CONCURRENCY_KEYS, None),
        }
    }
    if !has_limit {
        let suggestion = Some("Write for example `concurrency: { limit: 1 }`.".to_owned());
        reader.problem(ProblemCode::MissingKey, node.position, at, "`concurrency` has no `limit`", suggestion);
    }
    Some(Concurrency { key: key_template, limit: limit? })
}
