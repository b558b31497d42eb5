//! A node's outputs as text, refused where JSON cannot say them or a reader elsewhere would see something else.
//!
//! `serde_json` writes NaN as null without a word, so a serializer that writes nothing looks at every number first.

use crate::{
    failure::{Failure, Kind},
    wire::INTEGER_MAX,
};
use serde::ser::{self, Serialize};
use std::fmt;

/// `outputs` as the text of an object; `()` and `None` are the empty one.
pub(crate) fn encode(outputs: &impl Serialize) -> Result<String, Failure> {
    let refused = |message: String| Failure::new(Kind::Internal, message);
    outputs.serialize(Look).map_err(|wrong| refused(format!("outputs {wrong}")))?;
    let text = serde_json::to_string(outputs);
    let text = text.map_err(|error| refused(format!("outputs cannot be written as JSON: {error}")))?;
    match text.as_bytes() {
        [b'{', ..] => Ok(text),
        b"null" => Ok("{}".into()),
        _ => Err(refused(format!("outputs are an object, this node returned {:.40}", text))),
    }
}

/// What is wrong with a number.
#[derive(Debug)]
struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl ser::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(format!("cannot be written as JSON: {message}"))
    }
}

type Looked = Result<(), Wrong>;

fn beyond(number: impl fmt::Display) -> Looked {
    Err(Wrong(format!("hold {number}, an integer beyond 2^53, give it as a string")))
}

/// Looks at every number.
#[derive(Clone, Copy)]
struct Look;

macro_rules! nothing_to_see {
    ($($name:ident($type:ty)),*) => { $(fn $name(self, _: $type) -> Looked { Ok(()) })* };
}

impl ser::Serializer for Look {
    type Ok = ();
    type Error = Wrong;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    nothing_to_see!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str)
    );

    fn serialize_i64(self, value: i64) -> Looked {
        if value.unsigned_abs() > INTEGER_MAX {
            beyond(value)
        } else {
            Ok(())
        }
    }

    fn serialize_i128(self, value: i128) -> Looked {
        if value.unsigned_abs() > INTEGER_MAX.into() {
            beyond(value)
        } else {
            Ok(())
        }
    }

    fn serialize_u64(self, value: u64) -> Looked {
        if value > INTEGER_MAX {
            beyond(value)
        } else {
            Ok(())
        }
    }

    fn serialize_u128(self, value: u128) -> Looked {
        if value > INTEGER_MAX.into() {
            beyond(value)
        } else {
            Ok(())
        }
    }

    fn serialize_f32(self, value: f32) -> Looked {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Looked {
        if value.is_finite() {
            Ok(())
        } else {
            Err(Wrong(format!("hold {value}, which JSON cannot say")))
        }
    }

    fn serialize_none(self) -> Looked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Looked {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Looked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Looked {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Looked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Looked {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }
}

macro_rules! look_into {
    ($($trait:ident, $method:ident($($key:ty)?));* $(;)?) => { $(
        impl ser::$trait for Look {
            type Ok = ();
            type Error = Wrong;

            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Looked {
                value.serialize(*self)
            }

            fn end(self) -> Looked {
                Ok(())
            }
        }
    )* };
}

look_into!(
    SerializeSeq, serialize_element();
    SerializeTuple, serialize_element();
    SerializeTupleStruct, serialize_field();
    SerializeTupleVariant, serialize_field();
    SerializeStruct, serialize_field(&'static str);
    SerializeStructVariant, serialize_field(&'static str);
);

impl ser::SerializeMap for Look {
    type Ok = ();
    type Error = Wrong;

    // A key that is a number is written as a string, so its size does not matter.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Looked {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Looked {
        value.serialize(*self)
    }

    fn end(self) -> Looked {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn outputs_are_objects_of_numbers_that_everybody_reads_alike() {
        let number = |value: f64| BTreeMap::from([("value", vec![Some(value)])]);
        assert_eq!(encode(&()).as_deref(), Ok("{}"));
        assert_eq!(encode(&number(1.5)).as_deref(), Ok(r#"{"value":[1.5]}"#));
        assert_eq!(encode(&json!({"a": INTEGER_MAX})).as_deref(), Ok(r#"{"a":9007199254740991}"#));
        let cases = [
            (encode(&number(f64::NAN)), "outputs hold NaN, which JSON cannot say"),
            (encode(&json!({"a": [INTEGER_MAX + 1]})), "outputs hold 9007199254740992, an integer beyond 2^53"),
            (encode(&json!({"a": -9007199254740992_i64})), "outputs hold -9007199254740992, an integer beyond 2^53"),
            (encode(&[1]), "outputs are an object, this node returned [1]"),
        ];
        for (found, expected) in cases {
            let message = found.expect_err(expected).message;
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
