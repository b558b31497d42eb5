//! What is imported passes the validator. Control nodes are checked against their own schemas; leaves stand in with open
//! ones, because the crate that declares them is not below this one.

use akao_contract::{Category, NodeType};
use akao_flow::{Catalogue, ProblemCode, Severity, check, control_types};
use akao_import::{Source, import};
use serde_json::json;

const LEAVES: [&str; 21] = [
    "SuccessNode",
    "FailureNode",
    "PrintAction",
    "LogMessage",
    "CounterAction",
    "CheckCondition",
    "AlwaysCondition",
    "SetVariable",
    "Script",
    "MathOp",
    "ArrayFilter",
    "RegexExtract",
    "JsonPath",
    "HttpRequest",
    "FileScanner",
    "YamlProcessor",
    "LogicExecutor",
    "Reporter",
    "PythonInterpreter",
    "JavaScriptInterpreter",
    "MoveBase",
];

fn leaf(name: &str) -> NodeType {
    let mut leaf = control_types().into_iter().next().expect("there are control nodes");
    leaf.name = name.to_owned();
    leaf.aliases.clear();
    leaf.category = Category::Data;
    leaf.props = json!({ "type": "object" });
    leaf.outputs = json!({ "type": "object" });
    leaf
}

fn catalogue() -> Catalogue {
    let mut types = control_types();
    types.extend(LEAVES.map(leaf));
    types.into()
}

/// Imports and validates; every error of the validator is a failure of the test.
fn valid(name: &str, text: &str) {
    let imported = import(&Source::new(name, text), None).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    let (parsed, problems) = check(&imported.yaml, &catalogue());
    let errors: Vec<String> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| format!("{} {problem}", problem.code))
        .collect();
    assert!(errors.is_empty(), "{name}\n{text}\n{}\n{}", errors.join("\n"), imported.yaml);
    assert_eq!(parsed.map(|parsed| parsed.definition), Some(imported.definition), "{name}");
}

#[test]
fn examples_are_valid() {
    valid("patrol.xml", include_str!("../../../examples/import/patrol.xml"));
    valid("greeting.btree.yaml", include_str!("../../../examples/import/greeting.btree.yaml"));
    valid("inventory.graph.yaml", include_str!("../../../examples/import/inventory.graph.yaml"));
    valid("audit.stages.yaml", include_str!("../../../examples/import/audit.stages.yaml"));
}

#[test]
fn every_node_of_behavior_tree_cpp_is_valid() {
    let one = "<AlwaysSuccess/>";
    let two = "<AlwaysSuccess/><Sleep msec=\"1\"/>";
    let three = "<ScriptCondition code=\"ok == true\"/><AlwaysSuccess/><AlwaysFailure/>";
    let cases = [
        format!("<SequenceWithMemory>{two}</SequenceWithMemory>"),
        format!("<ReactiveFallback>{two}</ReactiveFallback>"),
        format!("<Parallel success_count=\"{{n}}\">{two}</Parallel>"),
        format!("<ParallelAll max_failures=\"5\">{two}</ParallelAll>"),
        format!("<IfThenElse>{three}</IfThenElse>"),
        format!("<WhileDoElse>{three}</WhileDoElse>"),
        format!("<Switch2 variable=\"{{m}}\" case_1=\"a\" case_2=\"b\">{three}</Switch2>"),
        format!("<TryCatch>{three}</TryCatch>"),
        format!("<RetryUntilSuccessful num_attempts=\"-1\">{one}</RetryUntilSuccessful>"),
        format!("<Repeat num_cycles=\"{{n}}\">{one}</Repeat>"),
        format!("<Timeout msec=\"{{n}}\">{one}</Timeout>"),
        format!("<RunOnce>{one}</RunOnce>"),
        format!("<KeepRunningUntilFailure>{one}</KeepRunningUntilFailure>"),
        format!("<Precondition if=\"a &gt; 1 ? b : c\" else=\"SKIPPED\">{one}</Precondition>"),
        format!("<LoopDouble queue=\"1;2.5\" value=\"{{x}}\" if_empty=\"FAILURE\">{one}</LoopDouble>"),
        format!("<LoopString queue=\"{{q}}\" value=\"{{x}}\">{one}</LoopString>"),
        format!("<SkipUnlessUpdated entry=\"{{x}}\">{one}</SkipUnlessUpdated>"),
        "<Script code=\"x := a ? 'it' : 'b'; y := 1 &lt; 2 &lt; 3\"/>".to_owned(),
        "<SetBlackboard value=\"json:[1, {}]\" output_key=\"my-key\"/>".to_owned(),
        "<SetBlackboard value=\"${x} and {{y}}\" output_key=\"steps\"/>".to_owned(),
        "<UnsetBlackboard key=\"x\"/>".to_owned(),
        "<AlwaysSuccess _failureIf=\"a\" _successIf=\"!b\" _skipIf=\"c == 1\" _while=\"d\"/>".to_owned(),
        "<AlwaysSuccess _onSuccess=\"a := 1\" _onFailure=\"b := 2\" _post=\"c := f()\" _onHalted=\"d := 1\"/>"
            .to_owned(),
        "<Unknown text=\"${x} {{y}} 'q'\"/>".to_owned(),
    ];
    for inner in cases {
        valid("a.xml", &format!("<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\">{inner}</BehaviorTree></root>"));
    }
}

#[test]
fn the_catalogue_of_the_test_still_refuses_what_is_wrong() {
    let text = "akao: 1\nid: a\nversion: 1.0.0\nroot: { type: Nowhere }\n";
    let (_, problems) = check(text, &catalogue());
    assert_eq!(problems.first().map(|problem| problem.code.as_str()), Some(ProblemCode::UnknownType.as_str()));
}
