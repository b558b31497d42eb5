//! `ArrayFilter`: keeps the elements of a list that meet conditions.

use crate::{
    BuiltIn, Run,
    compare::{Test, operator_words},
    declare::Leaf,
    limits::check_result,
    path,
    props::{Props, list_data},
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

pub(super) fn built_in() -> BuiltIn {
    let condition = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "field": {
                "type": "string", "description": "Path within the element. Absent: the element itself.", "default": "",
            },
            "operator": {"enum": operator_words(), "description": "What is asked.", "default": "eq"},
            "value": {"description": "What the field is compared with."},
            "range": {
                "type": "array", "minItems": 2, "maxItems": 2,
                "description": "The two bounds of `between`, both included.",
            },
        },
    });
    Leaf::new("ArrayFilter", Category::Data, "Keeps the elements of a list that meet conditions.")
        .description(
            "Keeps the elements of `input` that meet all `conditions` (`logic: and`) or at least one (`logic: or`), in \
            their order. No condition keeps everything. A field that an element does not have is null. Equality is by \
            type and value; a field that cannot be ordered against the operand (text against a number, null) does not \
            meet an ordering condition.\n\nOperators: `eq` `ne` `gt` `lt` `gte` `lte` (or their signs), `in`, `nin`, \
            `exists`, `regex`, `between`, `contains`.",
        )
        .required(
            "input",
            json!({
                "type": ["string", "array"], "x-akao-reads": true,
                "description": "The list: a blackboard path, or the list itself (`${steps.a.outputs.rows}`).",
            }),
        )
        .prop(
            "conditions",
            json!({
                "type": "array", "items": condition, "description": "What is asked of each element.", "default": [],
            }),
        )
        .prop("logic", json!({"enum": ["and", "or"], "description": "How conditions combine.", "default": "and"}))
        .main_output("result", json!({"type": "array", "description": "The elements that were kept."}))
        .output("count", json!({"type": "integer", "description": "How many were kept."}))
        .error(ErrorKind::NotFound, "nothing on the blackboard has the path `input`")
        .error(ErrorKind::Input, "the input is not a list, or a condition is not complete")
        .error(ErrorKind::Resource, "the result is larger than 16 MiB")
        .example(
            include_str!("examples/array_filter.yaml"),
            json!({"open": [{"id": 1, "total": 250, "state": "open"}]}),
        )
        .run(Run::Blocking(|invocation, _, _| filter(invocation).unwrap_or_else(Outcome::failure)))
}

fn filter(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let items = list_data(invocation, "input")?;
    let entries = if props.value("conditions").is_some() { props.objects("conditions")? } else { vec![] };
    let conditions = entries.into_iter().map(Condition::read).collect::<Result<Vec<_>, _>>()?;
    let any = props.choice("logic", &["and", "or"])? == "or" && !conditions.is_empty();
    let meets = |item: &&Value| match any {
        true => conditions.iter().any(|condition| condition.holds(item)),
        false => conditions.iter().all(|condition| condition.holds(item)),
    };
    let kept: Vec<Value> = items.iter().filter(meets).cloned().collect();
    let count = kept.len();
    let result = Value::Array(kept);
    check_result(&result)?;
    Ok(Outcome::success().output("result", result).output("count", count))
}

struct Condition<'a> {
    field: &'a str,
    test: Test<'a>,
}

impl<'a> Condition<'a> {
    fn read(props: Props<'a>) -> Result<Self, StepError> {
        Ok(Self { field: props.text_or("field", "")?, test: Test::read(props, "eq")? })
    }

    fn holds(&self, item: &Value) -> bool {
        let value = path::get(item, self.field).unwrap_or(&Value::Null);
        // What cannot be ordered is not between anything: one dirty row must not stop a whole list.
        self.test.passes(value).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::{Value, json};

    fn rows() -> Value {
        json!({"rows": [
            {"n": 1, "t": "ant", "deep": {"tags": ["a"]}},
            {"n": "2", "t": "bee"},
            {"n": 3.0, "t": null, "deep": {"tags": ["a", "b"]}},
        ]})
    }

    fn kept(conditions: Value, logic: &str, indexes: &[usize]) -> (Value, Value, Value) {
        let result: Vec<Value> = indexes.iter().map(|index| rows()["rows"][*index].clone()).collect();
        let outputs = json!({"outputs": {"result": result, "count": indexes.len()}});
        (json!({"input": "rows", "conditions": conditions, "logic": logic}), rows(), outputs)
    }

    #[test]
    fn conditions_select_elements() {
        let cases = [
            kept(json!([]), "and", &[0, 1, 2]),
            kept(json!([]), "or", &[0, 1, 2]),
            kept(json!([{"field": "n", "operator": "eq", "value": 3}]), "and", &[2]),
            kept(json!([{"field": "n", "operator": "gt", "value": 0}]), "and", &[0, 2]),
            kept(json!([{"field": "n", "operator": "in", "value": [1, "2"]}]), "and", &[0, 1]),
            kept(json!([{"field": "n", "operator": "nin", "value": [1, "2"]}]), "and", &[2]),
            kept(json!([{"field": "t", "operator": "exists"}]), "and", &[0, 1]),
            kept(json!([{"field": "t", "operator": "exists", "value": false}]), "and", &[2]),
            kept(json!([{"field": "t", "operator": "regex", "value": "^[ab]"}]), "and", &[0, 1]),
            kept(json!([{"field": "n", "operator": "between", "range": [1, 2]}]), "and", &[0]),
            kept(json!([{"field": "deep.tags", "operator": "contains", "value": "b"}]), "and", &[2]),
            kept(json!([{"field": "deep", "operator": "eq", "value": null}]), "and", &[1]),
            kept(json!([{"field": "n", "value": 1}, {"field": "t", "value": "bee"}]), "or", &[0, 1]),
            kept(json!([{"field": "n", "value": 1}, {"field": "t", "value": "bee"}]), "and", &[]),
        ];
        check(&super::built_in(), &cases);
    }

    #[test]
    fn the_list_may_be_given_or_named() {
        let given = json!({"input": [3, 8], "conditions": [{"operator": ">", "value": 5}]});
        let cases = [
            (given, json!({}), json!({"outputs": {"result": [8], "count": 1}})),
            (json!({"input": "rows"}), json!({}), failure("not_found", "there is no `rows` on the blackboard")),
            (
                json!({"input": "n"}),
                json!({"n": 1}),
                failure("input", "the value of `input` is a number; it must be a list"),
            ),
            (
                json!({"input": [], "conditions": [{"operator": "gt"}]}),
                json!({}),
                failure("input", "the operator `gt` needs the prop `conditions[0].value`"),
            ),
            (
                json!({"input": [], "conditions": [3]}),
                json!({}),
                failure("input", "the prop `conditions[0]` is a number; it must be an object"),
            ),
        ];
        check(&super::built_in(), &cases);
    }
}
