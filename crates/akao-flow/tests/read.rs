//! What a workflow file is read as, and where its parts stand.

use akao_flow::{Definition, NodeDef, OnFailure, Position, read};
use serde_json::json;

const WORKFLOW: &str = r#"akao: 1
id: order-alerts
version: 1.2.0
name: Order alerts
inputs:
  customer: { type: string, required: true }
outputs:
  count: "${steps.a.outputs.result}"
settings: { timeout: 10m, concurrency: { key: "${input.customer}", limit: 1 }, on_failure: stop }
root:
  type: Sequence
  children:
    - type: HttpRequest
      id: fetch
      props: { url: "https://api.example.com/data", outputKey: response }
      retry: { attempts: 3, delay: 1s, factor: 2, max_delay: 60s, on: [connection, timeout] }
      timeout: 30s
    - type: Graph
      id: both
      children:
        - { id: a, type: PythonInterpreter, props: { script: "result = 1" } }
        - { id: b, type: PrintAction, needs: [a], if: "steps.a.outputs.result > 0", on_failure: continue }
"#;

#[test]
fn a_whole_file_is_read() {
    let parsed = read(WORKFLOW).unwrap();
    let definition = &parsed.definition;
    assert_eq!((definition.id.as_str(), definition.version.as_str()), ("order-alerts", "1.2.0"));
    assert_eq!(
        definition.inputs.to_json_schema(),
        json!({
            "type": "object", "properties": {"customer": {"type": "string"}}, "required": ["customer"],
            "additionalProperties": false,
        })
    );
    let fetch = &definition.root.children[0];
    let retry = fetch.retry.as_ref().unwrap();
    assert_eq!((retry.attempts, retry.factor, retry.on.len()), (3, Some(2.0), 2));
    let b = &definition.root.children[1].children[1];
    assert_eq!((b.needs.as_slice(), b.on_failure), (["a".to_owned()].as_slice(), Some(OnFailure::Continue)));
    // What serde reads from the same document is the same definition: the two readers cannot drift apart.
    let by_serde: Definition = serde_json::from_value(akao_yaml::to_value(WORKFLOW).unwrap()).unwrap();
    assert_eq!(definition, &by_serde);
}

#[test]
fn places_are_found_by_path() {
    let positions = read(WORKFLOW).unwrap().positions;
    let at = |line, column| Position { line, column };
    let cases = [
        ("", at(1, 1), at(1, 1)),
        ("version", at(3, 1), at(3, 10)),
        ("root.children[0].props.url", at(15, 16), at(15, 21)),
        ("root.children[1].children[1].needs[0]", at(22, 47), at(22, 47)),
    ];
    for (path, key, value) in cases {
        let found = positions.find(path).unwrap_or_else(|| panic!("{path} is not found"));
        assert_eq!((found.key, found.value), (key, value), "{path}");
    }
    assert_eq!(positions.find("root.children[7]"), None);
    assert_eq!(positions.find("root..x"), None);
}

#[test]
fn a_bare_tree_gets_a_default_header() {
    let parsed = read("type: Sequence\nchildren:\n  - type: SuccessNode\n    name: fine\n").unwrap();
    assert_eq!((parsed.definition.id.as_str(), parsed.definition.version.as_str()), ("workflow", "0.0.0"));
    let child = NodeDef { node_type: "SuccessNode".into(), name: Some("fine".into()), ..NodeDef::default() };
    assert_eq!(parsed.definition.root.children, [child]);
    let name = parsed.positions.find("root.children[0].name").unwrap();
    assert_eq!((name.key, name.value), (Position { line: 4, column: 5 }, Position { line: 4, column: 11 }));
}

#[test]
fn inputs_may_be_a_list_and_json_is_yaml() {
    let parsed = read(
        r#"{"akao": 1, "id": "x", "version": "1.0.0", "root": {"type": "Sequence"},
            "inputs": [{"name": "count", "type": "integer", "required": true, "default": 3}, {"name": "note"}]}"#,
    )
    .unwrap();
    assert_eq!(
        serde_json::to_value(&parsed.definition.inputs).unwrap(),
        json!({"count": {"type": "integer", "required": true, "default": 3}, "note": {}})
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_text() {
    let problems =
        read("akao: 2\nid: Order Alerts\nverson: 1.0.0\nroot:\n  tpye: Sequence\n  timeout: 30\n").unwrap_err();
    let found: Vec<(u32, &str)> = problems.iter().map(|p| (p.position.line, p.code.as_str())).collect();
    let expected = [
        (1, "unsupported-format"),
        (2, "invalid-name"),
        (3, "unknown-key"),
        (5, "unknown-key"),
        (6, "invalid-duration"),
    ];
    assert_eq!(found, expected, "{problems:#?}");
}
