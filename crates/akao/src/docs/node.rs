//! The page of one node type.

use super::capitalised;
use crate::catalogue::category_name;
use akao_contract::{Effects, Example, ITEMS_KEY, NodeType, annotation};
use serde_json::Value;
use std::fmt::Write as _;

/// The page as Markdown.
pub(crate) fn page(node_type: &NodeType) -> String {
    let mut page = format!("# {}\n\n{}\n", node_type.name, node_type.summary);
    if !node_type.description.is_empty() {
        let _ = write!(page, "\n{}\n", node_type.description);
    }
    page.push_str(&facts(node_type));
    page.push_str(&props(node_type));
    page.push_str(&outputs(node_type));
    page.push_str(&errors(node_type));
    for (at, example) in node_type.examples.iter().enumerate() {
        let number = if node_type.examples.len() > 1 { format!(" {}", at + 1) } else { String::new() };
        let _ = write!(page, "\n## Example{number}\n\n{}", self::example(example));
    }
    page
}

/// Text as the cell of a table.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn facts(node_type: &NodeType) -> String {
    let mut rows = vec![("category", category_name(node_type)), ("version", node_type.version.clone())];
    if !node_type.aliases.is_empty() {
        rows.push(("other names", codes(&node_type.aliases)));
    }
    rows.push(("children", children(node_type)));
    rows.push(("effects", effects(node_type).to_owned()));
    if node_type.props[annotation::BATCH] == true {
        rows.push(("many inputs", format!("`{ITEMS_KEY}`: a list of them, in the place of one")));
    }
    if !node_type.permissions.is_empty() {
        let names: Vec<String> = node_type.permissions.iter().map(ToString::to_string).collect();
        rows.push(("permissions", codes(&names)));
    }
    let mut text = "\n| | |\n|---|---|\n".to_owned();
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text
}

fn codes(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn children(node_type: &NodeType) -> String {
    match (node_type.children_min, node_type.children_max) {
        (_, Some(0)) => "none".to_owned(),
        (0, None) => "any number".to_owned(),
        (least, None) => format!("{least} or more"),
        (least, Some(most)) if least == most => most.to_string(),
        (least, Some(most)) => format!("{least} to {most}"),
    }
}

fn effects(node_type: &NodeType) -> &'static str {
    match (node_type.effects, node_type.idempotent) {
        (Effects::None, _) => "none: it works on values only",
        (Effects::Read, _) => "looks at the outside; a second run is harmless",
        (Effects::Write, true) => "changes the outside; run again with the same key after a crash",
        (Effects::Write, false) => "changes the outside; never run twice by itself",
    }
}

fn props(node_type: &NodeType) -> String {
    let Some(properties) = properties(&node_type.props) else { return "\nIt takes no props.\n".to_owned() };
    let required: Vec<&str> =
        node_type.props["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text = "\n## Props\n\n| prop | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    for (name, schema) in properties {
        let default = match schema.get("default") {
            Some(value) => format!("`{}`", cell(&value.to_string())),
            None if required.contains(&name.as_str()) => "required".to_owned(),
            None => String::new(),
        };
        let _ = writeln!(text, "| `{name}` | {} | {default} | {} |", kind(schema), meaning(schema));
    }
    text
}

fn outputs(node_type: &NodeType) -> String {
    let Some(properties) = properties(&node_type.outputs) else { return String::new() };
    let mut text = "\n## Outputs\n\n| output | type | meaning |\n|---|---|---|\n".to_owned();
    for (name, schema) in properties {
        let main = if node_type.main_output.as_ref() == Some(name) { " Stored by `outputKey`." } else { "" };
        let _ = writeln!(text, "| `{name}` | {} | {}{main} |", kind(schema), meaning(schema));
    }
    text
}

fn errors(node_type: &NodeType) -> String {
    if node_type.errors.is_empty() {
        return String::new();
    }
    let mut text = "\n## Failures\n\n| kind | when |\n|---|---|\n".to_owned();
    for error in &node_type.errors {
        let _ = writeln!(text, "| `{}` | {} |", error.kind, cell(&error.when));
    }
    text
}

fn properties(schema: &Value) -> Option<&serde_json::Map<String, Value>> {
    schema.get("properties")?.as_object().filter(|properties| !properties.is_empty())
}

/// The kind of value that a schema takes, in words.
fn kind(schema: &Value) -> String {
    if let Some(Value::String(unit)) = schema.get(annotation::DURATION) {
        return match unit.as_str() {
            "ms" => "duration (a number is milliseconds)".to_owned(),
            "s" => "duration (a number is seconds)".to_owned(),
            _ => "duration with a unit".to_owned(),
        };
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> = values.iter().map(|value| format!("`{}`", shown(value))).collect();
        return cell(&values.join(", "));
    }
    match schema.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn meaning(schema: &Value) -> String {
    let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let mut text = cell(schema.get("description").and_then(Value::as_str).unwrap_or_default());
    if flag(annotation::LITERAL) {
        text.push_str(" Never a template.");
    }
    text.trim().to_owned()
}

fn example(example: &Example) -> String {
    let mut text = format!("```yaml\n{}\n```\n", example.workflow.trim_end());
    for (path, content) in &example.files {
        let _ = write!(text, "\nThe file `{path}` beside it:\n\n```yaml {path}\n{}\n```\n", content.trim_end());
    }
    for (title, value) in [("Input", &example.input), ("Its outputs", &example.outputs)] {
        if !value.is_null() {
            let _ = write!(text, "\n{}:\n\n```json\n{value:#}\n```\n", capitalised(title));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::node_types;

    #[test]
    fn a_page_tells_what_is_declared() {
        for node_type in node_types() {
            let page = page(&node_type);
            assert!(page.starts_with(&format!("# {}\n", node_type.name)));
            for name in properties(&node_type.props).into_iter().flat_map(|properties| properties.keys()) {
                assert!(page.contains(&format!("| `{name}` |")), "{}: {name}", node_type.name);
            }
            assert!(page.contains("## Example"), "{} has no example", node_type.name);
        }
    }
}
