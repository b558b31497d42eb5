//! What tenants may use: tiers, what the operator sets apart, and what becomes of who wants more.

use crate::server::{Person, Server};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    process::Command,
    time::{Duration, Instant, SystemTime},
};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const QUOTA: &str = "/api/v1/tenants/{tenant}/quota";

/// What the operator says of a tenant, over what is there.
fn set(operator: &Person<'_>, tenant: &str, body: &Value) -> crate::server::Answer {
    let shown = operator.show(QUOTA, &[tenant]).is(200);
    operator.with("if-match", shown.header("etag")).ask("PUT", QUOTA, &[tenant], "", Some(body))
}

#[test]
fn a_tenant_has_a_tier_and_what_the_operator_sets_apart() {
    let server = Server::new();
    let owner = server.owner();
    // What nothing was ever said of has a tag too, by which it is changed.
    let unsaid = owner.show(QUOTA, &["acme"]).is(200);
    let body = json!({"tier": "unbounded"});
    let put = |person: &Person<'_>| person.ask("PUT", QUOTA, &["acme"], "", Some(&body));
    put(&owner.with("if-match", "\"r7\"")).refuses(412, "precondition_failed");
    put(&owner.with("if-match", unsaid.header("etag"))).is(200);
    put(&owner.with("if-match", unsaid.header("etag"))).refuses(412, "precondition_failed");
    put(&owner.with("if-none-match", "*")).refuses(412, "precondition_failed");
    let own = owner.get("/api/v1/quotas").is(200).body;
    assert_eq!((&own["tier"], &own["limits"]["executions"]), (&json!("unbounded"), &Value::Null));
    let globex = server.other_owner(&owner, "globex");
    let theirs = globex.get("/api/v1/quotas").is(200).body;
    assert_eq!(theirs["tier"], "basic");
    let limits = json!({"cpu_millis": 1000, "memory_bytes": 2_000_000_000_u64, "executions": 10, "steps": 4,
        "storage_bytes": 1_000_000_000, "starts_per_minute": 60});
    assert_eq!((&theirs["limits"], &theirs["overridden"]), (&limits, &json!([])));
    assert_eq!(globex.get("/api/v1/queue").is(200).body["limit"], 10, "as many as the tenant may");
    let of_all = owner.get("/api/v1/queue").is(200).body["limit"].as_u64().expect("a number");
    assert!(of_all > 10, "{of_all}");
    let names: Vec<Value> = owner.get("/api/v1/tenants").is(200).body["items"]
        .as_array()
        .expect("tenants")
        .iter()
        .map(|tenant| tenant["tenant"].clone())
        .collect();
    assert_eq!(names, ["acme", "globex"]);
    owner.ask("PUT", QUOTA, &["globex"], "", Some(&json!({"tier": "pro"}))).refuses(428, "precondition_required");
    owner.ask("PUT", QUOTA, &["nobody"], "", Some(&json!({"tier": "pro"}))).refuses(404, "not_found");
    for bad in [
        json!({"tier": "galactic"}),
        json!({"tier": "pro", "overrides": {"horses": 1}}),
        json!({"tier": "pro", "overrides": {"steps": 0}}),
        json!({"tier": "pro", "overrides": {"steps": -1}}),
    ] {
        set(&owner, "globex", &bad).refuses(400, "invalid_request");
    }
    let said = json!({"tier": "pro", "overrides": {"executions": 7, "storage_bytes": null}});
    set(&owner, "globex", &said).is(200);
    let now = globex.get("/api/v1/quotas").is(200).body;
    assert_eq!(
        (&now["tier"], &now["limits"]["executions"], &now["limits"]["storage_bytes"]),
        (&json!("pro"), &json!(7), &Value::Null)
    );
    assert_eq!(
        (&now["limits"]["memory_bytes"], &now["overridden"]),
        (&json!(8_000_000_000_u64), &json!(["executions", "storage_bytes"]))
    );
    let line = globex.get("/api/v1/audit").is(200).body["items"][0].clone();
    assert_eq!((&line["what"], &line["by"]), (&json!("quota.changed"), &json!({"operator": true})));
    assert_eq!(owner.get("/api/v1/audit").is(200).body["items"][0]["details"]["tenant"], "globex");
}

#[test]
fn who_starts_too_much_in_a_minute_is_told_when_to_come_back() {
    let server = Server::new();
    let owner = server.owner();
    let globex = server.other_owner(&owner, "globex");
    globex.save("hello", HELLO).is(201);
    set(&owner, "globex", &json!({"tier": "basic", "overrides": {"starts_per_minute": 2}})).is(200);
    let body = json!({"workflow": "hello", "input": {"name": "Ada"}});
    let start = |person: &Person<'_>| person.post("/api/v1/executions", &[], &body);
    let keyed = globex.with("idempotency-key", "one");
    start(&keyed).is(201);
    start(&keyed).is(200);
    start(&keyed).is(200);
    globex.post("/api/v1/executions", &[], &json!({"workflow": "nothing"})).refuses(404, "not_found");
    let second = start(&globex).is(201).body;
    let refused = start(&globex).refuses(429, "too_many_requests");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=30).contains(&seconds)));
    // What was accepted before is answered again, and starts nothing.
    assert_eq!(start(&keyed).is(200).body["repeated"], true);
    let other = json!({"workflow": "hello", "input": {"name": "Bob"}});
    keyed.post("/api/v1/executions", &[], &other).refuses(422, "idempotency_key_reused");
    let execution = second["execution"].as_str().expect("an id");
    globex.wait(execution, &["success"]);
    let fork = globex.post("/api/v1/executions/{execution}/fork", &[execution], &json!({"at": "/0"}));
    fork.refuses(429, "too_many_requests");
    assert_eq!(globex.get("/api/v1/quotas").is(200).body["used"]["starts_per_minute"], 2);
    set(&owner, "globex", &json!({"tier": "pro"})).is(200);
    start(&globex).is(201);
    owner.save("hello", HELLO).is(201);
    (0..5).for_each(|_| drop(start(&owner).is(201)));
}

#[test]
fn who_stores_too_much_stores_no_more_also_after_a_restart() {
    let server = Server::new();
    let owner = server.owner();
    let token = owner.new_token(None);
    let globex = server.other_owner(&owner, "globex").new_token(None);
    set(&owner, "globex", &json!({"tier": "basic", "overrides": {"storage_bytes": 6000}})).is(200);
    server.token(&globex).save("hello", HELLO).is(201);
    let server = server.restarted(Signal::TERM);
    let globex = server.token(&globex);
    let used = globex.get("/api/v1/quotas").is(200).body["used"]["storage_bytes"].as_u64().expect("bytes");
    assert!((500..6000).contains(&used), "{used}");
    let padded = format!("{}# {}\n", HELLO.replace("id: hello", "id: other"), "x".repeat(6000));
    globex.save("other", &padded).refuses(403, "quota_exceeded");
    server.token(&token).save("other", &padded).is(201);
    globex.show("/api/v1/workflows/{workflow}", &["other"]).refuses(404, "not_found");
}

#[test]
fn what_old_executions_held_is_room_again_when_they_are_removed() {
    let server = Server::new();
    let owner = server.owner();
    let globex = server.other_owner(&owner, "globex");
    let large = "akao: 1\nid: large\nversion: 1.0.0\nroot: { type: SetVariable, props: { key: all, value: \"${range(9000)}\" } }\n";
    globex.save("large", large).is(201);
    let used = || globex.get("/api/v1/quotas").is(200).body["used"]["storage_bytes"].as_u64().expect("bytes");
    let before = used();
    globex.wait(&globex.start("large", &json!({})), &["success"]);
    let held = used();
    assert!(held > before + 30_000, "{before}, then {held}");
    let shards = std::fs::read_dir(server.folder.path().join("blobs/globex")).expect("large values");
    let mut references = Vec::new();
    for value in shards.flat_map(|shard| std::fs::read_dir(shard.expect("a folder").path()).expect("values")) {
        let path = value.expect("a value").path();
        let named = |path: &std::path::Path| path.file_name().expect("a name").to_string_lossy().into_owned();
        let digest = format!("sha256:{}{}", named(path.parent().expect("a folder")), named(&path));
        references.push(json!({"$blob": digest}));
        let value = std::fs::File::options().append(true).open(path).expect("a file");
        value.set_modified(SystemTime::now() - Duration::from_secs(7_200)).expect("an old one");
    }
    // What a node keeps from call to call may name values, which stay then.
    let state = server.folder.path().join("nodes/state/globex");
    std::fs::create_dir_all(&state).expect("a folder");
    let kept = json!({"akao_node_state": 1, "values": {"models": references}});
    std::fs::write(state.join("com.example.keeps.json"), kept.to_string()).expect("a file");
    let prune = || {
        let mut prune = Command::new(env!("CARGO_BIN_EXE_akao"));
        prune.args(["executions", "prune", "--older-than", "0s", "--json", "--data-dir"]).arg(server.folder.path());
        serde_json::from_slice::<Value>(&prune.output().expect("the program runs").stdout).expect("a document")
    };
    let told = prune();
    assert!(told["pruned"] == json!(1) && told["large_values"]["bytes"] == json!(0), "{told}");
    std::fs::remove_file(state.join("com.example.keeps.json")).expect("it is there");
    let told = prune();
    assert!(told["pruned"] == json!(0) && told["large_values"]["bytes"].as_u64() == Some(held - before), "{told}");
    let begun = Instant::now();
    while used() != before {
        assert!(begun.elapsed() < crate::server::WITHIN, "{} bytes are still counted", used());
        std::thread::sleep(Duration::from_millis(200));
    }
}
