//! Lines of JSON on a socket: reading within bounds, checking, and writing many lines at once.

use crate::failure::Fault;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::{
    fmt,
    io::{Read, Write},
    os::unix::net::UnixStream,
};

/// A longer message is refused on both sides, unless they agree on more.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// Deeper documents are refused on both sides.
const DEPTH_MAX: usize = 64;
/// Larger integers are strings.
pub(crate) const INTEGER_MAX: u64 = (1 << 53) - 1;
const READ_BYTES: usize = 65_536;
/// Answers wait for each other up to this many bytes.
const BATCH_BYTES_MAX: usize = 65_536;

/// What was read.
pub(crate) enum Line {
    /// A message.
    Message(Map<String, Value>),
    /// A line that is no message, or an empty one.
    Refused(Option<Fault>),
    /// A line beyond the bound; nothing can be read after it.
    TooLong(Fault),
    /// The host has closed; the flag says whether in the middle of a message.
    End(bool),
}

/// Cuts what is read into lines.
pub(crate) struct Lines {
    source: UnixStream,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    bytes_max: usize,
}

impl Lines {
    pub(crate) fn new(source: UnixStream) -> Self {
        Self { source, buffer: Vec::new(), from: 0, to: 0, bytes_max: MESSAGE_BYTES_MAX }
    }

    /// Lets lines be as long as was agreed.
    pub(crate) fn allow(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Whether the next line is here already.
    pub(crate) fn has_line(&self) -> bool {
        self.buffer[self.from..self.to].contains(&b'\n')
    }

    /// Waits for the next line.
    pub(crate) fn next(&mut self) -> Line {
        let mut searched = self.from;
        loop {
            let end = self.buffer[searched..self.to].iter().position(|byte| *byte == b'\n');
            let end = end.map(|offset| searched + offset);
            if end.unwrap_or(self.to) - self.from > self.bytes_max {
                let message = format!("a message is longer than {} bytes", self.bytes_max);
                return Line::TooLong(Fault::new(Fault::INVALID_REQUEST, message));
            }
            if let Some(end) = end {
                let line = &self.buffer[self.from..end];
                let read = match line.iter().all(u8::is_ascii_whitespace) {
                    true => Line::Refused(None),
                    false => decode(line).map_or_else(|fault| Line::Refused(Some(fault)), Line::Message),
                };
                self.from = end + 1;
                return read;
            }
            if !self.fill() {
                return Line::End(self.to > self.from);
            }
            searched = self.to.saturating_sub(READ_BYTES).max(self.from);
        }
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> bool {
        self.buffer.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        if self.buffer.len() < self.to + READ_BYTES {
            self.buffer.resize((2 * self.buffer.len()).max(self.to + READ_BYTES), 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.to..self.to + READ_BYTES]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return false,
                Ok(count) => {
                    self.to += count;
                    return true;
                }
            }
        }
    }
}

/// The object in a line of the host.
fn decode(line: &[u8]) -> Result<Map<String, Value>, Fault> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    match value {
        Ok(Value::Object(message)) => Ok(message),
        Ok(_) => Err(Fault::new(Fault::INVALID_REQUEST, "a message is an object")),
        Err(error) => Err(Fault::new(Fault::PARSE_ERROR, format!("not a JSON document: {error}"))),
    }
}

/// Reads a value and refuses what `serde_json` takes: equal keys, and more than 64 levels.
struct Strict {
    depth: usize,
}

impl Strict {
    fn below<E: Error>(&self) -> Result<usize, E> {
        match self.depth < DEPTH_MAX {
            true => Ok(self.depth + 1),
            false => Err(E::custom(format!("nested deeper than {DEPTH_MAX}"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.below()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Strict { depth })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let depth = self.below()?;
        let mut values = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if values.contains_key(&name) {
                return Err(A::Error::custom(format!("the key `{name}` stands twice")));
            }
            let value = entries.next_value_seed(Strict { depth })?;
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}

/// Writes lines.
pub(crate) struct Writer {
    target: UnixStream,
    held: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(target: UnixStream) -> Self {
        Self { target, held: Vec::new() }
    }

    /// Keeps a line to be written together with the next ones.
    pub(crate) fn hold(&mut self, line: &str) {
        self.held.extend_from_slice(line.as_bytes());
        self.held.push(b'\n');
        if self.held.len() >= BATCH_BYTES_MAX {
            self.flush();
        }
    }

    /// Writes what is held. A host that is gone shows in the next read.
    pub(crate) fn flush(&mut self) {
        if !self.held.is_empty() {
            let _ = self.target.write_all(&self.held);
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_beyond_the_rules_are_refused() {
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        let cases = [
            (r#"{"a":1,"b":{"a":1}}"#.to_owned(), None),
            (r#"{"a":1,"a":1}"#.to_owned(), Some("the key `a` stands twice")),
            (r#"{"a":[{"b":1,"\u0062":2}]}"#.to_owned(), Some("the key `b` stands twice")),
            (deep(64), None),
            (deep(65), Some("nested deeper than 64")),
            ("[".repeat(100_000), Some("nested deeper than 64")),
            (r#"{"a":NaN}"#.to_owned(), Some("not a JSON document")),
            (r#"{"a":1} {}"#.to_owned(), Some("not a JSON document")),
            (r#"{"a":"\ud800"}"#.to_owned(), Some("not a JSON document")),
            ("7".to_owned(), Some("a message is an object")),
        ];
        for (text, expected) in cases {
            let found = decode(text.as_bytes()).err().map(|fault| fault.message);
            match (expected, found) {
                (None, None) => {}
                (Some(part), Some(message)) if message.contains(part) => {}
                (expected, found) => panic!("{text:.60}: expected {expected:?}, found {found:?}"),
            }
        }
    }
}
