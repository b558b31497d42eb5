//! `Script`: assignments in the small language that old trees use.

use crate::{BuiltIn, Run, declare::Leaf, limits::check_result, props::Props, script};
use akao_contract::{Category, ErrorKind, Invocation, LogLevel, Outcome, StepError};
use serde_json::{Value, json};

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("Script", Category::Data, "Assigns blackboard values in a small language.")
        .description(
            "Statements are `name = expression` or an expression alone, with an optional `;` between them and `//` \
            comments. Operators: `|| && == != > < >= <= + - * / % !`, unary `-`, `.property` and parentheses. Values: \
            numbers, texts in either quotes, `true`, `false`, `null`. Names read the blackboard (`bb.name` too); \
            assigned names are written to it when the script has succeeded.\n\nMeaning is that of the btree family: \
            an unknown name or property is null; order and arithmetic count anything that is no number as 0; `+` \
            joins when a side is text; `==` compares type and value; `&&` and `||` give booleans; null, 0, false and \
            the empty text are false. Unlike there, division by zero is an error.\n\n`param(\"x\")` reads the prop \
            `params`. `env(\"X\")` is null: a workflow has no environment, and a warning says so.",
        )
        .required("textContent", json!({"type": "string", "description": "The script.", "x-akao-literal": true}))
        .prop("params", json!({"type": "object", "description": "Values for `param(\"name\")`.", "default": {}}))
        .main_output("result", json!({"description": "The value of the last statement; null for an empty script."}))
        .error(ErrorKind::Input, "the script is not well formed, divides by zero, or names what a script does not see")
        .error(ErrorKind::Resource, "the script copies more than 64 MiB, or a value is larger than 16 MiB")
        .reads_all()
        .example(include_str!("examples/script.yaml"), json!({"total": 66, "label": "total: 66"}))
        .run(Run::Blocking(|invocation, _, _| run(invocation).unwrap_or_else(Outcome::failure)))
}

fn run(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let source = props.text("textContent")?;
    let scope = script::Scope { source, blackboard: &invocation.blackboard, params: props.object("params")? };
    let done = script::run(&script::parse(source)?, &scope)?;
    check_result(&Value::Object(done.assigned.clone()))?;
    let mut outcome = Outcome { writes: done.assigned, ..Outcome::success().output("result", done.result) };
    for name in done.environment {
        let warning =
            format!("env(\"{name}\") is null: a workflow has no environment; hand the value over in `params`");
        outcome = outcome.log(LogLevel::Warn, warning);
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use akao_contract::ErrorKind;
    use serde_json::{Value, json};

    fn value_of(expression: &str, blackboard: &Value) -> Value {
        let props = json!({"textContent": expression, "params": {"x": [1]}});
        let outcome = crate::testing::run(&super::built_in(), &props, blackboard);
        assert_eq!(outcome.error, None, "{expression}");
        outcome.outputs["result"].clone()
    }

    #[test]
    fn expressions_mean_what_they_mean_in_the_btree_family() {
        let board = json!({"n": 5, "t": "x", "o": {"k": {"d": true}}, "l": [1], "zero": 0});
        let cases = [
            ("1 + 2 * 3 - 4 / 2 % 3", json!(5)),
            ("(1 + 2) * -n", json!(-15)),
            ("'a' + 1 + 2", json!("a12")),
            ("1 + 2 + 'a'", json!("3a")),
            ("t + l", json!("x[1]")),
            ("null + true", json!(1)),
            ("'junk' * 3", json!(0)),
            ("'4' * '2.5'", json!(10)),
            ("'b' > 'a'", json!(false)),
            ("n >= 5 && t == 'x'", json!(true)),
            ("n == '5'", json!(false)),
            ("1 == 1.0", json!(true)),
            ("zero || t", json!(true)),
            ("zero && missing.deep", json!(false)),
            ("!zero && !'' && !null && !!o", json!(true)),
            ("o.k.d", json!(true)),
            ("o.k.d.e.f", Value::Null),
            ("missing", Value::Null),
            ("bb.n + bb.o.k.d", json!(6)),
            ("param('x')", json!([1])),
            ("param('y')", Value::Null),
            ("env('HOME')", Value::Null),
            ("\"\\u00fc\\n\"", json!("ü\n")),
            ("1 < 2 == true", json!(true)),
            ("", Value::Null),
            ("// only a comment", Value::Null),
        ];
        for (expression, expected) in cases {
            assert_eq!(value_of(expression, &board), expected, "{expression}");
        }
    }

    #[test]
    fn asking_the_environment_warns() {
        let outcome = crate::testing::run(&super::built_in(), &json!({"textContent": "a = env('HOME')"}), &json!({}));
        assert_eq!(json!(outcome.writes), json!({"a": null}));
        let warning = "env(\"HOME\") is null: a workflow has no environment; hand the value over in `params`";
        assert_eq!(outcome.logs[0].message, warning);
    }

    #[test]
    fn assignments_are_written() {
        let cases = [
            (
                json!({"textContent": "count = count + 1\ncount = count * 2; name = 'n' + count"}),
                json!({"count": 2}),
                json!({"outputs": {"result": "n6"}, "writes": {"count": 6, "name": "n6"}}),
            ),
            (
                json!({"textContent": "a = rows; a"}),
                json!({"rows": [1]}),
                json!({"outputs": {"result": [1]}, "writes": {"a": [1]}}),
            ),
        ];
        check(&super::built_in(), &cases);
    }

    #[test]
    fn mistakes_name_their_place() {
        let cases = [
            ("a = ", "line 1, column 5: expected a value, found the end"),
            ("a = 1\n  b = )", "line 2, column 7: expected a value, found `)`"),
            ("ü = 1", "line 1, column 1: `ü` means nothing here"),
            ("a = 'x", "line 1, column 5: the text has no closing '"),
            ("a.b = 1", "line 1, column 5: only a plain name can be assigned; to compare write `==`"),
            ("bb = 1", "line 1, column 1: `bb` is a reserved word and cannot be assigned"),
            (
                "x = len(a)",
                "line 1, column 5: there is no function `len`; the functions are param(\"name\") and env(\"NAME\")",
            ),
            ("param(1)", "line 1, column 7: param takes one text, such as param(\"name\")"),
            ("a = input.x", "line 1, column 5: a script does not see `input`"),
            ("a = 1 / 0", "division of 1 by zero"),
            ("(1", "line 1, column 3: expected `)`"),
            ("a.", "line 1, column 3: expected the name of a property"),
            ("'\\q'", "line 1, column 2: this escape is not known"),
        ];
        for (script, message) in cases {
            check(&super::built_in(), &[(json!({"textContent": script}), json!({}), failure("input", message))]);
        }
    }

    #[test]
    fn hostile_scripts_end_in_an_error() {
        let doubling = format!("a = 'xxxxxxxxxxxxxxxx' {}", "a = a + a; ".repeat(60));
        let copying = "b = big; ".repeat(1000);
        let board = json!({"big": "x".repeat(1024 * 1024)});
        let cases = [
            (doubling, ErrorKind::Resource),
            (copying, ErrorKind::Resource),
            ("big == big; ".repeat(1000), ErrorKind::Resource),
            ("(".repeat(60_000), ErrorKind::Input),
            ("!".repeat(60_000), ErrorKind::Input),
            ("x".repeat(70_000), ErrorKind::Input),
        ];
        for (script, kind) in cases {
            let outcome = crate::testing::run(&super::built_in(), &json!({"textContent": script}), &board);
            assert_eq!(outcome.error.map(|error| error.kind), Some(kind), "{}", &script[..20]);
        }
        let long = format!("1{}", "+1".repeat(30_000));
        assert_eq!(value_of(&long, &board), json!(30_001));
    }
}
