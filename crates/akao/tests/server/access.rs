//! Who may do what: every route of the document, asked by everybody who must not. A route that is added is asked too, without
//! a line here.

use crate::server::{Person, Server};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Ids that a stranger may know.
struct Ids {
    workflow: String,
    execution: String,
    task: String,
    token: String,
    user: String,
}

impl Ids {
    fn of(&self, path: &str) -> Vec<&str> {
        let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        names
            .map(|name| match name {
                "workflow" => self.workflow.as_str(),
                "version" => "1.0.0",
                "execution" => &self.execution,
                "task" => &self.task,
                "token" => &self.token,
                "user" => &self.user,
                other => panic!("the test knows no id for {other}; give it one of another tenant"),
            })
            .collect()
    }
}

/// What is asked of an operation: a body that is read, where it takes one.
fn body(operation: &Value) -> Option<Value> {
    operation.get("requestBody").map(|_| json!({}))
}

/// The permission that an operation says it needs.
fn needed(operation: &Value) -> Option<&str> {
    operation["description"].as_str()?.strip_prefix("Needs the permission `")?.strip_suffix("`.")
}

fn is_open(operation: &Value) -> bool {
    operation["security"] == json!([])
}

/// Operations that end what the prober is known by.
const LAST: [&str; 1] = ["sign_out"];

const ASKS: &str = "akao: 1\nid: asks\nversion: 1.0.0\nroot: { type: HumanTask, props: { title: Approve it } }\n";

fn ids(owner: &Person<'_>) -> Ids {
    owner.save("asks", ASKS).is(201);
    let execution = owner.start("asks", &json!({}));
    owner.wait(&execution, &["waiting"]);
    let tasks = owner.get("/api/v1/tasks").is(200).body;
    owner.new_token(None);
    let tokens = owner.get("/api/v1/tokens").is(200).body;
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    Ids {
        workflow: "asks".to_owned(),
        execution,
        task: text(&tasks["items"][0]["task"]),
        token: text(&tokens["items"][0]["id"]),
        user: text(&owner.get("/api/v1/me").is(200).body["user"]),
    }
}

#[test]
fn every_route_refuses_whoever_may_not() {
    let server = Server::new();
    let owner = server.owner();
    let ids = ids(&owner);
    let revoked = owner.new_token(None);
    let tokens = owner.get("/api/v1/tokens").is(200).body;
    for token in tokens["items"].as_array().expect("tokens") {
        owner.delete("/api/v1/tokens/{token}", &[token["id"].as_str().expect("an id")]).is(204);
    }
    let ended = {
        let signed_in = json!({"email": "ada@example.com", "password": crate::server::PASSWORD});
        let person = server.session(&server.anybody().post("/api/v1/session", &[], &signed_in).is(201));
        person.delete("/api/v1/session", &[]).is(204);
        person
    };
    let unknown = [
        ("nobody", server.anybody()),
        ("a token that was never made", server.token("akao_token_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("a token that was revoked", server.token(&revoked)),
        ("a session that has ended", ended),
        ("a session's secret as a token", server.token(owner.headers[0].1.split_once('=').expect("a cookie").1)),
        ("no bearer", server.anybody().with("authorization", "Basic YWRhOmFkYQ==")),
    ];
    let mut probes = 0;
    for (method, path, operation) in server.operations().iter().filter(|(.., operation)| !is_open(operation)) {
        for (who, person) in &unknown {
            let answer = person.ask(method, path, &ids.of(path), "", body(operation).as_ref());
            assert_eq!(
                (answer.status, &answer.body["code"]),
                (401, &json!("unauthenticated")),
                "{method} {path} by {who}"
            );
            probes += 1;
        }
    }
    assert!(probes > 150, "{probes} probes");
}

#[test]
fn every_route_asks_each_role_for_its_permission() {
    let server = Server::new();
    let owner = server.owner();
    let ids = ids(&owner);
    let (mut allowed, mut refused) = (0, 0);
    for role in ["viewer", "editor", "operator", "admin"] {
        let person = server.member(&owner, role);
        let me = person.get("/api/v1/me").is(200).body;
        let may: BTreeSet<&str> =
            me["permissions"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let token = server.token(&person.new_token(None));
        let narrow = server.token(&person.new_token(Some(&["tokens.own"])));
        for (method, path, operation) in server.operations() {
            let Some(permission) = needed(&operation) else { continue };
            // Without an id that is there, so that what is allowed does nothing.
            let params: Vec<&str> = ids.of(&path).iter().map(|_| "nothing").collect();
            let whos = [
                (&person, may.contains(permission)),
                (&token, may.contains(permission)),
                (&narrow, permission == "tokens.own"),
            ];
            for (who, expected) in whos {
                let answer = who.ask(&method, &path, &params, "", body(&operation).as_ref());
                if expected {
                    assert!(!matches!(answer.status, 401 | 403), "{method} {path} by {role}: {:#}", answer.body);
                    allowed += 1;
                } else {
                    assert_eq!(
                        (answer.status, &answer.body["code"]),
                        (403, &json!("forbidden")),
                        "{method} {path} by {role}"
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(allowed > 100 && refused > 100, "{allowed} allowed, {refused} refused");
}

#[test]
fn the_operators_routes_are_for_the_operator_in_person() {
    let server = Server::new();
    let owner = server.owner();
    let others =
        [server.token(&owner.new_token(None)), server.other_owner(&owner, "globex"), server.member(&owner, "admin")];
    let mut probes = 0;
    for (method, path, operation) in server.operations() {
        if operation["description"] != "Needs the operator of the server, signed in." {
            continue;
        }
        for person in &others {
            person.ask(&method, &path, &[], "", body(&operation).as_ref()).refuses(403, "forbidden");
            probes += 1;
        }
        assert_ne!(owner.ask(&method, &path, &[], "", body(&operation).as_ref()).status, 403);
    }
    assert!(probes >= 6, "{probes} probes");
}

#[test]
fn nothing_of_one_tenant_is_there_for_another() {
    let server = Server::new();
    let owner = server.owner();
    let ids = ids(&owner);
    let stranger = server.other_owner(&owner, "globex");
    let secrets = [&ids.execution, &ids.task, &ids.token, &ids.user];
    let mut probes = 0;
    for (method, path, operation) in server.operations() {
        if is_open(&operation) || LAST.contains(&operation["operationId"].as_str().unwrap_or_default()) {
            continue;
        }
        let params = ids.of(&path);
        // Bodies that name what belongs to the other tenant, where a route reads one.
        let bodies = match body(&operation) {
            None => vec![None],
            Some(_) => [
                json!({"workflow": ids.workflow}),
                json!({"role": "viewer"}),
                json!({"name": "go"}),
                json!({"at": "/"}),
                json!({"approved": true}),
                json!({}),
            ]
            .map(Some)
            .to_vec(),
        };
        for body in bodies {
            let query = if path.ends_with("/diff") { "?from=1.0.0&to=1.0.0" } else { "" };
            let answer = stranger.ask(&method, &path, &params, query, body.as_ref());
            probes += 1;
            if !params.is_empty() {
                let wanted = if body.is_some() { [404, 400].as_slice() } else { [404].as_slice() };
                assert!(
                    wanted.contains(&answer.status),
                    "{method} {path} answered {}: {:#}",
                    answer.status,
                    answer.body
                );
            }
            if answer.status < 300 {
                let text = answer.body.to_string();
                for secret in secrets {
                    assert!(!text.contains(secret.as_str()), "{method} {path} shows {secret} to a stranger: {text}");
                }
            }
        }
    }
    assert!(probes > 50, "{probes} probes");
    let queries =
        [format!("?parent={}", ids.execution), format!("?text={}", ids.execution), "?workflow=asks".to_owned()];
    for query in queries {
        let found = stranger.ask("GET", "/api/v1/executions", &[], &query, None).is(200).body;
        assert_eq!(found["items"], json!([]), "{query}");
    }
    let by_execution = format!("?execution={}", ids.execution);
    assert_eq!(stranger.ask("GET", "/api/v1/tasks", &[], &by_execution, None).is(200).body["items"], json!([]));
    // The same names are free for the other tenant, and lead to its own.
    stranger.save("asks", ASKS).is(201);
    let own = stranger.start("asks", &json!({}));
    stranger.wait(&own, &["waiting"]);
    owner.show("/api/v1/executions/{execution}", &[&own]).refuses(404, "not_found");
    owner.wait(&ids.execution, &["waiting"]);
}
