//! Replaces the values of secrets by `***` in whatever is shown or stored.
//!
//! A mask knows the values that were handed out, and finds each as it is, as it stands inside JSON text, percent-encoded
//! and as Base64 of the whole value. It cannot find a value that a step cut up or computed with; it is a safety net, not
//! a wall.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{Engine, engine::general_purpose};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeSet};

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// Shorter values are not masked: they occur in ordinary text, and masking them would tell where.
pub const MASKED_BYTES_MIN: usize = 4;

/// Deeper levels are dropped whole, so that masking needs a bounded stack.
const DEPTH_MAX: usize = 256;

/// What `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// What RFC 3986 calls unreserved.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Finds and covers the values of secrets.
#[derive(Clone, Default)]
pub struct SecretMask {
    search: Option<AhoCorasick>,
}

impl SecretMask {
    /// A mask over the given values.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut spellings = BTreeSet::new();
        for value in values {
            if value.len() >= MASKED_BYTES_MIN {
                spellings.extend(spellings_of(value));
            }
        }
        if spellings.is_empty() {
            return Self::default();
        }
        // The build fails only beyond the automaton's size limits (2^31 states), far above what secrets can hold.
        let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&spellings).ok();
        Self { search }
    }

    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.search.is_none()
    }

    /// The text with every value covered; the same text when there is none in it.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(search) = &self.search else { return Cow::Borrowed(text) };
        if !search.is_match(text) {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        search.replace_all_with(text, &mut masked, |_, _, out| {
            out.push_str(MASK);
            true
        });
        Cow::Owned(masked)
    }

    /// Covers every value in the strings and keys of a JSON value. A number that spells a secret becomes the mask too.
    pub fn value(&self, value: &mut Value) {
        if !self.is_empty() {
            self.level(value, 0);
        }
    }

    /// Covers every value in an object.
    pub fn object(&self, object: &mut Map<String, Value>) {
        if !self.is_empty() {
            self.entries(object, 0);
        }
    }

    fn level(&self, value: &mut Value, depth: usize) {
        match value {
            _ if depth > DEPTH_MAX => *value = Value::String(MASK.to_owned()),
            Value::String(text) => {
                if let Cow::Owned(masked) = self.text(text) {
                    *text = masked;
                }
            }
            Value::Number(number) => {
                if let Cow::Owned(masked) = self.text(&number.to_string()) {
                    *value = Value::String(masked);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.level(item, depth + 1)),
            Value::Object(object) => self.entries(object, depth),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn entries(&self, object: &mut Map<String, Value>, depth: usize) {
        object.values_mut().for_each(|value| self.level(value, depth + 1));
        if object.keys().any(|key| matches!(self.text(key), Cow::Owned(_))) {
            let entries = std::mem::take(object);
            object.extend(entries.into_iter().map(|(key, value)| (self.text(&key).into_owned(), value)));
        }
    }
}

/// A secret as it may appear. One Base64 spelling without padding also covers the padded one's significant part.
fn spellings_of(value: &str) -> Vec<String> {
    let json = Value::String(value.to_owned()).to_string();
    vec![
        value.to_owned(),
        json[1..json.len() - 1].to_owned(),
        utf8_percent_encode(value, COMPONENT).to_string(),
        utf8_percent_encode(value, UNRESERVED).to_string(),
        utf8_percent_encode(value, UNRESERVED).to_string().replace("%20", "+"),
        general_purpose::STANDARD.encode(value),
        general_purpose::STANDARD_NO_PAD.encode(value),
        general_purpose::URL_SAFE.encode(value),
        general_purpose::URL_SAFE_NO_PAD.encode(value),
    ]
}
