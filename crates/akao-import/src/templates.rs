//! References inside texts: `${…}` and `{{ … }}` found and rewritten, everything else left as it stands.

use crate::build::escape;
use crate::formula::{self, Unsupported};
use serde_json::{Map, Value};

/// What becomes of one reference.
pub(crate) enum Rewrite {
    /// Another expression.
    Expression(String),
    /// The reference as it stands.
    Keep,
    /// No reference but text that looks like one.
    Text,
}

/// Rewrites every reference of a text with `rewrite`, which is given what stands between the brackets. A bracket that is
/// not closed is text.
pub(crate) fn rewrite(text: &str, rewrite: &mut dyn FnMut(&str) -> Rewrite) -> String {
    let (mut result, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((start, open, close)) = next_opening(rest) {
        let body = &rest[start + open.len()..];
        let escaped = open == "${" && rest[..start].ends_with('$');
        result.push_str(&rest[..start]);
        let Some(end) = body.find(close).filter(|_| !escaped) else {
            result.push_str(&if escaped { open.to_owned() } else { escape(open) });
            rest = body;
            continue;
        };
        let whole = &rest[start..start + open.len() + end + close.len()];
        match rewrite(body[..end].trim()) {
            Rewrite::Expression(expression) => result.push_str(&format!("${{{expression}}}")),
            Rewrite::Keep => result.push_str(whole),
            Rewrite::Text => result.push_str(&escape(whole)),
        }
        rest = &body[end + close.len()..];
    }
    result.push_str(rest);
    result
}

fn next_opening(text: &str) -> Option<(usize, &'static str, &'static str)> {
    let dollar = text.find("${").map(|at| (at, "${", "}"));
    let braces = text.find("{{").map(|at| (at, "{{", "}}"));
    [dollar, braces].into_iter().flatten().min_by_key(|(at, ..)| *at)
}

/// Rewrites every text inside a value.
pub(crate) fn rewrite_value(value: Value, each: &mut dyn FnMut(String) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(each(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| rewrite_value(item, each)).collect()),
        Value::Object(map) => {
            let mut rewritten = Map::new();
            for (key, item) in map {
                rewritten.insert(key, rewrite_value(item, each));
            }
            Value::Object(rewritten)
        }
        other => other,
    }
}

/// Rewrites the references of every text of a value as expressions whose names `resolve` translates. Those that cannot
/// be read become plain text, with a note.
pub(crate) fn translate(
    value: Value,
    resolve: &mut dyn FnMut(&str) -> Result<String, Unsupported>,
    notes: &mut Vec<String>,
) -> Value {
    rewrite_value(value, &mut |text| {
        rewrite(&text, &mut |inner| match formula::parse_expression(inner)
            .and_then(|parsed| formula::expression(&parsed, resolve))
        {
            Ok(expression) => Rewrite::Expression(expression),
            Err(Unsupported(reason)) => {
                notes.push(format!("`{inner}` is kept as text: {reason}"));
                Rewrite::Text
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_are_rewritten() {
        let cases = [
            ("a ${b} c", "a ${<b>} c"),
            ("{{ b }}", "${<b>}"),
            ("$${b} ${keep}", "$${b} ${keep}"),
            ("${b", "$${b"),
            ("${text} {{text}}", "$${text} ${'{{'}text}}"),
            ("{{b}} and ${c}", "${<b>} and ${<c>}"),
            ("größe ${b}", "größe ${<b>}"),
        ];
        for (text, expected) in cases {
            let rewritten = rewrite(text, &mut |inner| match inner {
                "keep" => Rewrite::Keep,
                "text" => Rewrite::Text,
                other => Rewrite::Expression(format!("<{other}>")),
            });
            assert_eq!(rewritten, expected, "{text}");
        }
    }
}
