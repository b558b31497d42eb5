//! Accounts: switched off and on, what is kept about them, and taken away.

use crate::server::{Answer, PASSWORD, Person, Server};
use serde_json::{Value, json};

const DATA: &str = "/api/v1/accounts/{user}/data";
const ACCOUNT: &str = "/api/v1/accounts/{user}";

fn id(person: &Person<'_>) -> String {
    person.get("/api/v1/me").is(200).body["user"].as_str().expect("an id").to_owned()
}

fn sign_in(server: &Server, email: &str, password: &str) -> Answer {
    server.anybody().post("/api/v1/session", &[], &json!({"email": email, "password": password}))
}

/// The lines of the owner's tenant, newest first.
fn audit(owner: &Person<'_>) -> Vec<Value> {
    owner.get("/api/v1/audit").is(200).body["items"].as_array().expect("lines").clone()
}

#[test]
fn an_account_that_is_switched_off_ends_at_once_and_says_so() {
    let server = Server::new();
    let owner = server.owner();
    let editor = server.member(&owner, "editor");
    let (user, token) = (id(&editor), server.token(&editor.new_token(None)));
    let switch = |person: &Person<'_>, user: &str, how: &str| {
        person.ask("POST", &format!("/api/v1/accounts/{{user}}/{how}"), &[user], "", None)
    };
    switch(&editor, &user, "disable").refuses(403, "forbidden");
    switch(&owner, &id(&owner), "disable").refuses(409, "conflict");
    switch(&owner, "01J00000000000000000000000", "disable").refuses(404, "not_found");
    assert_eq!(switch(&owner, &user, "disable").is(200).body["disabled"], true);
    for ended in [&editor, &token] {
        ended.get("/api/v1/me").refuses(401, "unauthenticated");
    }
    let refused = sign_in(&server, "editor@example.com", PASSWORD).refuses(403, "forbidden");
    assert_eq!(refused.body["detail"], "this account is disabled");
    sign_in(&server, "editor@example.com", "wrong horse battery staple").refuses(401, "unauthenticated");
    let listed = owner.get("/api/v1/accounts").is(200).body;
    let found = listed["items"].as_array().expect("accounts").iter().find(|found| found["user"] == user.as_str());
    assert_eq!(
        found.map(|found| (&found["email"], &found["disabled"])),
        Some((&json!("editor@example.com"), &json!(true)))
    );
    assert_eq!(switch(&owner, &user, "enable").is(200).body["disabled"], false);
    sign_in(&server, "editor@example.com", PASSWORD).is(201);
    token.get("/api/v1/me").refuses(401, "unauthenticated");
    let told: Vec<Value> = audit(&owner).iter().map(|line| line["what"].clone()).collect();
    assert_eq!(told[..3], [json!("session.begun"), json!("account.enabled"), json!("account.disabled")]);
}

#[test]
fn what_is_kept_about_a_person_is_told_without_secrets() {
    let server = Server::new();
    let owner = server.owner();
    let editor = server.member(&owner, "editor");
    editor.save("hello", include_str!("../../../../examples/hello/workflow.yaml")).is(201);
    let (user, token) = (id(&editor), editor.new_token(None));
    server.token(&token).get("/api/v1/me/data").refuses(403, "forbidden");
    editor.show(DATA, &[&user]).refuses(403, "forbidden");
    owner.show(DATA, &["01J00000000000000000000000"]).refuses(404, "not_found");
    let own = editor.get("/api/v1/me/data").is(200).body;
    assert_eq!(own["account"]["email"], "editor@example.com");
    assert_eq!(own["memberships"], json!([{"tenant": "acme", "role": "editor"}]));
    assert_eq!((&own["tokens"][0]["name"], &own["sessions"][0]["tenant"]), (&json!("a test"), &json!("acme")));
    let done: Vec<&str> =
        own["audit"].as_array().expect("lines").iter().filter_map(|line| line["what"].as_str()).collect();
    assert_eq!(done, ["token.created", "workflow.saved", "member.joined"]);
    assert_eq!(own["audit_complete"], true);
    let cookie = editor.headers[0].1.split_once('=').expect("a cookie").1;
    for hidden in [token.as_str(), cookie, "argon2", "ada@example.com"] {
        assert!(!own.to_string().contains(hidden), "{hidden}");
    }
    assert_eq!(owner.show(DATA, &[&user]).is(200).body, own);
}

#[test]
fn an_account_that_is_taken_away_leaves_its_id_alone() {
    let server = Server::new();
    let owner = server.owner();
    let editor = server.member(&owner, "editor");
    editor.save("hello", include_str!("../../../../examples/hello/workflow.yaml")).is(201);
    let (user, token) = (id(&editor), server.token(&editor.new_token(None)));
    let globex = server.other_owner(&owner, "globex");
    // A tenant keeps an owner, and the server an operator.
    owner.delete(ACCOUNT, &[&id(&globex)]).refuses(409, "conflict");
    owner.delete(ACCOUNT, &[&id(&owner)]).refuses(409, "conflict");
    let leave =
        |person: &Person<'_>, password: &str| person.post("/api/v1/me/delete", &[], &json!({"password": password}));
    leave(&owner, PASSWORD).refuses(409, "conflict");
    leave(&globex, PASSWORD).refuses(409, "conflict");
    leave(&token, PASSWORD).refuses(403, "forbidden");
    leave(&editor, "wrong horse battery staple").refuses(403, "forbidden");
    leave(&editor, PASSWORD).is(204);
    for ended in [&editor, &token] {
        ended.get("/api/v1/me").refuses(401, "unauthenticated");
    }
    sign_in(&server, "editor@example.com", PASSWORD).refuses(401, "unauthenticated");
    owner.show(DATA, &[&user]).refuses(404, "not_found");
    let lines = audit(&owner);
    let text = json!(lines).to_string();
    assert!(!text.contains("editor@example.com") && text.contains(&user), "{text}");
    let line = |what: &str| lines.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("{what}"));
    assert_eq!(line("workflow.saved")["by"], json!({"user": user}));
    assert_eq!(line("account.deleted")["details"], json!({"user": user}));
    assert_eq!(lines.iter().filter(|line| line["details"]["email"] == "***").count(), 1, "who was asked to join");
    let verified = owner.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200).body;
    assert_eq!(verified["sound"], true, "{verified}");
    // The address is free again, for somebody else.
    let again = server.member(&owner, "editor");
    assert_ne!(id(&again), user);
    owner.delete(ACCOUNT, &[&id(&again)]).is(204);
    again.get("/api/v1/me").refuses(401, "unauthenticated");
}
