//! The keywords of one schema, gathered in one pass: a schema has few and is asked for many, and hashing the name of each
//! would cost more than all the rest of the check.

use akao_contract::annotation;
use serde_json::{Map, Value};

/// What a schema says, as far as it is checked; an unknown keyword is ignored.
#[derive(Default)]
pub(super) struct Keywords<'s> {
    pub(super) literal: bool,
    pub(super) duration: Option<&'s str>,
    pub(super) kind: Option<&'s Value>,
    pub(super) constant: Option<&'s Value>,
    pub(super) choices: Option<&'s [Value]>,
    /// `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`.
    pub(super) bounds: [Option<&'s Value>; 4],
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) pattern: Option<&'s str>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) items: Option<&'s Value>,
    pub(super) properties: Option<&'s Map<String, Value>>,
    pub(super) required: Option<&'s [Value]>,
    pub(super) additional: Option<&'s Value>,
    pub(super) all_of: Option<&'s [Value]>,
    /// `oneOf` and `anyOf`, which are checked alike.
    pub(super) alternatives: [Option<&'s [Value]>; 2],
}

impl<'s> Keywords<'s> {
    pub(super) fn of(schema: &'s Map<String, Value>) -> Self {
        let mut keywords = Self::default();
        for (name, value) in schema {
            keywords.take(name, value);
        }
        keywords
    }

    fn take(&mut self, name: &str, value: &'s Value) {
        let list = || value.as_array().map(Vec::as_slice);
        match name {
            "type" => self.kind = Some(value),
            "const" => self.constant = Some(value),
            "enum" => self.choices = list(),
            "minimum" => self.bounds[0] = Some(value),
            "maximum" => self.bounds[1] = Some(value),
            "exclusiveMinimum" => self.bounds[2] = Some(value),
            "exclusiveMaximum" => self.bounds[3] = Some(value),
            "minLength" => self.min_length = value.as_u64(),
            "maxLength" => self.max_length = value.as_u64(),
            "pattern" => self.pattern = value.as_str(),
            "minItems" => self.min_items = value.as_u64(),
            "maxItems" => self.max_items = value.as_u64(),
            "items" => self.items = Some(value),
            "properties" => self.properties = value.as_object(),
            "required" => self.required = list(),
            "additionalProperties" => self.additional = Some(value),
            "allOf" => self.all_of = list(),
            "oneOf" => self.alternatives[0] = list(),
            "anyOf" => self.alternatives[1] = list(),
            annotation::LITERAL => self.literal = value == &Value::Bool(true),
            annotation::DURATION => self.duration = value.as_str(),
            _ => {}
        }
    }
}

/// A map of at most this many entries is looked through; hashing a name for it would take longer.
const SCANNED_ENTRIES_MAX: usize = 12;

/// The value of a key.
pub fn find<'m>(map: &'m Map<String, Value>, key: &str) -> Option<&'m Value> {
    if map.len() > SCANNED_ENTRIES_MAX {
        return map.get(key);
    }
    map.iter().find_map(|(name, value)| (name == key).then_some(value))
}

/// Whether an annotation of a prop's schema is `true`.
pub fn says(property: Option<&Value>, annotation: &str) -> bool {
    let mut keywords = property.and_then(Value::as_object).into_iter().flatten();
    keywords.any(|(name, value)| name == annotation && value == &Value::Bool(true))
}
