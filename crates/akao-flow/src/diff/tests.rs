//! Pairs of definitions with the whole text of their difference, and what must hold for every pair.

use super::*;
use serde_json::{Value, json};

fn workflow(root: Value) -> Definition {
    let mut definition = json!({"akao": 1, "id": "w", "version": "1.0.0"});
    definition["root"] = root;
    whole(definition)
}

fn whole(definition: Value) -> Definition {
    serde_json::from_value(definition).unwrap()
}

fn text_of(before: &Definition, after: &Definition) -> String {
    let difference = diff(before, after);
    let written = serde_json::to_string(&difference).unwrap();
    assert_eq!(serde_json::from_str::<Difference>(&written).unwrap(), difference, "JSON does not read back");
    assert_eq!(difference.is_empty(), difference.before.hash == difference.after.hash, "{difference:?}");
    difference.to_text(false)
}

fn node(id: &str, url: &str) -> Value {
    json!({"type": "HttpRequest", "id": id, "props": {"url": url, "outputKey": id}})
}

#[test]
fn differences_of_trees_read_as_expected() {
    let (a, b, c) = (node("a", "https://a"), node("b", "https://b"), node("c", "https://c"));
    let say = |text: &str| json!({"type": "PrintAction", "props": {"message": text}});
    let sequence = |children: Value| json!({"type": "Sequence", "children": children});
    let cases = [
        ("same", sequence(json!([a, b])), sequence(json!([a, b])), "w 1.0.0: no difference\n"),
        (
            "changed prop",
            sequence(json!([a, b])),
            sequence(json!([a, node("b", "https://other")])),
            "w 1.0.0 (nodes: 1 changed)\n\n~ /1 b (HttpRequest)\n    ~ props.url: \"https://b\" → \"https://other\"\n",
        ),
        (
            "added in front: the shifted one is not reported",
            sequence(json!([b])),
            sequence(json!([a, b])),
            "w 1.0.0 (nodes: 1 added)\n\n+ /0 a (HttpRequest)\n    + props.url: \"https://a\"\n    + props.outputKey: \"a\"\n",
        ),
        (
            "removed",
            sequence(json!([a, b, c])),
            sequence(json!([a, c])),
            "w 1.0.0 (nodes: 1 removed)\n\n- /1 b (HttpRequest)\n    - props.url: \"https://b\"\n    - props.outputKey: \"b\"\n",
        ),
        (
            "reordered",
            sequence(json!([a, b, c])),
            sequence(json!([c, a, b])),
            "w 1.0.0 (nodes: 1 moved)\n\n> /2 → /0 c (HttpRequest)  moved\n",
        ),
        (
            "wrapped root without ids",
            sequence(json!([say("one"), say("two")])),
            json!({"type": "Retry", "props": {"attempts": 3}, "children": [sequence(json!([say("one"), say("two")]))]}),
            "w 1.0.0 (nodes: 1 added, 1 moved)\n\n+ / Retry\n    + props.attempts: 3\n\n> / → /0 Sequence  moved\n",
        ),
        (
            "moved into a new parent and changed",
            sequence(json!([a, b])),
            sequence(json!([a, {"type": "Parallel", "id": "p", "children": [node("b", "https://x")]}])),
            "w 1.0.0 (nodes: 1 added, 1 moved, 1 changed)\n\n+ /1 p (Parallel)\n\n> /1 → /1/0 b (HttpRequest)  moved\n    ~ props.url: \"https://b\" → \"https://x\"\n",
        ),
        (
            "renamed",
            sequence(json!([a, say("x")])),
            sequence(
                json!([{"type": "HttpRequest", "id": "fetch", "props": {"url": "https://a", "outputKey": "a"}}, say("x")]),
            ),
            "w 1.0.0 (nodes: 1 changed)\n\n~ /0 fetch (HttpRequest)\n    ~ id: \"a\" → \"fetch\"\n",
        ),
        (
            "another type under the same id, and of a composite",
            sequence(json!([a, b])),
            json!({"type": "Selector", "children": [{"type": "MockAction", "id": "a"}, b]}),
            "w 1.0.0 (nodes: 2 changed)\n\n~ / Selector\n    ~ type: \"Sequence\" → \"Selector\"\n\n~ /0 a (MockAction)\n    ~ type: \"HttpRequest\" → \"MockAction\"\n    - props: {\"url\":\"https://a\",\"outputKey\":\"a\"}\n",
        ),
        (
            "without ids: one message changed, one added",
            sequence(json!([say("one"), say("two")])),
            sequence(json!([say("one"), say("three"), say("two")])),
            "w 1.0.0 (nodes: 1 added)\n\n+ /1 PrintAction\n    + props.message: \"three\"\n",
        ),
        (
            "header fields of a node",
            json!({"type": "T", "id": "t", "timeout": "1s", "retry": {"attempts": 2}}),
            json!({"type": "T", "id": "t", "if": "bb.x", "needs": ["a"], "retry": {"attempts": 3}}),
            "w 1.0.0 (nodes: 1 changed)\n\n~ / t (T)\n    ~ retry.attempts: 2 → 3\n    - timeout: \"1s\"\n    + needs: [\"a\"]\n    + if: \"bb.x\"\n",
        ),
        (
            "script lines",
            json!({"type": "Script", "id": "s", "props": {"code": "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n"}}),
            json!({"type": "Script", "id": "s", "props": {"code": "a = 1\nb = 2\nc = 3\nd = 4\ne = 50\nf = 6\n"}}),
            "w 1.0.0 (nodes: 1 changed)\n\n~ / s (Script)\n    ~ props.code:\n        …\n          c = 3\n          d = 4\n        - e = 5\n        + e = 50\n          f = 6\n",
        ),
    ];
    for (name, before, after, expected) in cases {
        let text = text_of(&workflow(before), &workflow(after));
        assert_eq!(text, expected, "{name}:\n{text}");
    }
}

#[test]
fn differences_of_headers_and_trees_read_as_expected() {
    let before = whole(json!({
        "akao": 1, "id": "w", "version": "1.0.0", "name": "Old",
        "inputs": {"x": {"type": "string", "required": true}},
        "trees": {"inner": {"type": "PrintAction", "props": {"message": "m"}}},
        "root": {"type": "SubTree", "props": {"treeId": "inner"}},
    }));
    let after = whole(json!({
        "akao": 1, "id": "w", "version": "1.1.0",
        "inputs": {"x": {"type": "integer", "required": true}},
        "outputs": {"y": "${bb.y}"},
        "settings": {"concurrency": {"limit": 2}},
        "trees": {"body": {"type": "PrintAction", "props": {"message": "m"}}},
        "root": {"type": "SubTree", "props": {"treeId": "body"}},
    }));
    let expected = "\
w 1.0.0 → 1.1.0 (nodes: 1 moved, 1 changed)

workflow
    ~ version: \"1.0.0\" → \"1.1.0\"
    - name: \"Old\"
    ~ inputs.x.type: \"string\" → \"integer\"
    + outputs: {\"y\":\"${bb.y}\"}
    + settings: {\"concurrency\":{\"limit\":2}}

+ tree body

- tree inner

~ / SubTree
    ~ props.treeId: \"inner\" → \"body\"

> #inner/ → #body/ PrintAction  moved
";
    assert_eq!(text_of(&before, &after), expected);
}

#[test]
fn colours_and_hostile_names_are_safe() {
    let before = workflow(json!({"type": "T", "id": "\u{1b}[2J", "props": {"a": "\u{9b}1"}}));
    let after = workflow(json!({"type": "T", "id": "\u{1b}[2J"}));
    let text = diff(&before, &after).to_text(true);
    assert!(text.contains("\u{1b}[33m~ /\u{1b}[0m"), "{text:?}");
    assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{9b}'), "{text:?}");
}

/// A small generator of definitions; the seed is in every message.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }

    fn node(&mut self, depth: usize) -> NodeDefinition {
        let mut node = NodeDefinition { node_type: ["A", "B", "C"][self.roll(3)].to_owned(), ..Default::default() };
        if self.roll(3) == 0 {
            node.id = Some(format!("n{}", self.roll(40)));
        }
        for _ in 0..self.roll(3) {
            node.props.insert(["x", "y", "z"][self.roll(3)].to_owned(), json!(self.roll(4)));
        }
        for _ in 0..if depth == 0 { 0 } else { self.roll(4) } {
            node.children.push(self.node(depth - 1));
        }
        node
    }
}

use crate::NodeDef as NodeDefinition;

#[test]
fn every_node_is_accounted_for_and_empty_means_equal() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let mut before = workflow(json!({"type": "R"}));
        before.root.children = (0..3).map(|_| dice.node(4)).collect();
        let mut after = before.clone();
        match dice.roll(4) {
            0 => after.root.children.reverse(),
            1 => drop(after.root.children.pop()),
            2 => after.root.children.push(dice.node(3)),
            _ => {}
        }
        let difference = diff(&before, &after);
        assert_eq!(difference.is_empty(), content_hash(&before, None) == content_hash(&after, None), "seed {seed}");
        assert!(diff(&before, &before).is_empty(), "seed {seed}");
        let summary = difference.summary();
        let count = |definition: &Definition| Flat::of(definition).nodes.len();
        assert_eq!(count(&before) + summary.added, count(&after) + summary.removed, "seed {seed}");
        assert_eq!(diff(&before, &after), difference, "seed {seed}");
    }
}

#[test]
fn thousands_of_nodes_without_ids_are_compared() {
    let child = |n: usize| json!({"type": "PrintAction", "props": {"message": format!("m{n}"), "n": n}});
    let before = workflow(json!({"type": "Sequence", "children": (0..10_000).map(child).collect::<Vec<_>>()}));
    let mut after = before.clone();
    after.root.children.rotate_left(1);
    after.root.children[5_000].props.insert("n".to_owned(), json!("other"));
    let summary = diff(&before, &after).summary();
    assert_eq!(summary, Summary { added: 0, removed: 0, moved: 1, changed: 1 });
    let mut scrambled = before.clone();
    for node in &mut scrambled.root.children {
        node.props.insert("message".to_owned(), json!("all the same"));
        node.props.insert("n".to_owned(), json!(0));
    }
    let summary = diff(&before, &scrambled).summary();
    assert_eq!((summary.added, summary.removed), (0, 0));
}
