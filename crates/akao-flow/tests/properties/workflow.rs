//! Random workflows: every control node, bounded in size and depth.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

/// The element list behind the stored collection that loops may walk.
pub(crate) fn stored_items() -> Value {
    json!([1, 2, 3])
}

/// The reference that stands for it.
pub(crate) fn stored() -> akao_contract::BlobRef {
    let bytes = stored_items().to_string().into_bytes();
    let digest = akao_contract::Digest::of(&bytes);
    let reference = json!({"$blob": digest, "bytes": bytes.len(), "media_type": "application/json"});
    akao_contract::BlobRef::from_value(&reference).expect("a reference")
}

fn key() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "c"])
}

fn leaf() -> impl Strategy<Value = Value> {
    let props = |node_type: &str, props: Value| json!({"type": node_type, "props": props});
    prop_oneof![
        4 => Just(json!({"type": "Ok"})),
        1 => Just(props("Ok", json!({"value": "${a | default(0)}"}))),
        3 => select(vec!["user", "timeout", "connection"]).prop_map(move |kind| props("Fail", json!({"kind": kind}))),
        2 => (key(), 0..3).prop_map(move |(key, value)| props("Set", json!({"key": key, "value": value}))),
        2 => key().prop_map(move |key| props("Add", json!({"key": key}))),
        2 => (key(), 0..3).prop_map(move |(key, value)| props("Check", json!({"key": key, "value": value}))),
        2 => Just(json!({"type": "Hang"})),
        1 => key().prop_map(move |key| props("Get", json!({"key": key}))),
        1 => Just(json!({"type": "Ok", "pin": {"result": 7}})),
        1 => Just(props("Ok", json!({"value": "${nowhere}"}))),
        2 => (0u64..40).prop_map(move |wait| props("WaitAction", json!({"waitMs": wait}))),
        2 => (select(vec!["s", "t"]), option::of(select(vec!["k", "l"])), select(vec![0, 30]), option::of(key())).prop_map(
            move |(name, key, timeout, output)| {
                let mut map = json!({"signalName": name, "timeoutMs": timeout});
                if let Some(key) = key {
                    map["signalKey"] = json!(key);
                }
                if let Some(output) = output {
                    map["outputKey"] = json!(output);
                }
                props("WaitForSignal", map)
            }
        ),
        1 => (select(vec![0, 30]), select(vec!["expire", "approve", "reject"])).prop_map(move |(timeout, on_timeout)| {
            props("HumanTask", json!({"title": "t", "timeoutMs": timeout, "onTimeout": on_timeout}))
        }),
        2 => any::<bool>().prop_map(move |wait| props("SubWorkflow", json!({"workflow": "child", "wait": wait}))),
        1 => any::<bool>()
            .prop_map(move |isolated| props("SubTree", json!({"treeId": "t", "isolated": isolated, "inputs": {"a": 1}}))),
    ]
}

fn children(
    node: &BoxedStrategy<Value>,
    count: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = Vec<Value>> + use<> {
    vec(node.clone(), count)
}

fn composite(node: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let make = |node_type: &str, props: Value, children: Vec<Value>| json!({"type": node_type, "props": props, "children": children});
    let plain =
        select(vec!["Sequence", "Selector", "MemorySequence", "ReactiveSequence", "ReactiveSelector", "Sequence"]);
    let parallel = (
        option::of(1..4),
        option::of(1..4),
        select(vec!["strict", "any"]),
        any::<bool>(),
        0..3,
        children(&node, 0..=4),
    )
        .prop_map(move |(success, failure, strategy, halt, limit, children)| {
            let mut props = json!({"strategy": strategy, "haltOnDecided": halt, "limit": limit});
            if let Some(threshold) = success {
                props["successThreshold"] = json!(threshold);
            }
            if let Some(threshold) = failure {
                props["failureThreshold"] = json!(threshold);
            }
            make("Parallel", props, children)
        });
    let switch = (0..3, children(&node, 1..=3)).prop_map(move |(on, mut children)| {
        for (case, child) in children.iter_mut().enumerate() {
            child["case"] = json!(case);
        }
        make("Switch", json!({"on": format!("${{{on} + (a | default(0))}}")}), children)
    });
    let items = prop_oneof![
        3 => vec(0..3, 0..=3).prop_map(|items| json!(items)),
        1 => Just(json!({"x": 1, "y": 2})),
        1 => Just(stored().to_value()),
        1 => Just(json!("${b | default([1, 2])}")),
    ];
    let for_each = (items, 0..3, any::<bool>(), any::<bool>(), node.clone()).prop_map(
        move |(items, limit, go_on, collect, child)| {
            let on_failure = if go_on { "continue" } else { "stop" };
            let mut props = json!({"items": items, "limit": limit, "onFailure": on_failure, "indexKey": "at"});
            if collect {
                props["collect"] = json!("${[item, index]}");
                props["outputKey"] = json!("c");
            }
            make("ForEach", props, vec![child])
        },
    );
    let graph = vec((node.clone(), vec(any::<prop::sample::Index>(), 0..=2), any::<bool>()), 1..=4)
        .prop_map(move |children| make("Graph", json!({}), with_needs(children)));
    prop_oneof![
        6 => (plain, children(&node, 0..=4)).prop_map(move |(node_type, children)| make(node_type, json!({}), children)),
        4 => parallel,
        1 => switch,
        2 => for_each,
        3 => graph,
        2 => children(&node, 1..=3).prop_map(move |children| make("Recovery", json!({}), children)),
        1 => children(&node, 2..=3).prop_map(move |children| make("Conditional", json!({}), children)),
        1 => children(&node, 1..=3).prop_map(move |children| make("Race", json!({}), children)),
        1 => children(&node, 2..=2).prop_map(move |children| make("While", json!({"maxIterations": 3}), children)),
        6 => decorator(node),
    ]
    .boxed()
}

/// Children of a graph: each may need earlier ones, so there is no circle.
fn with_needs(children: Vec<(Value, Vec<prop::sample::Index>, bool)>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::with_capacity(children.len());
    for (at, (mut child, needs, handles)) in children.into_iter().enumerate() {
        let mut names: Vec<usize> = needs.iter().filter(|_| at > 0).map(|need| need.index(at)).collect();
        names.sort_unstable();
        names.dedup();
        // Positions among the siblings; they become ids when the whole tree has its ids.
        child["needs"] = json!(names);
        if handles && let Some(first) = names.first() {
            child["handles"] = json!(first);
        }
        all.push(child);
    }
    all
}

fn decorator(node: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let make =
        |node_type: &str, props: Value, child: Value| json!({"type": node_type, "props": props, "children": [child]});
    // A loop without end gets a step, so that it is a loop of steps and not of moves.
    let paced = |child: Value| json!({"type": "Sequence", "children": [{"type": "Ok"}, child]});
    let simple =
        select(vec!["Invert", "ForceSuccess", "ForceFailure", "SoftAssert", "Breakpoint", "RunOnce", "Precondition"]);
    prop_oneof![
        4 => (simple, node.clone()).prop_map(move |(node_type, child)| make(node_type, json!({}), child)),
        2 => (1..4, select(vec![0, 5]), select(vec!["linear", "exponential"]), node.clone()).prop_map(
            move |(attempts, delay, backoff, child)| {
                make("Retry", json!({"attempts": attempts, "delayMs": delay, "backoff": backoff}), child)
            }
        ),
        2 => (select(vec![0, 10, 100]), node.clone())
            .prop_map(move |(limit, child)| make("Timeout", json!({"timeoutMs": limit}), child)),
        1 => (select(vec![0, 10]), node.clone()).prop_map(move |(wait, child)| make("Delay", json!({"delayMs": wait}), child)),
        1 => (0..4, node.clone()).prop_map(move |(turns, child)| make("Repeat", json!({"numCycles": turns}), child)),
        1 => node.clone().prop_map(move |child| make("Repeat", json!({"numCycles": -1}), paced(child))),
        1 => (select(vec!["success", "failure"]), node.clone())
            .prop_map(move |(result, child)| make("KeepRunningUntilFailure", json!({"result": result}), paced(child))),
        1 => (any::<bool>(), node.clone()).prop_map(move |(skip, child)| {
            let looped = json!({"type": "RunOnce", "props": {"thenSkip": skip}, "children": [child]});
            make("Repeat", json!({"numCycles": 2}), looped)
        }),
        1 => (select(vec!["a | default(0) == 1", "1 > 2"]), select(vec!["failure", "success", "skipped"]), node.clone())
            .prop_map(move |(condition, otherwise, child)| {
                make("Precondition", json!({"if": condition, "else": otherwise}), child)
            }),
        1 => node.prop_map(move |child| make("StreamingSink", json!({"channelId": "out"}), child)),
    ]
    .boxed()
}

fn tree() -> impl Strategy<Value = Value> {
    let dressed = |node: BoxedStrategy<Value>| {
        let condition = prop_oneof![
            12 => Just(None),
            1 => Just(Some(json!(false))),
            1 => Just(Some(json!("a | default(0) != 1"))),
            1 => Just(Some(json!("nowhere == 1"))),
        ];
        (node, condition, prop::bool::weighted(0.08))
            .prop_map(|(mut node, condition, go_on)| {
                if let Some(condition) = condition {
                    node["if"] = condition;
                }
                if go_on {
                    node["on_failure"] = json!("continue");
                }
                node
            })
            .boxed()
    };
    let leaves = dressed(leaf().boxed());
    leaves.prop_recursive(5, 40, 4, move |node| dressed(composite(node.boxed())))
}

/// Gives every node its id and graphs their needs.
fn name(node: &mut Value, next: &mut usize) {
    node["id"] = json!(format!("n{next}"));
    *next += 1;
    let mut ids = Vec::new();
    for child in node["children"].as_array_mut().into_iter().flatten() {
        name(child, next);
        let position = |place: &Value| ids[place.as_u64().expect("a position") as usize];
        if let Some(needs) = child.get("needs").and_then(Value::as_array) {
            let needs: Vec<String> = needs.iter().map(|need| format!("n{}", position(need))).collect();
            let handled = child.get("handles").map(|place| format!("steps.n{}.status == 'failure'", position(place)));
            child.as_object_mut().expect("a node").shift_remove("handles");
            child["needs"] = json!(needs);
            if let Some(condition) = handled {
                child["if"] = json!(condition);
            }
        }
        let id = child["id"].as_str().expect("an id")[1..].parse::<usize>().expect("a number");
        ids.push(id);
    }
    if node["children"].is_null() {
        node.as_object_mut().expect("a node").shift_remove("children");
    }
}

/// A whole workflow as JSON.
pub(crate) fn workflow() -> impl Strategy<Value = Value> {
    let sub_tree =
        prop_oneof![leaf(), vec(leaf(), 1..3).prop_map(|children| json!({"type": "Sequence", "children": children}))]
            .prop_filter("a tree that starts itself has no end", |tree| !tree.to_string().contains("SubTree"));
    (tree(), sub_tree, prop::bool::weighted(0.1)).prop_map(|(mut root, mut sub_tree, bounded)| {
        let mut next = 0;
        name(&mut root, &mut next);
        name(&mut sub_tree, &mut next);
        let mut whole = json!({"root": root, "trees": {"t": sub_tree}, "outputs": {"a": "${a | default(null)}"}});
        if bounded {
            whole["settings"] = json!({"timeout": "120ms"});
        }
        whole
    })
}
