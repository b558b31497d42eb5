//! What runs steps, as each may see it.

use crate::server::{Person, Server};
use serde_json::{Value, json};

const ONE: &str = "/api/v1/runners/{runner}";

const SLOW: &str = "akao: 1
id: slow
version: 1.0.0
root: { type: HumanTask, props: { title: Approve it } }
";

fn local(person: &Person<'_>) -> Value {
    person.show(ONE, &["local"]).is(200).body
}

#[test]
fn the_server_is_the_runner_and_each_tenant_sees_what_is_its_own() {
    let server = Server::new();
    let owner = server.owner();
    let globex = server.other_owner(&owner, "globex");
    for person in [&owner, &globex] {
        person.save("slow", SLOW).is(201);
        let id = person.start("slow", &json!({}));
        person.wait(&id, &["running", "waiting"]);
    }
    let seen = local(&globex);
    assert_eq!((&seen["id"], &seen["state"], &seen["server"]), (&json!("local"), &json!("ready"), &Value::Null));
    assert_eq!(seen["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(seen["tenant"]["executions"]["max"], 10, "a basic tenant: {seen:#}");
    assert_eq!(seen["tenant"]["steps"]["max"], 4);
    assert_eq!(seen["tenant"]["cpu_millis"], 1_000);
    assert_eq!(seen["tenant"]["executions"]["queued"], 0);
    // The operator sees the machine, and everybody's together.
    let seen = local(&owner);
    let whole = &seen["server"];
    assert!(whole["cpu_millis"].as_u64() >= Some(1_000) && whole["memory_bytes"].as_u64() > Some(1 << 20), "{seen:#}");
    assert!(whole["executions"]["max"].as_u64() > Some(1_000), "{seen:#}");
    let sum = |share: &Value| share["executions"]["running"].as_u64().zip(share["steps"]["running"].as_u64());
    assert!(sum(whole) >= sum(&seen["tenant"]), "{seen:#}");
    assert!(!whole.to_string().contains("globex"), "{whole:#}");
    // By a token not even the operator does, and a member never.
    for person in [server.token(&owner.new_token(None)), server.member(&owner, "viewer")] {
        assert_eq!(local(&person)["server"], Value::Null);
    }
    owner.show(ONE, &["elsewhere"]).refuses(404, "not_found");
    server.anybody().show(ONE, &["local"]).refuses(401, "unauthenticated");
    let alone = server.token(&owner.new_token(Some(&["workflows.read"])));
    alone.get("/api/v1/runners").refuses(403, "forbidden");
    // Under the older names the same is answered.
    let ids =
        |page: &Value| page["items"].as_array().map(|items| items.iter().map(|item| item["id"].clone()).collect());
    for path in ["/api/v1/runners", "/api/nodes"] {
        assert_eq!(ids(&globex.get(path).is(200).body), Some(vec![json!("local")]));
    }
    let older = globex.show("/api/nodes/{runner}/status", &["local"]).is(200).body;
    assert_eq!(older["tenant"]["steps"]["max"], 4);
    globex.show("/api/nodes/{runner}/status", &["elsewhere"]).refuses(404, "not_found");
}
