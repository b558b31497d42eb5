//! Packages on a server: installed by its operator, used by workflows of every tenant, each in processes of its own, and with
//! no more than was granted.

use crate::{
    desk::{Desk, Said},
    server::{Person, Platform, Server},
};
use serde_json::{Value, json};

pub(crate) const GREET: &str = "com.example.greet";

/// What the package asks for in these stories.
const ASKS: &str = "permissions:\n  - network.http: { hosts: [\"api.example.com:443\"] }\n";

const GRANT: &str = "network.http=api.example.com:443";

/// Writes a version of the package; it says who greets, and in which process.
pub(crate) fn release(desk: &Desk, version: &str, hello: &str, more: &str) {
    let manifest = format!(
        "manifest: 1\nid: {GREET}\nname: Greet\ndescription: Greets people by their name.\nversion: {version}\n\
         runtime: {{ type: python, command: ./main.py }}\nresources: {{ cpu: 1000m }}\n\
         inputs: {{ name: {{ type: string, required: true }} }}\noutputs: {{ text: {{ type: string }} }}\n{more}"
    );
    let code = format!(
        "from akao import node, serve\n\ncalls = []\n\n@node('{GREET}')\ndef greet(context, name: str):\n    \
         calls.append(name)\n    return {{'text': '{hello} ' + ' and '.join(calls)}}\n\n\
         if __name__ == '__main__':\n    serve(greet, version='{version}')\n"
    );
    desk.node("src/greet", &manifest, &code);
    desk.write("src/greet/LICENSE", "Do what you like.\n");
    desk.write("src/greet/README.md", "# Greet\n");
}

/// What the operator does at the command line of the server's machine.
pub(crate) fn on(server: &Server, desk: &Desk, arguments: &[&str]) -> Said {
    let said = tried(server, desk, arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    said
}

fn tried(server: &Server, desk: &Desk, arguments: &[&str]) -> Said {
    let folder = server.folder.path().to_string_lossy().into_owned();
    desk.akao(&[arguments, &["--data-dir", &folder]].concat())
}

pub(crate) fn workflow(id: &str, version: &str, node: &str, name: &str) -> String {
    format!(
        "akao: 1\nid: {id}\nversion: {version}\noutputs: {{ said: \"${{steps.g.outputs.text}}\" }}\n\
         root: {{ type: \"{node}\", id: g, props: {{ name: {name} }} }}\n"
    )
}

pub(crate) fn ended(person: &Person<'_>, workflow: &str, grants: &[&str]) -> Value {
    let body = json!({"workflow": workflow, "input": {}, "grants": grants});
    let started = person.post("/api/v1/executions", &[], &body).is(201).body;
    person.wait(started["execution"].as_str().expect("an id"), &["success", "failure"])
}

#[track_caller]
pub(crate) fn said(person: &Person<'_>, workflow: &str, grants: &[&str]) -> String {
    let ended = ended(person, workflow, grants);
    ended["outputs"]["said"].as_str().unwrap_or_else(|| panic!("{ended:#}")).to_owned()
}

fn is_listed(person: &Person<'_>, route: &str, name: &str) -> bool {
    let query = if route.ends_with("node-types") { "?limit=200" } else { "" };
    let listed = person.ask("GET", route, &[], query, None).is(200).body;
    listed["items"].as_array().expect("types").iter().any(|one| one["type"] == name || one["name"] == name)
}

fn named(person: &Person<'_>, types: &[&str]) -> Value {
    person.post("/api/v1/catalogue/named", &[], &json!({"types": types})).is(200).body
}

#[test]
fn every_tenant_uses_what_the_operator_installed_in_processes_of_its_own() {
    let (server, desk) = (Server::new(), Desk::own_user());
    let owner = server.owner();
    let other = server.other_owner(&owner, "globex");
    release(&desk, "1.0.0", "Hello", ASKS);
    let early = owner.save("w", &workflow("w", "1.0.0", GREET, "Ada")).refuses(422, "invalid_workflow").body;
    assert!(early["problems"].to_string().contains("Ask the operator of the server to install it."), "{early:#}");
    on(&server, &desk, &["install", "./src/greet", "--yes", "--no-grants"]);

    // The editor is told of it, and its documentation can be read.
    assert!(is_listed(&owner, "/api/v1/catalogue", GREET) && is_listed(&other, "/api/v1/node-types", GREET));
    let shown = other.show("/api/v1/node-types/{type}", &[GREET]).is(200).body;
    assert_eq!((&shown["version"], &shown["permissions"]), (&json!("1.0.0"), &json!([GRANT])), "{shown:#}");

    // Nothing is granted by itself, nor by whoever may not.
    owner.save("w", &workflow("w", "1.0.0", "com.example.greet@^1.0", "Ada")).is(201);
    other.save("w", &workflow("w", "1.0.0", GREET, "Eve")).is(201);
    let refused = ended(&owner, "w", &[]);
    assert_eq!(refused["error"]["kind"], "permission", "{refused:#}");
    let editor = server.member(&owner, "editor");
    let body = json!({"workflow": "w", "input": {}, "grants": [GRANT]});
    editor.post("/api/v1/executions", &[], &body).refuses(403, "forbidden");
    // A process tells whom it has greeted until now: never anybody of another tenant.
    for _ in 0..3 {
        let (ours, theirs) = (said(&owner, "w", &[GRANT]), said(&other, "w", &[GRANT]));
        assert!(ours.starts_with("Hello Ada") && !ours.contains("Eve"), "{ours}");
        assert!(theirs.starts_with("Hello Eve") && !theirs.contains("Ada"), "{theirs}");
    }

    // What the operator grants holds for whoever uses it.
    on(&server, &desk, &["install", "./src/greet", "--grant", GRANT]);
    let granted = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        ended(&editor, "w", &[])["outputs"]["said"].as_str().map(str::to_owned)
    });
    assert!(granted.is_some_and(|said| said.starts_with("Hello Ada")), "the operator's grant counts for everybody");
}

#[test]
fn what_was_saved_stays_what_it_was_and_what_is_disabled_is_not_started() {
    let (server, desk) = (Server::new(), Desk::own_user());
    let owner = server.owner();
    release(&desk, "1.0.0", "Hello", "");
    on(&server, &desk, &["install", "./src/greet", "--yes"]);
    owner.save("w", &workflow("w", "1.0.0", GREET, "Ada")).is(201);
    let calls = "akao: 1\nid: calls\nversion: 1.0.0\nroot: { type: SubWorkflow, props: { workflow: w } }\n";
    owner.save("calls", calls).is(201);
    release(&desk, "1.1.0", "Hi", "");
    on(&server, &desk, &["update", "--all", "--yes"]);
    let begins = |workflow: &str, words: &str| {
        let said = said(&owner, workflow, &[]);
        assert!(said.starts_with(words), "{workflow}: {said}");
    };
    begins("w", "Hello ");
    owner.save("next", &workflow("next", "1.0.0", GREET, "Bob")).is(201);
    owner.save("first", &workflow("first", "1.0.0", "com.example.greet@=1.0.0", "Cy")).is(201);
    begins("next", "Hi ");
    begins("first", "Hello ");

    let refused = |id: &str, node: &str| {
        let refused = owner.save(id, &workflow(id, "1.0.0", node, "Ada")).refuses(422, "invalid_workflow");
        refused.body["problems"].to_string()
    };
    assert!(refused("x", "com.example.greet@^2").contains("there are 1.0.0, 1.1.0"));
    for foreign in ["./src/greet", "custom.t-globex.greet@1.0.0", "com.example.greet@1.0.0#sha256:00"] {
        let told = refused("x", foreign);
        let unknown = ["unknown-type", "unavailable-type", "names a folder"].iter().any(|word| told.contains(word));
        assert!(unknown, "{foreign}: {told}");
    }

    // An editor is told the same before anything is saved.
    let told =
        named(&owner, &["com.example.greet@=1.0.0", "com.example.greet@^1", "com.example.greet@^2", "NoSuchNode"]);
    let meant = |name: &str| {
        let items = told["items"].as_array().expect("types");
        let item = items.iter().find(|item| item["aliases"].to_string().contains(name)).expect("a node type");
        item["name"].as_str().expect("a name").split('#').next().map(str::to_owned)
    };
    assert_eq!(meant("com.example.greet@=1.0.0").as_deref(), Some("com.example.greet@1.0.0"), "{told:#}");
    assert_eq!(meant("com.example.greet@^1").as_deref(), Some("com.example.greet@1.1.0"), "the active one, {told:#}");
    let why = json!([{
        "type": "com.example.greet@^2",
        "message": "no installed version of `com.example.greet` is within ^2; there are 1.0.0, 1.1.0",
        "suggestion": "Ask the operator of the server to install it.",
    }]);
    assert_eq!(told["refused"], why, "what is no name of a package is left to the checks");
    let listed = owner.get("/api/v1/packages").is(200).body;
    assert_eq!(listed["items"][0]["versions"], json!(["1.0.0", "1.1.0"]), "{listed:#}");

    on(&server, &desk, &["disable", GREET, "--reason", "it greets too much"]);
    let told = named(&owner, &[GREET]);
    assert!(told["refused"][0]["message"].to_string().contains("is disabled: it greets too much"), "{told:#}");
    for workflow in ["w", "calls"] {
        let body = json!({"workflow": workflow, "input": {}});
        let refused = owner.post("/api/v1/executions", &[], &body).refuses(409, "conflict").body;
        assert!(refused["detail"].to_string().contains("is disabled: it greets too much"), "{refused:#}");
    }
    assert!(refused("x", GREET).contains("is disabled: it greets too much"));
    assert!(!is_listed(&owner, "/api/v1/catalogue", GREET));
    on(&server, &desk, &["enable", GREET]);
    begins("w", "Hello ");
    let used = tried(&server, &desk, &["uninstall", GREET, "--yes"]);
    let words = match &server.platform {
        Platform::File => "is used by 4 workflows of the tenant `acme`",
        Platform::Postgres(_) => "keeps its platform data in PostgreSQL",
    };
    assert!(used.code == 1 && used.err.contains(words) && used.err.contains("--force"), "{used:?}");
    begins("w", "Hello ");
    on(&server, &desk, &["uninstall", GREET, "--yes", "--force"]);
    let body = json!({"workflow": "w", "input": {}});
    let refused = owner.post("/api/v1/executions", &[], &body).refuses(409, "conflict").body;
    assert!(refused["detail"].to_string().contains("is not installed any more"), "{refused:#}");
}

const PREVIEW: &str = "/api/v1/packages/preview";
const INSTALL: &str = "/api/v1/packages/install";
const UPDATE: &str = "/api/v1/packages/update";
const ONE: &str = "/api/v1/packages/{package}";
const FORK: &str = "/api/v1/executions/{execution}/fork";

/// A folder with a signed repository, which the server knows as `own`.
fn repository(server: &Server, desk: &Desk) {
    let done = |arguments: &[&str]| {
        let said = desk.akao(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said
    };
    done(&["key", "new", "me"]);
    let root = done(&["repo", "init", "packages", "--json"]).json();
    let fingerprint = root["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let place = desk.path("packages").to_string_lossy().into_owned();
    let add = ["repo", "add", "own", &place, "--prefix", "com.example", "--fingerprint", &fingerprint, "--vouches"];
    on(server, desk, &add);
}

pub(crate) fn publish(desk: &Desk, version: &str, hello: &str, more: &str) {
    release(desk, version, hello, more);
    for arguments in [
        &["node", "pack", "src/greet", "-o", "greet.akao"][..],
        &["node", "sign", "greet.akao"],
        &["node", "publish", "greet.akao", "--repo", "packages"],
    ] {
        let said = desk.akao(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    }
}

/// What an order says when somebody agrees to what is shown for it.
fn agreed(owner: &Person<'_>, order: &Value, grants: &[&str]) -> (Value, Value) {
    let plan = owner.post(PREVIEW, &[], order).is(200).body;
    let mut body = order.clone();
    body.as_object_mut().expect("an order").remove("update");
    body["consent"] = plan["consent"].clone();
    body["grants"] = json!(grants);
    (plan, body)
}

#[test]
fn the_operator_installs_and_updates_exactly_what_was_shown() {
    let (server, desk) = (Server::new(), Desk::own_user());
    let owner = server.owner();
    let other = server.other_owner(&owner, "globex");
    repository(&server, &desk);
    publish(&desk, "1.0.0", "Hello", ASKS);

    let found = owner.ask("GET", "/api/v1/packages/search", &[], "?query=gret", None).is(200).body;
    let first = &found["items"][0];
    assert_eq!(
        (&first["package"], &first["version"], &first["repository"], &first["installed"]),
        (&json!(GREET), &json!("1.0.0"), &json!("own"), &Value::Null),
        "{found:#}"
    );
    let order = json!({"package": GREET, "versions": "^1"});
    other.post(PREVIEW, &[], &order).refuses(403, "forbidden");
    let token = server.token(&owner.new_token(None));
    token.post(PREVIEW, &[], &order).refuses(403, "forbidden");

    let (plan, agreed_to) = agreed(&owner, &order, &[]);
    let shown = &plan["packages"][0];
    assert_eq!(
        (&shown["version"], &shown["signature"]["state"], &shown["grantable"], &shown["installed"]),
        (&json!("1.0.0"), &json!("valid"), &json!([GRANT]), &Value::Null),
        "{plan:#}"
    );
    assert!(shown["agree"].to_string().contains("it is new"), "{plan:#}");
    let guessed = json!({"package": GREET, "versions": "^1", "consent": format!("sha256:{}", "0".repeat(64))});
    owner.post(INSTALL, &[], &guessed).refuses(409, "conflict");
    assert_eq!(owner.get("/api/v1/packages").is(200).body["items"], json!([]), "nothing was written");
    let done = owner.post(INSTALL, &[], &agreed_to).is(200).body;
    assert!(done["done"].to_string().contains("1.0.0 is installed"), "{done:#}");
    other.save("w", &workflow("w", "1.0.0", GREET, "Eve")).is(201);
    assert_eq!(ended(&other, "w", &[])["error"]["kind"], "permission", "what was not agreed to is not granted");

    // An update tells what it may do more, and the word for it is another one.
    let more = ASKS.replace("\"api.example.com:443\"", "\"api.example.com:443\", \"files.example.com:443\"");
    publish(&desk, "1.1.0", "Hi", &more);
    let grants = [GRANT, "network.http=files.example.com:443"];
    let (plan, wider) = agreed(&owner, &json!({"update": true, "package": GREET}), &grants);
    let changes = plan["packages"][0]["changes"].as_array().expect("changes");
    let widens: Vec<&Value> = changes.iter().filter(|change| change["effect"] == "widens").collect();
    assert!(json!(widens).to_string().contains("files.example.com:443"), "{plan:#}");
    let mut old = wider.clone();
    old["consent"] = agreed_to["consent"].clone();
    owner.post(UPDATE, &[], &old).refuses(409, "conflict");
    let mut foreign = wider.clone();
    foreign["grants"] = json!(["system.exec=sh"]);
    owner.post(UPDATE, &[], &foreign).refuses(400, "invalid_request");
    owner.post(UPDATE, &[], &wider).is(200);
    other.save("next", &workflow("next", "1.0.0", GREET, "Eve")).is(201);
    assert!(said(&other, "next", &[]).starts_with("Hi "));
    let listed = owner.get("/api/v1/packages").is(200).body;
    assert_eq!(listed["items"][0]["version"], "1.1.0", "{listed:#}");
    owner.post("/api/v1/packages/{package}/rollback", &[GREET], &json!({})).is(200);
    assert_eq!(owner.get("/api/v1/packages").is(200).body["items"][0]["version"], "1.0.0");

    for foreign in ["./src/greet", "/srv/greet", "git+https://example.com/greet.git", "greet"] {
        owner.post(PREVIEW, &[], &json!({"package": foreign})).refuses(400, "invalid_request");
    }
    owner.post(PREVIEW, &[], &json!({"package": "com.example.none"})).refuses(409, "conflict");
    owner.post(PREVIEW, &[], &json!({"update": true, "package": "com.example.none"})).refuses(404, "not_found");
}

#[test]
fn a_plan_that_only_takes_a_key_is_there_to_be_agreed_to() {
    let (server, desk) = (Server::new(), Desk::own_user());
    let owner = server.owner();
    repository(&server, &desk);
    publish(&desk, "1.0.0", "Hello", ASKS);
    on(&server, &desk, &["install", "./src/greet", "--yes"]);
    let order = json!({"package": GREET});
    let (plan, agreed_to) = agreed(&owner, &order, &[]);
    let state = |plan: &Value| {
        let shown = &plan["packages"][0];
        (shown["already"].clone(), shown["changes_record"].clone())
    };
    assert_eq!(state(&plan), (json!(true), json!(true)), "{plan:#}");
    owner.post(INSTALL, &[], &agreed_to).is(200);
    let (plan, _) = agreed(&owner, &order, &[]);
    assert_eq!(state(&plan), (json!(true), json!(false)), "{plan:#}");
}

#[test]
fn a_package_is_disabled_enabled_and_taken_away_once_nobody_is_pinned_to_it() {
    let (server, desk) = (Server::new(), Desk::own_user());
    let owner = server.owner();
    let other = server.other_owner(&owner, "globex");
    release(&desk, "1.0.0", "Hello", "");
    on(&server, &desk, &["install", "./src/greet", "--yes"]);
    owner.post(PREVIEW, &[], &json!({"update": true, "package": GREET})).refuses(409, "conflict");
    other.save("w", &workflow("w", "1.0.0", GREET, "Eve")).is(201);
    let calls = "akao: 1\nid: calls\nversion: 1.0.0\nroot: { type: SubWorkflow, props: { workflow: w } }\n";
    other.save("calls", calls).is(201);
    let ran_of = |id: &str| ended(&other, id, &[])["execution"].as_str().expect("an id").to_owned();
    let (ran, called) = (ran_of("w"), ran_of("calls"));

    let disable = "/api/v1/packages/{package}/disable";
    other.post(disable, &[GREET], &json!({"reason": "mine"})).refuses(403, "forbidden");
    owner.post(disable, &["com.example.none"], &json!({"reason": "x"})).refuses(404, "not_found");
    owner.post(disable, &[GREET], &json!({"reason": "it greets too much"})).is(200);
    let listed = owner.get("/api/v1/packages").is(200).body["items"][0].clone();
    assert_eq!((&listed["status"], &listed["reason"]), (&json!("disabled"), &json!("it greets too much")));
    other.post("/api/v1/executions", &[], &json!({"workflow": "w", "input": {}})).refuses(409, "conflict");
    let refused = other.post(FORK, &[&ran], &json!({"at": "/"})).refuses(409, "conflict").body;
    assert!(
        refused["detail"].to_string().contains("`w` cannot be forked: `com.example.greet` is disabled"),
        "{refused:#}"
    );
    let above = other.post(FORK, &[&called], &json!({"at": "/"})).refuses(409, "conflict").body;
    assert!(above["detail"].to_string().contains("is disabled: it greets too much"), "{above:#}");
    owner.ask("POST", "/api/v1/packages/{package}/enable", &[GREET], "", None).is(200);
    assert!(said(&other, "w", &[]).starts_with("Hello "));
    let forked = other.post(FORK, &[&ran], &json!({"at": "/"})).is(201).body;
    other.wait(forked["execution"].as_str().expect("an id"), &["success"]);

    let used = owner.delete(ONE, &[GREET]).refuses(409, "conflict").body;
    assert!(used["detail"].to_string().contains("2 workflows of the tenant `globex`"), "{used:#}");
    let without = "akao: 1\nid: w\nversion: 1.1.0\nroot: { type: LogMessage, props: { message: Hello } }\n";
    let versions = "/api/v1/workflows/{workflow}/versions";
    let tag = other.show("/api/v1/workflows/{workflow}", &["w"]).is(200).header("etag").to_owned();
    other.with("if-match", &tag).post(versions, &["w"], &json!({"source": without})).is(201);
    let tag = other.show("/api/v1/workflows/{workflow}", &["calls"]).is(200).header("etag").to_owned();
    let calls = calls.replace("1.0.0", "1.1.0");
    other.with("if-match", &tag).post(versions, &["calls"], &json!({"source": calls})).is(201);
    owner.delete(ONE, &[GREET]).is(200);
    owner.delete(ONE, &[GREET]).refuses(404, "not_found");
    assert_eq!(owner.get("/api/v1/packages").is(200).body["items"], json!([]));
    let old = json!({"workflow": "w", "version": "1.0.0", "input": {}});
    other.post("/api/v1/executions", &[], &old).refuses(409, "conflict");

    // The tenant of the operator knows who did it, and so does the machine.
    let audit = owner.get("/api/v1/audit").is(200).body;
    let acts: Vec<&str> = audit["items"]
        .as_array()
        .expect("lines")
        .iter()
        .rev()
        .filter_map(|line| line["what"].as_str())
        .filter(|what| what.starts_with("package."))
        .collect();
    assert_eq!(acts, ["package.disabled", "package.enabled", "package.uninstalled"]);
    assert!(!other.get("/api/v1/audit").is(200).body.to_string().contains("package."));
    let told = on(&server, &desk, &["audit", "--package", GREET, "--json"]).json();
    let entries = told["entries"].as_array().expect("entries");
    let last = entries.iter().find(|entry| entry["act"] == "uninstalled").expect("it is told");
    assert!(last["by"].to_string().contains("account "), "{told:#}");
}

/// Saves a text with the lock file that stands beside it.
fn saved_with(person: &Person<'_>, id: &str, source: &str, lock: &str) -> crate::server::Answer {
    let body = json!({"source": source, "lock": lock});
    person.with("if-none-match", "*").post("/api/v1/workflows/{workflow}/versions", &[id], &body)
}

#[test]
fn a_lock_beside_a_workflow_says_which_version_content_and_publisher_a_server_takes() {
    let (server, desk) = (Server::new(), Desk::own_user());
    let owner = server.owner();
    repository(&server, &desk);
    publish(&desk, "1.0.0", "Hello", "");
    on(&server, &desk, &["install", GREET, "--yes"]);
    let source = workflow("w", "1.0.0", "com.example.greet@^1", "Ada");
    desk.write("w.yaml", &source);
    on(&server, &desk, &["lock", "w.yaml"]);
    let lock = std::fs::read_to_string(desk.path("akao.lock")).expect("a lock");
    publish(&desk, "1.1.0", "Hi", "");
    on(&server, &desk, &["update", "--all", "--yes"]);

    // What is active is another one by now.
    saved_with(&owner, "w", &source, &lock).is(201);
    assert!(said(&owner, "w", &[]).starts_with("Hello "), "the lock's version");
    owner.save("newest", &source.replace("id: w", "id: newest")).is(201);
    assert!(said(&owner, "newest", &[]).starts_with("Hi "), "without a lock the active one");

    let refused = |lock: &str, told: &str| {
        let source = source.replace("id: w", "id: x");
        let problems = saved_with(&owner, "x", &source, lock).refuses(422, "invalid_workflow").body["problems"].clone();
        assert!(problems.to_string().contains(told), "{told}: {problems:#}");
        let checked = owner.post("/api/v1/validate", &[], &json!({"source": source, "lock": lock})).is(200).body;
        assert!(checked["problems"].to_string().contains(told), "{told}: {checked:#}");
    };
    let line = |name: &str| lock.lines().find(|line| line.starts_with(name)).expect("a line").to_owned();
    let other = |name: &str| lock.replace(&line(name), &format!("{name} = \"sha256:{}\"", "0".repeat(64)));
    refused(&other("content"), "is installed with the content");
    refused(&other("publisher"), "as signed by the key");
    refused(&lock.replace("version = \"1.0.0\"", "version = \"1.0.9\""), "no installed version");
    refused(
        &lock.replace("version = \"1.0.0\"", "version = \"2.0.0\""),
        "has no version of `com.example.greet` within ^1",
    );
    for damaged in ["lock = 2\n", "nonsense", &lock.replacen("sha256:", "sha256:0", 1)] {
        saved_with(&owner, "x", &source, damaged).refuses(400, "invalid_request");
    }

    // The command line sends the lock that stands beside the file.
    let token = owner.new_token(None);
    let there = |arguments: &[&str]| {
        let mut command = desk.command(&[arguments, &["--server", &server.url]].concat());
        let output = command.env_remove("AKAO_DATA_DIR").env("AKAO_TOKEN", &token).output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    };
    desk.write("sent.yaml", &source.replace("id: w", "id: sent"));
    let ran = there(&["run", "sent.yaml", "--json"]);
    assert!(ran.code == 0 && ran.out.contains("Hello "), "{ran:?}");
    assert_eq!(there(&["validate", "sent.yaml"]).code, 0);
    desk.write("akao.lock", &other("content"));
    for command in ["run", "validate"] {
        let refused = there(&[command, "sent.yaml"]);
        let told = format!("{}{}", refused.out, refused.err);
        assert!(refused.code == 2 && told.contains("is installed with the content"), "{refused:?}");
    }
    desk.write("akao.lock", "nonsense");
    let damaged = there(&["run", "sent.yaml"]);
    assert!(damaged.code == 2 && damaged.err.contains("akao.lock is damaged"), "{damaged:?}");
}

#[test]
fn the_health_of_packages_is_each_tenants_own_and_says_when_they_fail() {
    let (server, desk) = (Server::new(), Desk::own_user());
    let owner = server.owner();
    let other = server.other_owner(&owner, "globex");
    release(&desk, "1.0.0", "Hello", "");
    let weak = "\n\nclass Weak:\n    def execute(self, context, name: str):\n        return {'text': name}\n\n    \
                def health(self):\n        return 'degraded', 'half of it is away'\n";
    let weak = format!("from akao import node, serve\n{weak}\nserve(node('{GREET}')(Weak), version='1.1.0')\n");
    on(&server, &desk, &["install", "./src/greet", "--yes"]);
    let health = |person: &Person<'_>| person.get("/api/v1/packages").is(200).body["items"][0]["health"].clone();
    let until = |wanted: &str, act: &dyn Fn()| {
        let begun = std::time::Instant::now();
        while health(&owner) != wanted {
            assert!(begun.elapsed() < crate::server::WITHIN, "{wanted} did not come; last: {}", health(&owner));
            act();
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    };
    // What was installed a moment ago ends the processes of before, once the server has seen it: then it is asked for again.
    let runs = |workflow: &str| {
        if health(&owner) == "idle" {
            ended(&owner, workflow, &[]);
        }
    };
    assert_eq!(health(&owner), "idle", "nothing has asked for it");
    owner.save("w", &workflow("w", "1.0.0", GREET, "Ada")).is(201);
    until("ready", &|| runs("w"));
    assert_eq!(health(&other), "idle");

    desk.write("src/greet/main.py", &weak);
    let manifest = std::fs::read_to_string(desk.path("src/greet/_.yaml")).expect("its manifest");
    desk.write("src/greet/_.yaml", &manifest.replace("version: 1.0.0", "version: 1.1.0"));
    on(&server, &desk, &["install", "./src/greet", "--yes"]);
    owner.save("weak", &workflow("weak", "1.0.0", GREET, "Ada")).is(201);
    until("unwell", &|| runs("weak"));

    // One that falls is told at once, and given up when it falls again and again.
    desk.write("src/greet/main.py", "raise SystemExit(1)\n");
    desk.write("src/greet/_.yaml", &manifest.replace("version: 1.0.0", "version: 1.2.0"));
    on(&server, &desk, &["install", "./src/greet", "--yes"]);
    owner.save("falls", &workflow("falls", "1.0.0", GREET, "Ada")).is(201);
    until("failing", &|| runs("falls"));
    until("stopped", &|| drop(ended(&owner, "falls", &[])));
    assert_eq!(health(&other), "idle", "the processes of others are nobody's business");
}
