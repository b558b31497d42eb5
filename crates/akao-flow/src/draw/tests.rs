//! Whole drawings of small workflows, and what must hold for any workflow.

use super::*;
use crate::Definition;
use serde_json::{Value, json};

fn sample() -> Definition {
    serde_json::from_value(json!({
        "akao": 1, "id": "order-alerts", "version": "1.2.0", "name": "Order alerts",
        "trees": {"notify": {"type": "Selector", "children": [
            {"type": "SendSlackMessage@1.0.0", "props": {"channel": "#orders"}},
            {"type": "Email", "props": {"to": "ops@example.com"}}]}},
        "root": {"type": "Sequence", "children": [
            {"type": "HttpRequest", "id": "fetch", "timeout": "30s", "retry": {"attempts": 3},
             "props": {"url": "https://api.example.com/data", "method": "GET", "outputKey": "response"}},
            {"type": "Graph", "id": "both", "children": [
                {"type": "PythonInterpreter", "id": "a", "props": {"script": "result = len(response['data'])\nprint(result)"}},
                {"type": "com.example.enrich@^1.2", "id": "b", "needs": ["a"], "if": "steps.a.outputs.result > 0",
                 "props": {"orders": "${bb.response.data}"}},
                {"type": "ForEach", "id": "each", "needs": ["a"], "props": {"collectionKey": "orders", "itemKey": "order"}, "children": [
                    {"type": "Conditional", "children": [
                        {"type": "CheckCondition", "props": {"key": "order.total", "operator": ">", "value": 100}},
                        {"type": "HumanTask", "props": {"title": "Approve the order"}},
                        {"type": "LogMessage", "props": {"message": "small"}}]}]},
                {"type": "Aggregate", "id": "sum", "needs": ["b", "each", "a"], "props": {"input": "orders"}}]},
            {"type": "Recovery", "children": [
                {"type": "SubTree", "props": {"treeId": "notify"}},
                {"type": "LogMessage", "on_failure": "continue", "props": {"message": "could not notify"}}]}]}
    }))
    .unwrap()
}

fn hostile() -> Definition {
    let text = "</text><script>alert(1)</script>\u{1b}[2J\"`]end--> #quot; ${x} \u{202e}";
    serde_json::from_value(json!({
        "akao": 1, "id": text, "version": text, "name": text, "description": text, "trees": {text: {"type": text}},
        "root": {"type": "Graph", "name": text, "children": [
            {"type": text, "id": text, "needs": [text, "nobody", "y"], "props": {text: text}, "if": text, "timeout": text},
            {"type": "Switch", "id": "y", "needs": [text], "children": [{"type": text, "case": text}]}]}
    }))
    .unwrap()
}

fn statuses(of: &[(&str, NodeStatus)]) -> BTreeMap<Address, NodeStatus> {
    of.iter().map(|(address, status)| (address.parse().unwrap(), *status)).collect()
}

#[test]
fn the_terminal_tree_reads_well() {
    let expected = "\
order-alerts 1.2.0 - Order alerts
Sequence
├─ fetch HttpRequest (3 attempts, max 30s)  GET https://api.example.com/data → response
├─ both Graph
│  ├─ a PythonInterpreter  result = len(response['data']) …
│  ├─ b com.example.enrich@^1.2 ← a (if steps.a.outputs.result > 0)  ${bb.response.data}
│  ├─ each ForEach ← a  orders
│  │  └─ Conditional
│  │     ├─ if: CheckCondition  order.total
│  │     ├─ then: HumanTask  Approve the order
│  │     └─ else: LogMessage  small
│  └─ sum Aggregate ← b, each, a  orders
└─ Recovery
   ├─ try: SubTree  notify
   └─ catch: LogMessage (goes on)  could not notify

tree notify
Selector
├─ SendSlackMessage@1.0.0  #orders
└─ Email  ops@example.com
";
    let drawn = terminal(&sample(), &Options::default());
    assert_eq!(drawn, expected, "\n{drawn}");
}

#[test]
fn the_terminal_tree_keeps_to_its_options() {
    let narrow = Options {
        width: 30,
        unicode: false,
        statuses: statuses(&[("/0", NodeStatus::Success), ("/1[3]", NodeStatus::Failure)]),
        ..Options::default()
    };
    let drawn = terminal(&sample(), &narrow);
    assert!(drawn.is_ascii() && drawn.lines().all(|line| line.len() <= 30), "{drawn}");
    assert!(drawn.contains("|- + fetch HttpRequest") && drawn.contains("|- x both Graph"), "{drawn}");
    let colored = terminal(&sample(), &Options { color: true, ..Options::default() });
    assert!(colored.contains("\u{1b}[1mfetch\u{1b}[0m"), "{colored:?}");
}

#[test]
fn the_mermaid_chart_has_nodes_parts_and_needs() {
    let chart =
        mermaid(&sample(), &Options { statuses: statuses(&[("/0", NodeStatus::Running)]), ..Options::default() });
    for line in [
        "flowchart TD\n  n0([\"<b>Sequence</b>\"]):::composite\n",
        "  n1:::running\n",
        "  subgraph g2[\" \"]\n    direction LR\n",
        "    n3 ==> n4\n",
        "    n6 -- \"then\" --> n8\n",
        "  subgraph t14[\"tree notify\"]\n",
    ] {
        assert!(chart.contains(line), "no {line:?} in\n{chart}");
    }
}

#[test]
fn hostile_text_stays_text() {
    let (definition, options) = (hostile(), Options { color: false, ..Options::default() });
    let picture = svg(&definition, &options);
    let chart = mermaid(&definition, &options);
    let tree = terminal(&definition, &options);
    for drawing in [&picture, &chart, &tree] {
        assert!(!drawing.contains('\u{1b}') && !drawing.contains('\u{202e}'), "{drawing}");
    }
    assert!(!picture.contains("<script") && !chart.contains("<script") && !chart.contains('`'), "{picture}\n{chart}");
    well_formed(&picture);
}

/// Every start tag has its end tag; attributes and text hold no bare `<`.
fn well_formed(picture: &str) {
    let mut open = Vec::new();
    for piece in picture.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("unclosed tag: {piece}"));
        assert!(!text.contains('>'), "bare > in {text}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_picture_shows_every_node_once_and_says_its_state() {
    let options = Options { statuses: statuses(&[("/1/2[7]", NodeStatus::Failure)]), ..Options::default() };
    let picture = svg(&sample(), &options);
    well_formed(&picture);
    assert_eq!(picture.matches("<g class=\"node ").count(), 17);
    assert_eq!(picture.matches("class=\"need\"").count(), 5);
    assert!(
        picture.contains("<title id=")
            && picture.contains("<desc id=")
            && picture.contains("prefers-color-scheme:dark")
    );
    assert!(picture.contains("<g class=\"node composite failure\""), "no failed node");
}

/// No two cards of the picture overlap.
#[test]
fn cards_do_not_overlap() {
    let picture = svg(&sample(), &Options::default());
    let mut boxes = Vec::new();
    for node in picture.split("<g class=\"node ").skip(1) {
        let numbers =
            |text: &str| text.split([' ', ')', '"']).filter_map(|part| part.parse::<f64>().ok()).collect::<Vec<_>>();
        let corner = numbers(node.split_once("translate(").unwrap().1.split_once('>').unwrap().0);
        let size = numbers(node.split_once("<rect class=\"card\" ").unwrap().1.split_once("rx").unwrap().0);
        boxes.push((corner[0], corner[1], size[0], size[1]));
    }
    assert_eq!(boxes.len(), 17);
    for (at, a) in boxes.iter().enumerate() {
        for b in &boxes[at + 1..] {
            let apart = a.0 + a.2 <= b.0 || b.0 + b.2 <= a.0 || a.1 + a.3 <= b.1 || b.1 + b.3 <= a.1;
            assert!(apart, "{a:?} overlaps {b:?}");
        }
    }
}

#[test]
fn large_and_deep_workflows_are_drawn() {
    let mut deep = json!({"type": "PrintAction"});
    for _ in 0..63 {
        deep = json!({"type": "Graph", "children": [deep]});
    }
    let chain = |n: usize| json!({"type": "T", "id": format!("n{n}"), "needs": if n == 0 { vec![] } else { vec![format!("n{}", n - 1), "n0".to_owned()] }});
    let wide: Vec<Value> = (0..10_000).map(|n| json!({"type": "T", "props": {"n": n}})).collect();
    for root in [
        deep,
        json!({"type": "Graph", "children": (0..3_000).map(chain).collect::<Vec<_>>()}),
        json!({"type": "Sequence", "children": wide}),
    ] {
        let definition: Definition =
            serde_json::from_value(json!({"akao": 1, "id": "w", "version": "1.0.0", "root": root})).unwrap();
        let picture = svg(&definition, &Options::default());
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "a coordinate is not a number");
        assert!(!terminal(&definition, &Options::default()).is_empty());
        assert!(!mermaid(&definition, &Options::default()).is_empty());
    }
}

/// `AKAO_DRAW_DIR=… cargo test -p akao-flow drawings_for_looking_at` writes pictures to look at.
#[test]
fn drawings_for_looking_at() {
    let Ok(folder) = std::env::var("AKAO_DRAW_DIR") else { return };
    let states = statuses(&[
        ("/0", NodeStatus::Success),
        ("/", NodeStatus::Running),
        ("/1", NodeStatus::Running),
        ("/1/0", NodeStatus::Failure),
        ("/1/1", NodeStatus::Skipped),
        ("/1/2", NodeStatus::Cancelled),
    ]);
    for (name, options) in
        [("plain", Options::default()), ("states", Options { statuses: states, ..Options::default() })]
    {
        std::fs::write(format!("{folder}/{name}.svg"), svg(&sample(), &options)).unwrap();
        std::fs::write(format!("{folder}/{name}.mmd"), mermaid(&sample(), &options)).unwrap();
    }
}
