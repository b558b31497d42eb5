//! Mappings of BehaviorTree.CPP 4, one table: a snippet of XML, the node that it becomes, what the report says.

use akao_import::{Dialect, ImportError, Imported, Source, Verdict, import};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn tree(inner: &str) -> String {
    format!(r#"<root BTCPP_format="4"><BehaviorTree ID="Main">{inner}</BehaviorTree></root>"#)
}

fn imported(xml: &str) -> Imported {
    import(&Source::new("robot.xml", xml), None).unwrap_or_else(|error| panic!("{error}\n{xml}"))
}

fn root(imported: &Imported) -> Value {
    serde_json::to_value(&imported.definition.root).expect("a definition serialises")
}

/// Checks one snippet: the node as YAML, and the verdict on the first line of the report.
fn check(inner: &str, expected: &str, verdict: Verdict) {
    let imported = imported(&tree(inner));
    let expected = akao_yaml::to_value(expected).unwrap_or_else(|error| panic!("{error}\n{expected}"));
    assert_eq!(root(&imported), expected, "{inner}\n{}", imported.yaml);
    assert_eq!(imported.report.items[0].verdict, verdict, "{inner}\n{}", imported.report.to_text());
}

const OK: &str = "<AlwaysSuccess/>";

#[test]
fn controls_keep_their_meaning() {
    use Verdict::{Approximated, Exact};
    let two = "children: [{type: SuccessNode}, {type: FailureNode}]";
    let cases = [
        ("Sequence", "", format!("{{type: Sequence, {two}}}"), Exact),
        ("AsyncSequence", "", format!("{{type: Sequence, {two}}}"), Exact),
        ("SequenceWithMemory", "", format!("{{type: MemorySequence, {two}}}"), Exact),
        ("Fallback", "", format!("{{type: Selector, {two}}}"), Exact),
        ("ReactiveSequence", "", format!("{{type: ReactiveSequence, {two}}}"), Approximated),
        ("ReactiveFallback", "", format!("{{type: ReactiveSelector, {two}}}"), Approximated),
        ("IfThenElse", "", format!("{{type: Conditional, {two}}}"), Exact),
        (
            "Parallel",
            "",
            format!(
                "{{type: Parallel, props: {{successThreshold: 2, failureThreshold: 1, haltOnDecided: true}}, {two}}}"
            ),
            Exact,
        ),
        (
            "Parallel",
            r#"success_count="1" failure_count="-1""#,
            format!(
                "{{type: Parallel, props: {{successThreshold: 1, failureThreshold: 2, haltOnDecided: true}}, {two}}}"
            ),
            Exact,
        ),
        (
            "ParallelAll",
            r#"max_failures="2""#,
            format!("{{type: Parallel, props: {{strategy: any, failureThreshold: 2, haltOnDecided: false}}, {two}}}"),
            Exact,
        ),
        (
            "TryCatch",
            "",
            "{type: Recovery, children: [{type: SuccessNode}, {type: ForceFailure, children: [{type: FailureNode}]}]}"
                .to_owned(),
            Exact,
        ),
        ("WhileDoElse", "", format!("{{type: ReactiveSequence, {two}}}"), Approximated),
    ];
    for (tag, attributes, expected, verdict) in cases {
        check(&format!("<{tag} {attributes}>{OK}<AlwaysFailure/></{tag}>"), &expected, verdict);
    }
}

#[test]
fn branches_are_chosen_as_before() {
    check(
        &format!("<WhileDoElse><ScriptCondition code=\"ok\"/>{OK}<AlwaysFailure/></WhileDoElse>"),
        r#"
type: ReactiveSelector
children:
  - type: ReactiveSequence
    children:
      - { type: Precondition, props: { if: "${not (not bb.ok)}", else: failure }, children: [{ type: SuccessNode }] }
      - type: SuccessNode
  - type: ReactiveSequence
    children:
      - type: Invert
        children:
          - { type: Precondition, props: { if: "${not (not bb.ok)}", else: failure }, children: [{ type: SuccessNode }] }
      - type: FailureNode
"#,
        Verdict::Approximated,
    );
    check(
        &format!(r#"<Switch2 variable="{{mode}}" case_1="fast" case_2="2">{OK}{OK}<AlwaysFailure/></Switch2>"#),
        r#"
type: Switch
props: { on: "${'' ~ bb.mode}" }
children:
  - { type: SuccessNode, case: fast }
  - { type: SuccessNode, case: "2" }
  - { type: FailureNode, default: true }
"#,
        Verdict::Approximated,
    );
}

#[test]
fn decorators_keep_their_meaning() {
    use Verdict::{Approximated, Exact};
    let cases = [
        (r#"Inverter"#, "type: Invert", Exact),
        (r#"RetryUntilSuccessful num_attempts="-1""#, "{type: Retry, props: {attempts: -1, delayMs: 0}}", Exact),
        (r#"Repeat num_cycles="{n}""#, "{type: Repeat, props: {numCycles: '${bb.n}'}}", Exact),
        (r#"Timeout msec="250""#, "{type: Timeout, props: {timeoutMs: 250}}", Exact),
        (r#"Delay delay_msec="5""#, "{type: Delay, props: {delayMs: 5}}", Exact),
        (r#"ForceSuccess"#, "type: ForceSuccess", Exact),
        (r#"KeepRunningUntilFailure"#, "{type: KeepRunningUntilFailure, props: {result: failure}}", Exact),
        (r#"RunOnce"#, "{type: RunOnce, props: {thenSkip: true}}", Exact),
        (r#"RunOnce then_skip="false""#, "{type: RunOnce, props: {thenSkip: false}}", Exact),
        (
            r#"Precondition if="x &gt; 1" else="SKIPPED""#,
            "{type: Precondition, props: {if: '${bb.x > 1}', else: skipped}}",
            Exact,
        ),
        (r#"LoopInt queue="1;2;3" value="{x}""#, "{type: ForEach, props: {items: [1, 2, 3], itemKey: x}}", Exact),
        (
            r#"LoopString queue="{names}" value="{name}""#,
            "{type: ForEach, props: {collectionKey: names, itemKey: name}}",
            Approximated,
        ),
    ];
    for (open, expected, verdict) in cases {
        let tag = open.split(' ').next().unwrap_or_default();
        let mut expected = akao_yaml::to_value(expected).expect("the case is YAML");
        expected["children"] = serde_json::json!([{ "type": "SuccessNode" }]);
        check(&format!("<{open}>{OK}</{tag}>"), &akao_yaml::to_string(&expected), verdict);
    }
}

#[test]
fn leaves_and_scripts_are_translated() {
    use Verdict::{Approximated, Exact};
    let cases = [
        (r#"<Sleep msec="20"/>"#, "{type: WaitAction, props: {waitMs: 20}}", Exact),
        (r#"<Action ID="AlwaysFailure"/>"#, "type: FailureNode", Exact),
        (r#"<Script code="x := 1; y := 'a'"/>"#, r#"{type: Script, props: {textContent: "x = 1\ny = 'a'"}}"#, Exact),
        (r#"<Script code="x += 2"/>"#, "{type: Script, props: {textContent: x = x + 2}}", Exact),
        (r#"<Script code="x = 2"/>"#, "{type: Script, props: {textContent: x = 2}}", Approximated),
        (
            r#"<Script code="m := a ? 'up' : 'down'"/>"#,
            r#"{type: SetVariable, props: {key: m, value: "${'up' if bb.a else 'down'}"}}"#,
            Exact,
        ),
        (
            r#"<ScriptCondition code="a &amp;&amp; !b"/>"#,
            "{type: Precondition, props: {if: '${not (not bb.a) and not bb.b}', else: failure}, children: [{type: SuccessNode}]}",
            Exact,
        ),
        (r#"<SetBlackboard value="3" output_key="{n}"/>"#, "{type: SetVariable, props: {key: n, value: 3}}", Exact),
        (
            r#"<SetBlackboard value="{a}" output_key="b"/>"#,
            "{type: SetVariable, props: {key: b, value: '${bb.a}'}}",
            Exact,
        ),
        (
            r#"<SetBlackboard value='json:{"x": [1]}' output_key="b"/>"#,
            "{type: SetVariable, props: {key: b, value: {x: [1]}}}",
            Exact,
        ),
        (r#"<UnsetBlackboard key="b"/>"#, "{type: SetVariable, props: {key: b, value: null}}", Approximated),
    ];
    for (xml, expected, verdict) in cases {
        check(xml, expected, verdict);
    }
}

#[test]
fn conditions_on_any_node_stand_around_it() {
    use Verdict::{Approximated, Exact};
    let cases = [
        (r#"_skipIf="x == 1""#, "{type: SuccessNode, if: 'not (bb.x == 1)'}", Exact),
        (
            r#"_failureIf="x &lt; 0" _successIf="done""#,
            "{type: Precondition, props: {if: '${not (bb.x < 0)}', else: failure}, children: [{type: Precondition, \
             props: {if: '${not bb.done}', else: success}, children: [{type: SuccessNode}]}]}",
            Exact,
        ),
        (
            r#"_onSuccess="n := 1""#,
            "{type: Sequence, children: [{type: SuccessNode}, {type: Script, props: {textContent: n = 1}}]}",
            Exact,
        ),
        (
            r#"_onFailure="n := 1""#,
            "{type: Recovery, children: [{type: SuccessNode}, {type: ForceFailure, children: [{type: Script, props: \
             {textContent: n = 1}}]}]}",
            Exact,
        ),
        (
            r#"_while="x""#,
            "{type: ReactiveSequence, if: not (not bb.x), children: [{type: Precondition, props: {if: '${not (not bb.x)}', \
             else: failure}, children: [{type: SuccessNode}]}, {type: SuccessNode}]}",
            Approximated,
        ),
        (r#"_onHalted="n := 1""#, "type: SuccessNode", Approximated),
        (r#"name="Calm down" _description="d""#, "{type: SuccessNode, name: Calm down}", Exact),
    ];
    for (attributes, expected, verdict) in cases {
        check(&format!("<AlwaysSuccess {attributes}/>"), expected, verdict);
    }
}

#[test]
fn what_has_no_counterpart_says_so_and_fails() {
    let cases = [
        (r#"<MoveBase goal="{target}"/>"#, "MoveBase", "no node type of this name exists"),
        (
            "<SkipUnlessUpdated entry=\"{x}\"><AlwaysSuccess/></SkipUnlessUpdated>",
            "SkipUnlessUpdated",
            "since the last look",
        ),
        (r#"<Script code="x := a &amp; b"/>"#, "Script", "`&` is not expected here"),
        (r#"<AlwaysSuccess _skipIf="f(x)"/>"#, "AlwaysSuccess", "`_skipIf`: the function `f` has no counterpart"),
        (r#"<Sleep msec="soon"/>"#, "Sleep", "`msec`: `soon` is not a whole number"),
        ("<Inverter/>", "Inverter", "it needs 1 children and has 0"),
        (r#"<SubTree ID="Gone"/>"#, "SubTree", "there is no tree `Gone`"),
        (r#"<SubTree ID="Main"/>"#, "SubTree", "would call itself without end"),
    ];
    for (xml, what, reason) in cases {
        let imported = imported(&tree(xml));
        let item = &imported.report.items[0];
        assert_eq!((item.verdict, item.node.as_str()), (Verdict::Placeholder, what), "{xml}");
        assert!(item.note.contains(reason), "{xml}: {}", item.note);
        let root = &imported.definition.root;
        assert_eq!(root.node_type, "Sequence", "{xml}");
        assert_eq!(root.children[0].node_type, "LogMessage", "{xml}");
        assert_eq!(root.children[1].node_type, "FailureNode", "{xml}");
        let message = root.children[0].props["message"].as_str().unwrap_or_default();
        assert!(message.contains(reason), "{xml}: {message}");
        assert!(!imported.report.is_runnable());
    }
}

#[test]
fn nodes_of_the_application_keep_their_type_where_it_exists() {
    let xml = r#"<root BTCPP_format="4"><BehaviorTree ID="Main"><MoveBase goal="{target}" speed="2" pose="{pose}"/></BehaviorTree>
      <TreeNodesModel><Action ID="MoveBase"><input_port name="goal"/><output_port name="pose"/>
      <input_port name="frame" type="std::string" default="7"/></Action></TreeNodesModel></root>"#;
    let types = BTreeSet::from(["MoveBase".to_owned()]);
    let imported = import(&Source::new("a.xml", xml).with_node_types(&types), None).expect("the XML is imported");
    let props = serde_json::json!({ "goal": "${bb.target}", "speed": 2, "pose": "pose", "frame": "7" });
    assert_eq!(Value::Object(imported.definition.root.props.clone()), props);
    assert!(imported.report.is_runnable());
}

#[test]
fn ports_of_subtrees_are_copied_in_and_out() {
    let xml = r#"<root BTCPP_format="4" main_tree_to_execute="Main">
      <BehaviorTree ID="Main"><Sequence>
        <SubTree ID="Add-one" in="{a}" out="{b}" step="3" result="{c}"/>
        <SubTree ID="Shared" _autoremap="true"/>
        <Script code="@total := 1"/>
      </Sequence></BehaviorTree>
      <BehaviorTree ID="Add-one"><Script code="out := in + step; result := 1"/></BehaviorTree>
      <BehaviorTree ID="Shared"><Script code="y := x; _private := 1; @total += 1"/></BehaviorTree>
    </root>"#;
    let imported = imported(xml);
    let expected = r#"
type: Sequence
children:
  - type: SubTree
    props:
      treeId: Add_one
      inputs: { in_: "${bb.a}", step: 3 }
      outputs: { b: "${bb.out | default(none)}", c: "${bb.result | default(none)}" }
      isolated: true
  - type: SubTree
    props:
      treeId: Shared
      inputs: { root_total: "${bb.total | default(none)}" }
      outputs: { total: "${bb.root_total | default(none)}", y: "${bb.y | default(none)}" }
  - type: Script
    props: { textContent: total = 1 }
"#;
    assert_eq!(root(&imported), akao_yaml::to_value(expected).expect("the case is YAML"), "{}", imported.yaml);
    let names: Vec<&String> = imported.definition.trees.keys().collect();
    assert_eq!(names, ["Add_one", "Shared"]);
    let shared = &imported.definition.trees["Shared"].props["textContent"];
    assert_eq!(shared, "y = x\n_private = 1\nroot_total = root_total + 1");
    assert_eq!(imported.report.count(Verdict::Renamed), 2, "{}", imported.report.to_text());
}

#[test]
fn includes_are_followed_once_and_missing_ones_reported() {
    let files = BTreeMap::from([
        (
            "lib/a.xml".to_owned(),
            r#"<root BTCPP_format="4"><include path="./b.xml"/><include path="../main.xml"/></root>"#.to_owned(),
        ),
        (
            "lib/b.xml".to_owned(),
            r#"<root BTCPP_format="4"><BehaviorTree ID="B"><AlwaysSuccess/></BehaviorTree></root>"#.to_owned(),
        ),
        ("main.xml".to_owned(), r#"<root BTCPP_format="4"><include path="lib/a.xml"/></root>"#.to_owned()),
    ]);
    let xml = r#"<root BTCPP_format="4"><include path="lib/a.xml"/><include path="gone.xml"/>
      <BehaviorTree ID="Main"><SubTree ID="B"/></BehaviorTree></root>"#;
    let imported = import(&Source::new("m.xml", xml).with_includes(&files), None).expect("the XML is imported");
    assert_eq!(imported.definition.root.node_type, "SubTree");
    assert!(imported.definition.trees.contains_key("B"));
    let dropped: Vec<&str> = imported
        .report
        .items
        .iter()
        .filter(|item| item.verdict == Verdict::Dropped)
        .map(|item| item.note.as_str())
        .collect();
    assert_eq!(dropped, ["`gone.xml` was not found; its trees are missing"]);
}

#[test]
fn xml_that_cannot_be_read_is_an_error_with_a_place() {
    let deep = format!("<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\">{}", "<Inverter>".repeat(40_000));
    let closed = format!("{deep}{}</BehaviorTree></root>", "</Inverter>".repeat(40_000));
    let shallow = tree(&format!("{}{OK}{}", "<Inverter>".repeat(40), "</Inverter>".repeat(40)));
    let cases = [
        ("<root>".to_owned(), "robot.xml:1:"),
        ("<tree/>".to_owned(), "the outermost element is `tree`, not `root`"),
        ("<root BTCPP_format=\"4\"/>".to_owned(), "holds no `BehaviorTree`"),
        ("<!DOCTYPE r [<!ENTITY a \"b\">]><root/>".to_owned(), "robot.xml:1:"),
        (deep, "robot.xml:1:"),
        (closed, "nested deeper than 64"),
        (shallow, "nested deeper than 64"),
        (r#"<root BTCPP_format="4" main_tree_to_execute="X"><BehaviorTree ID="M"/></root>"#.to_owned(), "names `X`"),
    ];
    for (xml, expected) in cases {
        let error = import(&Source::new("robot.xml", &xml), Some(Dialect::BehaviorTreeCpp)).expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let many = "x".repeat(akao_import::SOURCE_BYTES_MAX + 1);
    assert!(matches!(import(&Source::new("a", &many), None), Err(ImportError::TooLarge { .. })));
}
