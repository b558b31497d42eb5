//! The end of a tenant: nothing of it is left, others notice nothing, and whoever is killed on the way goes on.

use crate::server::{PASSWORD, Person, Platform, Server, WITHIN};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

/// What stands in everything that is put into the tenant, and nowhere else.
const MARKER: &str = "zebrafinch";

const WAITS: &str =
    "akao: 1\nid: zebrafinch-waits\nversion: 1.0.0\nroot: { type: WaitForSignal, props: { signalName: go } }\n";

/// Gives a large value, since the numbers are many.
const LARGE: &str = "akao: 1\nid: zebrafinch-large\nversion: 1.0.0\ninputs: { text: { type: string } }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, props: { key: all, value: \"${range(9000)}\" } }\n    - { type: SetVariable, props: { key: text, value: \"${input.text}\" } }\n";

const DELETE: &str = "/api/v1/tenants/{tenant}";

/// Every file below a folder that holds the marker. Room in the journal that was given free while the tenant was there may hold it
/// until it is written over; its rows are looked at below.
fn marked(folder: &Path) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|name| name == "journal.db") {
            continue;
        }
        if path.is_dir() {
            places.extend(marked(&path));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        if bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()) {
            places.push(path.display().to_string());
        }
    }
    places
}

/// Fills a tenant with one of each kind; gives executions that have ended and that wait.
fn fill(server: &Server, owner: &Person<'_>) -> (String, String) {
    let make = |path: &str, body: Value| owner.post(path, &[], &body).is(201).body;
    owner.save("zebrafinch-waits", WAITS).is(201);
    owner.save("zebrafinch-large", LARGE).is(201);
    let value = json!({"value": format!("{MARKER} of a secret")});
    owner.ask("PUT", "/api/v1/secrets/{secret}", &[MARKER], "", Some(&value)).is(201);
    let spec = json!({"workflow": "zebrafinch-waits", "cron": "@weekly"});
    make("/api/v1/schedules", json!({"name": MARKER, "spec": spec}));
    make("/api/v1/hooks", json!({"name": MARKER, "spec": {"workflow": "zebrafinch-waits"}}));
    make("/api/v1/webhooks", json!({"name": MARKER, "spec": {"url": format!("https://{MARKER}.example/")}}));
    make("/api/v1/roles", json!({"role": MARKER, "permissions": ["workflows.read"]}));
    make("/api/v1/teams", json!({"team": MARKER, "role": "viewer"}));
    make("/api/v1/tokens", json!({"name": MARKER}));
    make("/api/v1/service-accounts", json!({"name": MARKER, "role": "viewer"}));
    make("/api/v1/members", json!({"email": format!("{MARKER}@example.com"), "role": "viewer"}));
    let member = server.anybody();
    let invited = owner.post("/api/v1/members", &[], &json!({"email": "joined@example.com", "role": "viewer"})).is(201);
    let join = json!({"code": invited.body["code"], "name": MARKER, "password": PASSWORD});
    member.post("/api/v1/members/join", &[], &join).is(201);
    let source = crate::custom_nodes::source(MARKER);
    let node = make("/api/v1/custom-nodes", json!({"name": "Greet", "version": "1.0.0", "source": source}));
    owner.post("/api/v1/custom-nodes/{node}/activate", &[node["id"].as_str().expect("an id")], &json!({})).is(200);
    let uses = "akao: 1\nid: uses\nversion: 1.0.0\nroot: { type: Greet, props: { name: zebrafinch } }\n";
    owner.save("uses", uses).is(201);
    let me = owner.get("/api/v1/me").is(200).body["user"].as_str().expect("an id").to_owned();
    owner.ask("PUT", "/api/v1/teams/{team}/members/{user}", &[MARKER, &me], "", None).is(204);
    let start = json!({"workflow": "zebrafinch-large", "input": {"text": MARKER}});
    let started = owner.with("idempotency-key", MARKER).post("/api/v1/executions", &[], &start).is(201).body;
    let ended = started["execution"].as_str().expect("an id").to_owned();
    owner.wait(&ended, &["success"]);
    let waits = owner.start("zebrafinch-waits", &json!({}));
    owner.wait(&waits, &["waiting"]);
    (ended, waits)
}

fn delete(operator: &Person<'_>, tenant: &str, query: &str) -> crate::server::Answer {
    operator.ask("DELETE", DELETE, &[tenant], query, None)
}

fn tenants(operator: &Person<'_>) -> Vec<Value> {
    operator.get("/api/v1/tenants").is(200).body["items"].as_array().expect("tenants").clone()
}

fn until_gone(operator: &Person<'_>, tenant: &str) {
    let begun = Instant::now();
    while tenants(operator).iter().any(|found| found["tenant"] == tenant) {
        assert!(begun.elapsed() < WITHIN, "{:#?}", tenants(operator));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Lines of the operator's audit about something, newest first.
fn told(operator: &Person<'_>, what: &str) -> Vec<Value> {
    let page = operator.ask("GET", "/api/v1/audit", &[], "?limit=200", None).is(200).body;
    let lines = page["items"].as_array().expect("lines").clone();
    lines.into_iter().filter(|line| line["what"] == what).collect()
}

/// The tables of a file that have rows of a tenant.
fn tables_with(file: &Path, tables_min: usize, tenant: &dyn rusqlite::ToSql) -> Vec<String> {
    let file = rusqlite::Connection::open(file).expect("a database");
    let sql = "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c ON c.name = 'tenant' WHERE t.type = 'table'";
    let mut tables = file.prepare(sql).expect("tables");
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0)).expect("tables").collect::<Result<_, _>>().expect("names");
    assert!(tables.len() >= tables_min, "{tables:?}");
    let count = |table: &String| -> i64 {
        let sql = format!("SELECT count(*) FROM {table} WHERE tenant = ?1");
        file.query_row(&sql, [tenant], |row| row.get(0)).expect("a count")
    };
    tables.into_iter().filter(|table| count(table) > 0).collect()
}

/// The tables of platform data and of the journal that have rows of a tenant.
fn rows_left(server: &Server, tenant: &str) -> Vec<String> {
    let folder = server.folder.path();
    let journal = rusqlite::Connection::open(folder.join("journal.db")).expect("a journal");
    let key: i64 = journal
        .query_row("SELECT key FROM tenant WHERE name = ?1", [tenant], |row| row.get(0))
        .expect("its executions had a number");
    let mut left = tables_with(&folder.join("journal.db"), 7, &key);
    if let Platform::File = &server.platform {
        left.extend(tables_with(&folder.join("platform.db"), 21, &tenant));
    }
    left
}

#[test]
fn a_tenant_is_deleted_with_everything_of_it_and_others_notice_nothing() {
    let mut server = Server::new();
    let operator_token;
    {
        let operator = server.owner();
        operator_token = operator.new_token(None);
        let (globex, initech) = (server.other_owner(&operator, "globex"), server.other_owner(&operator, "initech"));
        initech
            .save("zz", "akao: 1\nid: zz\nversion: 1.0.0\nroot: { type: WaitForSignal, props: { signalName: go } }\n")
            .is(201);
        let kept = initech.start("zz", &json!({}));
        let (_, waits) = fill(&server, &globex);
        let filled = rows_left(&server, "globex");
        assert!(filled.len() >= if matches!(server.platform, Platform::File) { 23 } else { 4 }, "{filled:?}");
        let globex_token = server.token(&globex.new_token(None));
        // By its name alone, by the operator in person, and not while something runs.
        delete(&operator, "globex", "").refuses(400, "invalid_request");
        delete(&operator, "globex", "?confirm=initech").refuses(400, "invalid_request");
        delete(&globex, "globex", "?confirm=globex").refuses(403, "forbidden");
        delete(&server.token(&operator_token), "globex", "?confirm=globex").refuses(403, "forbidden");
        delete(&operator, "nobody", "?confirm=nobody").refuses(404, "not_found");
        delete(&operator, "acme", "?confirm=acme&cancel=true").refuses(409, "conflict");
        delete(&operator, "globex", "?confirm=globex").refuses(409, "conflict");
        globex.wait(&waits, &["waiting"]);
        let decided = delete(&operator, "globex", "?confirm=globex&cancel=true").is(202).body;
        assert!(decided["deleted_since"].is_string(), "{decided:#}");
        // At once nobody is let in.
        globex.get("/api/v1/me").refuses(401, "unauthenticated");
        globex_token.get("/api/v1/executions").refuses(401, "unauthenticated");
        let sign_in = json!({"email": "owner@globex.example", "password": PASSWORD});
        server.anybody().post("/api/v1/session", &[], &sign_in).refuses(401, "unauthenticated");
        until_gone(&operator, "globex");
        assert_eq!(rows_left(&server, "globex"), [""; 0]);
        // What it kept of itself is proved by its own key; what others have is as it was.
        let line = &told(&operator, "tenant.deletion_decided")[0]["details"];
        assert!(
            line["audit"]["lines"].as_i64() > Some(10) && line["audit"]["signed"]["public_key"].is_string(),
            "{line:#}"
        );
        let gone = line["accounts"].as_array().expect("accounts");
        assert!(gone.len() == 3 && gone.iter().all(Value::is_string) && line["cancels"] == true, "{line:#}");
        assert_eq!(told(&operator, "tenant.deleted")[0]["details"], json!({"tenant": "globex"}));
        operator.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200);
        initech.wait(&kept, &["waiting"]);
        initech.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200);
        let accounts = operator.get("/api/v1/accounts").is(200).body;
        assert_eq!(
            accounts["items"].as_array().map(Vec::len),
            Some(2),
            "those of the tenant alone are gone: {accounts:#}"
        );
        // The name is free, and whoever has it meets nothing of the other.
        let again = server.other_owner(&operator, "globex");
        assert_eq!(again.get("/api/v1/executions").is(200).body["items"], json!([]));
        assert_eq!(again.get("/api/v1/secrets").is(200).body["items"], json!([]));
        again
            .save("zebrafish", &WAITS.replace(MARKER, "zebrafish").replace("id: zebrafish-waits", "id: zebrafish"))
            .is(201);
        let own = again.start("zebrafish", &json!({}));
        again.wait(&own, &["waiting"]);
    }
    server.end(Signal::TERM);
    assert_eq!(marked(server.folder.path()), [""; 0]);
    let server = server.restarted_after_end();
    assert_eq!(server.token(&operator_token).get("/api/v1/executions").is(200).body["items"], json!([]));
}

#[test]
fn a_deletion_that_is_killed_on_the_way_is_finished_at_the_next_start() {
    let mut server = Server::new();
    {
        let operator = server.owner();
        let globex = server.other_owner(&operator, "globex");
        fill(&server, &globex);
        // As long as it takes with many rows: the process is killed somewhere on the way.
        for number in 0..30 {
            globex.start("zebrafinch-large", &json!({"text": format!("{MARKER} {number}")}));
        }
        delete(&operator, "globex", "?confirm=globex&cancel=true").is(202);
    }
    for pause in [0, 40, 80, 160] {
        std::thread::sleep(Duration::from_millis(pause));
        server.end(Signal::KILL);
        server = server.restarted_after_end();
    }
    let sign_in = json!({"email": "ada@example.com", "password": PASSWORD});
    let operator = server.session(&server.anybody().post("/api/v1/session", &[], &sign_in).is(201));
    until_gone(&operator, "globex");
    assert_eq!(rows_left(&server, "globex"), [""; 0]);
    assert_eq!(told(&operator, "tenant.deleted").len(), 1);
    operator.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200);
    drop(operator);
    server.end(Signal::TERM);
    assert_eq!(marked(server.folder.path()), [""; 0]);
}

#[test]
fn whoever_has_the_data_directory_decides_it_and_the_server_does_it() {
    let mut server = Server::new();
    {
        let operator = server.owner();
        let globex = server.other_owner(&operator, "globex");
        fill(&server, &globex);
    }
    let akao = |server: &Server, arguments: &[&str]| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        server.platform.tell(&mut command);
        command.args(["operator", "delete-tenant"]).args(arguments).arg("--data-dir").arg(server.folder.path());
        command.output().expect("the program runs")
    };
    let refused = |output: &Output, told: &str| {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(told), "{text}");
    };
    refused(&akao(&server, &["globex", "--confirm", "acme"]), "is not the tenant's name");
    refused(&akao(&server, &["globex", "--confirm", "globex"]), "have not ended");
    refused(&akao(&server, &["acme", "--confirm", "acme"]), "belongs to no other tenant");
    refused(&akao(&server, &["none", "--confirm", "none"]), "there is no such tenant");
    server.end(Signal::TERM);
    let done = akao(&server, &["globex", "--confirm", "globex", "--cancel"]);
    let said = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text));
    let [line, notes] = &said;
    assert!(done.status.success() && line.contains("within 15 seconds") && notes.contains("Vault"), "{said:?}");
    refused(&akao(&server, &["globex", "--confirm", "globex"]), "is being deleted already");
    let server = server.restarted_after_end();
    let sign_in = json!({"email": "ada@example.com", "password": PASSWORD});
    let operator = server.session(&server.anybody().post("/api/v1/session", &[], &sign_in).is(201));
    until_gone(&operator, "globex");
    assert_eq!(told(&operator, "tenant.deleted")[0]["by"], json!({"machine": true}));
}

#[test]
fn whoever_reads_platform_data_holds_up_no_writer_and_only_the_end_of_a_deletion() {
    let server = Server::new();
    let Platform::File = &server.platform else { return };
    let operator = server.owner();
    let globex = server.other_owner(&operator, "globex");
    globex.save("zebrafinch-waits", WAITS).is(201);
    let file = rusqlite::Connection::open(server.folder.path().join("platform.db")).expect("platform data");
    let count = |table: &str| -> i64 {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a count")
    };
    // As a backup does, for as long as it takes.
    let reads = rusqlite::Connection::open(server.folder.path().join("platform.db")).expect("platform data");
    reads.execute_batch("BEGIN; SELECT count(*) FROM tenant").expect("a view");
    delete(&operator, "globex", "?confirm=globex").is(202);
    let begun = Instant::now();
    while count("workflow") > 0 {
        assert!(begun.elapsed() < Duration::from_secs(3), "the rest is removed meanwhile");
        std::thread::sleep(Duration::from_millis(20));
    }
    for number in 0..8 {
        let begun = Instant::now();
        operator.post("/api/v1/tokens", &[], &json!({"name": format!("token {number}")})).is(201);
        assert!(begun.elapsed() < Duration::from_secs(3), "nobody waits for whoever reads: {:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(count("tenant"), 2, "its row stays until the log can be emptied");
    reads.execute_batch("COMMIT").expect("the end of the view");
    until_gone(&operator, "globex");
}
