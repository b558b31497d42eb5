//! The parts that every reader of a mapping shares: problems are written down, and reading goes on without the value.

use crate::suggest::{self, shown};
use crate::{Code, Path, Problems, codes};
use akao_contract::{BareNumber, parse_duration_ms};
use akao_yaml::{Entry, Key, Node, Value};

/// Collects problems while values are read.
#[derive(Debug, Default)]
pub struct Reader {
    /// What was found so far.
    pub problems: Problems,
    /// Nodes of a tree that were begun, for a reader that bounds them.
    pub nodes: usize,
}

impl Reader {
    /// Writes down a problem.
    pub fn problem(
        &mut self,
        code: impl Into<Code>,
        position: akao_yaml::Position,
        path: &Path<'_>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.problems.add(code, position.into(), path, message.into(), suggestion);
    }

    /// A problem that YAML itself has.
    pub fn yaml_problem(&mut self, error: &akao_yaml::Error) {
        use akao_yaml::ErrorKind;
        let code = match error.kind {
            ErrorKind::Syntax => codes::YAML_SYNTAX,
            ErrorKind::UnquotedTemplate => codes::YAML_UNQUOTED_TEMPLATE,
            ErrorKind::DuplicateKey => codes::YAML_DUPLICATE_KEY,
            ErrorKind::Unsupported => codes::YAML_UNSUPPORTED,
            ErrorKind::Budget => codes::YAML_BUDGET,
            ErrorKind::Encoding => codes::YAML_ENCODING,
        };
        self.problem(code, error.position, &Path::DOCUMENT, error.message.clone(), error.suggestion.clone());
    }

    /// A value of the wrong kind. `example` shows how the key is written.
    pub fn wrong_kind(&mut self, node: &Node, path: &Path<'_>, key: &str, wanted: &str, example: &str) {
        let message = format!("`{key}` must be {wanted}, not {}", kind_of(node));
        self.problem(codes::WRONG_KIND, node.position, path, message, Some(format!("Write for example `{example}`.")));
    }

    /// A key that means nothing here. `hint` says what to do instead; without one the nearest known key is named.
    pub fn unknown_key<'a>(
        &mut self,
        key: &Key,
        path: &Path<'_>,
        place: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
        hint: Option<&str>,
    ) {
        let message = format!("`{}` is not a key of {place}", shown(&key.text));
        // Looking for what was meant costs more than everything else.
        let suggestion = if self.problems.is_full() { None } else { suggestion_of(key, known, hint) };
        self.problem(codes::UNKNOWN_KEY, key.position, &path.key(&key.text), message, suggestion);
    }

    /// The entries of a mapping; none (and a problem) for anything else.
    pub fn mapping<'n>(&mut self, node: &'n Node, path: &Path<'_>, key: &str, example: &str) -> Option<&'n [Entry]> {
        let entries = node.entries();
        if entries.is_none() {
            self.wrong_kind(node, path, key, "a mapping", example);
        }
        entries
    }

    /// The items of a list; none (and a problem) for anything else.
    pub fn list<'n>(&mut self, node: &'n Node, path: &Path<'_>, key: &str, example: &str) -> Option<&'n [Node]> {
        let items = node.items();
        if items.is_none() {
            self.wrong_kind(node, path, key, "a list", example);
        }
        items
    }

    /// A text. A number or a boolean is named for what it is, since only quotes are missing.
    pub fn text(&mut self, node: &Node, path: &Path<'_>, key: &str) -> Option<String> {
        match &node.value {
            Value::String(text, _) => return Some(text.clone()),
            Value::Number(_) | Value::Bool(_) if key != "type" => {
                let value = node.to_value();
                let message = format!("`{key}` must be text; {value} without quotes is {}", node.kind_name());
                let suggestion = Some(format!("Quote it: {key}: \"{value}\"."));
                self.problem(codes::WRONG_KIND, node.position, path, message, suggestion);
            }
            _ => self.wrong_kind(node, path, key, "text", &example_of(key)),
        }
        None
    }

    /// A list of texts.
    pub fn texts(&mut self, node: &Node, path: &Path<'_>, key: &str) -> Vec<String> {
        if let Some(text) = node.as_str() {
            self.wrong_kind(node, path, key, "a list", &format!("{key}: [{}]", shown(text)));
            return Vec::new();
        }
        let Some(items) = self.list(node, path, key, &format!("{key}: [a, b]")) else { return Vec::new() };
        let item_name = format!("each item of {key}");
        items.iter().enumerate().filter_map(|(at, item)| self.text_item(item, &path.index(at), &item_name)).collect()
    }

    fn text_item(&mut self, node: &Node, path: &Path<'_>, name: &str) -> Option<String> {
        if let Some(text) = node.as_str() {
            return Some(text.to_owned());
        }
        let message = format!("{name} must be text, not {}", kind_of(node));
        self.problem(codes::WRONG_KIND, node.position, path, message, Some("Quote it to make it text.".into()));
        None
    }

    /// A whole number from `min`.
    pub fn count(&mut self, node: &Node, path: &Path<'_>, key: &str, min: u32) -> Option<u32> {
        let Value::Number(number) = &node.value else {
            self.wrong_kind(node, path, key, "a whole number", &format!("{key}: {}", min.max(3)));
            return None;
        };
        let count = number.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count >= min);
        if count.is_none() {
            let message = format!("`{key}` must be a whole number of at least {min}, not {number}");
            let suggestion = Some(format!("Write for example `{key}: {}`.", min.max(3)));
            self.problem(codes::INVALID_VALUE, node.position, path, message, suggestion);
        }
        count
    }

    /// A duration with a unit.
    pub fn duration(&mut self, node: &Node, path: &Path<'_>, key: &str) -> Option<String> {
        let text = match &node.value {
            Value::String(text, _) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.wrong_kind(node, path, key, "a duration", &format!("{key}: 30s"));
                return None;
            }
        };
        match parse_duration_ms(&text, BareNumber::Refused) {
            Ok(_) => return Some(text),
            Err(akao_contract::DurationError::NoUnit(number)) => {
                let message = format!("`{key}: {number}` has no unit");
                let suggestion = Some(format!("Write for example `{key}: {number}s` or `{key}: {number}ms`."));
                self.problem(codes::INVALID_DURATION, node.position, path, message, suggestion);
            }
            Err(_) => {
                let message = format!("`{}` is not a duration", shown(&text));
                let suggestion = Some("Write a number and a unit: ms, s, m, h or d, such as `30s` or `1h30m`.".into());
                self.problem(codes::INVALID_DURATION, node.position, path, message, suggestion);
            }
        }
        None
    }

    /// A semantic version.
    pub fn version(&mut self, node: &Node, path: &Path<'_>, key: &str) -> Option<String> {
        let text = match &node.value {
            Value::String(text, _) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return self.text(node, path, key),
        };
        if semver::Version::parse(&text).is_ok() {
            return Some(text);
        }
        let message = format!("`{}` is not a semantic version", shown(&text));
        let numbers: Vec<&str> = text.trim_start_matches('v').split('.').collect();
        let all_numbers = numbers.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        let mended = match (all_numbers, numbers.as_slice()) {
            (true, [major]) => format!("{major}.0.0"),
            (true, [major, minor]) => format!("{major}.{minor}.0"),
            (true, [major, minor, patch]) => format!("{major}.{minor}.{patch}"),
            _ => "1.0.0".to_owned(),
        };
        let suggestion = Some(format!("Write three numbers, for example `{key}: {mended}`."));
        self.problem(codes::INVALID_VALUE, node.position, path, message, suggestion);
        None
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, node: &Node, path: &Path<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = match &node.value {
            Value::String(text, _) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return self.text(node, path, key).and(None),
        };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{}` is not a value of `{key}`", shown(&text));
            let suggestion = suggest::nearest(&text, names.iter().copied()).map_or_else(
                || format!("It is one of {}.", suggest::list(&names)),
                |near| format!("Did you mean `{near}`?"),
            );
            self.problem(codes::INVALID_VALUE, node.position, path, message, Some(suggestion));
        }
        found
    }

    /// `true` or `false`.
    pub fn flag(&mut self, node: &Node, path: &Path<'_>, key: &str) -> Option<bool> {
        if let Value::Bool(flag) = node.value {
            return Some(flag);
        }
        self.wrong_kind(node, path, key, "true or false", &format!("{key}: true"));
        None
    }
}

fn example_of(key: &str) -> String {
    let value = match key {
        "type" => "Sequence",
        "version" => "1.0.0",
        "id" => "fetch",
        _ => "some text",
    };
    format!("{key}: {value}")
}

/// Unknown keys that are looked at for a misspelt one.
pub const MISSPELT_MAX: usize = 50;

/// Whether a key that nobody knows is a misspelt `key`; then its absence is no news.
pub fn misspelt(entries: &[Entry], key: &str, keys: &[&str]) -> bool {
    let unknown = entries.iter().map(|entry| entry.key.text.as_str()).filter(|name| !keys.contains(name));
    unknown.into_iter().take(MISSPELT_MAX).any(|name| suggest::nearest(name, keys.iter().copied()) == Some(key))
}

/// What a value is, with the value itself where it is short.
pub fn kind_of(node: &Node) -> String {
    match &node.value {
        Value::String(text, _) => format!("the text `{}`", shown(text)),
        Value::Number(number) => format!("the number {number}"),
        Value::Bool(flag) => format!("`{flag}`"),
        _ => node.kind_name().to_owned(),
    }
}

fn suggestion_of<'a>(
    key: &Key,
    known: impl IntoIterator<Item = &'a str> + Clone,
    hint: Option<&str>,
) -> Option<String> {
    hint.map(str::to_owned).or_else(|| suggest::sentence(&key.text, "keys", known))
}
