//! Whether declared values are valid JSON Schema to their depth. What is most often wrong was told before in plain words;
//! this finds the rest.

use crate::ManifestCode;
use akao_contract::{Properties, manifest::PATTERN_BYTES_MAX};
use akao_document::property::{Declared, TYPES};
use akao_document::{Path, Reader, suggest, suggest::shown};
use akao_yaml::{Entry, Node, Position};
use regex::RegexBuilder;
use serde_json::Value;

pub(super) fn check(reader: &mut Reader, node: &Node, at: &Path<'_>, declared: &Declared, properties: &Properties) {
    for (name, property) in &properties.0 {
        let mut schema = property.clone();
        schema.shift_remove("required");
        let schema = Value::Object(schema);
        let declaration = declaration_of(node, name).unwrap_or(node);
        let path = at.key(name);
        let errors = reader.problems.errors();
        types(reader, declaration, &path, declared);
        if reader.problems.errors() > errors {
            continue;
        }
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            let pointer = error.instance_path().to_string();
            let (position, place) = find(declaration, &pointer);
            let message = match place {
                "" => format!("the {} `{name}` is not valid JSON Schema: {}", declared.noun, said(&error)),
                place => format!(
                    "`{}` of the {} `{name}` is not valid JSON Schema: {}",
                    shown(place),
                    declared.noun,
                    said(&error)
                ),
            };
            let suggestion =
                Some("See https://json-schema.org/understanding-json-schema for what it may be.".to_owned());
            reader.problem(declared.code, position, &path, message, suggestion);
        }
    }
}

/// What a schema's schema says, in one line.
fn said(error: &jsonschema::ValidationError<'_>) -> String {
    const SAID_CHARACTERS_MAX: usize = 120;
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().replace('"', "`");
    line.chars().take(SAID_CHARACTERS_MAX).collect()
}

/// The declaration of a name in either form.
fn declaration_of<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let named = |item: &&Node| item.get("name").and_then(Node::as_str) == Some(name);
    node.get(name).or_else(|| node.items()?.iter().find(named))
}

/// Every `pattern` must be a regular expression. It is checked first, since checking a default compiles patterns.
/// Recursion is bounded by the budget's depth.
pub(super) fn patterns(reader: &mut Reader, node: &Node, path: &Path<'_>, declared: &Declared) {
    each_text(node, path, &mut |key, text, position, path| {
        if key == "pattern" && RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build().is_err() {
            let message = format!("`{}` is not a regular expression", shown(text));
            let suggestion =
                "Check its brackets; look-around, references to groups and very large repetitions are not supported.";
            reader.problem(declared.code, position, path, message, Some(suggestion.to_owned()));
        }
    });
}

/// Every `type` must be one of the types.
fn types(reader: &mut Reader, node: &Node, path: &Path<'_>, declared: &Declared) {
    each_text(node, path, &mut |key, text, position, path| {
        if key == "type" && !TYPES.contains(&text) {
            let message = format!("`{}` is not a type of an {}", shown(text), declared.noun);
            let suggestion = suggest::sentence(text, "types", TYPES);
            reader.problem(declared.code, position, path, message, suggestion);
        }
    });
}

/// Each text of a schema with its key. What values may be is not a schema.
fn each_text(node: &Node, path: &Path<'_>, take: &mut dyn FnMut(&str, &str, Position, &Path<'_>)) {
    for (at, item) in node.items().unwrap_or_default().iter().enumerate() {
        each_text(item, &path.index(at), take);
    }
    for Entry { key, node } in node.entries().unwrap_or_default() {
        let path = path.key(&key.text);
        match node.as_str() {
            Some(text) => take(&key.text, text, node.position, &path),
            None if matches!(key.text.as_str(), "default" | "enum" | "const" | "examples") => {}
            None => each_text(node, &path, take),
        }
    }
}

/// The place of a JSON pointer below a node, and its last key.
fn find<'n>(node: &'n Node, pointer: &str) -> (Position, &'n str) {
    let (mut node, mut last) = (node, "");
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let entry = node.entries().unwrap_or_default().iter().find(|entry| entry.key.text == step);
        let item = step.parse::<usize>().ok().and_then(|index| node.items()?.get(index));
        match (entry, item) {
            (Some(entry), _) => (node, last) = (&entry.node, entry.key.text.as_str()),
            (None, Some(item)) => node = item,
            (None, None) => break,
        }
    }
    (node.position, last)
}

/// Patterns of all declarations together. Each is compiled, which takes far longer than reading it.
const PATTERNS_MAX: usize = 50;

/// Whether the document has no more patterns than are compiled; a problem where it has.
pub(super) fn has_few_patterns(reader: &mut Reader, document: &Node) -> bool {
    let (mut count, mut open) = (0, vec![document]);
    while let Some(node) = open.pop() {
        open.extend(node.items().unwrap_or_default());
        for Entry { key, node } in node.entries().unwrap_or_default() {
            count += usize::from(key.text == "pattern");
            open.push(node);
        }
    }
    if count > PATTERNS_MAX {
        let message = format!("the manifest has {count} patterns, more than the {PATTERNS_MAX} allowed");
        let suggestion = Some("Check in the node what only some values need.".to_owned());
        reader.problem(ManifestCode::TooMany, document.position, &Path::DOCUMENT, message, suggestion);
    }
    count <= PATTERNS_MAX
}
