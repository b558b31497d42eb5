//! The first minute, people, roles, tokens and the audit.

use crate::server::{PASSWORD, Server};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::{Command, Output};

#[test]
fn a_server_is_set_up_once_by_its_code() {
    let server = Server::new();
    let anybody = server.anybody();
    let page = anybody.get("/setup").is(200);
    assert!(page.body.as_str().is_some_and(|page| page.contains("<script")));
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    anybody.get("/setup.js").is(200);
    assert_eq!(anybody.get("/api/v1/setup").is(200).body, json!({"needed": true}));
    let body = |code: &str, tenant: &str, password: &str| json!({"code": code, "tenant": tenant, "email": "ada@example.com", "name": "Ada", "password": password});
    let code = server.code.clone().expect("a new server has a code");
    anybody.post("/api/v1/setup", &[], &body("akao_setup_guess", "acme", PASSWORD)).refuses(403, "forbidden");
    anybody.post("/api/v1/setup", &[], &body(&code, "Acme!", PASSWORD)).refuses(400, "invalid_request");
    anybody.post("/api/v1/setup", &[], &body(&code, "local", PASSWORD)).refuses(400, "invalid_request");
    anybody.post("/api/v1/setup", &[], &body(&code, "acme", "short")).refuses(400, "invalid_request");
    let owner = server.owner();
    let me = owner.get("/api/v1/me").is(200).body;
    assert_eq!((&me["tenant"], &me["role"], &me["operator"]), (&json!("acme"), &json!("owner"), &json!(true)));
    anybody.post("/api/v1/setup", &[], &body(&code, "evil", PASSWORD)).refuses(403, "forbidden");
    assert_eq!(anybody.get("/api/v1/setup").is(200).body, json!({"needed": false}));
    let server = server.restarted(Signal::TERM);
    assert_eq!(server.code, None, "there is somebody now");
}

#[test]
fn people_sign_in_and_out() {
    let server = Server::new();
    let owner = server.owner();
    let sign_in = |email: &str, password: &str| {
        server.anybody().post("/api/v1/session", &[], &json!({"email": email, "password": password}))
    };
    sign_in("ada@example.com", "wrong horse battery staple").refuses(401, "unauthenticated");
    sign_in("nobody@example.com", PASSWORD).refuses(401, "unauthenticated");
    let answer = sign_in(" Ada@Example.com ", PASSWORD).is(201);
    let cookie = answer.header("set-cookie");
    for part in ["__Host-akao_session=akao_session_", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{part} is not in {cookie}");
    }
    let again = server.session(&answer);
    again.get("/api/v1/me").is(200);
    again.without("x-csrf-token").delete("/api/v1/session", &[]).refuses(403, "cross_site");
    again.delete("/api/v1/session", &[]).is(204);
    again.get("/api/v1/me").refuses(401, "unauthenticated");
    owner.get("/api/v1/me").is(200);
    let body = json!({"present": PASSWORD, "new": "another horse battery staple"});
    owner
        .post("/api/v1/me/password", &[], &json!({"present": "wrong", "new": "x".repeat(20)}))
        .refuses(403, "forbidden");
    owner.post("/api/v1/me/password", &[], &body).is(204);
    owner.get("/api/v1/me").refuses(401, "unauthenticated");
    sign_in("ada@example.com", PASSWORD).refuses(401, "unauthenticated");
    sign_in("ada@example.com", "another horse battery staple").is(201);
}

#[test]
fn whoever_guesses_is_slowed_down() {
    let server = Server::new();
    let _owner = server.owner();
    let guess = |password: &str| {
        server.anybody().post("/api/v1/session", &[], &json!({"email": "ada@example.com", "password": password}))
    };
    for _ in 0..10 {
        guess("wrong horse battery staple").refuses(401, "unauthenticated");
    }
    let refused = guess(PASSWORD).refuses(429, "too_many_requests");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=300).contains(&seconds)));
}

#[test]
fn a_token_does_what_it_was_made_for_until_it_is_revoked() {
    let server = Server::new();
    let owner = server.owner();
    let made =
        owner.post("/api/v1/tokens", &[], &json!({"name": "ci", "permissions": ["workflows.read"]})).is(201).body;
    let (id, secret) = (made["id"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
    let token = server.token(secret);
    token.get("/api/v1/workflows").is(200);
    token.get("/api/v1/executions").refuses(403, "forbidden");
    token.get("/metrics").refuses(403, "forbidden");
    let other = json!({"name": "another"});
    server.token(&owner.new_token(None)).post("/api/v1/tokens", &[], &other).refuses(403, "forbidden");
    let listed = owner.get("/api/v1/tokens").is(200).body;
    assert!(listed["items"].as_array().is_some_and(|items| items.iter().any(|item| item["id"] == id)));
    assert!(!listed.to_string().contains(secret), "a secret is shown once");
    let viewer = server.member(&owner, "viewer");
    let asked = json!({"name": "more", "permissions": ["workflows.write"]});
    viewer.post("/api/v1/tokens", &[], &asked).refuses(403, "forbidden");
    viewer.delete("/api/v1/tokens/{token}", &[id]).refuses(404, "not_found");
    owner.delete("/api/v1/tokens/{token}", &[id]).is(204);
    token.get("/api/v1/workflows").refuses(401, "unauthenticated");
}

#[test]
fn what_was_made_is_where_its_answer_says() {
    let server = Server::new();
    let owner = server.owner();
    let service = owner.post("/api/v1/service-accounts", &[], &json!({"name": "ci", "role": "editor"})).is(201);
    let user = service.body["user"].as_str().expect("an id");
    assert_eq!(service.header("location"), format!("/api/v1/members/{user}"));
    let shown = owner.show("/api/v1/members/{user}", &[user]).is(200);
    assert_eq!((&shown.body, shown.header("etag")), (&service.body, service.header("etag")));
    owner.show("/api/v1/members/{user}", &["nobody"]).refuses(404, "not_found");
    let made = owner.post("/api/v1/tokens", &[], &json!({"name": "own"})).is(201);
    let id = made.body["id"].as_str().expect("an id");
    assert_eq!(made.header("location"), format!("/api/v1/tokens/{id}"));
    let shown = owner.show("/api/v1/tokens/{token}", &[id]).is(200).body;
    assert_eq!((&shown["name"], shown.get("secret")), (&json!("own"), None));
    // Who sees nobody else's tokens in the list does not see one here either.
    server.member(&owner, "viewer").show("/api/v1/tokens/{token}", &[id]).refuses(404, "not_found");
    let globex = server.other_owner(&owner, "globex");
    globex.show("/api/v1/tokens/{token}", &[id]).refuses(404, "not_found");
    globex.show("/api/v1/members/{user}", &[user]).refuses(404, "not_found");
}

#[test]
fn nobody_gives_away_more_than_they_have_and_a_tenant_keeps_an_owner() {
    let server = Server::new();
    let owner = server.owner();
    let admin = server.member(&owner, "admin");
    let editor = server.member(&owner, "editor");
    let me = |person: &crate::server::Person<'_>| {
        person.get("/api/v1/me").is(200).body["user"].as_str().expect("an id").to_owned()
    };
    let (owner_id, editor_id) = (me(&owner), me(&editor));
    let set = |person: &crate::server::Person<'_>, user: &str, role: &str| {
        person.ask("PUT", "/api/v1/members/{user}", &[user], "", Some(&json!({"role": role})))
    };
    set(&admin, &editor_id, "owner").refuses(403, "forbidden");
    set(&admin, &owner_id, "viewer").refuses(403, "forbidden");
    set(&owner, &owner_id, "viewer").refuses(409, "conflict");
    set(&owner, &editor_id, "emperor").refuses(400, "invalid_request");
    owner.delete("/api/v1/members/{user}", &[&owner_id]).refuses(409, "conflict");
    let token = server.token(&editor.new_token(None));
    assert_eq!(set(&admin, &editor_id, "viewer").is(200).body["role"], "viewer");
    token.save("hello", "x").refuses(403, "forbidden");
    admin.delete("/api/v1/members/{user}", &[&editor_id]).is(204);
    token.get("/api/v1/me").refuses(401, "unauthenticated");
    editor.get("/api/v1/me").refuses(401, "unauthenticated");
}

#[test]
fn what_is_done_stands_in_the_audit_and_an_edit_is_noticed() {
    let server = Server::new();
    let owner = server.owner();
    server.member(&owner, "editor").save("hello", include_str!("../../../../examples/hello/workflow.yaml")).is(201);
    let lines = owner.get("/api/v1/audit").is(200).body;
    let what: Vec<&str> =
        lines["items"].as_array().expect("lines").iter().filter_map(|line| line["what"].as_str()).collect();
    assert_eq!(what, ["workflow.saved", "member.joined", "member.invited", "tenant.created"]);
    assert_eq!(lines["items"][0]["by"]["email"], "editor@example.com");
    let verify =
        |owner: &crate::server::Person<'_>| owner.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200).body;
    assert_eq!((&verify(&owner)["sound"], &verify(&owner)["lines"]), (&json!(true), &json!(4)));
    // Lines are sealed for their places: another line in one, or an edited one, does not open.
    server.edit("UPDATE audit SET line = (SELECT line FROM audit WHERE seq = 3 AND tenant = 'acme') WHERE seq = 2");
    let verified = verify(&owner);
    assert_eq!(verified["sound"], false);
    assert!(verified["break"].as_str().is_some_and(|told| told.starts_with("line 2 ")), "{verified}");
    let lines = owner.get("/api/v1/audit").is(200).body;
    assert_eq!(lines["items"][2], json!({"seq": 2, "damaged": true}));
}

#[test]
fn an_audit_that_was_cut_off_is_noticed_also_after_more_was_done() {
    let server = Server::new();
    let owner = server.owner();
    let verify = || owner.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200).body;
    let write = |name: &str| {
        owner.ask("PUT", "/api/v1/secrets/{secret}", &[name], "", Some(&json!({"value": "s3cret-value"})));
    };
    for name in ["one", "two", "three"] {
        write(name);
    }
    let sound = verify();
    let head: Value = serde_json::from_str(sound["signed"]["head"].as_str().expect("a head")).expect("JSON");
    assert_eq!((&head["tenant"], &head["seq"], &head["digest"]), (&json!("acme"), &json!(4), &sound["last"]));
    let text = |name: &str| URL_SAFE_NO_PAD.decode(sound["signed"][name].as_str().expect("text")).expect("base64url");
    let key = UnparsedPublicKey::new(&ED25519, text("public_key"));
    let signed = sound["signed"]["head"].as_str().expect("a head");
    key.verify(signed.as_bytes(), &text("signature")).expect("a signature of the head");
    server.edit("DELETE FROM audit WHERE seq > 2");
    let told = "the audit ends with line 2, and its signed end is line 4: lines were cut off or put in there";
    assert_eq!(verify()["break"], told);
    write("four");
    assert_eq!(verify()["sound"], false, "what is written afterwards does not cover it up");
    server.edit("DELETE FROM audit_head");
    write("five");
    let told = "the signed end of the audit is missing, or was not signed by this server";
    assert_eq!(verify()["break"], told);
}

#[test]
fn no_secret_is_kept() {
    let mut server = Server::new();
    let code = server.code.clone().expect("a code");
    let (token, cookie) = {
        let owner = server.owner();
        let cookie = owner.headers[0].1.split_once('=').expect("a cookie").1.to_owned();
        (owner.new_token(None), cookie)
    };
    server.end(Signal::TERM);
    let mut looked_at = 0;
    for entry in std::fs::read_dir(server.folder.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        looked_at += 1;
        for secret in [PASSWORD, &code, &token, &cookie, "ada@example.com"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
    if let crate::server::Platform::Postgres(database) = &server.platform {
        let dump = database.dump();
        for secret in [PASSWORD, &code, &token, &cookie, "ada@example.com"] {
            assert!(!dump.contains(secret), "{secret} is in the database");
        }
    }
    assert!(looked_at >= 2, "platform data and the journal are there");
}

#[test]
fn who_is_demoted_has_invited_nobody() {
    let server = Server::new();
    let owner = server.owner();
    let admin = server.member(&owner, "admin");
    let invited = admin.post("/api/v1/members", &[], &json!({"email": "second@example.com", "role": "admin"})).is(201);
    let me = admin.get("/api/v1/me").is(200).body;
    let user = me["user"].as_str().expect("an id");
    owner.ask("PUT", "/api/v1/members/{user}", &[user], "", Some(&json!({"role": "viewer"}))).is(200);
    let body = json!({"code": invited.body["code"], "name": "Second", "password": "a few words nobody guesses"});
    server.anybody().post("/api/v1/members/join", &[], &body).refuses(403, "forbidden");
}

/// A command about the operator, beside the running server.
fn operator(server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
    command.arg("operator").args(arguments).args(["--json", "--data-dir"]).arg(server.folder.path());
    server.platform.tell(&mut command);
    command.output().expect("the program runs")
}

#[test]
fn nobody_takes_the_operator_out_and_whoever_has_the_data_directory_names_another() {
    let server = Server::new();
    let owner = server.owner();
    let second = server.member(&owner, "owner");
    let id = |person: &crate::server::Person<'_>| {
        person.get("/api/v1/me").is(200).body["user"].as_str().expect("an id").to_owned()
    };
    let (ada, other) = (id(&owner), id(&second));
    let lower = |person: &crate::server::Person<'_>, user: &str| {
        person.ask("PUT", "/api/v1/members/{user}", &[user], "", Some(&json!({"role": "viewer"})))
    };
    for refused in [
        second.delete("/api/v1/members/{user}", &[&ada]),
        lower(&second, &ada),
        owner.delete("/api/v1/members/{user}", &[&ada]),
    ] {
        let refused = refused.refuses(409, "conflict");
        assert!(refused.body["suggestion"].as_str().is_some_and(|hint| hint.contains("akao operator appoint")));
    }
    let done = |output: &Output| -> Value {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("a document")
    };
    let shown = done(&operator(&server, &["show"]));
    assert_eq!((&shown["operators"][0]["email"], &shown["operators"][1]), (&json!("ada@example.com"), &Value::Null));
    let unknown = operator(&server, &["appoint", "nobody@example.com"]);
    assert_eq!(unknown.status.code(), Some(1), "{}", String::from_utf8_lossy(&unknown.stderr));
    let appointed = done(&operator(&server, &["appoint", "owner@example.com", "--url", "https://akao.example/"]));
    assert_eq!(appointed["instead_of"], json!(["ada@example.com"]));
    let code = appointed["code"].as_str().expect("a code");
    assert_eq!(appointed["link"], format!("https://akao.example/reset#{code}"));
    let new = "another horse battery staple";
    server.anybody().post("/api/v1/session/reset", &[], &json!({"code": code, "password": new})).is(204);
    owner.get("/api/v1/me").refuses(401, "unauthenticated");
    let sign_in = |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        server.session(&server.anybody().post("/api/v1/session", &[], &body).is(201))
    };
    let (new, old) = (sign_in("owner@example.com", new), sign_in("ada@example.com", PASSWORD));
    new.get("/api/v1/tenants").is(200);
    old.get("/api/v1/tenants").refuses(403, "forbidden");
    lower(&old, &other).refuses(409, "conflict");
    new.delete("/api/v1/members/{user}", &[&ada]).is(204);
    let lines = new.get("/api/v1/audit").is(200).body;
    let told =
        |what: &str| lines["items"].as_array().is_some_and(|lines| lines.iter().any(|line| line["what"] == what));
    assert!(told("operator.appointed") && told("operator.dismissed"), "{lines:#}");
}
