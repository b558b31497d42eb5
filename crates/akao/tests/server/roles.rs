//! Roles of a tenant's own, teams, and members that are programs.

use crate::server::{Person, Server};
use serde_json::{Value, json};

const ROLE: &str = "/api/v1/roles/{role}";
const TEAM_MEMBER: &str = "/api/v1/teams/{team}/members/{user}";

fn id(person: &Person<'_>) -> String {
    person.get("/api/v1/me").is(200).body["user"].as_str().expect("an id").to_owned()
}

fn set_role(person: &Person<'_>, user: &str, role: &str) -> crate::server::Answer {
    person.ask("PUT", "/api/v1/members/{user}", &[user], "", Some(&json!({"role": role})))
}

#[test]
fn a_role_of_ones_own_does_what_its_permissions_say() {
    let server = Server::new();
    let owner = server.owner();
    let body =
        json!({"role": "starter", "title": "Starts things", "permissions": ["workflows.read", "executions.start"]});
    let made = owner.post("/api/v1/roles", &[], &body).is(201);
    assert_eq!(made.header("location"), "/api/v1/roles/starter");
    owner.post("/api/v1/roles", &[], &body).refuses(409, "conflict");
    for (name, code) in [("owner", 409), ("No Name", 400), ("", 400)] {
        let answer = owner.post("/api/v1/roles", &[], &json!({"role": name, "permissions": []}));
        assert_eq!(answer.status, code, "{name}: {:#}", answer.body);
    }
    owner.post("/api/v1/roles", &[], &json!({"role": "x", "permissions": ["fly"]})).refuses(400, "invalid_request");
    let starter = server.member(&owner, "starter");
    starter.get("/api/v1/workflows").is(200);
    starter.get("/api/v1/executions").refuses(403, "forbidden");
    let names: Vec<Value> = owner.get("/api/v1/roles").is(200).body["items"]
        .as_array()
        .expect("roles")
        .iter()
        .map(|role| json!([role["role"], role["built_in"]]))
        .collect();
    assert_eq!(names.last(), Some(&json!(["starter", false])));
    assert_eq!(names.len(), 6);
    // A change counts for whoever has the role, at once, and says what it changes.
    let more = json!({"permissions": ["workflows.read", "executions.read"]});
    let change = |person: &Person<'_>, body: &Value| person.ask("PUT", ROLE, &["starter"], "", Some(body));
    change(&owner, &more).refuses(428, "precondition_required");
    let knowing = owner.with("if-match", made.header("etag"));
    change(&knowing, &more).is(200);
    change(&knowing, &more).refuses(412, "precondition_failed");
    starter.get("/api/v1/executions").is(200);
    owner.ask("PUT", ROLE, &["editor"], "", Some(&more)).refuses(409, "conflict");
    owner.delete(ROLE, &["starter"]).refuses(409, "conflict");
    set_role(&owner, &id(&starter), "viewer").is(200);
    owner.delete(ROLE, &["starter"]).is(204);
    owner.show(ROLE, &["starter"]).refuses(404, "not_found");
    let lines = owner.get("/api/v1/audit").is(200).body;
    let what: Vec<&str> =
        lines["items"].as_array().expect("lines").iter().filter_map(|line| line["what"].as_str()).collect();
    assert_eq!(
        what,
        [
            "role.removed",
            "member.changed",
            "role.changed",
            "member.joined",
            "member.invited",
            "role.created",
            "tenant.created"
        ]
    );
}

#[test]
fn nobody_makes_gives_or_widens_a_role_with_more_than_they_have() {
    let server = Server::new();
    let owner = server.owner();
    let admin = server.member(&owner, "admin");
    let powerful = json!({"role": "powerful", "permissions": ["owners.write"]});
    admin.post("/api/v1/roles", &[], &powerful).refuses(403, "forbidden");
    let made = owner.post("/api/v1/roles", &[], &powerful).is(201);
    let knowing = admin.with("if-match", made.header("etag"));
    // Neither narrowing what they could not give, nor widening what they could.
    knowing.ask("PUT", ROLE, &["powerful"], "", Some(&json!({"permissions": []}))).refuses(403, "forbidden");
    let own = admin.post("/api/v1/roles", &[], &json!({"role": "own", "permissions": ["audit.read"]})).is(201);
    let wide = json!({"permissions": ["audit.read", "owners.write"]});
    admin.with("if-match", own.header("etag")).ask("PUT", ROLE, &["own"], "", Some(&wide)).refuses(403, "forbidden");
    admin.delete(ROLE, &["powerful"]).refuses(403, "forbidden");
    let viewer = server.member(&owner, "viewer");
    let viewer_id = id(&viewer);
    set_role(&admin, &viewer_id, "powerful").refuses(403, "forbidden");
    admin
        .post("/api/v1/members", &[], &json!({"email": "x@example.com", "role": "powerful"}))
        .refuses(403, "forbidden");
    admin.post("/api/v1/teams", &[], &json!({"team": "t", "role": "powerful"})).refuses(403, "forbidden");
    owner.post("/api/v1/teams", &[], &json!({"team": "owners", "role": "owner"})).refuses(400, "invalid_request");
    owner.post("/api/v1/teams", &[], &json!({"team": "t", "role": "powerful"})).is(201);
    admin.ask("PUT", TEAM_MEMBER, &["t", &id(&admin)], "", None).refuses(403, "forbidden");
    owner.ask("PUT", TEAM_MEMBER, &["t", &viewer_id], "", None).is(204);
    // Who has become more powerful by a team cannot be changed by who is less.
    set_role(&admin, &viewer_id, "editor").refuses(403, "forbidden");
    admin.delete("/api/v1/members/{user}", &[&viewer_id]).refuses(403, "forbidden");
    admin.delete(TEAM_MEMBER, &["t", &viewer_id]).refuses(403, "forbidden");
    let token = server.token(&owner.new_token(Some(&["roles.write", "members.read"])));
    token
        .post("/api/v1/roles", &[], &json!({"role": "by-token", "permissions": ["audit.read"]}))
        .refuses(403, "forbidden");
}

#[test]
fn an_invitation_to_a_role_that_has_grown_is_worth_nothing() {
    let server = Server::new();
    let owner = server.owner();
    let admin = server.member(&owner, "admin");
    let made = owner.post("/api/v1/roles", &[], &json!({"role": "small", "permissions": ["audit.read"]})).is(201);
    let invited = admin.post("/api/v1/members", &[], &json!({"email": "x@example.com", "role": "small"})).is(201);
    let wide = json!({"permissions": ["audit.read", "owners.write"]});
    owner.with("if-match", made.header("etag")).ask("PUT", ROLE, &["small"], "", Some(&wide)).is(200);
    let body = json!({"code": invited.body["code"], "name": "X", "password": crate::server::PASSWORD});
    server.anybody().post("/api/v1/members/join", &[], &body).refuses(403, "forbidden");
}

#[test]
fn a_team_gives_its_role_to_its_members() {
    let server = Server::new();
    let owner = server.owner();
    let viewer = server.member(&owner, "viewer");
    let user = id(&viewer);
    let made = owner.post("/api/v1/teams", &[], &json!({"team": "writers", "role": "editor"})).is(201);
    viewer.save("hello", "x").refuses(403, "forbidden");
    owner.ask("PUT", TEAM_MEMBER, &["writers", &user], "", None).is(204);
    owner.ask("PUT", TEAM_MEMBER, &["writers", &user], "", None).is(204);
    viewer.save("hello", "x").refuses(422, "invalid_workflow");
    let shown = owner.show("/api/v1/teams/{team}", &["writers"]).is(200);
    assert_eq!(shown.body["members"], json!([user]));
    let body = json!({"role": "operator"});
    // Whoever changes what members may has seen who they are.
    let unseen = owner.with("if-match", made.header("etag"));
    unseen.ask("PUT", "/api/v1/teams/{team}", &["writers"], "", Some(&body)).refuses(412, "precondition_failed");
    let changer = owner.with("if-match", shown.header("etag"));
    changer.ask("PUT", "/api/v1/teams/{team}", &["writers"], "", Some(&body)).is(200);
    viewer.save("hello", "x").refuses(403, "forbidden");
    assert_eq!(owner.get("/api/v1/teams").is(200).body["items"][0]["role"], "operator");
    owner.delete(TEAM_MEMBER, &["writers", &user]).is(204);
    owner.delete(TEAM_MEMBER, &["writers", &user]).refuses(404, "not_found");
    owner.ask("PUT", TEAM_MEMBER, &["writers", &user], "", None).is(204);
    owner.delete("/api/v1/members/{user}", &[&user]).is(204);
    assert_eq!(owner.show("/api/v1/teams/{team}", &["writers"]).is(200).body["members"], json!([]));
    owner.delete("/api/v1/teams/{team}", &["writers"]).is(204);
}

#[test]
fn a_service_account_has_tokens_and_nothing_else() {
    let server = Server::new();
    let owner = server.owner();
    let admin = server.member(&owner, "admin");
    let service = admin.post("/api/v1/service-accounts", &[], &json!({"name": "ci", "role": "editor"})).is(201).body;
    assert_eq!((&service["kind"], &service["email"]), (&json!("service"), &Value::Null));
    let user = service["user"].as_str().expect("an id");
    let tokens = "/api/v1/service-accounts/{user}/tokens";
    let made = admin.post(tokens, &[user], &json!({"name": "deploy", "permissions": ["workflows.write"]})).is(201).body;
    let token = server.token(made["secret"].as_str().expect("a secret"));
    let me = token.get("/api/v1/me").is(200).body;
    assert_eq!(
        (&me["kind"], &me["name"], &me["permissions"]),
        (&json!("service"), &json!("ci"), &json!(["workflows.write"]))
    );
    token.save("hello", include_str!("../../../../examples/hello/workflow.yaml")).is(201);
    let line = owner.get("/api/v1/audit").is(200).body["items"][0].clone();
    assert_eq!((&line["what"], &line["by"]["service"]), (&json!("workflow.saved"), &json!("ci")));
    // It may not do more than who makes its tokens, own the tenant, or be a person.
    admin.post(tokens, &[user], &json!({"name": "x", "permissions": ["audit.read"]})).refuses(403, "forbidden");
    admin.post(tokens, &[&id(&owner)], &json!({"name": "x"})).refuses(404, "not_found");
    server.token(&owner.new_token(None)).post(tokens, &[user], &json!({"name": "x"})).refuses(403, "forbidden");
    owner.post("/api/v1/service-accounts", &[], &json!({"name": "x", "role": "owner"})).refuses(409, "conflict");
    set_role(&owner, user, "owner").refuses(409, "conflict");
    let address = format!("service:{user}");
    let sign_in = json!({"email": address, "password": crate::server::PASSWORD});
    server.anybody().post("/api/v1/session", &[], &sign_in).refuses(401, "unauthenticated");
    owner.post("/api/v1/members", &[], &json!({"email": address, "role": "viewer"})).refuses(400, "invalid_request");
    // It stays when whoever made it leaves, and goes when it is taken out.
    owner.delete("/api/v1/members/{user}", &[&id(&admin)]).is(204);
    token.get("/api/v1/me").is(200);
    owner.delete("/api/v1/members/{user}", &[user]).is(204);
    token.get("/api/v1/me").refuses(401, "unauthenticated");
}

#[test]
fn the_operator_invites_to_a_role_that_sees_the_figures_of_the_server() {
    let server = Server::new();
    let owner = server.owner();
    owner.post("/api/v1/roles", &[], &json!({"role": "watcher", "permissions": ["server.metrics"]})).is(201);
    server.member(&owner, "watcher").get("/metrics").is(200);
}
