//! `LogicExecutor`: judges a collection by quantified rules, or calculates one expression.

use crate::{
    BuiltIn, Run,
    declare::Leaf,
    functions,
    limits::check_result,
    props::{Props, bad_input, list_data},
    rules::{Findings, Rule, SEVERITIES, judge},
    scope::{ValueScope, compile_error, eval_error},
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError, is_name};
use akao_expression::Expression;
use akao_step::{CancellationToken, StepIo};
use serde_json::{Value, json};

pub(super) fn built_in() -> BuiltIn {
    let rule = json!({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "id": {"type": "string", "description": "The rule's name."},
            "forall": {"type": ["string", "boolean"], "description": "Expression that every element must meet."},
            "exists": {"type": ["string", "boolean"], "description": "Expression that at least one element must meet."},
            "severity": {"enum": SEVERITIES, "description": "How bad a violation is.", "default": "error"},
            "message": {"type": "string", "description": "What a violation says; may hold `${…}` over the element."},
        },
    });
    Leaf::new("LogicExecutor", Category::Data, "Judges a collection by rules.")
        .alias("logic-executor")
        .description(
            "Asks every rule of the elements of `collection`. A `forall` rule is violated by each element that does \
            not meet it, an `exists` rule once when no element does (so always over nothing). Rules are expressions \
            over the element (under `itemKey`), its `index`, and what is on the blackboard.\n\n`violations` lists the \
            first 1,000 as `{rule, severity, message, index, item}`; `counts` counts all of them per severity; \
            `passed` says whether there is none. Fails with kind `user` when there is a violation whose severity is \
            in `failOn`; the outputs are there in both cases.\n\nThe older form gives an `expression` instead of \
            rules; its value is the `result`. The functions `add`, `subtract`, `multiply`, `divide`, `concat`, \
            `length`, `count` and `contains` are understood in it.",
        )
        .prop(
            "collection",
            json!({
                "type": ["string", "array"], "x-akao-reads": true,
                "description": "The elements: a blackboard path, or the list itself. Needed with `rules`.",
            }),
        )
        .prop("itemKey", json!({"type": "string", "description": "Name of the element in rules.", "default": "item"}))
        .prop("rules", json!({"type": "array", "items": rule, "description": "The rules.", "x-akao-literal": true}))
        .prop(
            "failOn",
            json!({
                "type": "array", "items": {"enum": SEVERITIES}, "default": ["error", "critical"],
                "description": "Severities on which the node fails.",
            }),
        )
        .prop(
            "expression",
            json!({
                "type": "string", "description": "Expression to calculate instead of rules.", "x-akao-literal": true,
            }),
        )
        .main_output("result", json!({"description": "`{passed, counts, violations}`, or the value of `expression`."}))
        .output(
            "passed",
            json!({
                "type": "boolean",
                "description": "Whether no rule is violated, or the expression is true.",
            }),
        )
        .output("counts", json!({"type": "object", "description": "Number of violations per severity."}))
        .output("violations", json!({"type": "array", "description": "The first 1,000 violations."}))
        .error(ErrorKind::User, "a violation's severity is in `failOn`")
        .error(ErrorKind::NotFound, "nothing on the blackboard has the path `collection`")
        .error(ErrorKind::Input, "a rule is not complete, not well formed, or cannot be evaluated")
        .error(ErrorKind::Resource, "there are more than 5,000,000 questions, or the result is larger than 16 MiB")
        .reads_all()
        .example(include_str!("examples/logic_executor.yaml"), json!({"found": "b.rs has 900 lines"}))
        .example(include_str!("examples/logic_expression.yaml"), json!({"value": 12}))
        .run(Run::Blocking(|invocation, io: &StepIo, _| run(invocation, &io.cancel).unwrap_or_else(Outcome::failure)))
}

fn run(invocation: &Invocation, cancel: &CancellationToken) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    match (props.value("rules"), props.text_maybe("expression")?) {
        (Some(_), None) => execute(invocation, cancel),
        (None, Some(expression)) => calculate(invocation, expression),
        _ => Err(bad_input("the node needs either the prop `rules` or the prop `expression`")),
    }
}

fn calculate(invocation: &Invocation, source: &str) -> Result<Outcome, StepError> {
    let source = functions::rewrite(source)?;
    let expression = Expression::compile(&source).map_err(|error| compile_error("`expression`", &source, error))?;
    let scope = ValueScope::new(&invocation.blackboard);
    let value = expression.evaluate(&scope).map_err(|error| eval_error("`expression`", error))?;
    check_result(&value)?;
    let passed = Expression::is_true(&value);
    Ok(Outcome::success().output("result", value).output("passed", passed))
}

fn execute(invocation: &Invocation, cancel: &CancellationToken) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let items = list_data(invocation, "collection")?;
    let name = props.text_or("itemKey", "item")?;
    if !is_name(name) {
        return Err(bad_input(format!("the prop `itemKey` is `{name}`, which is not a name")));
    }
    let rules = props.objects("rules")?.into_iter().map(Rule::read).collect::<Result<Vec<_>, _>>()?;
    let alarms = match props.value("failOn") {
        Some(_) => props.texts("failOn")?,
        None => vec!["error", "critical"],
    };
    if let Some(unknown) = alarms.iter().find(|alarm| !SEVERITIES.contains(alarm)) {
        let list = SEVERITIES.join(", ");
        return Err(bad_input(format!("the prop `failOn` holds `{unknown}`; the severities are {list}")));
    }
    match judge(&rules, items, name, ValueScope::new(&invocation.blackboard), cancel)? {
        Some(findings) => report(findings, &alarms),
        None => Ok(Outcome::cancelled()),
    }
}

fn report(findings: Findings, alarms: &[&str]) -> Result<Outcome, StepError> {
    let Findings { violations, counts } = findings;
    let count = |severity: &str| counts.get(severity).and_then(Value::as_u64).unwrap_or(0);
    let passed = SEVERITIES.iter().all(|severity| count(severity) == 0);
    let alarming: Vec<String> = SEVERITIES
        .iter()
        .filter(|severity| alarms.contains(severity) && count(severity) > 0)
        .map(|severity| format!("{} {severity}", count(severity)))
        .collect();
    let first =
        violations.iter().find(|violation| violation["severity"].as_str().is_some_and(|name| alarms.contains(&name)));
    let first = first.and_then(|violation| violation["message"].as_str()).map(|text| format!("; first: {text}"));
    let outputs = json!({"passed": passed, "counts": counts, "violations": violations});
    check_result(&outputs)?;
    let outcome = Outcome::success()
        .output("result", outputs)
        .output("passed", passed)
        .output("counts", Value::Object(counts))
        .output("violations", violations);
    if alarming.is_empty() {
        return Ok(outcome);
    }
    let message = format!("rules are violated: {}{}", alarming.join(", "), first.unwrap_or_default());
    Ok(Outcome { outputs: outcome.outputs, ..Outcome::failure(StepError::new(ErrorKind::User, message)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, failure, invocation, run as run_node};

    fn board() -> Value {
        json!({"limit": 10, "rows": [{"n": 5, "t": "a"}, {"n": 50, "t": "b"}]})
    }

    fn rules(rules: Value) -> Value {
        json!({"collection": "rows", "itemKey": "row", "rules": rules, "failOn": ["critical"]})
    }

    #[test]
    fn rules_are_quantified() {
        let cases = [
            (json!([{"id": "r", "forall": "row.n > 1"}]), true, vec![]),
            (
                json!([{"id": "r", "forall": "row.n < limit"}]),
                false,
                vec![json!(["r", "error", "the element does not meet `r`", 1])],
            ),
            (json!([{"id": "r", "exists": "row.t == 'b'"}]), true, vec![]),
            (
                json!([{"id": "r", "exists": "row.t == 'c'", "severity": "info"}]),
                false,
                vec![json!(["r", "info", "no element meets `r`", null])],
            ),
            (
                json!([{"id": "r", "forall": "index == 0", "message": "${row.t} at {{ index }} of ${rows | length}"}]),
                false,
                vec![json!(["r", "error", "b at 1 of 2", 1])],
            ),
            (json!([]), true, vec![]),
        ];
        for (entries, passed, expected) in cases {
            let outcome = run_node(&built_in(), &rules(entries.clone()), &board());
            assert_eq!(outcome.error, None, "{entries}");
            assert_eq!(outcome.outputs["passed"], passed, "{entries}");
            let found = outcome.outputs["violations"].as_array().unwrap().iter();
            let found: Vec<Value> =
                found.map(|one| json!([one["rule"], one["severity"], one["message"], one["index"]])).collect();
            assert_eq!(found, expected, "{entries}");
        }
    }

    #[test]
    fn alarms_fail_with_their_outputs() {
        let entries =
            json!([{"id": "small", "forall": "row.n < 10", "severity": "critical", "message": "${row.n} is much"}]);
        let outcome = run_node(&built_in(), &rules(entries), &board());
        assert_eq!(outcome.outputs["counts"], json!({"info": 0, "warning": 0, "error": 0, "critical": 1}));
        assert_eq!(outcome.outputs["result"]["violations"][0]["item"], json!({"n": 50, "t": "b"}));
        assert_eq!(outcome.error.unwrap().message, "rules are violated: 1 critical; first: 50 is much");
    }

    #[test]
    fn the_older_form_calculates() {
        let cases = [
            (json!({"expression": "add(limit, 2) * 2"}), board(), json!({"outputs": {"result": 24, "passed": true}})),
            (json!({"expression": "count(rows) > 5"}), board(), json!({"outputs": {"result": false, "passed": false}})),
            (
                json!({"expression": "concat('a', limit)"}),
                board(),
                json!({"outputs": {"result": "a10", "passed": true}}),
            ),
            (
                json!({"expression": "contains('haystack', 'st')"}),
                board(),
                json!({"outputs": {"result": true, "passed": true}}),
            ),
            (
                json!({"expression": "is_file('x')"}),
                board(),
                failure("input", "the function `is_file` looks at files, and this node works on values only"),
            ),
        ];
        check(&built_in(), &cases);
    }

    #[test]
    fn mistakes_are_named() {
        let neither = failure("input", "the node needs either the prop `rules` or the prop `expression`");
        let cases = [
            (json!({}), neither.clone()),
            (json!({"rules": [], "expression": "1"}), neither),
            (json!({"rules": []}), failure("input", "the prop `collection` is missing")),
            (json!({"rules": [], "collection": "x"}), failure("not_found", "there is no `x` on the blackboard")),
            (rules(json!([{"id": "r"}])), failure("input", "the rule `rules[0].id` needs either `forall` or `exists`")),
            (rules(json!([{"forall": "true"}])), failure("input", "the prop `rules[0].id` is missing")),
            (
                json!({"rules": [], "collection": [], "failOn": ["bad"]}),
                failure("input", "the prop `failOn` holds `bad`; the severities are info, warning, error, critical"),
            ),
        ];
        for (props, expected) in cases {
            check(&built_in(), &[(props, board(), expected)]);
        }
        for predicate in ["row.n <", "row.missing > 1", "nobody"] {
            let outcome = run_node(&built_in(), &rules(json!([{"id": "r", "forall": predicate}])), &board());
            let error = outcome.error.expect(predicate);
            assert_eq!(error.kind, ErrorKind::Input, "{predicate}");
            assert!(error.message.starts_with("`rules[0].forall`"), "{}", error.message);
        }
    }

    #[test]
    fn many_rules_over_a_large_element_do_not_multiply_it() {
        let entries: Vec<Value> = (0..1000).map(|n| json!({"id": format!("r{n}"), "forall": "false"})).collect();
        let props = json!({"collection": ["x".repeat(4 << 20)], "rules": entries});
        let error = run_node(&built_in(), &props, &json!({})).error.unwrap();
        assert_eq!(error.kind, ErrorKind::Resource, "{}", error.message);
        let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
        let error = run_node(&built_in(), &json!({"expression": deep}), &json!({})).error.unwrap();
        assert_eq!(error.kind, ErrorKind::Input, "{}", error.message);
        let calls = format!("{}1{}", "add(".repeat(500), ", 1)".repeat(500));
        let error = run_node(&built_in(), &json!({"expression": calls}), &json!({})).error.unwrap();
        assert_eq!(error.kind, ErrorKind::Input, "{}", error.message);
    }

    #[test]
    fn violations_are_counted_beyond_the_list_and_a_halt_ends_the_work() {
        let props =
            json!({"collection": vec![0; 3000], "rules": [{"id": "r", "forall": "item > 0", "severity": "info"}]});
        let outcome = run_node(&built_in(), &props, &json!({}));
        assert_eq!(outcome.outputs["counts"]["info"], 3000);
        assert_eq!(outcome.outputs["violations"].as_array().unwrap().len(), 1000);
        let cancel = CancellationToken::new();
        cancel.cancel();
        let halted = run(&invocation(&built_in(), &props, &json!({})), &cancel);
        assert_eq!(halted.unwrap(), Outcome::cancelled());
    }
}
