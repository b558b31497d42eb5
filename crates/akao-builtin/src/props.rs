//! Typed access to a step's props and to the blackboard values they name, with errors that name prop, type and place.
//!
//! The driver has filled in defaults and checked the schema; a leaf checks again, because a rendered template can be of
//! any type and because an embedding program may call a node directly.

use crate::{
    path,
    text::{excerpt, kind_of},
};
use akao_contract::{BareNumber, ErrorKind, Invocation, StepError, is_name, parse_duration_ms};
use serde_json::{Map, Value};

/// The error of a prop that cannot be used.
pub(crate) fn bad_input(message: impl Into<String>) -> StepError {
    StepError::new(ErrorKind::Input, message)
}

/// The props of one object: those of the node, or one entry of a list prop.
#[derive(Clone, Copy)]
pub(crate) struct Props<'a> {
    map: &'a Map<String, Value>,
    place: Option<(&'a str, usize)>,
}

impl<'a> Props<'a> {
    /// The props of a node.
    pub(crate) fn of(invocation: &'a Invocation) -> Self {
        Self { map: &invocation.props, place: None }
    }

    /// The prop's value; absent and null are both none.
    pub(crate) fn value(self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// The prop's value, where null is a value.
    pub(crate) fn value_or_null(self, name: &str) -> Option<&'a Value> {
        self.map.get(name)
    }

    /// How errors call a prop: `` `key` `` or `` `rules[2].id` ``.
    pub(crate) fn call(self, name: &str) -> String {
        match self.place {
            Some((list, index)) => format!("`{list}[{index}].{name}`"),
            None => format!("`{name}`"),
        }
    }

    fn missing(self, name: &str) -> StepError {
        bad_input(format!("the prop {} is missing", self.call(name)))
    }

    /// The error of a prop of the wrong type; `wanted` reads `a number`.
    pub(crate) fn wrong_type(self, name: &str, value: &Value, wanted: &str) -> StepError {
        bad_input(format!("the prop {} is {}; it must be {wanted}", self.call(name), kind_of(value)))
    }

    /// A text that must be given.
    pub(crate) fn text(self, name: &str) -> Result<&'a str, StepError> {
        let value = self.value(name).ok_or_else(|| self.missing(name))?;
        value.as_str().ok_or_else(|| self.wrong_type(name, value, "text"))
    }

    /// A text that may be absent.
    pub(crate) fn text_maybe(self, name: &str) -> Result<Option<&'a str>, StepError> {
        self.value(name).map(|_| self.text(name)).transpose()
    }

    /// A text with a default.
    pub(crate) fn text_or(self, name: &str, default: &'a str) -> Result<&'a str, StepError> {
        Ok(self.text_maybe(name)?.unwrap_or(default))
    }

    /// One of a set of words; the first one is the default.
    pub(crate) fn choice(self, name: &str, words: &[&'static str]) -> Result<&'static str, StepError> {
        let text = self.text_or(name, words.first().copied().unwrap_or_default())?;
        words.iter().find(|word| **word == text).copied().ok_or_else(|| {
            let list = words.join(", ");
            bad_input(format!("the prop {} is `{}`; it must be one of {list}", self.call(name), excerpt(text)))
        })
    }

    /// A boolean with a default.
    pub(crate) fn flag_or(self, name: &str, default: bool) -> Result<bool, StepError> {
        let Some(value) = self.value(name) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.wrong_type(name, value, "a boolean"))
    }

    /// A whole number from 0 to `max`, if it is given.
    pub(crate) fn count(self, name: &str, max: u64) -> Result<Option<u64>, StepError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let wanted = || self.wrong_type(name, value, "a whole number that is not negative");
        let number = value.as_u64().ok_or_else(wanted)?;
        if number > max {
            return Err(bad_input(format!("the prop {} is {number}; it must be at most {max}", self.call(name))));
        }
        Ok(Some(number))
    }

    /// A duration in milliseconds: a bare number counts milliseconds, a text has a unit.
    pub(crate) fn duration_ms_or(self, name: &str, default: u64) -> Result<u64, StepError> {
        let Some(value) = self.value(name) else { return Ok(default) };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => return Err(self.wrong_type(name, other, "a duration such as 250 or `250ms`")),
        };
        parse_duration_ms(&text, BareNumber::Milliseconds)
            .map_err(|error| bad_input(format!("the prop {} is not valid: {error}", self.call(name))))
    }

    /// A list that must be given.
    pub(crate) fn list(self, name: &str) -> Result<&'a [Value], StepError> {
        let value = self.value(name).ok_or_else(|| self.missing(name))?;
        value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong_type(name, value, "a list"))
    }

    /// The objects of a list that must be given.
    pub(crate) fn objects(self, name: &'a str) -> Result<Vec<Props<'a>>, StepError> {
        let entry = |(index, value): (usize, &'a Value)| match value {
            Value::Object(map) => Ok(Props { map, place: Some((name, index)) }),
            other => Err(bad_input(format!("the prop `{name}[{index}]` is {}; it must be an object", kind_of(other)))),
        };
        self.list(name)?.iter().enumerate().map(entry).collect()
    }

    /// The texts of a list; an absent list is empty.
    pub(crate) fn texts(self, name: &str) -> Result<Vec<&'a str>, StepError> {
        if self.value(name).is_none() {
            return Ok(vec![]);
        }
        let list = self.list(name)?;
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong_type(name, value, "a list of texts"));
        list.iter().map(text).collect()
    }

    /// An object; none when it is absent.
    pub(crate) fn object(self, name: &str) -> Result<Option<&'a Map<String, Value>>, StepError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        value.as_object().map(Some).ok_or_else(|| self.wrong_type(name, value, "an object"))
    }

    /// A blackboard key that the step writes.
    pub(crate) fn key_or(self, name: &str, default: &'a str) -> Result<&'a str, StepError> {
        let key = self.text_or(name, default)?;
        if is_name(key) {
            return Ok(key);
        }
        let message = format!("the prop {} is `{}`, which is not a blackboard key", self.call(name), excerpt(key));
        Err(bad_input(message).with_suggestion("A key starts with a letter or `_` and holds letters, digits and `_`."))
    }
}

/// The value on the blackboard that the text `path` names.
pub(crate) fn named<'a>(invocation: &'a Invocation, path: &str) -> Result<&'a Value, StepError> {
    path::read(&invocation.blackboard, path).ok_or_else(|| {
        let message = format!("there is no `{}` on the blackboard", excerpt(path));
        let suggestion = "Name a key that an earlier step wrote, such as `rows` or `order.items`, without `${ }`.";
        StepError::new(ErrorKind::NotFound, message).with_detail("name", path).with_suggestion(suggestion)
    })
}

/// The data a prop stands for: a text names a blackboard value, anything else is the data itself.
pub(crate) fn data<'a>(invocation: &'a Invocation, name: &str) -> Result<&'a Value, StepError> {
    match Props::of(invocation).value_or_null(name) {
        Some(Value::String(path)) => named(invocation, path),
        Some(value) => Ok(value),
        None => Err(Props::of(invocation).missing(name)),
    }
}

/// The list a prop stands for, named or given.
pub(crate) fn list_data<'a>(invocation: &'a Invocation, name: &str) -> Result<&'a [Value], StepError> {
    let value = data(invocation, name)?;
    let items = value.as_array().map(Vec::as_slice);
    items.ok_or_else(|| bad_input(format!("the value of `{name}` is {}; it must be a list", kind_of(value))))
}
