//! The table of filters: names, parameters, and how one is found and applied. What they do is in the modules below.
//!
//! A filter charges the budget before it allocates, takes its input by value or by reference, and never sees a blob
//! reference unless it says so.

mod list;
mod number;
mod text;

use crate::{
    blob::{blob_items, is_blob, refuse_blob},
    error::EvalError,
    limits::Budget,
    operators::{is_true, type_name},
    suggest::nearest,
};
use serde_json::Value;
use smallvec::SmallVec;
use std::borrow::Cow;

/// A filter of the language.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [&'static str],
    /// How many of the parameters must be given.
    required: usize,
    run: for<'c, 'v> fn(&mut Call<'c, 'v>) -> Filtered<'v>,
}

pub(crate) type Filtered<'v> = Result<Cow<'v, Value>, EvalError>;

/// One use of a filter.
pub(crate) struct Call<'c, 'v> {
    pub(crate) input: Cow<'v, Value>,
    /// One slot for each parameter.
    pub(crate) arguments: SmallVec<[Option<Cow<'v, Value>>; 4]>,
    pub(crate) budget: &'c Budget,
    pub(crate) name: &'static str,
}

const fn filter(
    name: &'static str,
    parameters: &'static [&'static str],
    required: usize,
    run: for<'c, 'v> fn(&mut Call<'c, 'v>) -> Filtered<'v>,
) -> Filter {
    Filter { name, parameters, required, run }
}

/// Every filter, in the order of the documentation; aliases stand beside the name they follow.
static FILTERS: &[Filter] = &[
    filter("default", &["value", "boolean"], 1, |call| Ok(call.take())),
    filter("length", &[], 0, length),
    filter("count", &[], 0, length),
    filter("string", &[], 0, text::string),
    filter("json", &["indent"], 0, text::json),
    filter("tojson", &["indent"], 0, text::json),
    filter("from_json", &[], 0, text::from_json),
    filter("bool", &[], 0, number::boolean),
    filter("int", &["default"], 0, number::int),
    filter("float", &["default"], 0, number::float),
    filter("round", &["precision"], 0, number::round),
    filter("floor", &[], 0, number::floor),
    filter("ceil", &[], 0, number::ceil),
    filter("abs", &[], 0, number::abs),
    filter("upper", &[], 0, text::upper),
    filter("lower", &[], 0, text::lower),
    filter("capitalize", &[], 0, text::capitalize),
    filter("title", &[], 0, text::title),
    filter("trim", &["characters"], 0, text::trim),
    filter("split", &["separator", "limit"], 0, text::split),
    filter("lines", &[], 0, text::lines),
    filter("replace", &["from", "to"], 2, text::replace),
    filter("contains", &["part"], 1, list::contains),
    filter("starts_with", &["prefix"], 1, text::starts_with),
    filter("ends_with", &["suffix"], 1, text::ends_with),
    filter("truncate", &["length", "end"], 1, text::truncate),
    filter("urlencode", &[], 0, text::urlencode),
    filter("slice", &["start", "stop"], 1, list::slice),
    filter("join", &["separator", "attribute"], 0, list::join),
    filter("first", &[], 0, list::first),
    filter("last", &[], 0, list::last),
    filter("keys", &[], 0, list::keys),
    filter("values", &[], 0, list::values),
    filter("items", &[], 0, list::items),
    filter("list", &[], 0, list::list),
    filter("merge", &["other"], 1, list::merge),
    filter("map", &["filter", "attribute", "default"], 0, list::map),
    filter("where", &["attribute", "operator", "value"], 1, list::select),
    filter("selectattr", &["attribute", "operator", "value"], 1, list::select),
    filter("rejectattr", &["attribute", "operator", "value"], 1, list::reject),
    filter("sort", &["reverse", "attribute"], 0, list::sort),
    filter("unique", &["attribute"], 0, list::unique),
    filter("reverse", &[], 0, list::reverse),
    filter("flatten", &[], 0, list::flatten),
    filter("sum", &["attribute", "start"], 0, list::sum),
    filter("min", &["attribute"], 0, list::min),
    filter("max", &["attribute"], 0, list::max),
];

/// Names that other languages use for a filter.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("toUpperCase", "upper"),
    ("toLowerCase", "lower"),
    ("toString", "string"),
    ("stringify", "json"),
    ("JSON", "json"),
    ("parse", "from_json"),
    ("fromjson", "from_json"),
    ("len", "length"),
    ("size", "length"),
    ("strip", "trim"),
    ("includes", "contains"),
    ("indexOf", "contains"),
    ("startsWith", "starts_with"),
    ("startswith", "starts_with"),
    ("endsWith", "ends_with"),
    ("endswith", "ends_with"),
    ("substring", "slice"),
    ("parseInt", "int"),
    ("parseFloat", "float"),
    ("Number", "float"),
    ("number", "float"),
    ("str", "string"),
    ("concat", "merge"),
    ("select", "where"),
    ("filter", "where"),
    ("uniq", "unique"),
    ("d", "default"),
    ("encodeURIComponent", "urlencode"),
];

/// The filter of that name.
pub(crate) fn find(name: &str) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.name == name)
}

/// The filter that was probably meant.
pub(crate) fn like(name: &str) -> Option<&'static str> {
    let known = FILTERS.iter().map(|filter| filter.name);
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, filter)| *filter);
    other.or_else(|| nearest(name, known))
}

impl Filter {
    /// Whether the input may be missing: true for `default` alone, which the evaluator applies itself.
    pub(crate) fn accepts_missing(&self) -> bool {
        self.name == "default"
    }

    /// The first required parameter that has no argument.
    pub(crate) fn missing<T>(&self, arguments: &[Option<T>]) -> Option<&'static str> {
        let required = self.parameters.iter().zip(arguments).take(self.required);
        required.filter(|(_, argument)| argument.is_none()).map(|(parameter, _)| *parameter).next()
    }

    /// How the filter is written, optional parameters in brackets.
    pub(crate) fn usage(&self) -> String {
        if self.parameters.is_empty() {
            return format!("value | {}", self.name);
        }
        let (required, optional) = self.parameters.split_at(self.required);
        let optional = optional.iter().map(|parameter| format!("[{parameter}]"));
        let all: Vec<String> = required.iter().map(|parameter| (*parameter).to_owned()).chain(optional).collect();
        format!("value | {}({})", self.name, all.join(", "))
    }

    /// Whether the filter needs no argument, so that `map('upper')` can use it.
    pub(crate) const fn needs_nothing(&self) -> bool {
        self.required == 0
    }

    /// Applies the filter.
    pub(crate) fn apply<'v>(&self, mut call: Call<'_, 'v>) -> Filtered<'v> {
        if self.name != "length" && self.name != "count" && self.name != "default" {
            refuse_blob(&call.input, &format!("given to the filter `{}`", self.name))?;
        }
        (self.run)(&mut call)
    }
}

impl<'v> Call<'_, 'v> {
    /// Takes the input out; what is left behind is null.
    fn take(&mut self) -> Cow<'v, Value> {
        std::mem::take(&mut self.input)
    }

    /// The argument of a slot; null counts as not given.
    fn argument(&self, slot: usize) -> Option<&Value> {
        self.arguments.get(slot)?.as_deref().filter(|value| !value.is_null())
    }

    fn text_argument(&self, slot: usize, what: &str) -> Result<Option<&str>, EvalError> {
        match self.argument(slot) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_argument(what, "a text", other)),
        }
    }

    fn whole_argument(&self, slot: usize, what: &str) -> Result<Option<i64>, EvalError> {
        match self.argument(slot) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(whole) => Ok(Some(whole)),
                None => Err(self.wrong_argument(what, "a whole number", value)),
            },
        }
    }

    fn flag_argument(&self, slot: usize) -> bool {
        self.argument(slot).is_some_and(is_true)
    }

    fn wrong_argument(&self, what: &str, wanted: &str, found: &Value) -> EvalError {
        EvalError::new(format!("`{what}` of the filter `{}` must be {wanted}, not {}", self.name, type_name(found)))
    }

    fn wrong_input(&self, wanted: &str) -> EvalError {
        wrong_input(self.name, &self.input, wanted)
    }

    /// The input as a list.
    fn list(&self) -> Result<&[Value], EvalError> {
        match self.input.as_ref() {
            Value::Array(items) => Ok(items),
            _ => Err(self.wrong_input("a list")),
        }
    }

    /// The input as a text, its reading paid for.
    fn text(&self) -> Result<&str, EvalError> {
        match self.input.as_ref() {
            Value::String(text) => {
                self.budget.read_text(text.len())?;
                Ok(text)
            }
            _ => Err(self.wrong_input("a text")),
        }
    }

    /// The elements of the input, owned; copies are charged.
    fn take_list(&mut self) -> Result<Vec<Value>, EvalError> {
        let (name, budget) = (self.name, self.budget);
        match self.take() {
            Cow::Owned(Value::Array(items)) => {
                budget.burn(items.len())?;
                Ok(items)
            }
            Cow::Borrowed(Value::Array(items)) => {
                budget.list(items.len())?;
                items.iter().map(|item| budget.copy(item)).collect()
            }
            other => Err(wrong_input(name, &other, "a list")),
        }
    }
}

fn wrong_input(name: &str, input: &Value, wanted: &str) -> EvalError {
    EvalError::new(format!("the filter `{name}` needs {wanted}, not {}", type_name(input)))
}

fn owned<'v>(value: impl Into<Value>) -> Filtered<'v> {
    Ok(Cow::Owned(value.into()))
}

fn length<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let length = match call.input.as_ref() {
        value if is_blob(value) => match blob_items(value) {
            Some(items) => return owned(items.cast_signed()),
            None => return refuse_blob(value, "measured").map(|()| call.take()),
        },
        Value::String(text) => {
            call.budget.read_text(text.len())?;
            text.chars().count()
        }
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => return Err(call.wrong_input("a text, a list or an object")),
    };
    owned(length)
}

#[cfg(test)]
mod tests {
    use super::FILTERS;
    use crate::checks::Check;

    #[test]
    fn every_filter_and_check_is_documented() {
        let page = include_str!("../../../docs/expressions.md");
        let names = FILTERS.iter().map(|filter| filter.name).chain(Check::names());
        let missing: Vec<_> =
            names.filter(|name| !page.contains(&format!("`{name}`")) && !page.contains(&format!("`{name}("))).collect();
        assert!(missing.is_empty(), "not in docs/expressions.md: {missing:?}");
    }
}
