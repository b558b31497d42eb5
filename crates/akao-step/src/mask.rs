//! Replaces the values of secrets by `***` in whatever is shown or stored.
//!
//! A mask knows the values that were handed out, and finds each as it is, as it stands inside JSON text, percent-encoded
//! in whole or in part, and as Base64, also of a longer text around the value. It cannot find a value that a step cut up
//! or computed with; it is a safety net, not a wall. Where a text was cut, as `…` says, the beginning of a value that
//! stands before the cut is covered too.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{Engine, engine::general_purpose};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// Shorter values are not masked: they occur in ordinary text, and masking them would tell where.
pub const MASKED_BYTES_MIN: usize = 4;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// Deeper levels are dropped whole, so that masking needs a bounded stack.
const DEPTH_MAX: usize = 256;

/// What RFC 3986 calls unreserved.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Finds and covers the values of secrets.
#[derive(Clone, Default)]
pub struct SecretMask {
    search: Option<AhoCorasick>,
    /// Finds the values themselves, in text whose percent-encoding was taken back.
    decoded: Option<AhoCorasick>,
    /// Every way in which a value may be spelt.
    spellings: Arc<BTreeSet<String>>,
}

impl SecretMask {
    /// A mask over the given values.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let values: BTreeSet<&str> = values.into_iter().filter(|value| value.len() >= MASKED_BYTES_MIN).collect();
        if values.is_empty() {
            return Self::default();
        }
        let spellings: BTreeSet<String> = values.iter().flat_map(|value| spellings_of(value)).collect();
        Self { search: automaton(&spellings), decoded: automaton(&values), spellings: Arc::new(spellings) }
    }

    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.search.is_none()
    }

    /// The text with every value covered; the same text when there is none in it.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(search) = &self.search else { return Cow::Borrowed(text) };
        let text = self.encoded(text);
        let text = match self.cut(&text) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        };
        if !search.is_match(text.as_ref()) {
            return text;
        }
        let mut masked = String::with_capacity(text.len());
        search.replace_all_with(&text, &mut masked, |_, _, out| {
            out.push_str(MASK);
            true
        });
        Cow::Owned(masked)
    }

    /// The text without the beginnings of values that stand before a cut, if there are any.
    fn cut(&self, text: &str) -> Option<String> {
        let mut masked = String::new();
        let mut copied = 0;
        for (at, _) in text.match_indices(CUT) {
            let before = &text[copied..at];
            let known = self.spellings.iter().filter_map(|spelling| beginning_at_end(before, spelling)).max();
            if let Some(bytes) = known {
                masked.push_str(&before[..before.len() - bytes]);
                masked.push_str(MASK);
                copied = at;
            }
        }
        (copied > 0).then(|| masked + &text[copied..])
    }

    /// The text with every value covered of which some bytes are percent-encoded, whichever and in whatever case.
    fn encoded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(search) = self.decoded.as_ref().filter(|_| text.contains('%')) else { return Cow::Borrowed(text) };
        let (bytes, starts) = percent_decoded(text);
        let mut masked = String::new();
        let mut copied = 0;
        for found in search.find_iter(&bytes) {
            let (start, end) = (starts[found.start()], starts[found.end()]);
            // Both are ASCII or the start of a character, because the value is text and so are its ends.
            let Some(before) = text.get(copied..start) else { continue };
            masked.push_str(before);
            masked.push_str(MASK);
            copied = end;
        }
        match text.get(copied..) {
            Some(rest) if copied > 0 => Cow::Owned(masked + rest),
            _ => Cow::Borrowed(text),
        }
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

/// How many bytes of a spelling's beginning, though not all of it, the text ends with; none when it is a handful that any
/// text may end with.
fn beginning_at_end(text: &str, spelling: &str) -> Option<usize> {
    let most = text.len().min(spelling.len() - 1);
    (MASKED_BYTES_MIN..=most).rev().find(|bytes| text.as_bytes().ends_with(&spelling.as_bytes()[..*bytes]))
}

/// A search for the longest of several texts.
fn automaton<T: AsRef<[u8]>>(texts: &BTreeSet<T>) -> Option<AhoCorasick> {
    // The build fails only beyond the automaton's size limits (2^31 states), far above what secrets can hold.
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts).ok()
}

/// The bytes that a percent-encoded text stands for, and where each begins in the text; the text's end comes last.
fn percent_decoded(text: &str) -> (Vec<u8>, Vec<usize>) {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let (mut decoded, mut starts) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(bytes.len() + 1));
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        starts.push(at);
        let pair = (*byte == b'%').then(|| digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2)))).flatten();
        match pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    starts.push(bytes.len());
    (decoded, starts)
}

/// A secret as it may appear. One Base64 spelling without padding also covers the padded one's significant part.
fn spellings_of(value: &str) -> Vec<String> {
    let json = Value::String(value.to_owned()).to_string();
    let form = utf8_percent_encode(value, UNRESERVED).to_string().replace("%20", "+");
    let mut spellings = vec![value.to_owned(), json[1..json.len() - 1].to_owned(), form.to_lowercase(), form];
    for engine in [general_purpose::STANDARD, general_purpose::URL_SAFE] {
        spellings.push(engine.encode(value));
        spellings.extend(base64_within(value, &engine));
    }
    spellings
}

/// What stands of a value in the Base64 of a longer text, such as `user:value`: the digits that come from the value alone,
/// for each of the three places at which it can begin.
fn base64_within(value: &str, engine: &impl Engine) -> Vec<String> {
    let digits = |before: usize| {
        let mut text = vec![0; before];
        text.extend_from_slice(value.as_bytes());
        let whole = text.len() * 8 / 6;
        let encoded = engine.encode(&text);
        encoded.get((before * 8).div_ceil(6)..whole).map(str::to_owned)
    };
    (0..3).filter_map(digits).filter(|digits| digits.len() >= MASKED_BYTES_MIN).collect()
}
