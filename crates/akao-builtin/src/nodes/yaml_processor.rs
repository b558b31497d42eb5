//! `YamlProcessor`: reads YAML, writes YAML, and checks data against a JSON Schema.

use crate::{
    BuiltIn, Run,
    declare::Leaf,
    limits::check_result,
    props::{Props, bad_input},
    schema,
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

/// Most problems that a validation lists.
const PROBLEMS_MAX: usize = 100;

pub(super) fn built_in() -> BuiltIn {
    let problem = json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "JSON pointer of the value, or the line and column of the text."},
            "message": {"type": "string", "description": "What is wrong."},
        },
    });
    Leaf::new("YamlProcessor", Category::Data, "Reads, writes and checks YAML.")
        .description(
            "`parse` reads `content` (YAML 1.2 core schema, so JSON too) into `result`. `generate` writes `data` as \
            YAML text into `result`. `validate` checks `content`, or `data` when there is no content, against the \
            JSON Schema `schema`; without a schema it only asks whether the content is YAML. Its `result` is the \
            value that was checked.\n\n`valid` says whether there was no problem; at most 100 `problems` are listed. \
            A `validate` that finds problems succeeds unless `failOnInvalid` is set. References to schemas elsewhere \
            (`http:`, `file:`) are refused.",
        )
        .alias("yaml-processor")
        .required("operation", json!({"enum": ["parse", "generate", "validate"], "description": "What is done."}))
        .prop("content", json!({"type": "string", "description": "YAML text, for `parse` and `validate`."}))
        .prop("data", json!({"description": "A value, for `generate` and `validate`."}))
        .prop("schema", json!({
            "type": ["object", "boolean"], "description": "JSON Schema, for `validate`. Absent: any value is valid.",
        }))
        .prop(
            "failOnInvalid",
            json!({
                "type": "boolean", "description": "Whether a `validate` that finds problems fails.", "default": false,
            }),
        )
        .main_output("result", json!({"description": "The value that was read or checked, or the YAML text."}))
        .output("valid", json!({"type": "boolean", "description": "Whether there was no problem."}))
        .output("problems", json!({
            "type": "array", "items": problem, "description": "What is wrong, at most 100 entries.",
        }))
        .error(ErrorKind::Input, "`parse` finds no YAML, a prop for the operation is missing, or the schema is not \
                                 valid")
        .error(ErrorKind::User, "`validate` finds problems and `failOnInvalid` is set")
        .error(ErrorKind::Resource, "the value is larger than 16 MiB or nested deeper than 64 levels, or the \
                                   schema would be asked more than 5,000,000 times")
        .example(include_str!("examples/yaml_processor.yaml"),
            json!({"port": 8080}),
        )
        .example(include_str!("examples/yaml_validate.yaml"),
            json!({"valid": false}),
        )
        .run(Run::Blocking(|invocation, _, _| process(invocation).unwrap_or_else(Outcome::failure)))
}

fn process(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    props.text("operation")?;
    match props.choice("operation", &["parse", "generate", "validate"])? {
        "parse" => {
            let value = akao_yaml::to_value(props.text("content")?).map_err(|error| not_yaml(&error))?;
            finished(value, vec![])
        }
        "generate" => {
            let data = props.value_or_null("data").ok_or_else(|| bad_input("the prop `data` is missing"))?;
            check_result(data)?;
            finished(Value::String(akao_yaml::to_string(data)), vec![])
        }
        _ => validate(props),
    }
}

fn validate(props: Props<'_>) -> Result<Outcome, StepError> {
    let value = match (props.text_maybe("content")?, props.value_or_null("data")) {
        (Some(content), _) => match akao_yaml::to_value(content) {
            Ok(value) => value,
            Err(error) => {
                return answered(props, Value::Null, vec![problem(&error.position.to_string(), &error.message)]);
            }
        },
        (None, Some(data)) => data.clone(),
        (None, None) => return Err(bad_input("`validate` needs the prop `content` or the prop `data`")),
    };
    let problems = match props.value("schema") {
        Some(schema) => schema::problems(schema, &value, PROBLEMS_MAX)?,
        None => vec![],
    };
    let problems = problems.iter().map(|found| problem(&found.path, &found.message)).collect();
    answered(props, value, problems)
}

fn problem(path: &str, message: &str) -> Value {
    json!({"path": path, "message": message})
}

/// The end of a validation: a failure only when that was asked for.
fn answered(props: Props<'_>, value: Value, problems: Vec<Value>) -> Result<Outcome, StepError> {
    let count = problems.len();
    let first = problems.first().and_then(|problem| problem["message"].as_str()).unwrap_or_default().to_owned();
    let outcome = finished(value, problems)?;
    if count == 0 || !props.flag_or("failOnInvalid", false)? {
        return Ok(outcome);
    }
    let error = StepError::new(ErrorKind::User, format!("the value has {count} problems; the first is: {first}"));
    Ok(Outcome { outputs: outcome.outputs, ..Outcome::failure(error) })
}

fn finished(result: Value, problems: Vec<Value>) -> Result<Outcome, StepError> {
    check_result(&result)?;
    Ok(Outcome::success().output("result", result).output("valid", problems.is_empty()).output("problems", problems))
}

fn not_yaml(error: &akao_yaml::Error) -> StepError {
    let bad = bad_input(format!("`content` is not YAML: {error}"));
    match &error.suggestion {
        Some(suggestion) => bad.with_suggestion(suggestion.clone()),
        None => bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, failure, run, summary};

    fn ok(result: Value) -> Value {
        json!({"outputs": {"result": result, "valid": true, "problems": []}})
    }

    #[test]
    fn yaml_is_read_and_written() {
        let cases = [
            (json!({"operation": "parse", "content": "a: [1, no]\n"}), json!({}), ok(json!({"a": [1, "no"]}))),
            (json!({"operation": "parse", "content": ""}), json!({}), ok(json!(null))),
            (
                json!({"operation": "generate", "data": {"a": [1, "no"]}}),
                json!({}),
                ok(json!("a:\n  - 1\n  - \"no\"\n")),
            ),
            (json!({"operation": "generate"}), json!({}), failure("input", "the prop `data` is missing")),
            (json!({"operation": "parse"}), json!({}), failure("input", "the prop `content` is missing")),
            (
                json!({"operation": "check"}),
                json!({}),
                failure("input", "the prop `operation` is `check`; it must be one of parse, generate, validate"),
            ),
        ];
        check(&built_in(), &cases);
        let outcome = run(&built_in(), &json!({"operation": "parse", "content": "a: [1"}), &json!({}));
        assert!(outcome.error.unwrap().message.starts_with("`content` is not YAML: "));
    }

    #[test]
    fn hostile_texts_and_schemas_end_soon() {
        let laughs: String =
            (1..9).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(10))).collect();
        let defs: serde_json::Map<String, Value> = (0..40)
            .map(|n| (format!("p{n}"), json!({"anyOf": vec![json!({"$ref": format!("#/$defs/p{}", n + 1)}); 2]})))
            .collect();
        let schema = json!({"$defs": defs, "$ref": "#/$defs/p0"});
        let cases = [
            (json!({"operation": "parse", "content": format!("a0: &a0 ha\n{laughs}")}), ErrorKind::Input),
            (json!({"operation": "parse", "content": "[".repeat(100_000)}), ErrorKind::Input),
            (json!({"operation": "parse", "content": "a: !!python/object/apply:os.system [ls]"}), ErrorKind::Input),
            (json!({"operation": "validate", "data": 1, "schema": schema}), ErrorKind::Resource),
            (json!({"operation": "validate", "data": 1, "schema": {"$ref": "file:///etc/passwd"}}), ErrorKind::Input),
        ];
        for (props, kind) in cases {
            let started = std::time::Instant::now();
            let error = run(&built_in(), &props, &json!({})).error.expect("it is refused");
            assert_eq!(error.kind, kind, "{}", error.message);
            assert!(started.elapsed().as_secs() < 10, "it took {:?}: {}", started.elapsed(), error.message);
        }
    }

    #[test]
    fn values_are_checked_against_schemas() {
        let schema = json!({"properties": {"port": {"type": "integer", "maximum": 9000}}, "required": ["host"]});
        let cases = [
            (json!({"content": "host: a\nport: 80\n", "schema": schema}), true, 0),
            (json!({"data": {"host": "a"}, "schema": schema}), true, 0),
            (json!({"data": {"port": "x"}, "schema": schema}), false, 2),
            (json!({"content": "a: [", "schema": schema}), false, 1),
            (json!({"content": "anything"}), true, 0),
            (json!({"data": vec!["x"; 500], "schema": {"items": {"type": "null"}}}), false, PROBLEMS_MAX),
        ];
        for (mut props, valid, count) in cases {
            props["operation"] = json!("validate");
            let outcome = run(&built_in(), &props, &json!({}));
            assert_eq!(outcome.outputs["valid"], valid, "{props}");
            assert_eq!(outcome.outputs["problems"].as_array().unwrap().len(), count, "{props}");
        }
        let props = json!({"operation": "validate", "data": {"port": 9999}, "schema": schema, "failOnInvalid": true});
        let outcome = run(&built_in(), &props, &json!({}));
        assert_eq!(outcome.outputs["valid"], false);
        assert_eq!(outcome.error.unwrap().kind, ErrorKind::User);
        let nothing = run(&built_in(), &json!({"operation": "validate"}), &json!({}));
        assert_eq!(summary(&nothing), failure("input", "`validate` needs the prop `content` or the prop `data`"));
    }
}
