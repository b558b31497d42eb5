//! Akao's graph form and stage form, by snippets; whole files are in `examples/import`.

use akao_import::{Dialect, Imported, Source, Verdict, import};

fn imported(yaml: &str, dialect: Dialect) -> Imported {
    let imported = import(&Source::new("old.yaml", yaml), None).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(imported.report.dialect, dialect);
    imported
}

fn children(imported: &Imported, expected: &str) {
    assert_eq!(imported.definition.root.node_type, "Graph");
    let found = serde_json::to_value(&imported.definition.root.children).expect("a definition serialises");
    let expected = akao_yaml::to_value(expected).unwrap_or_else(|error| panic!("{error}\n{expected}"));
    assert_eq!(found, expected, "{}\n{}", imported.yaml, imported.report.to_text());
}

#[test]
fn connections_become_needs_and_references() {
    let source = "nodes:\n- {id: a, type: file-scanner, parameters: {directory: src, max_depth: 2}, timeout: 500}\n\
                  - {id: b, type: reporter, depends_on: [a], retry_count: 1, enabled: false}\n\
                  connections:\n- {from_node: a, from_output: files, to_node: b, to_input: data}\n\
                  - {from_node: a, from_output: gone, to_node: b, to_input: title}\n- {from_node: x, to_node: b}\n";
    let imported = imported(source, Dialect::AkaoGraph);
    children(
        &imported,
        "- {id: a, type: FileScanner, props: {path: src, maxDepth: 2}, timeout: 500ms}\n\
         - {id: b, type: Reporter, props: {data: '${steps.a.outputs.files}', title: '${steps.a.outputs.files}'}, \
         needs: [a], if: false, retry: {attempts: 2}}\n",
    );
    let verdicts: Vec<Verdict> = imported.report.items.iter().map(|item| item.verdict).collect();
    assert_eq!(verdicts, [Verdict::Exact, Verdict::Approximated, Verdict::Dropped, Verdict::Exact, Verdict::Exact]);
}

#[test]
fn inputs_get_names_that_expressions_can_read() {
    let graph = "input_schema: {max-files: integer}\nnodes:\n- {id: a-b, type: file-scanner, parameters: {path: '${max-files}', max_depth: '${inputs.max-files}'}}\n\
                 - {id: c, type: reporter, parameters: {data: '${nodes.a-b.outputs.files} ${nodes.a-b.gone} ${', title: '${other}'}}\n";
    let imported = imported(graph, Dialect::AkaoGraph);
    assert!(imported.definition.inputs.0.contains_key("max_files"));
    children(
        &imported,
        "- {id: a_b, type: FileScanner, props: {path: '${input.max_files}', maxDepth: '${input.max_files}'}}\n\
         - {id: c, type: Reporter, props: {data: '${steps.a_b.outputs.files} $${nodes.a_b.gone} $${', title: '$${other}'}}\n",
    );
}

#[test]
fn logic_keeps_what_an_expression_can_say() {
    let cases = [
        ("multiply(2, 3)", "{type: LogicExecutor, props: {expression: 'multiply(2, 3)'}}"),
        ("${input.n} + 1", "{type: SetVariable, props: {key: a_result, value: '${input.n + 1}'}}"),
    ];
    for (code, expected) in cases {
        let source = format!("nodes:\n- {{id: a, type: logic-executor, parameters: {{expression: '{code}'}}}}\n");
        let imported = imported(&source, Dialect::AkaoGraph);
        children(&imported, &format!("[{}, id: a}}]", expected.trim_end_matches('}').to_owned() + "}"));
    }
    for code in ["x = 1; return x", "for f in files: check(f)\nreturn 1", "length(${inputs.a})"] {
        let source = format!(
            "nodes:\n- {{id: a, type: logic-executor, retry_count: 2, parameters: {{expression: {code:?}}}}}\n"
        );
        let imported = imported(&source, Dialect::AkaoGraph);
        assert_eq!(imported.report.items[0].verdict, Verdict::Placeholder, "{code}");
        assert_eq!(imported.definition.root.children[0].retry, None, "a placeholder is no step");
    }
}

#[test]
fn stages_wait_for_the_one_before_unless_they_say_otherwise() {
    let source = "inputs: [{name: n, type: int, required: true}]\nstages:\n- {name: a, node: file-scanner}\n\
                  - {name: b, node: file-scanner}\n- {name: c, node: file-scanner, parallel: true}\n\
                  - {name: d, node: file-scanner, depends_on: [a, c], condition: '${inputs.n} > 2 || !${stages.a.status}'}\n";
    let imported = imported(source, Dialect::AkaoStages);
    let scanner = "type: FileScanner, props: {path: .}";
    children(
        &imported,
        &format!(
            "- {{id: a, {scanner}}}\n- {{id: b, {scanner}, needs: [a]}}\n- {{id: c, {scanner}}}\n\
             - {{id: d, {scanner}, needs: [a, c], if: input.n > 2 or not steps.a.status}}\n"
        ),
    );
    let inputs = serde_json::to_value(&imported.definition.inputs).expect("a schema serialises");
    assert_eq!(inputs, serde_json::json!({ "n": { "type": "integer", "required": true } }));
}

#[test]
fn what_cannot_be_ordered_or_named_is_an_error() {
    let cases = [
        (
            "nodes:\n- {id: a, type: reporter, depends_on: [b]}\n- {id: b, type: reporter, depends_on: [a]}\n",
            "in a circle: a, b",
        ),
        ("nodes:\n- {id: a, type: reporter}\n- {id: a, type: reporter}\n", "another node has the same id"),
        ("nodes:\n- {type: reporter}\n", "nodes[0]: a node needs an `id`"),
        ("stages:\n- {name: a}\n", "stages[0]: a stage needs a `node`"),
        ("stages: 4\n", "stages: a list is expected, not a number"),
    ];
    for (source, expected) in cases {
        let error = import(&Source::new("old.yaml", source), None).expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
