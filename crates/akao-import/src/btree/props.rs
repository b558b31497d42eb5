//! Props: spellings put right, unknown ones reported, references rewritten, keys that expressions could not read renamed.

use super::{Importer, tables};
use crate::document::place;
use crate::formula;
use crate::report::{Place, Verdict};
use crate::templates::{self, Rewrite};
use akao_contract::is_name;
use akao_yaml::Node;
use serde_json::{Map, Value, json};

impl Importer<'_> {
    pub(super) fn props(
        &mut self,
        node: &Node,
        node_type: &str,
        at: &Place,
        notes: &mut Vec<String>,
    ) -> Map<String, Value> {
        let mut props = Map::new();
        let Some(entries) = node.get("props").and_then(Node::entries) else { return props };
        let spec = tables::spec(node_type);
        for entry in entries {
            let old = entry.key.text.as_str();
            let prop_place = place(format!("{}.props.{old}", at.path), &entry.node);
            let mut name = old;
            if let Some(spec) = spec.as_ref().filter(|spec| !spec.props.contains(&old)) {
                match spec.spellings.iter().find(|(spelling, _)| *spelling == old) {
                    Some((_, ours)) if !props.contains_key(*ours) => {
                        self.report.add(&prop_place, node_type, Verdict::Renamed, format!("`{old}` is `{ours}` now"));
                        name = ours;
                    }
                    Some((_, ours)) => {
                        let note = format!("`{old}` says the same as `{ours}`, which stands before it");
                        self.report.add(&prop_place, node_type, Verdict::Dropped, note);
                        continue;
                    }
                    None => {
                        let note = format!("`{node_type}` has no prop `{old}`; it was ignored before, too");
                        self.report.add(&prop_place, node_type, Verdict::Dropped, note);
                        continue;
                    }
                }
            }
            let value = self.prop(name, entry.node.to_value(), &prop_place, node_type, notes);
            props.insert(name.to_owned(), value);
        }
        props
    }

    fn prop(&mut self, name: &str, value: Value, at: &Place, node_type: &str, notes: &mut Vec<String>) -> Value {
        match value {
            Value::String(text) if name == "strategy" => json!(strategy(&text)),
            Value::String(text) if tables::is_key(name) => json!(self.key(&text, at, node_type)),
            Value::String(text) if name == "textContent" => json!(script(&text, notes)),
            other if tables::is_literal(name) || !self.bare => other,
            other => templates::rewrite_value(other, &mut |text| self.template(&text, notes)),
        }
    }

    /// A key whose parts expressions can name.
    fn key(&mut self, old: &str, at: &Place, node_type: &str) -> String {
        if old.contains("${") || old.contains("{{") || old.split('.').all(is_name) {
            return old.to_owned();
        }
        let parts: Vec<String> = old.split('.').map(|part| self.keys.rename(part).0).collect();
        let new = parts.join(".");
        self.report.add(at, node_type, Verdict::Renamed, format!("the key `{old}` is `{new}` now"));
        new
    }

    /// The references of a text, in our namespaces. What nobody in the file writes was empty text when it was missing.
    fn template(&mut self, text: &str, notes: &mut Vec<String>) -> String {
        let text = with_brackets(text);
        templates::rewrite(&text, &mut |inner| {
            let mut parts = inner.split('.');
            let simple = parts.next().is_some_and(is_name) && parts.all(|part| is_name(part) || is_digits(part));
            if !simple {
                // An expression of ours stays one; what nobody could ever read was text before, too.
                let ours = inner.contains('|') || formula::parse_expression(inner).is_ok();
                return if ours { Rewrite::Keep } else { Rewrite::Text };
            }
            let (space, rest) = inner.split_once('.').unwrap_or(("bb", inner));
            let (expression, optional) = match space {
                "input" => (inner.to_owned(), true),
                "param" => {
                    notes.push(format!("`{inner}` was test data; it is `input.{rest}` now"));
                    (format!("input.{rest}"), true)
                }
                "env" => {
                    notes.push(format!(
                        "`{inner}` was an environment variable; the operator publishes it as `vars.{rest}`"
                    ));
                    (format!("vars.{rest}"), true)
                }
                "bb" => (format!("bb.{rest}"), !self.is_written(rest)),
                _ => (format!("bb.{inner}"), !self.is_written(inner)),
            };
            if !optional {
                return Rewrite::Expression(expression);
            }
            notes.push(format!("a missing `{inner}` is empty text, by `| default('')`"));
            Rewrite::Expression(format!("{expression} | default('')"))
        })
    }

    fn is_written(&self, path: &str) -> bool {
        path.split('.').next().is_some_and(|key| self.written.contains(key))
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn strategy(text: &str) -> &str {
    match text {
        "all" => "strict",
        "one" => "any",
        other => other,
    }
}

/// A script in the older style, where `$bb.key` is the key.
fn script(text: &str, notes: &mut Vec<String>) -> String {
    if text.contains("env(") {
        notes.push("a script has no environment; `env(…)` fails".to_owned());
    }
    text.replace("$bb.", "")
}

/// `$param.x` and `$bb.x` in the form with brackets.
fn with_brackets(text: &str) -> String {
    let (mut result, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('$') {
        let after = &rest[at + 1..];
        let path = ["param.", "bb."].iter().find(|prefix| after.starts_with(**prefix)).map(|prefix| {
            let tail = &after[prefix.len()..];
            let end = tail.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(tail.len());
            after[..prefix.len() + end].trim_end_matches('.')
        });
        result.push_str(&rest[..at]);
        match path.filter(|path| !path.is_empty() && path.contains('.')) {
            Some(path) => {
                result.push_str(&format!("${{{path}}}"));
                rest = &after[path.len()..];
            }
            None => {
                result.push('$');
                rest = after;
            }
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollar_names_get_brackets() {
        let cases = [
            ("$param.user", "${param.user}"),
            ("$bb.a.b, $5", "${bb.a.b}, $5"),
            ("ends with $param.", "ends with $param."),
            ("${x} $", "${x} $"),
            ("see $bb.key.", "see ${bb.key}."),
        ];
        for (text, expected) in cases {
            assert_eq!(with_brackets(text), expected, "{text}");
        }
    }
}
