//! What a step is given of the blackboard.

mod support;

use serde_json::{Value, json};
use support::Driver;

/// What the leaf sees after `a` and `b` were set, within a loop over one item.
fn seen(props: Value) -> Value {
    let set = |key: &str, value: Value| json!({"type": "Set", "props": {"key": key, "value": value}});
    let leaf = json!({"type": "See", "id": "see", "props": props});
    let each =
        json!({"type": "ForEach", "props": {"items": ["x"], "itemKey": "each", "indexKey": "at"}, "children": [leaf]});
    let mut driver = Driver::start(
        json!({"type": "Sequence", "children": [set("a", json!(1)), set("b", json!({"c": 2})), each]}),
        json!({}),
    );
    driver.run();
    driver.assert_replays();
    assert_eq!(driver.error(), "");
    driver.bb("seen")
}

#[test]
fn a_node_that_reads_everything_is_given_what_is_visible_unless_a_prop_stands_instead() {
    let all = json!({"a": 1, "b": {"c": 2}, "each": "x", "at": 0});
    let cases = [
        (json!({"outputKey": "seen"}), all.clone()),
        (json!({"outputKey": "seen", "value": "${a}"}), all),
        (json!({"outputKey": "seen", "instead": {}}), json!({})),
        (json!({"outputKey": "seen", "instead": {"only": "${b.c}"}}), json!({})),
        (json!({"outputKey": "seen", "instead": null}), json!({})),
        // A prop that names a path is read all the same.
        (json!({"outputKey": "seen", "instead": {}, "key": "a"}), json!({"a": 1})),
    ];
    for (props, expected) in cases {
        assert_eq!(seen(props.clone()), expected, "{props}");
    }
}
