//! Declared values: property names with JSON Schema, or a list of such properties that carry their `name`.

use crate::suggest::{self, shown};
use crate::{Code, Path, Reader, codes, kind_of, value};
use akao_contract::{Properties, Property, is_name};
use akao_yaml::{Entry, Key, Node, Position, Value};

/// What is declared, and the words of the messages about it.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// The key that holds the declarations, such as `inputs`.
    pub key: &'static str,
    /// What one of them is called; it begins with a vowel.
    pub noun: &'static str,
    /// How the key is written.
    pub example: &'static str,
    /// The code of a declaration that is not a valid schema.
    pub code: Code,
}

/// The types of JSON Schema.
pub const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];

/// The JSON Schema keywords that a declaration may carry, besides annotations that begin with `x-`.
pub const KEYWORDS: [&str; 26] = [
    "type",
    "required",
    "default",
    "enum",
    "const",
    "title",
    "description",
    "examples",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "additionalProperties",
    "oneOf",
    "anyOf",
    "allOf",
];

/// Reads declarations in either form. What cannot be used is left out, with a problem.
pub fn read(reader: &mut Reader, node: &Node, at: &Path<'_>, declared: &Declared) -> Properties {
    let mut declarations = Declarations { reader, declared, found: Properties::default() };
    match &node.value {
        Value::Null => {}
        Value::Mapping(entries) => declarations.mapping(node, entries, at),
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                declarations.item(item, &at.index(index));
            }
        }
        _ => declarations.reader.wrong_kind(node, at, declared.key, "a mapping", declared.example),
    }
    declarations.found
}

struct Declarations<'r> {
    reader: &'r mut Reader,
    declared: &'r Declared,
    found: Properties,
}

impl Declarations<'_> {
    fn invalid(&mut self, position: Position, at: &Path<'_>, message: String, suggestion: Option<String>) {
        self.reader.problem(self.declared.code, position, at, message, suggestion);
    }

    fn mapping(&mut self, node: &Node, entries: &[Entry], at: &Path<'_>) {
        let Declared { key, example, .. } = self.declared;
        if node.get("type").and_then(Node::as_str) == Some("object") && node.get("properties").is_some() {
            let message = format!("`{key}` takes properties, not a whole object schema");
            let suggestion = format!("Write the properties themselves, each with its own `required`: `{example}`.");
            return self.invalid(node.position, at, message, Some(suggestion));
        }
        for Entry { key, node } in entries {
            let path = at.key(&key.text);
            self.check_name(&key.text, key.position, &path);
            if let Some(property) = self.property(&key.text, node, &path, &[]) {
                self.found.0.insert(key.text.clone(), property);
            }
        }
    }

    fn item(&mut self, node: &Node, at: &Path<'_>) {
        let noun = self.declared.noun;
        let Some(name_node) = node.get("name") else {
            let message = format!("an {noun} of the list has no `name`");
            let name = node.as_str().filter(|text| is_name(text)).unwrap_or("customer");
            let suggestion = Some(format!("Write for example `- {{ name: {name}, type: string }}`."));
            return self.invalid(node.position, at, message, suggestion);
        };
        let path = at.key("name");
        let Some(name) = self.reader.text(name_node, &path, "name") else { return };
        self.check_name(&name, name_node.position, &path);
        if self.found.0.contains_key(&name) {
            let message = format!("the {noun} `{}` is declared twice", shown(&name));
            self.invalid(name_node.position, &path, message, Some("Keep one of the two.".to_owned()));
        }
        if let Some(property) = self.property(&name, node, at, &["name"]) {
            self.found.0.insert(name, property);
        }
    }

    fn check_name(&mut self, name: &str, position: Position, path: &Path<'_>) {
        if !is_name(name) {
            let message = format!("`{}` is not a name that expressions can use", shown(name));
            let suggestion = Some(suggest::mended_name(name));
            self.reader.problem(codes::INVALID_NAME, position, path, message, suggestion);
        }
    }

    fn property(&mut self, name: &str, node: &Node, at: &Path<'_>, besides: &[&str]) -> Option<Property> {
        let Some(entries) = node.entries() else {
            let noun = self.declared.noun;
            let message = format!("the {noun} `{}` must be a mapping, not {}", shown(name), kind_of(node));
            let written = node.as_str().filter(|text| TYPES.contains(text)).unwrap_or("string");
            let suggestion = Some(format!("Write `{}: {{ type: {written} }}`.", shown(name)));
            self.invalid(node.position, at, message, suggestion);
            return None;
        };
        let mut property = Property::with_capacity(entries.len());
        for Entry { key, node } in entries.iter().filter(|entry| !besides.contains(&entry.key.text.as_str())) {
            self.keyword(key, node, &at.key(&key.text));
            if matches!(
                key.text.as_str(),
                "items" | "properties" | "additionalProperties" | "oneOf" | "anyOf" | "allOf"
            ) {
                self.refuse_references(node, &at.key(&key.text));
            }
            property.insert(key.text.clone(), node.to_value());
        }
        self.check_default(name, node, &property, at);
        Some(property)
    }

    fn keyword(&mut self, key: &Key, node: &Node, path: &Path<'_>) {
        match (key.text.as_str(), &node.value) {
            ("type", _) => self.type_of(node, path),
            ("required", _) => self.required(node, path),
            ("enum" | "oneOf" | "anyOf" | "allOf" | "examples", value) => {
                if !matches!(value, Value::Sequence(_)) {
                    self.reader.wrong_kind(node, path, &key.text, "a list", &format!("{}: [a, b]", key.text));
                }
            }
            (
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minLength"
                | "maxLength" | "minItems" | "maxItems",
                value,
            ) => {
                if !matches!(value, Value::Number(_)) {
                    self.reader.wrong_kind(node, path, &key.text, "a number", &format!("{}: 1", key.text));
                }
            }
            ("properties" | "items", value) => {
                if !matches!(value, Value::Mapping(_)) {
                    self.reader.wrong_kind(node, path, &key.text, "a mapping", &format!("{}: {{ … }}", key.text));
                }
            }
            (known, _) if KEYWORDS.contains(&known) || known.starts_with("x-") => {}
            _ => self.unknown(key, path),
        }
    }

    fn type_of(&mut self, node: &Node, path: &Path<'_>) {
        let is_type = |text: Option<&str>| text.is_some_and(|text| TYPES.contains(&text));
        match &node.value {
            Value::String(text, _) if is_type(Some(text)) => {}
            Value::String(text, _) => {
                let message = format!("`{}` is not a type of an {}", shown(text), self.declared.noun);
                let suggestion = type_hint(text).or_else(|| suggest::sentence(text, "types", TYPES));
                self.invalid(node.position, path, message, suggestion);
            }
            Value::Sequence(items) if items.iter().all(|item| is_type(item.as_str())) => {}
            _ => self.reader.wrong_kind(node, path, "type", "the name of a type", "type: string"),
        }
    }

    fn required(&mut self, node: &Node, path: &Path<'_>) {
        match &node.value {
            Value::Bool(_) => {}
            Value::Sequence(_) => {
                let noun = self.declared.noun;
                let message = format!("`required` of an {noun} must be true or false, not a list");
                let suggestion = Some(format!("Write `required: true` inside each {noun} that must be given."));
                self.invalid(node.position, path, message, suggestion);
            }
            _ => self.reader.wrong_kind(node, path, "required", "true or false", "required: true"),
        }
    }

    fn unknown(&mut self, key: &Key, path: &Path<'_>) {
        let noun = self.declared.noun;
        let message = format!("`{}` is not a key of an {noun}", shown(&key.text));
        let suggestion = match key.text.as_str() {
            // Looking for what was meant costs more than everything else.
            _ if self.reader.problems.is_full() => None,
            "optional" => Some(format!("An {noun} is optional unless it says `required: true`.")),
            unknown => suggest::nearest(unknown, KEYWORDS).map(|near| format!("Did you mean `{near}`?")),
        };
        self.reader.problem(codes::UNKNOWN_KEY, key.position, path, message, suggestion);
    }

    /// A declaration stands alone: references could lead it in circles. Recursion is bounded by the budget's depth.
    fn refuse_references(&mut self, node: &Node, path: &Path<'_>) {
        for (at, item) in node.items().unwrap_or_default().iter().enumerate() {
            self.refuse_references(item, &path.index(at));
        }
        for Entry { key, node } in node.entries().unwrap_or_default() {
            let path = path.key(&key.text);
            if matches!(key.text.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") && node.as_str().is_some() {
                let message = format!("`{}` is not supported in an {}", key.text, self.declared.noun);
                let suggestion = Some("Write the schema out where it is needed.".to_owned());
                self.invalid(key.position, &path, message, suggestion);
            }
            self.refuse_references(node, &path);
        }
    }

    fn check_default(&mut self, name: &str, node: &Node, property: &Property, at: &Path<'_>) {
        let Some(default) = node.get("default") else { return };
        let mut schema = property.clone();
        schema.shift_remove("required");
        let schema = serde_json::Value::Object(schema);
        for problem in value::check_value(&schema, &default.to_value(), name) {
            let message = format!("the default does not fit: {}", problem.message);
            self.invalid(default.position, &at.key("default"), message, problem.suggestion);
        }
    }
}

/// The type that is meant by the word of another language.
fn type_hint(text: &str) -> Option<String> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "str" | "text" | "date" | "datetime" | "uuid" | "url" | "email" => "string",
        "int" | "long" => "integer",
        "float" | "double" | "decimal" => "number",
        "bool" => "boolean",
        "dict" | "map" | "json" => "object",
        "list" | "tuple" => "array",
        _ => return None,
    };
    Some(format!("Did you mean `{meant}`?"))
}
