//! btree YAML in its other spellings: the tree that comes out and what the report says of it.

use akao_import::{Dialect, Imported, Source, Verdict, import};
use std::collections::BTreeSet;

fn imported(yaml: &str) -> Imported {
    let imported = import(&Source::new("old.yaml", yaml), None).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(imported.report.dialect, Dialect::BtreeYaml);
    imported
}

fn check(yaml: &str, expected: &str, verdicts: &[Verdict]) {
    let imported = imported(yaml);
    let root = serde_json::to_value(&imported.definition.root).expect("a definition serialises");
    let expected = akao_yaml::to_value(expected).unwrap_or_else(|error| panic!("{error}\n{expected}"));
    assert_eq!(root, expected, "{yaml}\n{}", imported.yaml);
    let found: Vec<Verdict> = imported.report.items.iter().map(|item| item.verdict).collect();
    assert_eq!(found, verdicts, "{yaml}\n{}", imported.report.to_text());
}

#[test]
fn spellings_are_put_right() {
    use Verdict::{Exact, Renamed};
    let child = "children: [{type: SuccessNode}]";
    let cases = [
        ("Timeout", "ms: 5", "Timeout", "timeoutMs: 5"),
        ("Delay", "ms: 5", "Delay", "delayMs: 5"),
        ("Repeat", "times: 5", "Repeat", "numCycles: 5"),
        ("Retry", "maxAttempts: 5", "Retry", "attempts: 5"),
        ("ForEach", "collection: a", "ForEach", "collectionKey: a"),
        ("Parallel", "policy: all", "Parallel", "strategy: strict, haltOnDecided: false"),
        ("Parallel", "policy: one", "Parallel", "strategy: any, haltOnDecided: false"),
    ];
    for (old_type, old, new_type, new) in cases {
        let source = format!("{{type: {old_type}, props: {{{old}}}, {child}}}");
        check(&source, &format!("{{type: {new_type}, props: {{{new}}}, {child}}}"), &[Exact, Renamed, Exact]);
    }
}

#[test]
fn meanings_of_the_family_are_kept() {
    use Verdict::Exact;
    let child = "children: [{type: AlwaysSuccess}]";
    let result = "children: [{type: SuccessNode}]";
    let cases = [
        ("Fallback", format!("{{type: Selector, {result}}}")),
        ("SequenceWithMemory", format!("{{type: MemorySequence, {result}}}")),
        ("RunOnce", format!("{{type: RunOnce, props: {{thenSkip: false}}, {result}}}")),
        ("KeepRunningUntilFailure", format!("{{type: KeepRunningUntilFailure, props: {{result: success}}, {result}}}")),
    ];
    for (old_type, expected) in cases {
        check(&format!("{{type: {old_type}, {child}}}"), &expected, &[Exact, Exact]);
    }
}

#[test]
fn references_say_where_a_missing_name_was_empty() {
    let cases = [
        ("Hi {{who}}", "Hi ${bb.who | default('')}"),
        ("${input.a.b}", "${input.a.b | default('')}"),
        ("$param.x!", "${input.x | default('')}!"),
        ("{{env.HOME}}", "${vars.HOME | default('')}"),
        ("$bb.seen", "${bb.seen}"),
        ("${seen} of ${item}", "${bb.seen} of ${bb.item | default('')}"),
        ("costs $5 and ${not a name}", "costs $5 and $${not a name}"),
        ("${seen + 1} ${open", "${seen + 1} $${open"),
    ];
    for (message, expected) in cases {
        let source = format!(
            "type: Sequence\nchildren:\n- {{type: CounterAction, props: {{counterKey: seen}}}}\n- {{type: LogMessage, props: {{message: {message:?}}}}}"
        );
        let imported = imported(&source);
        assert_eq!(imported.definition.root.children[1].props["message"], expected, "{message}");
        let item = &imported.report.items[2];
        let said = item.note.contains("default('')");
        assert_eq!(said, expected.contains("default"), "{message}: {}", item.note);
    }
}

#[test]
fn names_that_expressions_cannot_read_are_renamed() {
    use Verdict::{Dropped, Exact, Renamed};
    check(
        "{type: Sequence, id: a-b, children: [{type: SuccessNode, id: a_b}, {type: MathOp, id: a_b, props: {expression: '1', outputKey: my-key}}]}",
        "{type: Sequence, id: a_b_2, children: [{type: SuccessNode, id: a_b}, {type: MathOp, props: {expression: '1', outputKey: my_key}}]}",
        &[Exact, Renamed, Exact, Exact, Renamed, Dropped],
    );
}

#[test]
fn nodes_of_the_successor_are_mapped_or_stand_in() {
    check(
        "{type: HttpRequest, props: {url: 'https://a.example', timeout: 1500, retry: {maxAttempts: 3, backoffMs: 100}, outputKey: r}}",
        "{type: HttpRequest, props: {url: 'https://a.example', outputKey: r}, retry: {attempts: 3, delay: 100ms, factor: 2.0, on: [connection, timeout]}, timeout: 1s500ms}",
        &[Verdict::Exact],
    );
    check(
        "{type: PythonScript, props: {code: 'result = 1', timeout: 60000, packages: [x], outputKey: n}}",
        "{type: PythonInterpreter, props: {script: 'result = 1', timeout: 1m, outputKey: n}}",
        &[Verdict::Approximated],
    );
    for source in [
        "{type: PythonScript, props: {code: \"bb['x'] = 1\"}}",
        "{type: CodeExecution, props: {language: javascript, code: setBB('a', 1)}}",
        "{type: GitHubAction, props: {operation: listIssues}}",
        "{type: MyOwnNode}",
        "{type: SubTree, props: {treeId: other}}",
    ] {
        let imported = imported(source);
        assert_eq!(imported.report.items[0].verdict, Verdict::Placeholder, "{source}");
        assert_eq!(imported.definition.root.children[1].node_type, "FailureNode", "{source}");
    }
    let types = BTreeSet::from(["MyOwnNode".to_owned()]);
    let source = Source::new("a", "{type: MyOwnNode, props: {x: 1}}").with_node_types(&types);
    assert_eq!(import(&source, None).expect("it is imported").definition.root.node_type, "MyOwnNode");
}

#[test]
fn unknown_props_are_named() {
    let imported = imported("{type: CounterAction, props: {counterKey: n, amount: 3}}");
    let item = &imported.report.items[1];
    assert_eq!((item.verdict, item.path.as_str(), item.line), (Verdict::Dropped, "root.props.amount", Some(1)));
    assert_eq!(item.note, "`CounterAction` has no prop `amount`; it was ignored before, too");
}

#[test]
fn a_file_with_a_header_keeps_its_meaning() {
    let source = "akao: 1\nid: kept\nversion: 2.0.0\ntrees:\n  t: {type: Repeat, props: {times: 2}, children: [{type: SuccessNode}]}\n\
                  root:\n  type: Parallel\n  children:\n  - {type: SubTree, props: {treeId: t}, if: 'n > 1'}\n  - {type: LogMessage, props: {message: '${n}'}}\n";
    let imported = imported(source);
    assert_eq!(imported.definition.id, "kept");
    assert_eq!(imported.definition.trees["t"].props["numCycles"], 2);
    assert!(imported.definition.root.props.is_empty());
    assert_eq!(imported.definition.root.children[1].props["message"], "${n}");
}

#[test]
fn what_is_no_tree_is_an_error_with_a_place() {
    let cases = [
        ("type: Sequence\nchildren: 3\n", "root.children: a list is expected, not a number"),
        ("type: Sequence\nchildren: [{id: a}]\n", "root.children[0]: a node needs a `type`"),
        ("root: {type: A}\nid: 7\n", "the header does not fit"),
        ("a: 1\n", "has neither `type` or `root`"),
        ("nodes: []\nconnections: {A: {main: []}}\n", "as in n8n's files"),
        ("type: [", "old.yaml: "),
    ];
    for (source, expected) in cases {
        let error = import(&Source::new("old.yaml", source), None).expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
