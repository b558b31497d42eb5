//! `dev.akao.postgresql` on a PostgreSQL server of the test's own.

use crate::{Installed, PASSWORD, cluster::Cluster, desk::users};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    time::{Duration, Instant},
};

/// A cluster with a user of the test's own.
fn cluster() -> Cluster {
    let cluster = Cluster::start();
    cluster.sql("postgres", &format!("create role app login password '{PASSWORD}'"));
    cluster.sql("postgres", "create database shop owner app");
    cluster
}

fn installed(user: u32, cluster: &Cluster) -> Installed {
    let usual = json!({"host": "127.0.0.1", "port": cluster.port, "user": "app", "database": "shop", "tls": "none"});
    Installed::new(user, "postgresql", "POSTGRES_PASSWORD", usual, &[format!("127.0.0.1:{}", cluster.port)])
}

fn query(query: &str, parameters: Value) -> Value {
    json!({"query": query, "parameters": parameters})
}

#[test]
fn values_are_bound_and_rows_are_json() {
    for user in users() {
        let cluster = cluster();
        let create = "create table item (id int primary key, name text, price numeric(20, 4), open boolean, born date, seen \
                      timestamptz, at timestamp, data jsonb, key uuid, ratio real, raw bytea, tags text[], big bigint[])";
        let full = json!([
            1, "${input.name}", "12345678901234.5678", true, "2026-02-01", "2026-02-01T07:05:00+07:00",
            "2026-02-01T07:05:00.25", {"a": [1]}, "67e55044-10b1-426f-9247-bb680e5fe0c8", 0.5, {"$base64": "AP8="},
            ["a", null, "b c\"'"], ["9007199254740993", 2],
        ]);
        let insert = "insert into item values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        let literal = "select '${input.name}' as text, 'nan'::float8 as nan, '-infinity'::timestamp as early, interval '1 day 2 hours' as time";
        let numbers = r#"select '{"9007199254740993": [-9007199254740993, 1.10, 1e+3, 0.1234567890123456789, 1e400, "\"1"]}'::json as own,
            '[12345678901234567890, 0.10, -0]'::jsonb as binary, array['{"n": 9007199254740993}']::json[] as list"#;
        let ended = installed(user, &cluster).steps(&[
            query(create, json!([])),
            query(insert, full),
            query("insert into item (id, data) values ($1, $2)", json!([2, {"$json": [1, "x"]}])),
            query("select * from item where id = any($1) order by id", json!([[1, 2]])),
            query("update item set ratio = 1", json!([])),
            query(literal, json!([])),
            query(numbers, json!([])),
        ]);
        assert_eq!(ended[0].outputs(), &json!({"rows": [], "rowCount": 0, "rowsAffected": 0, "truncated": false}));
        assert_eq!(ended[1].outputs()["rowsAffected"], 1);
        let rows = &ended[3].outputs()["rows"];
        assert_eq!(
            rows[0],
            json!({
                "id": 1, "name": "Robert'); drop table item; --", "price": "12345678901234.5678", "open": true,
                "born": "2026-02-01", "seen": "2026-02-01T00:05:00Z", "at": "2026-02-01T07:05:00.25", "data": {"a": [1]},
                "key": "67e55044-10b1-426f-9247-bb680e5fe0c8", "ratio": 0.5, "raw": {"$base64": "AP8="},
                "tags": ["a", null, "b c\"'"], "big": ["9007199254740993", 2],
            })
        );
        assert_eq!((&rows[1]["data"], &rows[1]["price"]), (&json!([1, "x"]), &Value::Null));
        assert_eq!(ended[4].outputs()["rowsAffected"], 2, "the table is there");
        let row = json!({"text": "${input.name}", "nan": "NaN", "early": "-infinity", "time": "P1DT2H"});
        assert_eq!(ended[5].outputs()["rows"], json!([row]), "a query is never a template");
        let own =
            json!({"9007199254740993": ["-9007199254740993", 1.1, 1000, "0.1234567890123456789", "1e400", "\"1"]});
        let row = json!({"own": own, "binary": ["12345678901234567890", 0.1, 0], "list": [{"n": "9007199254740993"}]});
        assert_eq!(ended[6].outputs()["rows"], json!([row]), "no digit is lost");
    }
}

#[test]
fn what_gives_too_much_is_an_error_and_did_nothing() {
    let cluster = cluster();
    let more = |query: &str, more: Value| {
        let mut props = more;
        props["query"] = json!(query);
        props
    };
    let insert = "insert into item select generate_series(1, 300) returning id";
    let ended = installed(users()[0], &cluster).steps(&[
        query("create table item (id int primary key deferrable initially deferred)", json!([])),
        more(insert, json!({"maxRows": 10})),
        more(insert, json!({"maxBytes": 100})),
        query("select count(*) from item", json!([])),
        more(insert, json!({"maxRows": 2, "truncate": true})),
        query("select count(*) from item", json!([])),
        more("select id from item order by id", json!({"maxRows": 300})),
        query("insert into item values (1)", json!([])),
        more("delete from item", json!({"readOnly": true})),
    ]);
    ended[1].failed("resource", "more than `maxRows`, 10, rows", false);
    ended[2].failed("resource", "more than `maxBytes`, 100, bytes", false);
    assert_eq!(ended[3].outputs()["rows"], json!([{"count": 0}]), "what was broken off was not committed");
    assert_eq!(ended[4].outputs(), &json!({"rows": [{"id": 1}, {"id": 2}], "rowCount": 2, "truncated": true}));
    assert_eq!(ended[5].outputs()["rows"], json!([{"count": 300}]));
    assert_eq!((&ended[6].outputs()["rowCount"], &ended[6].outputs()["truncated"]), (&json!(300), &json!(false)));
    ended[7].failed("user", "duplicate key", false);
    ended[8].failed("user", "read-only transaction", false);
}

#[test]
fn refusals_have_a_kind_and_the_servers_code() {
    let cluster = cluster();
    let node = installed(users()[0], &cluster);
    let unknown = "whether it was done is not known";
    let cases = [
        (query("select * from none", json!([])), "user", "relation \"none\" does not exist", false),
        (query("select 1; select 2", json!([])), "user", "cannot insert multiple commands", false),
        (query("select $1::int", json!(["x"])), "user", "invalid input syntax", false),
        (query("select $1::int", json!([1, 2])), "input", "supplies 2 parameters", false),
        (query("select 1 as a, 2 as a", json!([])), "user", "two columns are called `a`", false),
        (query("copy pg_class from stdin", json!([])), "permission", "permission denied", false),
        (query("select pg_terminate_backend(pg_backend_pid())", json!([])), "connection", "terminating", true),
        (json!({"query": "select pg_sleep(20)", "timeout": 500}), "timeout", "not finished within 500 ms", true),
        (json!({"query": "select 1", "user": "me"}), "permission", "password authentication failed", false),
        (json!({"query": "select 1", "database": "none"}), "not_found", "database \"none\"", false),
        (json!({"query": "select 1", "tls": "verify"}), "protocol", "does not offer TLS", false),
        (json!({"query": "select 1", "port": 1}), "connection", "`detail.grant`", true),
        (json!({"query": "select 1", "host": "db.example.com"}), "connection", "db.example.com is not known", true),
        // What waits for its commit did nothing; what may commit by itself may have done something.
        (
            json!({"query": "/* a ( */ (with x as (select pg_sleep(20)) select 1 from x)", "timeout": 500}),
            "timeout",
            "not finished",
            true,
        ),
        (json!({"query": "do $$ begin perform pg_sleep(20); end $$", "timeout": 3_000}), "timeout", unknown, false),
        (
            query("do $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$", json!([])),
            "connection",
            unknown,
            false,
        ),
    ];
    let props: Vec<Value> = cases.iter().map(|(props, ..)| props.clone()).collect();
    let ended = node.steps(&props);
    for ((_, kind, words, retryable), ended) in cases.iter().zip(&ended) {
        ended.failed(kind, words, *retryable);
    }
    assert_eq!(ended[0].error["detail"]["code"], "42P01");
    assert_eq!(ended[12].error["detail"]["grant"], format!("network.tcp=db.example.com:{}", cluster.port));
    let refused = node.run(&[query("select 1", json!([]))], &[]).json();
    let error = &refused["outputs"]["error0"];
    let grant = json!(format!("network.tcp=127.0.0.1:{}", cluster.port));
    assert_eq!((&error["kind"], &error["detail"]["grant"]), (&json!("permission"), &grant), "{refused:#}");
}

#[test]
fn a_certificate_is_verified_unless_it_is_said_otherwise() {
    let cluster = cluster();
    let made =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
    offer_tls(&cluster, &made.cert.pem(), &made.signing_key.serialize_pem());
    let other = rcgen::generate_simple_self_signed(["elsewhere".to_owned()]).expect("a certificate");
    let secure = |ca: Option<String>| json!({"query": "select ssl from pg_stat_ssl where pid = pg_backend_pid()", "tls": "verify", "ca": ca});
    let ended = installed(users()[0], &cluster).steps(&[
        secure(Some(made.cert.pem())),
        secure(None),
        secure(Some(other.cert.pem())),
        secure(Some("no certificate".to_owned())),
    ]);
    assert_eq!(ended[0].outputs()["rows"], json!([{"ssl": true}]));
    ended[1].failed("protocol", "TLS with 127.0.0.1", false);
    ended[2].failed("protocol", "TLS with 127.0.0.1", false);
    ended[3].failed("input", "`ca` holds no certificate", false);
    offer_tls(&cluster, &other.cert.pem(), &other.signing_key.serialize_pem());
    let ended = installed(users()[0], &cluster).step(secure(Some(other.cert.pem())));
    ended.failed("protocol", "TLS with 127.0.0.1", false);
}

/// Has the server show a certificate.
fn offer_tls(cluster: &Cluster, certificate: &str, key: &str) {
    let folder = cluster.sql("postgres", "show data_directory");
    let folder = Path::new(&folder);
    let owner = fs::metadata(folder).expect("the data").uid();
    for (name, text) in [("server.crt", certificate), ("server.key", key)] {
        let file = folder.join(name);
        fs::write(&file, text).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
        chown(&file, Some(owner), None).expect("an owner");
    }
    cluster.sql("postgres", "alter system set ssl = on");
    cluster.sql("postgres", "select pg_reload_conf()");
    let begun = Instant::now();
    while cluster.sql("postgres", "show ssl") != "on" {
        assert!(begun.elapsed() < Duration::from_secs(30), "the server does not take the certificate");
        std::thread::sleep(Duration::from_millis(20));
    }
}
