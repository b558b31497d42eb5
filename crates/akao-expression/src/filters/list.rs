//! Filters over lists and objects.

use super::{Call, Filtered, find, owned};
use crate::{
    blob::is_blob,
    error::EvalError,
    evaluate::{self, compare},
    limits::Budget,
    operators::{self, arithmetic, is_true, order, write_json, write_text},
    program::{Comparison, Operator, Segment},
};
use serde_json::{Map, Value};
use smallvec::SmallVec;
use std::{borrow::Cow, cmp::Ordering, collections::BTreeSet};

pub(super) fn contains<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let part = call.arguments.first().and_then(Option::as_deref).unwrap_or(&Value::Null);
    owned(operators::contains(&call.input, part, call.budget)?)
}

pub(super) fn slice<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let (start, stop) = (call.whole_argument(0, "start")?, call.whole_argument(1, "stop")?);
    evaluate::slice(&call.input, start, stop, call.budget).map(Cow::Owned)
}

pub(super) fn join<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let separator = Value::from(call.text_argument(0, "separator")?.unwrap_or_default());
    let attribute = attribute(call, 1)?;
    let mut text = String::new();
    for (at, item) in call.list()?.iter().enumerate() {
        call.budget.burn(1)?;
        if at > 0 {
            write_text(&separator, &mut text, call.budget)?;
        }
        write_text(&*wanted(item, attribute.as_deref(), call)?, &mut text, call.budget)?;
    }
    owned(text)
}

pub(super) fn first<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    end(call, 0)
}

pub(super) fn last<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    end(call, -1)
}

fn end<'v>(call: &mut Call<'_, 'v>, index: i64) -> Filtered<'v> {
    if !(call.input.is_array() || call.input.is_string()) {
        return Err(call.wrong_input("a list or a text"));
    }
    let empty = format!("the filter `{}` found nothing: the value is empty", call.name);
    evaluate::descend(call.take(), &Segment::Index(index), call.budget)?
        .ok_or_else(|| EvalError::new(empty).suggest("Write `value[0] | default(…)` if the list may be empty."))
}

fn entries<'c>(call: &'c Call<'_, '_>) -> Result<&'c Map<String, Value>, EvalError> {
    call.input.as_object().ok_or_else(|| call.wrong_input("an object"))
}

pub(super) fn keys<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let entries = entries(call)?;
    call.budget.list(entries.len())?;
    let keys = entries.keys().map(|key| {
        call.budget.write_text(key.len())?;
        Ok(Value::from(key.as_str()))
    });
    owned(keys.collect::<Result<Vec<_>, EvalError>>()?)
}

pub(super) fn values<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let entries = entries(call)?;
    call.budget.list(entries.len())?;
    owned(entries.values().map(|value| call.budget.copy(value)).collect::<Result<Vec<_>, _>>()?)
}

pub(super) fn items<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let entries = entries(call)?;
    // A pair is a list of two besides its place in the outer list.
    call.budget.list(entries.len().saturating_mul(3))?;
    let pairs = entries.iter().map(|(key, value)| {
        call.budget.write_text(key.len())?;
        Ok(Value::Array(vec![Value::from(key.as_str()), call.budget.copy(value)?]))
    });
    owned(pairs.collect::<Result<Vec<_>, EvalError>>()?)
}

/// A list stays, an object becomes its keys, a text its characters, as in Jinja.
pub(super) fn list<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    match call.input.as_ref() {
        Value::Array(_) => Ok(call.take()),
        Value::Object(_) => keys(call),
        Value::String(text) => {
            call.budget.list(text.len())?;
            call.budget.allocate(text.len().saturating_mul(8))?;
            owned(text.chars().map(|character| Value::from(character.to_string())).collect::<Vec<_>>())
        }
        _ => Err(call.wrong_input("a list, an object or a text")),
    }
}

pub(super) fn merge<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let budget = call.budget;
    let mut merged = match call.take() {
        Cow::Owned(Value::Object(entries)) => entries,
        Cow::Borrowed(value @ Value::Object(_)) => match budget.copy(value)? {
            Value::Object(entries) => entries,
            _ => Map::new(),
        },
        other => return Err(super::wrong_input(call.name, &other, "an object")),
    };
    match call.argument(0) {
        Some(value @ Value::Object(other)) if !is_blob(value) => {
            budget.object(other.len().saturating_add(merged.len()))?;
            for (key, value) in other {
                budget.allocate(key.len())?;
                merged.insert(key.clone(), budget.copy(value)?);
            }
            owned(Value::Object(merged))
        }
        other => Err(call.wrong_argument("other", "an object", other.unwrap_or(&Value::Null))),
    }
}

/// `map('upper')` applies a filter, `map(attribute='a.b')` takes a part of each element.
pub(super) fn map<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let attribute = attribute(call, 1)?;
    let filter = call.text_argument(0, "filter")?;
    call.budget.list(call.list()?.len())?;
    let mut mapped = Vec::new();
    match (filter, attribute) {
        (Some(name), None) => {
            let filter = find(name).filter(|filter| filter.needs_nothing() && filter.name != "map");
            let filter = filter.ok_or_else(|| {
                EvalError::new(format!("`map` cannot apply `{name}`: it is no filter without arguments"))
                    .suggest(format!("Write `map(attribute='{name}')` to take a part of each element."))
            })?;
            for item in call.list()? {
                let arguments = filter.parameters.iter().map(|_| None).collect::<SmallVec<_>>();
                let inner = Call { input: Cow::Borrowed(item), arguments, budget: call.budget, name: filter.name };
                mapped.push(taken(filter.apply(inner)?, call.budget)?);
            }
        }
        (None, Some(attribute)) => {
            for item in call.list()? {
                let part = match (part(item, &attribute, call.budget)?, call.arguments.get(2)) {
                    (Some(part), _) => part,
                    (None, Some(Some(default))) => Cow::Borrowed(default.as_ref()),
                    (None, _) => return Err(no_attribute(&attribute, call)),
                };
                mapped.push(taken(part, call.budget)?);
            }
        }
        _ => {
            return Err(EvalError::new("the filter `map` takes the name of a filter or `attribute`")
                .suggest("Write `map(attribute='name')` or `map('upper')`."));
        }
    }
    owned(mapped)
}

pub(super) fn select<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    chosen(call, true)
}

pub(super) fn reject<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    chosen(call, false)
}

/// Keeps the elements whose attribute is true, equals a value, or compares with a value. A missing attribute does not
/// hold.
fn chosen<'v>(call: &mut Call<'_, 'v>, keep: bool) -> Filtered<'v> {
    let path = attribute(call, 0)?.unwrap_or_default();
    let (comparison, value) =
        match (call.arguments.get(1).and_then(Option::as_deref), call.arguments.get(2).and_then(Option::as_deref)) {
            (None, None) => (None, &Value::Null),
            (Some(value), None) | (None, Some(value)) => (Some(Comparison::Equal), value),
            (Some(operator), Some(value)) => (Some(comparison(operator)?), value),
        };
    let mut kept = Vec::new();
    for item in call.list()? {
        call.budget.burn(1)?;
        let holds = match (part(item, &path, call.budget)?, comparison) {
            (None, _) => false,
            (Some(part), None) => is_true(&part),
            (Some(part), Some(comparison)) => compare(comparison, &part, value, call.budget)?,
        };
        if holds == keep {
            kept.push(call.budget.copy(item)?);
        }
    }
    owned(kept)
}

/// Operators by symbol or by Jinja's word.
fn comparison(operator: &Value) -> Result<Comparison, EvalError> {
    let word = operator.as_str().unwrap_or_default();
    let symbol = match word {
        "eq" | "equalto" => "==",
        "ne" => "!=",
        "lt" | "lessthan" => "<",
        "le" => "<=",
        "gt" | "greaterthan" => ">",
        "ge" => ">=",
        symbol => symbol,
    };
    Comparison::from_symbol(symbol).ok_or_else(|| {
        EvalError::new(format!("{operator} is not an operator of `where`"))
            .suggest("Write one of '==', '!=', '<', '<=', '>', '>=', 'in', 'not in'.")
    })
}

pub(super) fn sort<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let (descending, path, budget) = (call.flag_argument(0), attribute(call, 1)?, call.budget);
    let missing = path.as_ref().map(|path| no_attribute(path, call));
    let mut items = call.take_list()?;
    let mut failed = None;
    // A comparator cannot stop a sort, so after a failure it answers at no cost.
    items.sort_by(|left, right| {
        if failed.is_some() {
            return Ordering::Equal;
        }
        let ordered = ranked(left, right, path.as_deref(), missing.as_ref(), budget);
        let ordered = ordered.unwrap_or_else(|error| {
            failed = Some(error);
            Ordering::Equal
        });
        if descending { ordered.reverse() } else { ordered }
    });
    match failed {
        Some(error) => Err(error),
        None => owned(items),
    }
}

fn ranked(
    left: &Value,
    right: &Value,
    path: Option<&[Segment]>,
    missing: Option<&EvalError>,
    budget: &Budget,
) -> Result<Ordering, EvalError> {
    budget.burn(1)?;
    let Some(path) = path else { return order(left, right, budget) };
    match (part(left, path, budget)?, part(right, path, budget)?) {
        (Some(left), Some(right)) => order(&left, &right, budget),
        _ => Err(missing.cloned().unwrap_or_else(|| EvalError::new("attribute is missing"))),
    }
}

pub(super) fn unique<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    /// Writing an element's identity and finding it among the others costs more than a visit.
    const UNITS_PER_ITEM: usize = 10;
    let path = attribute(call, 0)?;
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for item in call.list()? {
        call.budget.burn(UNITS_PER_ITEM)?;
        if seen.insert(identity(&*wanted(item, path.as_deref(), call)?, call.budget)?) {
            kept.push(call.budget.copy(item)?);
        }
    }
    owned(kept)
}

/// A text that equal values share; a whole-valued fraction counts as the whole number.
fn identity(value: &Value, budget: &Budget) -> Result<String, EvalError> {
    let mut text = String::new();
    match value {
        Value::Number(_) => write_text(value, &mut text, budget)?,
        value => write_json(value, &mut text, budget)?,
    }
    Ok(text)
}

pub(super) fn reverse<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    if let Value::String(text) = call.input.as_ref() {
        call.budget.write_text(text.len())?;
        return owned(text.chars().rev().collect::<String>());
    }
    let mut items = call.take_list()?;
    items.reverse();
    owned(items)
}

/// Lists inside the list are put in its place, one level deep.
pub(super) fn flatten<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let mut flat = Vec::new();
    for item in call.list()? {
        call.budget.burn(1)?;
        match item {
            Value::Array(inner) => {
                call.budget.list(inner.len())?;
                for item in inner {
                    flat.push(call.budget.copy(item)?);
                }
            }
            other => flat.push(call.budget.copy(other)?),
        }
    }
    owned(flat)
}

pub(super) fn sum<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let path = attribute(call, 0)?;
    let mut total = call.argument(1).cloned().unwrap_or_else(|| Value::from(0));
    if !total.is_number() {
        return Err(call.wrong_argument("start", "a number", &total));
    }
    for item in call.list()? {
        call.budget.burn(1)?;
        let value = wanted(item, path.as_deref(), call)?;
        if !value.is_number() {
            return Err(EvalError::new(format!("the filter `sum` adds numbers, not {}", operators::type_name(&value)))
                .suggest("Convert the elements first, such as `| map('float') | sum`."));
        }
        total = arithmetic(Operator::Add, &total, &value, call.budget)?;
    }
    owned(total)
}

pub(super) fn min<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    extreme(call, Ordering::Less)
}

pub(super) fn max<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    extreme(call, Ordering::Greater)
}

/// The first of the smallest or largest elements, by an attribute when one is named.
fn extreme<'v>(call: &Call<'_, 'v>, wins: Ordering) -> Filtered<'v> {
    let path = attribute(call, 0)?;
    let mut best: Option<(&Value, Cow<'_, Value>)> = None;
    for item in call.list()? {
        call.budget.burn(1)?;
        let value = wanted(item, path.as_deref(), call)?;
        let better = match &best {
            None => true,
            Some((_, best)) => order(&value, best, call.budget)? == wins,
        };
        if better {
            best = Some((item, value));
        }
    }
    match best {
        Some((item, _)) => call.budget.copy(item).map(Cow::Owned),
        None => Err(EvalError::new(format!("the filter `{}` found nothing: the list is empty", call.name))),
    }
}

/// The path of an `attribute` argument: dotted names and list indexes.
fn attribute(call: &Call<'_, '_>, slot: usize) -> Result<Option<Vec<Segment>>, EvalError> {
    let Some(text) = call.text_argument(slot, "attribute")? else { return Ok(None) };
    call.budget.write_text(text.len().saturating_mul(8))?;
    let segment = |part: &str| part.parse().map_or_else(|_| Segment::Key(part.to_owned()), Segment::Index);
    Ok(Some(text.split('.').map(segment).collect()))
}

fn part<'i>(item: &'i Value, path: &[Segment], budget: &Budget) -> Result<Option<Cow<'i, Value>>, EvalError> {
    let mut value = Cow::Borrowed(item);
    for segment in path {
        budget.burn(1)?;
        match evaluate::descend(value, segment, budget)? {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// The element, or its attribute when one is named.
fn wanted<'i>(item: &'i Value, path: Option<&[Segment]>, call: &Call<'_, '_>) -> Result<Cow<'i, Value>, EvalError> {
    match path {
        None => Ok(Cow::Borrowed(item)),
        Some(path) => part(item, path, call.budget)?.ok_or_else(|| no_attribute(path, call)),
    }
}

fn no_attribute(path: &[Segment], call: &Call<'_, '_>) -> EvalError {
    let names = path.iter().map(|segment| match segment {
        Segment::Key(key) => key.clone(),
        Segment::Index(index) => index.to_string(),
    });
    EvalError::new(format!(
        "an element has no `{}`, which the filter `{}` needs",
        names.collect::<Vec<_>>().join("."),
        call.name
    ))
    .suggest("Give `map` a `default=…`, or keep the elements that have it with `where('name')` first.")
}

/// The value, owned; a copy is charged.
fn taken(value: Cow<'_, Value>, budget: &Budget) -> Result<Value, EvalError> {
    match value {
        Cow::Borrowed(value) => budget.copy(value),
        Cow::Owned(value) => Ok(value),
    }
}
