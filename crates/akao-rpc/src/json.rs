//! Reads one message in one pass: strict JSON (no key twice, at most [`DEPTH_MAX`] levels, no U+0000 in names), and the shape
//! of a JSON-RPC 2.0 message of this protocol. What is wrong gets its own name.

mod integers;

use crate::{
    RpcError,
    limits::{DEPTH_MAX, INTEGER_MAX, MEMBERS_MAX, QUOTED_BYTES_MAX, VALUES_MAX},
};
use akao_contract::shortened;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category, map::Entry};
use std::{borrow::Cow, cell::Cell, cell::RefCell, collections::BTreeSet, fmt};

/// A message as it was written, before anybody asks what it is for.
#[derive(Debug, Default)]
pub(crate) struct Envelope<'t> {
    pub(crate) id: Option<Value>,
    pub(crate) method: Option<Cow<'t, str>>,
    pub(crate) params: Option<Value>,
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<Value>,
    /// `"jsonrpc": "2.0"` was there.
    pub(crate) versioned: bool,
    /// Some integer is beyond 2^53, so that other languages would round it.
    pub(crate) integer_too_large: bool,
}

/// Reads the bytes of one message.
pub(crate) fn read_envelope(bytes: &[u8]) -> Result<Envelope<'_>, RpcError> {
    let text = std::str::from_utf8(bytes).map_err(|error| RpcError::NotUtf8 { offset: error.valid_up_to() })?;
    let watch = Watch::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = EnvelopeSeed(&watch).deserialize(&mut reader).and_then(|envelope| reader.end().map(|()| envelope));
    match read {
        Ok(mut envelope) => {
            let is_long = watch.is_vast.get() && integers::holds_long(text);
            envelope.integer_too_large = watch.integer_too_large.get() || is_long;
            Ok(envelope)
        }
        Err(error) => Err(watch.fault.take().unwrap_or_else(|| syntax_fault(text, &error))),
    }
}

/// Names what the reader stumbled over. Only a message that is refused anyway comes here.
fn syntax_fault(text: &str, error: &serde_json::Error) -> RpcError {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return RpcError::Nul;
    }
    let reason = error.to_string();
    if reason.contains("surrogate") || reason.contains("unexpected end of hex escape") {
        return RpcError::LoneSurrogate;
    }
    if reason.contains("recursion limit") {
        return RpcError::TooDeep { depth_max: DEPTH_MAX };
    }
    match error.classify() {
        Category::Data => RpcError::NotMessage { reason: shortened(&reason, QUOTED_BYTES_MAX) },
        _ => RpcError::NotJson { reason: shortened(&reason, QUOTED_BYTES_MAX) },
    }
}

/// What the reader notices on its way.
#[derive(Default)]
struct Watch {
    fault: RefCell<Option<RpcError>>,
    integer_too_large: Cell<bool>,
    /// Some number was beyond what the reader holds as an integer; it may have been written as one.
    is_vast: Cell<bool>,
    values: Cell<usize>,
}

impl Watch {
    /// Counts a value: a short text of many values would need many times its length in memory.
    fn value<E: serde::de::Error>(&self) -> Result<(), E> {
        self.values.set(self.values.get() + 1);
        let too_many = self.values.get() > VALUES_MAX;
        if too_many { Err(self.fail(RpcError::TooManyValues { values_max: VALUES_MAX })) } else { Ok(()) }
    }

    /// Ends the reading with a fault of this protocol; serde's own error only carries it out.
    fn fail<E: serde::de::Error>(&self, fault: RpcError) -> E {
        self.fault.borrow_mut().get_or_insert(fault);
        E::custom("refused")
    }

    /// Names hold no U+0000: they end up where it ends a text. Values may hold it, written as an escape.
    fn name<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if memchr::memchr(0, text.as_bytes()).is_some() { Err(self.fail(RpcError::Nul)) } else { Ok(()) }
    }

    fn deeper<E: serde::de::Error>(&self, depth: usize) -> Result<usize, E> {
        if depth >= DEPTH_MAX { Err(self.fail(RpcError::TooDeep { depth_max: DEPTH_MAX })) } else { Ok(depth + 1) }
    }

    fn twice<E: serde::de::Error>(&self, key: &str) -> E {
        self.fail(RpcError::DuplicateKey { key: shortened(key, QUOTED_BYTES_MAX) })
    }
}

/// Builds a value; `depth` is how many levels are open around it.
#[derive(Clone, Copy)]
struct Strict<'w> {
    watch: &'w Watch,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.watch.value()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        if value > INTEGER_MAX {
            self.watch.integer_too_large.set(true);
        }
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > INTEGER_MAX {
            self.watch.integer_too_large.set(true);
        }
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // The reader turns integers of more than 64 bits into floats.
        if value.abs() >= INTEGER_MAX as f64 {
            self.watch.is_vast.set(true);
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = Strict { depth: self.watch.deeper(self.depth)?, ..self };
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = Strict { depth: self.watch.deeper(self.depth)?, ..self };
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.watch.name(&key)?;
            let value = entries.next_value_seed(inner)?;
            match map.entry(key) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(place) => return Err(self.watch.twice(place.key())),
            };
        }
        Ok(Value::Object(map))
    }
}

/// A string that is borrowed from the message where it holds no escape.
struct TextSeed<'w>(&'w Watch);

impl<'de> DeserializeSeed<'de> for TextSeed<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextSeed<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        self.0.name(text)?;
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        self.0.name(text)?;
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Builds the envelope: the members of JSON-RPC by name, any others read and dropped.
struct EnvelopeSeed<'w>(&'w Watch);

impl EnvelopeSeed<'_> {
    fn not_message<E: serde::de::Error>(&self, reason: &str) -> E {
        self.0.fail(RpcError::NotMessage { reason: reason.to_owned() })
    }
}

impl<'de> DeserializeSeed<'de> for EnvelopeSeed<'_> {
    type Value = Envelope<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeSeed<'_> {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Envelope<'de>, A::Error> {
        items.next_element::<IgnoredAny>().ok();
        Err(self.not_message("an array; batches of JSON-RPC are not part of this protocol"))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Envelope<'de>, E> {
        Err(self.not_message("not an object"))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Envelope<'de>, E> {
        Err(self.not_message("not an object"))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Envelope<'de>, E> {
        Err(self.not_message("not an object"))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Envelope<'de>, E> {
        Err(self.not_message("not an object"))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Envelope<'de>, E> {
        Err(self.not_message("not an object"))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Envelope<'de>, E> {
        Err(self.not_message("not an object"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Envelope<'de>, A::Error> {
        let watch = self.0;
        let strict = Strict { watch, depth: 1 };
        let mut envelope = Envelope::default();
        let mut others = BTreeSet::new();
        while let Some(key) = entries.next_key_seed(TextSeed(watch))? {
            let member = match key.as_ref() {
                "jsonrpc" if envelope.versioned => return Err(watch.twice(&key)),
                "jsonrpc" => {
                    envelope.versioned = entries.next_value_seed(TextSeed(watch))? == "2.0";
                    if !envelope.versioned {
                        return Err(self.not_message("`jsonrpc` is not \"2.0\""));
                    }
                    continue;
                }
                "method" if envelope.method.is_some() => return Err(watch.twice(&key)),
                "method" => {
                    envelope.method = Some(entries.next_value_seed(TextSeed(watch))?);
                    continue;
                }
                "id" => &mut envelope.id,
                "params" => &mut envelope.params,
                "result" => &mut envelope.result,
                "error" => &mut envelope.error,
                _ if others.len() >= MEMBERS_MAX => return Err(self.not_message("too many members")),
                _ if !others.insert(key.clone().into_owned()) => return Err(watch.twice(&key)),
                _ => {
                    entries.next_value_seed(strict)?;
                    continue;
                }
            };
            if member.is_some() {
                return Err(watch.twice(&key));
            }
            *member = Some(entries.next_value_seed(strict)?);
        }
        Ok(envelope)
    }
}

/// What is wrong with parameters that are about to be sent; `depth` levels stand around them already.
pub(crate) fn check_outgoing(value: &Value, depth: usize) -> Result<(), RpcError> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            match magnitude {
                Some(magnitude) if magnitude > INTEGER_MAX => {
                    Err(RpcError::IntegerTooLarge { place: "the parameters" })
                }
                _ => Ok(()),
            }
        }
        Value::Array(items) => {
            let inner = outgoing_depth(depth)?;
            items.iter().try_for_each(|item| check_outgoing(item, inner))
        }
        Value::Object(map) => check_outgoing_map(map, depth),
    }
}

/// See [`check_outgoing`].
pub(crate) fn check_outgoing_map(map: &Map<String, Value>, depth: usize) -> Result<(), RpcError> {
    let inner = outgoing_depth(depth)?;
    map.iter().try_for_each(|(key, value)| {
        check_outgoing_name(key)?;
        check_outgoing(value, inner)
    })
}

fn check_outgoing_name(text: &str) -> Result<(), RpcError> {
    if memchr::memchr(0, text.as_bytes()).is_some() { Err(RpcError::RequestNul) } else { Ok(()) }
}

fn outgoing_depth(depth: usize) -> Result<usize, RpcError> {
    if depth >= DEPTH_MAX { Err(RpcError::RequestTooDeep { depth_max: DEPTH_MAX }) } else { Ok(depth + 1) }
}
