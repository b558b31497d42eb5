//! Props against the JSON Schema of their node type, with templates in mind.
//!
//! A text that holds a template fits any type, since its value is known only when the step starts; then the rendered
//! props are checked again by the same rules. The part of JSON Schema that node types use is checked here, in words for
//! people; a keyword that is not listed in `docs/problems.md` is ignored.

mod keywords;

pub use keywords::{find, says};

use crate::PROBLEMS_MAX;
use crate::suggest::{self, shown};
use akao_contract::{BareNumber, ITEMS_KEY, OUTPUT_KEY, annotation, format_duration_ms, parse_duration_ms};
use keywords::Keywords;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::mem;

/// What is wrong with one prop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropProblem {
    /// What sort of problem it is.
    pub kind: PropProblemKind,
    /// JSON pointer below the props, such as `/headers/accept`.
    pub pointer: String,
    /// A lower-case fragment: what is wrong.
    pub message: String,
    /// A sentence: what to do.
    pub suggestion: Option<String>,
}

/// What sort of problem a prop has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropProblemKind {
    /// There is no such prop.
    Unknown,
    /// A required prop is missing.
    Missing,
    /// The value does not fit.
    Invalid,
}

/// Checks props, as they are written (with templates) or rendered, against an object schema.
pub fn check_props(schema: &Value, props: &Map<String, Value>) -> Vec<PropProblem> {
    let mut checker = Checker::default();
    if let Some(schema) = schema.as_object() {
        let schema_of_props = Keywords::of(schema);
        match items_of(schema, props) {
            Some(items) => checker.many(&schema_of_props, props, items),
            None => checker.object(&schema_of_props, props, Place::Props),
        }
    }
    checker.problems
}

/// Checks one value, called `name` in messages, against a schema.
pub fn check_value(schema: &Value, value: &Value, name: &str) -> Vec<PropProblem> {
    let mut checker = Checker::default();
    checker.value(schema, value, Name::Key(name));
    checker.problems
}

/// The list of inputs that stands in the place of one, where the node type takes it.
fn items_of<'p>(schema: &Map<String, Value>, props: &'p Map<String, Value>) -> Option<&'p Value> {
    let takes_many = schema.get(annotation::BATCH) == Some(&Value::Bool(true));
    props.get(ITEMS_KEY).filter(|_| takes_many)
}

/// Adds the schema's defaults for properties that are absent, also inside objects that are present. Of many inputs each
/// gets them.
pub fn with_defaults(schema: &Value, props: &mut Map<String, Value>) {
    if schema.as_object().is_some_and(|schema| items_of(schema, props).is_some()) {
        let items = props.get_mut(ITEMS_KEY).and_then(Value::as_array_mut);
        return items.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|item| fill(schema, item));
    }
    fill(schema, props);
}

fn fill(schema: &Value, props: &mut Map<String, Value>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        match (props.get_mut(name), property.get("default")) {
            (Some(Value::Object(inner)), _) => fill(property, inner),
            (None, Some(default)) => {
                props.insert(name.clone(), default.clone());
            }
            _ => {}
        }
    }
}

/// Whether a text holds an expression, so that its value is not known yet.
pub fn has_template(text: &str) -> bool {
    text.contains('{') && (text.contains("${") || text.contains("{{"))
}

/// What a value is called in messages, such as `conditions[0]`. It is written out only when there is something to say.
#[derive(Clone, Copy)]
enum Name<'n> {
    Key(&'n str),
    Item(&'n Name<'n>, usize),
}

impl Name<'_> {
    /// The key, without the places in lists.
    fn last(&self) -> &str {
        match self {
            Self::Key(key) => key,
            Self::Item(list, _) => list.last(),
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Item(list, at) => write!(f, "{list}[{at}]"),
        }
    }
}

/// Where a mapping stands.
#[derive(Clone, Copy)]
enum Place<'p> {
    Props,
    Value(Name<'p>),
}

/// Nested alternatives are tried no deeper than this.
const DEPTH_MAX: usize = 32;

#[derive(Default)]
struct Checker {
    problems: Vec<PropProblem>,
    pointer: String,
    depth: usize,
    patterns: BTreeMap<String, Option<Regex>>,
}

impl Checker {
    /// Whether there are as many problems as anybody is told.
    fn is_full(&self) -> bool {
        self.problems.len() > PROBLEMS_MAX
    }

    fn problem(&mut self, kind: PropProblemKind, message: String, suggestion: Option<String>) {
        self.problems.push(PropProblem { kind, pointer: self.pointer.clone(), message, suggestion });
    }

    fn invalid(&mut self, message: String, suggestion: Option<String>) {
        self.problem(PropProblemKind::Invalid, message, suggestion);
    }

    /// Runs `check` with a key appended to the pointer.
    fn below(&mut self, key: &str, check: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        match key.contains(['~', '/']) {
            true => self.pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            false => self.pointer.push_str(key),
        }
        self.deeper(length, check);
    }

    /// Runs `check` with a place in a list appended to the pointer.
    fn below_item(&mut self, at: usize, check: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        // Writing to a `String` does not fail.
        let _ = write!(self.pointer, "/{at}");
        self.deeper(length, check);
    }

    /// Runs `check` unless it is too deep, and takes the pointer back to `length`.
    fn deeper(&mut self, length: usize, check: impl FnOnce(&mut Self)) {
        if self.depth >= DEPTH_MAX || self.is_full() {
            self.pointer.truncate(length);
            return;
        }
        self.depth += 1;
        check(self);
        self.depth -= 1;
        self.pointer.truncate(length);
    }

    fn value(&mut self, schema: &Value, value: &Value, name: Name<'_>) {
        let Some(schema) = schema.as_object().map(Keywords::of) else {
            if schema == &Value::Bool(false) {
                self.invalid(format!("`{name}` is not allowed here"), Some("Remove it.".to_owned()));
            }
            return;
        };
        if let Value::String(text) = value
            && !schema.literal
            && has_template(text)
        {
            return;
        }
        let schema = &schema;
        if let Some(unit) = schema.duration {
            return self.duration(schema, unit, value, name);
        }
        if !self.kind(schema, value, name) {
            return;
        }
        self.choice(schema, value, name);
        match value {
            Value::Number(number) => {
                if let Some(number) = number.as_f64() {
                    self.range(schema, number, &value.to_string(), name, &|bound| bound.to_string());
                }
            }
            Value::String(text) => self.text(schema, text, name),
            Value::Array(items) => self.list(schema, items, name),
            Value::Object(map) => self.object(schema, map, Place::Value(name)),
            Value::Null | Value::Bool(_) => {}
        }
        self.alternatives(schema, value, name);
    }

    /// Whether the value has one of the schema's types; a problem where it has not.
    fn kind(&mut self, schema: &Keywords<'_>, value: &Value, name: Name<'_>) -> bool {
        if let Some(Value::String(kind)) = schema.kind
            && is_of_type(value, kind)
        {
            return true;
        }
        let types: Vec<&str> = match schema.kind {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        if types.iter().any(|kind| is_of_type(value, kind)) {
            return true;
        }
        let wanted: Vec<&str> = types.iter().map(|kind| type_name(kind)).collect();
        let message = format!("`{name}` must be {}, not {}", wanted.join(" or "), value_name(value));
        let suggestion = kind_hint(&types, value, name).or_else(|| types.first().map(|kind| type_hint(kind, name)));
        self.invalid(message, suggestion);
        false
    }

    fn choice(&mut self, schema: &Keywords<'_>, value: &Value, name: Name<'_>) {
        if let Some(constant) = schema.constant
            && constant != value
        {
            let suggestion = Some(format!("Write `{}: {constant}`.", name.last()));
            self.invalid(format!("`{name}` must be {constant}, not {}", value_name(value)), suggestion);
        }
        let Some(choices) = schema.choices else { return };
        if choices.contains(value) {
            return;
        }
        let names: Vec<String> =
            choices.iter().map(|choice| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let near = value.as_str().and_then(|text| suggest::nearest(text, names.iter().copied()));
        let suggestion = match near {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("It is one of {}.", suggest::list(&names)),
        };
        let name = name.last();
        self.invalid(format!("{} is not a value of `{name}`", value_in_ticks(value)), Some(suggestion));
    }

    fn range(
        &mut self,
        schema: &Keywords<'_>,
        number: f64,
        shown: &str,
        name: Name<'_>,
        write: &dyn Fn(&Value) -> String,
    ) {
        type Bound = (&'static str, fn(f64, f64) -> bool);
        const BOUNDS: [Bound; 4] = [
            ("at least", |number, bound| number >= bound),
            ("at most", |number, bound| number <= bound),
            ("more than", |number, bound| number > bound),
            ("less than", |number, bound| number < bound),
        ];
        for ((words, holds), bound) in BOUNDS.into_iter().zip(schema.bounds) {
            let Some(bound) = bound else { continue };
            if bound.as_f64().is_some_and(|limit| !holds(number, limit)) {
                let bound = write(bound);
                let suggestion = Some(format!("Choose a value of {words} {bound}."));
                self.invalid(format!("`{name}` must be {words} {bound}, not {shown}"), suggestion);
            }
        }
    }

    fn text(&mut self, schema: &Keywords<'_>, text: &str, name: Name<'_>) {
        let length = || text.chars().count() as u64;
        if let Some(least) = schema.min_length
            && length() < least
        {
            let message = match text {
                "" => format!("`{name}` is empty"),
                _ => format!("`{name}` must have at least {least} characters, not {}", length()),
            };
            self.invalid(message, Some(format!("Write something into `{}`.", name.last())));
        }
        if let Some(most) = schema.max_length
            && length() > most
        {
            let message = format!("`{name}` must have at most {most} characters, not {}", length());
            self.invalid(message, Some("Shorten it.".to_owned()));
        }
        if let Some(pattern) = schema.pattern
            && self.pattern(pattern).is_some_and(|pattern| !pattern.is_match(text))
        {
            let message = format!("`{}` does not fit `{name}`", shown(text));
            self.invalid(message, Some(format!("It must match the pattern `{pattern}`.")));
        }
    }

    fn list(&mut self, schema: &Keywords<'_>, items: &[Value], name: Name<'_>) {
        let count = items.len() as u64;
        if let Some(least) = schema.min_items
            && count < least
        {
            self.invalid(
                format!("`{name}` must have at least {}, not {count}", counted(least, "item")),
                Some("Add what is missing.".to_owned()),
            );
        }
        if let Some(most) = schema.max_items
            && count > most
        {
            self.invalid(
                format!("`{name}` must have at most {}, not {count}", counted(most, "item")),
                Some("Remove some.".to_owned()),
            );
        }
        let Some(item_schema) = schema.items else { return };
        for (at, item) in items.iter().enumerate() {
            self.below_item(at, |checker| checker.value(item_schema, item, Name::Item(&name, at)));
        }
    }

    fn object(&mut self, schema: &Keywords<'_>, map: &Map<String, Value>, place: Place<'_>) {
        let empty = Map::new();
        let properties = schema.properties.unwrap_or(&empty);
        for required in schema.required.into_iter().flatten().filter_map(Value::as_str) {
            if find(map, required).is_none() {
                self.missing(required, properties.get(required), place);
            }
        }
        for (key, value) in map {
            match find(properties, key) {
                Some(property) => self.below(key, |checker| checker.value(property, value, Name::Key(key))),
                None => self.additional(schema.additional, properties, key, value, place),
            }
        }
    }

    /// Many inputs in the place of one: nothing else stands beside them but what Akao itself reads.
    fn many(&mut self, schema: &Keywords<'_>, props: &Map<String, Value>, items: &Value) {
        for (key, value) in props.iter().filter(|(key, _)| *key != ITEMS_KEY) {
            match schema.properties.and_then(|properties| find(properties, key)) {
                Some(property) if key == OUTPUT_KEY => {
                    self.below(key, |checker| checker.value(property, value, Name::Key(key)));
                }
                _ => self.below(key, |checker| {
                    let message = format!("`{key}` stands beside `{ITEMS_KEY}`, which holds all inputs");
                    checker.invalid(message, Some(format!("Write `{key}` into each of the items.")));
                }),
            }
        }
        let suggestion = || Some("Give a list of objects, one for each input, or an expression for it.".to_owned());
        self.below(ITEMS_KEY, |checker| match items {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let name = Name::Item(&Name::Key(ITEMS_KEY), at);
                    checker.below_item(at, |checker| match item {
                        Value::Object(item) => checker.object(schema, item, Place::Value(name)),
                        Value::String(text) if has_template(text) => {}
                        other => {
                            let message = format!("`{name}` is {}, not a mapping of inputs", value_name(other));
                            checker.invalid(message, suggestion());
                        }
                    });
                }
            }
            Value::String(text) if has_template(text) => {}
            other => checker.invalid(format!("`{ITEMS_KEY}` is {}, not a list", value_name(other)), suggestion()),
        });
    }

    fn missing(&mut self, name: &str, property: Option<&Value>, place: Place<'_>) {
        let message = match place {
            Place::Props => format!("the prop `{name}` is missing"),
            Place::Value(place) => format!("`{place}` has no `{name}`"),
        };
        let summary = property.and_then(|property| property.get("description")).and_then(Value::as_str);
        let suggestion = match (property.and_then(example_of), summary) {
            (Some(example), _) => format!("Add it, for example `{name}: {example}`."),
            (None, Some(summary)) => format!("Add it: {}", sentence_end(summary)),
            (None, None) => format!("Add `{name}`."),
        };
        self.problem(PropProblemKind::Missing, message, Some(suggestion));
    }

    fn additional(
        &mut self,
        additional: Option<&Value>,
        properties: &Map<String, Value>,
        key: &str,
        value: &Value,
        place: Place<'_>,
    ) {
        match additional {
            _ if self.is_full() => {}
            Some(Value::Bool(false)) => {
                let what = match place {
                    Place::Props => "there is no prop".to_owned(),
                    Place::Value(place) => format!("`{place}` has no key"),
                };
                let suggestion = suggest::sentence(key, "names", properties.keys().map(String::as_str))
                    .or_else(|| properties.is_empty().then(|| "It takes none; remove it.".to_owned()));
                self.below(key, |checker| {
                    checker.problem(PropProblemKind::Unknown, format!("{what} `{}`", shown(key)), suggestion);
                });
            }
            Some(schema @ Value::Object(_)) => self.below(key, |checker| checker.value(schema, value, Name::Key(key))),
            _ => {}
        }
    }

    fn alternatives(&mut self, schema: &Keywords<'_>, value: &Value, name: Name<'_>) {
        for inner in schema.all_of.into_iter().flatten() {
            self.nested(inner, value, name);
        }
        for options in schema.alternatives.into_iter().flatten() {
            if self.fits_no_kind(options, value, name) {
                continue;
            }
            // Only alternatives of the value's kind can have been meant.
            let tried: Vec<Vec<PropProblem>> = options
                .iter()
                .filter(|option| may_fit(option, value))
                .map(|option| self.tried(option, value, name))
                .collect();
            if tried.iter().any(Vec::is_empty) {
                continue;
            }
            // The option that the value comes nearest to is the one that was meant.
            let Some(nearest) = tried.into_iter().min_by_key(|problems| (depth_of(problems), problems.len())) else {
                continue;
            };
            self.problems.extend(nearest);
        }
    }

    /// Whether the value has none of the kinds that the options want; then one problem names all of them.
    fn fits_no_kind(&mut self, options: &[Value], value: &Value, name: Name<'_>) -> bool {
        let kinds: Vec<&str> = options.iter().filter_map(|option| option.get("type")?.as_str()).collect();
        let has_template = value.as_str().is_some_and(has_template);
        if has_template || kinds.len() < options.len() || kinds.iter().any(|kind| is_of_type(value, kind)) {
            return false;
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), kinds.into_iter().map(Value::from).collect());
        !self.kind(&Keywords::of(&schema), value, name)
    }

    fn nested(&mut self, schema: &Value, value: &Value, name: Name<'_>) {
        let found = self.tried(schema, value, name);
        self.problems.extend(found);
    }

    fn tried(&mut self, schema: &Value, value: &Value, name: Name<'_>) -> Vec<PropProblem> {
        if self.depth >= DEPTH_MAX {
            return Vec::new();
        }
        let outside = mem::take(&mut self.problems);
        self.depth += 1;
        self.value(schema, value, name);
        self.depth -= 1;
        mem::replace(&mut self.problems, outside)
    }

    /// The compiled pattern; none when it is no regular expression, which is told where the schema is read. A list whose
    /// items have a pattern would otherwise compile it for each.
    fn pattern(&mut self, pattern: &str) -> Option<&Regex> {
        self.patterns.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok()).as_ref()
    }

    fn duration(&mut self, schema: &Keywords<'_>, unit: &str, value: &Value, name: Name<'_>) {
        let (bare, unit_text) = match unit {
            "ms" => (BareNumber::Milliseconds, "milliseconds"),
            "s" => (BareNumber::Seconds, "seconds"),
            _ => (BareNumber::Refused, ""),
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => {
                let message = format!("`{name}` must be a duration, not {}", value_name(other));
                return self.invalid(message, Some(format!("Write for example `{name}: 30s`.")));
            }
        };
        match parse_duration_ms(&text, bare) {
            Ok(ms) => {
                let seconds = if unit == "s" { 1_000.0 } else { 1.0 };
                let write = |bound: &Value| {
                    let ms = bound.as_f64().map_or(0.0, |bound| bound * seconds);
                    format_duration_ms(ms.clamp(0.0, u64::MAX as f64) as u64)
                };
                self.range(schema, ms as f64 / seconds, &text, name, &write);
            }
            Err(akao_contract::DurationError::NoUnit(number)) => {
                let suggestion = Some(format!("Write for example `{name}: {number}s` or `{name}: {number}ms`."));
                self.invalid(format!("`{name}: {number}` has no unit"), suggestion);
            }
            Err(_) => {
                let numbers =
                    if unit_text.is_empty() { String::new() } else { format!(", or a number of {unit_text}") };
                let suggestion = Some(format!("Write a number and a unit such as `30s` or `1h30m`{numbers}."));
                self.invalid(format!("`{}` is not a duration", shown(&text)), suggestion);
            }
        }
    }
}

/// Problems deep inside a value say that its outline was right.
fn depth_of(problems: &[PropProblem]) -> std::cmp::Reverse<usize> {
    std::cmp::Reverse(problems.iter().map(|problem| problem.pointer.matches('/').count()).min().unwrap_or_default())
}

/// Whether an alternative wants the kind of value that is there.
fn may_fit(option: &Value, value: &Value) -> bool {
    option.get("type").and_then(Value::as_str).is_none_or(|kind| is_of_type(value, kind))
}

fn sentence_end(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let lowered: String = letters.next().map(|c| c.to_lowercase().chain(letters).collect()).unwrap_or_default();
    if lowered.ends_with('.') { lowered } else { format!("{lowered}.") }
}

fn type_hint(kind: &str, name: Name<'_>) -> String {
    let value = match kind {
        "integer" => "3",
        "number" => "1.5",
        "boolean" => "true",
        "object" => "{ key: value }",
        "array" => "[a, b]",
        "null" => "null",
        _ => "some text",
    };
    format!("Write for example `{}: {value}`.", name.last())
}

fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn is_of_type(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_i64().is_some() || value.as_u64().is_some() || is_whole(value),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn is_whole(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_name(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "number" => "a number",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "object" => "a mapping",
        "array" => "a list",
        "null" => "null",
        other => other,
    }
}

fn value_name(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text `{}`", shown(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn value_in_ticks(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", shown(text)),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        other => value_name(other),
    }
}

fn kind_hint(types: &[&str], value: &Value, name: Name<'_>) -> Option<String> {
    let wants = |kind: &str| types.contains(&kind);
    match value {
        Value::String(text) if wants("boolean") && matches!(text.as_str(), "yes" | "on" | "no" | "off") => {
            let meant = matches!(text.as_str(), "yes" | "on");
            Some(format!("Write `{name}: {meant}`; in YAML 1.2 `{text}` is text."))
        }
        Value::String(text) if (wants("number") || wants("integer")) && text.parse::<f64>().is_ok() => {
            Some(format!("Remove the quotes: `{name}: {text}`."))
        }
        Value::String(text) if wants("boolean") && matches!(text.as_str(), "true" | "false") => {
            Some(format!("Remove the quotes: `{name}: {text}`."))
        }
        Value::String(text) if wants("array") => Some(format!("Write `{name}: [{}]`.", shown(text))),
        Value::Number(_) | Value::Bool(_) if wants("string") => Some(format!("Quote it: `\"{value}\"`.")),
        Value::Array(_) if wants("object") => Some("Write keys and values instead of items.".to_owned()),
        Value::Object(_) if wants("array") => Some("Put `- ` in front of each item.".to_owned()),
        Value::Null => Some("Give it a value, or remove the key.".to_owned()),
        _ => None,
    }
}

/// A value that would do, for a suggestion.
fn example_of(property: &Value) -> Option<String> {
    let first = |keyword: &str| property.get(keyword).and_then(Value::as_array).and_then(|values| values.first());
    if let Some(example) = first("examples").or_else(|| first("enum")) {
        return Some(example.as_str().map_or_else(|| example.to_string(), str::to_owned))
            .filter(|text| text.len() <= 60);
    }
    if property.get(annotation::DURATION).is_some() {
        return Some("30s".to_owned());
    }
    if property.get(annotation::WRITES).is_some() {
        return Some("result".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn many_inputs_are_checked_one_by_one_and_each_gets_the_defaults() {
        let inputs = json!({"value": {"type": "integer"}, "by": {"type": "integer", "default": 2}, "outputKey": {"type": "string"}});
        let one = json!({"type": "object", "properties": inputs, "required": ["value"], "additionalProperties": false});
        let mut many = one.clone();
        many[annotation::BATCH] = true.into();
        let told = |schema: &Value, props: Value| -> Vec<String> {
            let problems = check_props(schema, &map(props));
            problems.into_iter().map(|problem| format!("{} {}", problem.pointer, problem.message)).collect()
        };
        let cases = [
            (json!({"$items": [{"value": 1}, {"value": "${bb.x}"}, "${bb.one}"], "outputKey": "all"}), &[][..]),
            (json!({"$items": "${bb.all}"}), &[]),
            (json!({"$items": "all"}), &["/$items `$items` is the text `all`, not a list"]),
            (
                json!({"$items": [{}, 7]}),
                &[
                    "/$items/0 `$items[0]` has no `value`",
                    "/$items/1 `$items[1]` is the number 7, not a mapping of inputs",
                ],
            ),
            (json!({"$items": [], "value": 1}), &["/value `value` stands beside `$items`, which holds all inputs"]),
            (json!({"$items": [], "outputKey": 1}), &["/outputKey `outputKey` must be text, not the number 1"]),
        ];
        for (props, expected) in cases {
            assert_eq!(told(&many, props.clone()), expected, "{props}");
        }
        assert_eq!(told(&one, json!({"value": 1, "$items": []})).len(), 1, "other node types have no such prop");
        let mut props = map(json!({"$items": [{"value": 1}, {"value": 2, "by": 3}]}));
        with_defaults(&many, &mut props);
        assert_eq!(Value::Object(props), json!({"$items": [{"value": 1, "by": 2}, {"value": 2, "by": 3}]}));
        let mut props = map(json!({"value": 1}));
        with_defaults(&many, &mut props);
        assert_eq!(Value::Object(props), json!({"value": 1, "by": 2}));
    }
}
