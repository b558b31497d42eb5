//! Conditions of changes: nobody changes what they have not seen, and none of them is ignored.

use crate::server::{Person, Server};
use serde_json::{Value, json};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

/// Something that is there: where it is shown, under which name, and what changes it, each change with its body.
struct Thing {
    shown: &'static str,
    name: String,
    changes: Vec<(&'static str, &'static str, Option<Value>)>,
}

fn id(made: &Value, name: &str) -> String {
    made[name].as_str().expect("an id").to_owned()
}

/// One of each kind that has a tag and more changes than its `PUT`.
fn things(server: &Server, owner: &Person<'_>) -> Vec<Thing> {
    owner.save("hello", HELLO).is(201);
    let make = |path: &str, body: Value| owner.post(path, &[], &body).is(201).body;
    let spec = json!({"name": "x", "spec": {"workflow": "hello"}});
    let schedule = make("/api/v1/schedules", json!({"name": "x", "spec": {"workflow": "hello", "cron": "@weekly"}}));
    let hook = make("/api/v1/hooks", spec);
    let webhook = make("/api/v1/webhooks", json!({"name": "x", "spec": {"url": "https://example.com/told"}}));
    make("/api/v1/roles", json!({"role": "reader", "permissions": ["workflows.read"]}));
    make("/api/v1/teams", json!({"team": "readers", "role": "viewer"}));
    let value = json!({"value": "long enough"});
    owner.ask("PUT", "/api/v1/secrets/{secret}", &["TOKEN"], "", Some(&value)).is(201);
    let member = server.member(owner, "editor").get("/api/v1/me").is(200).body;
    let rotated = || Some(json!({}));
    let thing = |shown, name: String, changes: &[(&'static str, &'static str, Option<Value>)]| Thing {
        shown,
        name,
        changes: changes.to_vec(),
    };
    let (of_schedule, of_hook, of_webhook) =
        ("/api/v1/schedules/{schedule}", "/api/v1/hooks/{hook}", "/api/v1/webhooks/{webhook}");
    vec![
        thing(
            of_schedule,
            id(&schedule, "schedule"),
            &[
                ("POST", "/api/v1/schedules/{schedule}/pause", None),
                ("POST", "/api/v1/schedules/{schedule}/resume", None),
                ("DELETE", of_schedule, None),
            ],
        ),
        thing(
            of_hook,
            id(&hook, "hook"),
            &[
                ("POST", "/api/v1/hooks/{hook}/pause", None),
                ("POST", "/api/v1/hooks/{hook}/resume", None),
                ("POST", "/api/v1/hooks/{hook}/rotate", rotated()),
                ("DELETE", of_hook, None),
            ],
        ),
        thing(
            of_webhook,
            id(&webhook, "webhook"),
            &[
                ("POST", "/api/v1/webhooks/{webhook}/pause", None),
                ("POST", "/api/v1/webhooks/{webhook}/resume", None),
                ("POST", "/api/v1/webhooks/{webhook}/rotate", rotated()),
                ("DELETE", of_webhook, None),
            ],
        ),
        thing("/api/v1/roles/{role}", "reader".to_owned(), &[("DELETE", "/api/v1/roles/{role}", None)]),
        thing("/api/v1/teams/{team}", "readers".to_owned(), &[("DELETE", "/api/v1/teams/{team}", None)]),
        thing(
            "/api/v1/secrets/{secret}",
            "TOKEN".to_owned(),
            &[("PUT", "/api/v1/secrets/{secret}", Some(value)), ("DELETE", "/api/v1/secrets/{secret}", None)],
        ),
        thing(
            "/api/v1/members/{user}",
            id(&member, "user"),
            &[
                ("PUT", "/api/v1/members/{user}", Some(json!({"role": "viewer"}))),
                ("DELETE", "/api/v1/members/{user}", None),
            ],
        ),
    ]
}

#[test]
fn a_change_of_something_else_than_was_read_is_refused_on_every_route() {
    let server = Server::new();
    let owner = server.owner();
    for Thing { shown, name, changes } in things(&server, &owner) {
        let first = owner.show(shown, &[&name]).is(200).header("etag").to_owned();
        assert!(first.starts_with('"'), "{shown}: {first}");
        let mut stale = "\"never\"".to_owned();
        for (method, template, body) in &changes {
            let tag = owner.show(shown, &[&name]).is(200).header("etag").to_owned();
            let change =
                |condition: &str| owner.with("if-match", condition).ask(method, template, &[&name], "", body.as_ref());
            let weak = format!("W/{tag}");
            for other in [stale.as_str(), weak.as_str(), "\"a\", \"b\""] {
                change(other).refuses(412, "precondition_failed");
            }
            change("nonsense").refuses(400, "invalid_request");
            let fits = if *method == "DELETE" { "*".to_owned() } else { format!("\"a\", {tag}") };
            let answer = change(&fits);
            assert!([200, 204].contains(&answer.status), "{method} {template}: {:#}", answer.body);
            stale = tag;
        }
        owner.show(shown, &[&name]).refuses(404, "not_found");
    }
}

#[test]
fn what_is_not_there_matches_nothing_and_may_be_made_once() {
    let server = Server::new();
    let owner = server.owner();
    let put = |name: &str, tag: &str| {
        let value = json!({"value": "long enough"});
        owner.with(name, tag).ask("PUT", "/api/v1/secrets/{secret}", &["NEW"], "", Some(&value))
    };
    put("if-match", "*").refuses(412, "precondition_failed");
    let made = put("if-none-match", "*").is(201);
    put("if-none-match", "*").refuses(412, "precondition_failed");
    // Taken away and given anew it is another one.
    owner.delete("/api/v1/secrets/{secret}", &["NEW"]).is(204);
    put("if-none-match", "*").is(201);
    put("if-match", made.header("etag")).refuses(412, "precondition_failed");
}

#[test]
fn who_joins_a_team_or_leaves_it_changes_the_team() {
    let server = Server::new();
    let owner = server.owner();
    owner.post("/api/v1/teams", &[], &json!({"team": "readers", "role": "viewer"})).is(201);
    let of = |role: &str| id(&server.member(&owner, role).get("/api/v1/me").is(200).body, "user");
    let (one, other) = (of("editor"), of("viewer"));
    let tag = || owner.show("/api/v1/teams/{team}", &["readers"]).is(200).header("etag").to_owned();
    let place = "/api/v1/teams/{team}/members/{user}";
    let set = |method: &str, tag: &str, user: &str| {
        owner.with("if-match", tag).ask(method, place, &["readers", user], "", None)
    };
    let first = tag();
    let joined = set("PUT", &first, &one).is(204);
    assert_eq!(joined.header("etag"), tag());
    // Who has not seen that somebody joined changes nothing.
    set("PUT", &first, &other).refuses(412, "precondition_failed");
    set("DELETE", &first, &one).refuses(412, "precondition_failed");
    set("PUT", "nonsense", &other).refuses(400, "invalid_request");
    let change = json!({"role": "editor"});
    let changed =
        |tag: &str| owner.with("if-match", tag).ask("PUT", "/api/v1/teams/{team}", &["readers"], "", Some(&change));
    changed(&first).refuses(412, "precondition_failed");
    // To be in it already changes nothing, and a change need not say what it changes.
    let second = tag();
    assert_eq!(set("PUT", &second, &one).is(204).header("etag"), second);
    owner.ask("PUT", place, &["readers", &other], "", None).is(204);
    assert_ne!(tag(), second);
    let third = tag();
    set("DELETE", &third, &other).is(204);
    assert_ne!(tag(), third);
    // Who is no member of the tenant any more is in none of its teams.
    let fourth = tag();
    owner.delete("/api/v1/members/{user}", &[&one]).is(204);
    assert_ne!(tag(), fourth);
    changed(&tag()).is(200);
}

#[test]
fn the_policy_of_custom_nodes_is_changed_by_whoever_has_seen_it() {
    let server = Server::new();
    let owner = server.owner();
    let policy = "/api/v1/custom-nodes/policy";
    let tag = owner.get(policy).is(200).header("etag").to_owned();
    let set = |tag: &str, approval: &str| owner.with("if-match", tag).post(policy, &[], &json!({"approval": approval}));
    let now = set(&tag, "manual").is(200).header("etag").to_owned();
    set(&tag, "off").refuses(412, "precondition_failed");
    set(&now, "off").is(200);
}

#[test]
fn a_condition_that_cannot_be_met_is_refused_and_not_ignored() {
    let server = Server::new();
    let owner = server.owner();
    let (mut asked, mut without) = (0, 0);
    for (method, path, operation) in server.operations() {
        if method == "GET" {
            continue;
        }
        asked += 1;
        let takes = |name: &str| {
            operation["parameters"].as_array().is_some_and(|all| all.iter().any(|parameter| parameter["name"] == name))
        };
        if takes("If-Match") {
            continue;
        }
        without += 1;
        let params: Vec<&str> = path.split('/').filter(|part| part.starts_with('{')).map(|_| "x").collect();
        let body = operation.get("requestBody").is_some().then(|| json!({}));
        for header in ["if-match", "if-none-match"] {
            let answer = owner.with(header, "\"x\"").ask(&method, &path, &params, "", body.as_ref());
            let refused = answer.refuses(400, "invalid_request");
            let told = refused.body["detail"].as_str().unwrap_or_default().to_lowercase();
            assert!(told.contains(header), "{method} {path}: {told}");
        }
    }
    assert!(asked > without && without > 20, "{asked}, {without}");
}
