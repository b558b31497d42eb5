//! `Aggregate`: counts, sums and averages over a list, as a whole or per group.

use crate::{
    BuiltIn, Run,
    declare::Leaf,
    limits::check_result,
    numbers::Amount,
    path,
    props::{Props, bad_input, list_data},
    text::display,
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Map, Value, json};

/// The group of elements whose group field is null or absent.
const NULL_GROUP: &str = "__null__";

const KINDS: [&str; 5] = ["count", "sum", "avg", "min", "max"];

pub(super) fn built_in() -> BuiltIn {
    let operation = json!({
        "type": "object",
        "required": ["type"],
        "additionalProperties": false,
        "properties": {
            "type": {"enum": KINDS, "description": "What is calculated."},
            "field": {
                "type": "string", "description": "Path within the element. Absent: the element itself.", "default": "",
            },
            "as": {
                "type": "string",
                "description": "Name of the result. Absent: `type_field`, or `type` without a field.",
            },
        },
    });
    Leaf::new("Aggregate", Category::Data, "Counts, sums and averages over a list.")
        .description(
            "Calculates `operations` over the elements of `input`: one object of results, or with `groupBy` one such \
            object per value of that field, in the order in which the values first appear. Null and absent values \
            form the group `__null__`.\n\nWhat is not a number is skipped by `sum`, `avg`, `min` and `max`. `count` \
            without a field counts elements, with a field those that have it and where it is not null. The sum of \
            nothing is 0; the average, least and greatest of nothing are null.",
        )
        .required(
            "input",
            json!({
                "type": ["string", "array"], "x-akao-reads": true,
                "description": "The list: a blackboard path, or the list itself.",
            }),
        )
        .required("operations", json!({"type": "array", "items": operation, "description": "What is calculated."}))
        .prop(
            "groupBy",
            json!({
                "type": "string",
                "description": "Path of the field whose values form groups. Absent: no groups.",
            }),
        )
        .main_output("result", json!({"type": "object", "description": "Results by name, or by group and name."}))
        .error(ErrorKind::NotFound, "nothing on the blackboard has the path `input`")
        .error(ErrorKind::Input, "the input is not a list, two results have one name, or a sum is not finite")
        .example(
            include_str!("examples/aggregate.yaml"),
            json!({"sales": {"Hue": {"count": 2, "total": 30}, "Hanoi": {"count": 1, "total": 5}}}),
        )
        .run(Run::Blocking(|invocation, _, _| aggregate(invocation).unwrap_or_else(Outcome::failure)))
}

fn aggregate(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let items = list_data(invocation, "input")?;
    let operations = props.objects("operations")?.into_iter().map(Operation::read).collect::<Result<Vec<_>, _>>()?;
    for (index, operation) in operations.iter().enumerate() {
        if operations[..index].iter().any(|earlier| earlier.name == operation.name) {
            let message = format!("two operations are called `{}`; name one with `as`", operation.name);
            return Err(bad_input(message));
        }
    }
    let result = match props.text_maybe("groupBy")? {
        None => metrics(&operations, &items.iter().collect::<Vec<_>>())?,
        Some(field) => {
            let groups = groups(items, field).into_iter();
            let results = groups.map(|(name, items)| Ok((name, metrics(&operations, &items)?)));
            Value::Object(results.collect::<Result<Map<_, _>, StepError>>()?)
        }
    };
    check_result(&result)?;
    Ok(Outcome::success().output("result", result))
}

fn groups<'a>(items: &'a [Value], field: &str) -> indexmap::IndexMap<String, Vec<&'a Value>> {
    let mut groups = indexmap::IndexMap::<String, Vec<&Value>>::new();
    for item in items {
        let name = match path::get(item, field) {
            None | Some(Value::Null) => NULL_GROUP.to_owned(),
            Some(value) => display(value),
        };
        groups.entry(name).or_default().push(item);
    }
    groups
}

fn metrics(operations: &[Operation<'_>], items: &[&Value]) -> Result<Value, StepError> {
    let results = operations.iter().map(|operation| Ok((operation.name.clone(), operation.over(items)?)));
    Ok(Value::Object(results.collect::<Result<Map<_, _>, StepError>>()?))
}

struct Operation<'a> {
    kind: &'static str,
    field: &'a str,
    name: String,
}

impl<'a> Operation<'a> {
    fn read(props: Props<'a>) -> Result<Self, StepError> {
        props.text("type")?;
        let kind = props.choice("type", &KINDS)?;
        let field = props.text_or("field", "")?;
        let default = if field.is_empty() { kind.to_owned() } else { format!("{kind}_{field}") };
        let name = props.text_maybe("as")?.map_or(default, str::to_owned);
        Ok(Self { kind, field, name })
    }

    fn over(&self, items: &[&Value]) -> Result<Value, StepError> {
        let values = items.iter().filter_map(|item| path::get(item, self.field));
        if self.kind == "count" {
            let counted =
                if self.field.is_empty() { items.len() } else { values.filter(|value| !value.is_null()).count() };
            return Ok(counted.into());
        }
        let mut numbers = values.filter_map(Amount::of_value);
        match self.kind {
            "min" => Ok(numbers.reduce(|a, b| if b.compare(a).is_lt() { b } else { a }).into_value()),
            "max" => Ok(numbers.reduce(|a, b| if b.compare(a).is_gt() { b } else { a }).into_value()),
            kind => {
                let mut count = 0_i128;
                let sum = numbers.try_fold(Amount::ZERO, |sum, number| {
                    count += 1;
                    sum.plus(number)
                })?;
                match (kind, count) {
                    ("sum", _) => Ok(sum.to_value()),
                    (_, 0) => Ok(Value::Null),
                    _ => Ok(sum.divided_by(Amount::Integer(count))?.to_value()),
                }
            }
        }
    }
}

/// Null for the least or greatest of nothing.
trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for Option<Amount> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, Amount::to_value)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::{Value, json};

    fn all(field: &str) -> Value {
        let operation = |kind: &str| json!({"type": kind, "field": field, "as": kind});
        json!(super::KINDS.map(operation))
    }

    fn is(value: Value) -> Value {
        json!({"outputs": {"result": value}})
    }

    #[test]
    fn metrics_skip_what_is_not_a_number() {
        let rows = json!({"rows": [{"v": 1}, {"v": "9"}, {"v": 2.5}, {"v": null}, {}, 7]});
        let cases = [
            (
                json!({"input": "rows", "operations": all("v")}),
                rows.clone(),
                is(json!({"count": 3, "sum": 3.5, "avg": 1.75, "min": 1, "max": 2.5})),
            ),
            (json!({"input": "rows", "operations": [{"type": "count"}]}), rows.clone(), is(json!({"count": 6}))),
            (json!({"input": "rows", "operations": [{"type": "sum"}]}), rows.clone(), is(json!({"sum": 7}))),
            (json!({"input": "rows", "operations": [{"type": "avg", "field": "v"}]}), rows, is(json!({"avg_v": 1.75}))),
            (
                json!({"input": [], "operations": all("v")}),
                json!({}),
                is(json!({"count": 0, "sum": 0, "avg": null, "min": null, "max": null})),
            ),
        ];
        check(&super::built_in(), &cases);
    }

    #[test]
    fn groups_keep_the_order_of_appearance() {
        let rows = json!([{"g": "b", "v": 1}, {"g": null, "v": 2}, {"g": "b", "v": 3}, {"v": 4}, {"g": 5, "v": 5}]);
        let props = json!({"input": rows, "groupBy": "g", "operations": [{"type": "max", "field": "v"}]});
        let outcome = crate::testing::run(&super::built_in(), &props, &json!({}));
        let expected = "{\"b\":{\"max_v\":3},\"__null__\":{\"max_v\":4},\"5\":{\"max_v\":5}}";
        assert_eq!(outcome.outputs["result"].to_string(), expected);
    }

    #[test]
    fn mistakes_are_named() {
        let count = json!({"type": "count"});
        let cases = [
            (json!({"input": []}), json!({}), failure("input", "the prop `operations` is missing")),
            (
                json!({"input": [], "operations": [count, count]}),
                json!({}),
                failure("input", "two operations are called `count`; name one with `as`"),
            ),
            (
                json!({"input": [], "operations": [{}]}),
                json!({}),
                failure("input", "the prop `operations[0].type` is missing"),
            ),
            (
                json!({"input": [], "operations": [{"type": "median"}]}),
                json!({}),
                failure(
                    "input",
                    "the prop `operations[0].type` is `median`; it must be one of count, sum, avg, min, max",
                ),
            ),
            (
                json!({"input": [1.7e308, 1.7e308], "operations": [{"type": "sum"}]}),
                json!({}),
                failure("input", "1.7e+308 + 1.7e+308 is not a finite number"),
            ),
        ];
        check(&super::built_in(), &cases);
    }
}
