//! Nodes as their authors see them: contexts, failures, blobs, secrets, and the host for tests.

use akao_node::{inputs, json, testing::TestHost, Context, Failure, Health, Kind, Node, Problem, Value};
use std::{fs, thread, time::Duration};

inputs!(
    struct Numbers { left: i64, right: i64 = 1 }
);
inputs!(
    struct Name {
        name: String,
    }
);

fn node<I: akao_node::Inputs>(
    name: &str,
    work: impl Fn(&Context, I) -> Result<Value, Failure> + Send + Sync + 'static,
) -> Node {
    Node::new(format!("com.example.{name}"), work)
}

fn add() -> Node {
    let add = node("add", |_, inputs: Numbers| Ok(json!({"sum": inputs.left + inputs.right})));
    add.validate(|inputs: Numbers| match inputs.left {
        13 => vec![Problem::of("left", "brings bad luck")],
        _ => Vec::new(),
    })
}

#[test]
fn outputs_and_problems_come_back() {
    let mut host = TestHost::new(vec![add()]);
    assert_eq!(host.execute("com.example.add", json!({"left": 2})).outputs, json!({"sum": 3}));
    let failed = host.execute("com.example.add", json!({"left": 13}));
    assert_eq!(failed.error["message"], "/left brings bad luck");
    let problems = host.validate("com.example.add", json!({"left": 13}));
    assert_eq!(problems, [json!({"path": "/left", "message": "brings bad luck", "suggestion": null})]);
}

#[test]
fn a_loop_without_calls_is_cancelled_and_short_calls_are_quick_again() {
    let turn = node("turn", |context, (): ()| {
        context.progress(None, "turning");
        while !context.cancelled() {
            thread::sleep(Duration::from_millis(1));
        }
        context.check_cancelled().map(|()| Value::Null)
    });
    let mut host = TestHost::new(vec![turn, add()]);
    host.cancel_at_progress = true;
    for _ in 0..3 {
        assert_eq!(host.execute("com.example.turn", json!({})).error["kind"], "cancelled");
        assert_eq!(host.execute("com.example.add", json!({"left": 2})).outputs, json!({"sum": 3}));
    }
}

#[test]
fn files_secrets_state_and_streams() {
    let everything = node("everything", |context, inputs: Name| {
        fs::write(context.workspace().join("a.txt"), "all")?;
        let blob = context.blob_put_as("a.txt", "text/plain")?;
        let text = fs::read_to_string(context.blob_get(&blob, "b.txt")?)?;
        context.state_put("calls", context.state_get("calls")?.as_u64().unwrap_or(0) + 1)?;
        context.output("rows", &"x".repeat(1_000_000))?;
        Ok(json!({"blob": blob, "text": text, "secret": context.secret(&inputs.name)?}))
    });
    let mut host = TestHost::new(vec![everything]);
    host.secrets.insert("A".into(), "a".into());
    let result = host.execute("com.example.everything", json!({"name": "A"}));
    let blob = json!({"$blob": "test:1", "bytes": 3, "media_type": "text/plain"});
    assert_eq!(result.outputs, json!({"blob": blob, "text": "all", "secret": "a"}));
    assert_eq!(result.output["rows"].len(), 1_000_000);
    let denied = host.execute("com.example.everything", json!({"name": "B"}));
    assert_eq!(denied.error["kind"], "permission");
    assert_eq!(host.state["calls"], 2);
}

#[test]
fn odd_failures_are_answered() {
    let odd = node("odd", |_, inputs: Name| match inputs.name.as_str() {
        "long" => Err(Failure::new(Kind::User, "x".repeat(2_000_000))),
        "panic" => panic!("at the disco"),
        "list" => Ok(json!([1])),
        "big" => Ok(json!({"text": "x".repeat(2_000_000)})),
        "late" => Err(Failure::new(Kind::Timeout, "too late")),
        _ => Err(Failure::from(std::io::Error::other("no disk")).retryable(true)),
    });
    let mut host = TestHost::new(vec![odd]);
    let cases = [("long", "user"), ("panic", "internal"), ("list", "internal"), ("big", "resource"), ("?", "internal")];
    for (name, kind) in cases {
        assert_eq!(host.execute("com.example.odd", json!({"name": name})).error["kind"], kind, "{name}");
    }
    assert_eq!(host.execute("com.example.odd", json!({"name": "?"})).error["retryable"], true);
    assert_eq!(host.execute("com.example.odd", json!({"name": "late"})).error.get("retryable"), None);
}

#[test]
fn files_stay_inside_the_workspace() {
    let put = node("put", |context, inputs: Name| {
        fs::write(context.workspace().join("a"), "a")?;
        context.blob_put(&inputs.name).map(Value::Object)
    });
    let mut host = TestHost::new(vec![put]);
    let absolute = host.workspace().join("a").to_string_lossy().into_owned();
    let cases = [
        ("a", true),
        ("./b/../a", true),
        (absolute.as_str(), true),
        ("../a", false),
        ("/etc/passwd", false),
        (".", false),
    ];
    for (name, expected) in cases {
        assert_eq!(host.execute("com.example.put", json!({"name": name})).success, expected, "{name}");
    }
}

#[test]
fn the_worst_word_on_health_counts() {
    let well = || add().health(|| Health::Healthy("well".into()));
    let less = || add().health(|| Health::Degraded("less".into()));
    let cases = [
        (vec![add(), well()], json!({"status": "healthy", "detail": "well"})),
        (vec![well(), less()], json!({"status": "degraded", "detail": "less"})),
        (vec![less(), add().health(|| panic!("no word")), well()], json!({"status": "unhealthy", "detail": "no word"})),
    ];
    for (nodes, expected) in cases {
        assert_eq!(TestHost::new(nodes).health(), expected);
    }
}
