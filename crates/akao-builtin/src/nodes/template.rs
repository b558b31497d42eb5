//! `Template`: fills values into a text.

use crate::{
    BuiltIn, Run,
    declare::Leaf,
    props::{Props, bad_input},
    scope::{ValueScope, compile_error, eval_error},
    text::display,
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("Template", Category::Data, "Fills values into a text.")
        .description(
            "Fills `{{ expression }}` and `${expression}` in `template` with the entries of `values`, or without that \
            prop with what is on the blackboard. The result is always text; values that are not text are written as \
            JSON. An unknown name is an error unless the expression gives a default: `{{ name | default('friend') \
            }}`. Secrets cannot be filled in.",
        )
        .required("template", json!({"type": "string", "description": "The text.", "x-akao-literal": true}))
        .prop(
            "values",
            json!({
                "type": "object", "description": "Values by name. Absent: the blackboard.",
                "x-akao-instead-of-blackboard": true,
            }),
        )
        .main_output("result", json!({"type": "string", "description": "The text with its values."}))
        .error(ErrorKind::Input, "an expression is not well formed, names something unknown, or does too much work")
        .reads_all()
        .example(include_str!("examples/template.yaml"), json!({"letter": "Dear Mai, 2 items cost 8.5."}))
        .run(Run::Blocking(|invocation, _, _| render(invocation).unwrap_or_else(Outcome::failure)))
}

fn render(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let text = props.text("template")?;
    let given: Option<BTreeMap<String, Value>> = props
        .object("values")?
        .map(|values| values.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
    let values = given.as_ref().unwrap_or(&invocation.blackboard);
    let template = akao_expression::Template::compile(&Value::String(text.to_owned()));
    let template = template.map_err(|error| compile_error("`template`", text, error))?;
    let rendered = template.render(&ValueScope::new(values)).map_err(|error| eval_error("`template`", error))?;
    if !rendered.secrets.is_empty() {
        let suggestion = "Give the secret to the prop of the node that needs it, such as a header of HttpRequest.";
        return Err(bad_input("a template cannot hold secrets").with_suggestion(suggestion));
    }
    Ok(Outcome::success().output("result", display(&rendered.value)))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::{Value, json};

    fn is(text: &str) -> Value {
        json!({"outputs": {"result": text}})
    }

    #[test]
    fn values_are_filled_in() {
        let board = json!({"name": "Lan", "order": {"lines": [1, 2]}});
        let cases = [
            (json!({"template": "hi {{ name }}"}), is("hi Lan")),
            (json!({"template": "${order}"}), is("{\"lines\":[1,2]}")),
            (json!({"template": "${bb.order.lines | length}"}), is("2")),
            (json!({"template": "{{ name }}", "values": {"name": "Mai"}}), is("Mai")),
            (json!({"template": "{{ input.x }}", "values": {"input": {"x": 5}}}), is("5")),
            (json!({"template": "{{ nobody | default('friend') }}"}), is("friend")),
            (json!({"template": "plain"}), is("plain")),
        ];
        for (props, expected) in cases {
            check(&super::built_in(), &[(props, board.clone(), expected)]);
        }
    }

    #[test]
    fn nothing_but_values_is_reached() {
        for template in [
            "{{ ''.__class__.__mro__ }}",
            "{{ self }}",
            "{{ config }}",
            "{{ open('/etc/passwd') }}",
            "{{ range(1000000000) | join }}",
            "{{ name | attr('constructor') }}",
            "{{ 'x' | center(1000000000) }}",
            "${process.env.HOME}",
        ] {
            let outcome =
                crate::testing::run(&super::built_in(), &json!({"template": template}), &json!({"name": "n"}));
            assert_eq!(outcome.error.expect(template).kind, akao_contract::ErrorKind::Input, "{template}");
        }
        let statements = "{% include '/etc/passwd' %}{% for x in y %}{# z #}";
        check(&super::built_in(), &[(json!({"template": statements}), json!({}), is(statements))]);
        // What a value holds is not read as a template again.
        let board = json!({"name": "${secrets.KEY} {{ name }}"});
        check(&super::built_in(), &[(json!({"template": "{{ name }}"}), board, is("${secrets.KEY} {{ name }}"))]);
    }

    #[test]
    fn mistakes_are_named() {
        for template in ["{{ nam }}", "{{ 1 + }}", "{{ secrets.KEY }}", "{{ 'x' * 9 }"] {
            let outcome = crate::testing::run(&super::built_in(), &json!({"template": template}), &json!({"name": 1}));
            assert_eq!(outcome.error.expect(template).kind, akao_contract::ErrorKind::Input, "{template}");
        }
        check(&super::built_in(), &[(json!({}), json!({}), failure("input", "the prop `template` is missing"))]);
    }
}
