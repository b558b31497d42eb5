//! `DataTransform`: builds an object out of values.

use crate::{
    BuiltIn, Run,
    declare::Leaf,
    limits::check_result,
    numbers::Amount,
    path,
    props::{Props, bad_input},
    text::{display, excerpt, kind_of},
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Map, Value, json};

pub(super) fn built_in() -> BuiltIn {
    let mapping = json!({
        "type": "object",
        "required": ["target", "value"],
        "additionalProperties": false,
        "properties": {
            "target": {"type": "string", "description": "Path in the new object, such as `customer.name`."},
            "value": {"description": "The value, with templates filled in."},
            "coerce": {
                "enum": ["string", "number", "boolean"],
                "description": "Type the value is turned into. Absent: as it is.",
            },
        },
    });
    Leaf::new("DataTransform", Category::Data, "Builds an object out of values.")
        .description(
            "Puts each mapping's `value` at its `target` in a new object; objects in between are made, a later mapping \
            wins. `coerce` turns a value into a type: a text that spells a number into the number, true and false \
            into 1 and 0, `true`, `yes`, `1` and numbers other than 0 into true, `false`, `no`, `0`, null and the \
            empty text into false. What cannot be turned is an error.",
        )
        .required("mappings", json!({"type": "array", "items": mapping, "description": "What goes where."}))
        .prop(
            "wrapInArray",
            json!({"type": "boolean", "description": "Whether the object is put into a list.", "default": false}),
        )
        .main_output(
            "result",
            json!({"type": ["object", "array"], "description": "The new object, or the list that holds it."}),
        )
        .error(
            ErrorKind::Input,
            "a target is not a path, goes through a value, or a value cannot be turned into its \
                                 type",
        )
        .error(ErrorKind::Resource, "the result is larger than 16 MiB or nested deeper than 64 levels")
        .example(include_str!("examples/data_transform.yaml"), json!({"row": {"customer": {"name": "Lan", "age": 34}}}))
        .run(Run::Inline(|invocation| transform(invocation).unwrap_or_else(Outcome::failure)))
}

fn transform(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let mut object = Map::new();
    for mapping in props.objects("mappings")? {
        let value = mapping.value_or_null("value");
        let value = value.ok_or_else(|| bad_input(format!("the prop {} is missing", mapping.call("value"))))?;
        let value = match mapping.text_maybe("coerce")? {
            None => value.clone(),
            Some(_) => {
                let wanted = mapping.choice("coerce", &["string", "number", "boolean"])?;
                coerced(value, wanted).ok_or_else(|| not_coerced(mapping, value, wanted))?
            }
        };
        path::set(&mut object, mapping.text("target")?, value)?;
    }
    let object = Value::Object(object);
    let result = if props.flag_or("wrapInArray", false)? { Value::Array(vec![object]) } else { object };
    check_result(&result)?;
    Ok(Outcome::success().output("result", result))
}

fn coerced(value: &Value, wanted: &str) -> Option<Value> {
    match (wanted, value) {
        ("string", value) => Some(Value::String(display(value))),
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => Some(value.clone()),
        ("number", Value::String(text)) => Amount::parse(text.trim()).map(Amount::to_value),
        ("number", Value::Bool(flag)) => Some(i64::from(*flag).into()),
        ("boolean", Value::Null) => Some(false.into()),
        ("boolean", Value::Number(number)) => Some((number.as_f64() != Some(0.0)).into()),
        ("boolean", Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true.into()),
            "false" | "no" | "0" | "" => Some(false.into()),
            _ => None,
        },
        _ => None,
    }
}

fn not_coerced(mapping: Props<'_>, value: &Value, wanted: &str) -> StepError {
    let shown = match value {
        Value::String(text) => format!("`{}`", excerpt(text)),
        other => kind_of(other).to_owned(),
    };
    bad_input(format!("the prop {} is {shown}, which cannot be turned into a {wanted}", mapping.call("value")))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::{Value, json};

    fn one(value: Value, coerce: &str) -> Value {
        json!({"mappings": [{"target": "x", "value": value, "coerce": coerce}]})
    }

    #[test]
    fn values_are_turned_into_types() {
        let cases = [
            (json!("12"), "number", json!(12)),
            (json!(" 1.5 "), "number", json!(1.5)),
            (json!(true), "number", json!(1)),
            (json!(7), "string", json!("7")),
            (json!({"a": 1}), "string", json!("{\"a\":1}")),
            (json!("Yes"), "boolean", json!(true)),
            (json!(""), "boolean", json!(false)),
            (json!(0), "boolean", json!(false)),
            (json!(null), "boolean", json!(false)),
        ];
        for (value, coerce, expected) in cases {
            let outputs = json!({"outputs": {"result": {"x": expected}}});
            check(&super::built_in(), &[(one(value, coerce), json!({}), outputs)]);
        }
    }

    #[test]
    fn objects_are_built_along_paths() {
        let cases = [
            (
                json!({
                    "mappings": [{"target": "a.b", "value": 1}, {"target": "a.c", "value": null}], "wrapInArray": true,
                }),
                json!({}),
                json!({"outputs": {"result": [{"a": {"b": 1, "c": null}}]}}),
            ),
            (json!({"mappings": []}), json!({}), json!({"outputs": {"result": {}}})),
            (
                json!({"mappings": [{"target": "a", "value": 1}, {"target": "a.b", "value": 2}]}),
                json!({}),
                failure("input", "the path `a.b` goes through `a`, which is not an object"),
            ),
            (
                one(json!("many"), "number"),
                json!({}),
                failure("input", "the prop `mappings[0].value` is `many`, which cannot be turned into a number"),
            ),
            (
                one(json!([]), "boolean"),
                json!({}),
                failure("input", "the prop `mappings[0].value` is a list, which cannot be turned into a boolean"),
            ),
            (
                json!({"mappings": [{"target": "a"}]}),
                json!({}),
                failure("input", "the prop `mappings[0].value` is missing"),
            ),
            (json!({}), json!({}), failure("input", "the prop `mappings` is missing")),
        ];
        check(&super::built_in(), &cases);
    }
}
