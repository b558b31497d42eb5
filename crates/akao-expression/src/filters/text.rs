//! Filters that read or write texts.

use super::{Call, Filtered, owned};
use crate::{
    error::EvalError,
    operators::{write_json, write_text},
};
use serde_json::Value;
use std::{borrow::Cow, fmt::Write as _};

pub(super) fn string<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    if call.input.is_string() {
        return Ok(call.take());
    }
    let mut text = String::new();
    write_text(&call.input, &mut text, call.budget)?;
    owned(text)
}

pub(super) fn json<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let mut text = String::new();
    write_json(&call.input, &mut text, call.budget)?;
    if call.whole_argument(0, "indent")?.is_none_or(|indent| indent <= 0) {
        return owned(text);
    }
    // Pretty printing adds a line break and an indentation to each part; nesting bounds the indentation.
    let parts = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b']' | b'{' | b'}' | b':')).count();
    call.budget.write_text(text.len().saturating_add(parts.saturating_mul(2 * depth(&text) + 2)))?;
    serde_json::to_string_pretty(&*call.input)
        .map(|text| Cow::Owned(Value::String(text)))
        .map_err(|error| EvalError::new(format!("value cannot be written as JSON: {error}")))
}

/// An upper bound of a JSON text's nesting.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

pub(super) fn from_json<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let text = call.text()?;
    call.budget.parse_json(text)?;
    serde_json::from_str(text).map(Cow::Owned).map_err(|error| {
        EvalError::new(format!("text is not JSON: {error}")).suggest("The filter `from_json` reads one JSON document.")
    })
}

pub(super) fn upper<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    cased(call, str::to_uppercase)
}

pub(super) fn lower<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    cased(call, str::to_lowercase)
}

/// A letter may become three when its case changes.
fn cased<'v>(call: &Call<'_, 'v>, change: impl Fn(&str) -> String) -> Filtered<'v> {
    let text = call.text()?;
    call.budget.write_text(text.len().saturating_mul(3))?;
    owned(change(text))
}

pub(super) fn capitalize<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    cased(call, |text| {
        let mut characters = text.chars();
        let first = characters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(characters.flat_map(char::to_lowercase)).collect()
    })
}

pub(super) fn title<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    cased(call, |text| {
        let mut inside_word = false;
        let mut titled = String::with_capacity(text.len());
        for character in text.chars() {
            if inside_word {
                titled.extend(character.to_lowercase());
            } else {
                titled.extend(character.to_uppercase());
            }
            inside_word = character.is_alphanumeric() || character == '\'';
        }
        titled
    })
}

pub(super) fn trim<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let text = call.text()?;
    let trimmed = match call.text_argument(0, "characters")? {
        None => text.trim(),
        Some(set) => {
            call.budget.burn(set.len().saturating_mul(8))?;
            // Set and text are both bounded by the output, their product is not.
            call.budget.burn(text.len().saturating_mul(set.len()) / 64)?;
            text.trim_matches(|c| set.contains(c))
        }
    };
    call.budget.write_text(trimmed.len())?;
    owned(trimmed)
}

pub(super) fn split<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let text = call.text()?;
    let limit = match call.whole_argument(1, "limit")? {
        None => usize::MAX,
        Some(limit) => usize::try_from(limit).unwrap_or(0).saturating_add(1),
    };
    match call.text_argument(0, "separator")? {
        Some("") => Err(EvalError::new("`separator` of the filter `split` is empty")
            .suggest("Leave it out to split at white space.")),
        Some(separator) => {
            pieces(call, text.splitn(limit, separator).count(), text)?;
            owned(text.splitn(limit, separator).map(Value::from).collect::<Vec<_>>())
        }
        None => {
            pieces(call, text.split_whitespace().count(), text)?;
            owned(text.split_whitespace().map(Value::from).collect::<Vec<_>>())
        }
    }
}

pub(super) fn lines<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let text = call.text()?;
    pieces(call, text.lines().count(), text)?;
    owned(text.lines().map(Value::from).collect::<Vec<_>>())
}

/// Charges the list of a text's pieces. Each piece is an allocation of its own, with the overhead of a small one.
fn pieces(call: &Call<'_, '_>, count: usize, text: &str) -> Result<(), EvalError> {
    const ALLOCATION_BYTES: usize = 24;
    call.budget.list(count)?;
    call.budget.allocate(text.len().saturating_add(count.saturating_mul(ALLOCATION_BYTES)))
}

pub(super) fn replace<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let text = call.text()?;
    let from = call.text_argument(0, "from")?.unwrap_or_default();
    let to = call.text_argument(1, "to")?.unwrap_or_default();
    if from.is_empty() {
        return Err(EvalError::new("`from` of the filter `replace` is empty"));
    }
    let found = text.matches(from).count();
    let removed = found.saturating_mul(from.len());
    call.budget.write_text(text.len().saturating_sub(removed).saturating_add(found.saturating_mul(to.len())))?;
    owned(text.replace(from, to))
}

pub(super) fn starts_with<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let prefix = call.text_argument(0, "prefix")?.unwrap_or_default();
    owned(call.text()?.starts_with(prefix))
}

pub(super) fn ends_with<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let suffix = call.text_argument(0, "suffix")?.unwrap_or_default();
    owned(call.text()?.ends_with(suffix))
}

/// At most `length` characters, the last of them replaced by `end` when something was cut.
pub(super) fn truncate<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let text = call.text()?;
    let length = usize::try_from(call.whole_argument(0, "length")?.unwrap_or_default()).unwrap_or(0);
    let end = call.text_argument(1, "end")?.unwrap_or("…");
    if text.chars().count() <= length {
        return Ok(call.take());
    }
    call.budget.write_text(text.len().saturating_add(end.len()))?;
    let kept = length.saturating_sub(end.chars().count());
    let cut: String = text.chars().take(kept).chain(end.chars().take(length)).collect();
    owned(cut)
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub(super) fn urlencode<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let mut plain = String::new();
    match call.input.as_ref() {
        Value::Array(_) | Value::Object(_) => return Err(call.wrong_input("a text or a number")),
        value => write_text(value, &mut plain, call.budget)?,
    }
    call.budget.write_text(plain.len().saturating_mul(3))?;
    let mut encoded = String::with_capacity(plain.len());
    for byte in plain.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a `String` does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    owned(encoded)
}
