//! `dev.akao.mysql` on a MariaDB server of the test's own.

use crate::{Installed, certificate::Certificate, desk::users, mariadb::MariaDb};
use serde_json::{Value, json};

fn installed(user: u32, server: &MariaDb) -> Installed {
    let usual = json!({"host": "127.0.0.1", "port": server.port, "user": "app", "database": "shop", "tls": "none"});
    // The name stands for the address, which is open because it is granted as well.
    let hosts = ["127.0.0.1", "localhost"].map(|host| format!("{host}:{}", server.port));
    Installed::new(user, "mysql", "MYSQL_PASSWORD", usual, &hosts)
}

fn query(query: &str, parameters: Value) -> Value {
    json!({"query": query, "parameters": parameters})
}

#[test]
fn values_are_bound_and_rows_are_json() {
    for user in users() {
        let server = MariaDb::start(None);
        let create = "create table item (id int primary key auto_increment, name text, price decimal(20, 4), open boolean, \
                      born date, seen timestamp(3) null, at datetime(2), small smallint, ratio float, raw varbinary(10), \
                      big bigint, high bigint unsigned, span time, data json)";
        let full = json!([
            "${input.name}", "12345678901234.5678", true, "2026-02-01", "2026-02-01 00:05:00.25", "2026-02-01T07:05:00.25",
            -3, 0.1, {"$base64": "AP8="}, "9007199254740993", "18446744073709551615", "-12:30:01", {"a": [1]},
        ]);
        let numbers = r#"{"n": [9007199254740993, 0.25, 1.10, 1e400, "\"1"]}"#;
        let columns = "name, price, open, born, seen, at, small, ratio, raw, big, high, span, data";
        let insert = format!("insert into item ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        let ended = installed(user, &server).steps(&[
            query(create, json!([])),
            query(&insert, full),
            query("insert into item (id, data) values (?, ?)", json!([7, numbers])),
            query("select * from item where id < ? order by id limit ?", json!([100, 5])),
            query("update item set small = 1", json!([])),
            query("select '${input.name}' as text, ? as list, ? as flag, ? + 1 as sum", json!([[1, "a"], false, 1])),
        ]);
        assert_eq!((&ended[1].outputs()["rowsAffected"], &ended[1].outputs()["insertId"]), (&json!(1), &json!(1)));
        let rows = &ended[3].outputs()["rows"];
        let mut first = rows[0].clone();
        let data = first["data"].take();
        assert!(data == json!({"a": [1]}) || data == json!("{\"a\":[1]}"), "by the version of the server: {data}");
        assert_eq!(
            first,
            json!({
                "id": 1, "name": "Robert'); drop table item; --", "price": "12345678901234.5678", "open": true,
                "born": "2026-02-01", "seen": "2026-02-01T00:05:00.250Z", "at": "2026-02-01T07:05:00.25", "small": -3,
                "ratio": 0.1, "raw": {"$base64": "AP8="}, "big": "9007199254740993", "high": "18446744073709551615",
                "span": "-12:30:01", "data": null,
            })
        );
        assert_eq!((&rows[1]["id"], &rows[1]["price"]), (&json!(7), &Value::Null));
        let exact = json!({"n": ["9007199254740993", 0.25, 1.1, "1e400", "\"1"]});
        assert!(rows[1]["data"] == exact || rows[1]["data"] == numbers, "{}", rows[1]["data"]);
        assert_eq!(ended[4].outputs()["rowsAffected"], 2, "the table is there");
        let row = json!({"text": "${input.name}", "list": "[1,\"a\"]", "flag": 0, "sum": 2});
        assert_eq!(ended[5].outputs()["rows"], json!([row]), "a query is never a template");
    }
}

#[test]
fn what_gives_too_much_is_an_error_and_did_nothing() {
    let server = MariaDb::start(None);
    let more = |query: &str, mut more: Value| {
        more["query"] = json!(query);
        more
    };
    let insert = "insert into item select seq from seq_1_to_300 returning id";
    let ended = installed(users()[0], &server).steps(&[
        query("create table item (id int primary key) engine=innodb", json!([])),
        more(insert, json!({"maxRows": 10})),
        more(insert, json!({"maxBytes": 100})),
        query("select count(*) as n from item", json!([])),
        more(insert, json!({"maxRows": 2, "truncate": true})),
        query("select count(*) as n from item", json!([])),
        more("select id from item order by id", json!({"maxRows": 300})),
        more("delete from item", json!({"readOnly": true})),
        // Nobody could read all of these within the time.
        more("select seq from seq_1_to_1000000000", json!({"maxRows": 2, "truncate": true, "timeout": 20_000})),
        more("select seq from seq_1_to_1000000000", json!({"maxRows": 2, "timeout": 20_000})),
    ]);
    ended[1].failed("resource", "more than `maxRows`, 10, rows", false);
    ended[2].failed("resource", "more than `maxBytes`, 100, bytes", false);
    assert_eq!(ended[3].outputs()["rows"], json!([{"n": 0}]), "what was broken off was not committed");
    let truncated = ended[4].outputs();
    assert_eq!((&truncated["rows"], &truncated["truncated"]), (&json!([{"id": 1}, {"id": 2}]), &json!(true)));
    assert_eq!(ended[5].outputs()["rows"], json!([{"n": 300}]));
    assert_eq!((&ended[6].outputs()["rowCount"], &ended[6].outputs()["truncated"]), (&json!(300), &json!(false)));
    ended[7].failed("user", "READ ONLY transaction", false);
    let left = ended[8].outputs();
    assert_eq!((&left["rows"], &left["truncated"]), (&json!([{"seq": 1}, {"seq": 2}]), &json!(true)));
    ended[9].failed("resource", "more than `maxRows`, 2, rows", false);
}

#[test]
fn refusals_have_a_kind_and_the_servers_code() {
    let server = MariaDb::start(None);
    let node = installed(users()[0], &server);
    let unknown = "whether it was done is not known";
    let cases = [
        (query("select * from none", json!([])), "user", "doesn't exist", false),
        (query("select 1; select 2", json!([])), "user", "error in your SQL syntax", false),
        (query("select ? as a", json!([])), "input", "has 1 parameters, but 0 are given", false),
        (query("select ? as a", json!([1, 2])), "input", "has 1 parameters, but 2 are given", false),
        (query("select 1 as a, 2 as a", json!([])), "user", "two columns are called `a`", false),
        (query("load data local infile '/etc/passwd' into table item", json!([])), "user", "local infile", false),
        (query("kill connection_id()", json!([])), "connection", "killed", true),
        (json!({"query": "select sleep(20)", "timeout": 1000}), "timeout", "not finished within 1000 ms", true),
        (json!({"query": "select 1", "user": "stranger"}), "permission", "Access denied", false),
        (json!({"query": "select 1", "tls": "verify", "host": "localhost"}), "protocol", "does not offer TLS", false),
        (json!({"query": "select 1", "tls": "verify"}), "input", "a certificate is verified for a name", false),
        (json!({"query": "select 1", "port": 1}), "connection", "`detail.grant`", true),
        (json!({"query": "select 1", "host": "db.example.com"}), "connection", "db.example.com is not known", true),
        // What only reads did nothing; of what writes, a table without transactions has kept what was written until then.
        (json!({"query": "insert into item select sleep(20)", "timeout": 3_000}), "timeout", unknown, false),
        (json!({"query": "do sleep(20)", "timeout": 1000, "readOnly": true}), "timeout", "not finished", true),
        (
            json!({"query": "# all\nwith x as (select sleep(20)) select * from x", "timeout": 1000}),
            "timeout",
            "not finished",
            true,
        ),
    ];
    node.step(query("create table item (id int)", json!([]))).outputs();
    let props: Vec<Value> = cases.iter().map(|(props, ..)| props.clone()).collect();
    let ended = node.steps(&props);
    for ((_, kind, words, retryable), ended) in cases.iter().zip(&ended) {
        ended.failed(kind, words, *retryable);
    }
    assert_eq!(ended[0].error["detail"]["code"], "ER_NO_SUCH_TABLE");
}

#[test]
fn a_certificate_is_verified_unless_it_is_said_otherwise() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    let server = MariaDb::start(Some(&certificate));
    let secure = |ca: Option<&str>| json!({"query": "show status like 'Ssl_version'", "host": "localhost", "tls": "verify", "ca": ca});
    let ended = installed(users()[0], &server).steps(&[
        secure(Some(&certificate.pem)),
        secure(None),
        secure(Some(&other.pem)),
        secure(Some("no certificate")),
        json!({"query": "show status like 'Ssl_version'"}),
    ]);
    let version = ended[0].outputs()["rows"][0]["Value"].as_str().unwrap_or_default();
    assert!(version.starts_with("TLSv1."), "{ended:?}");
    ended[1].failed("protocol", "TLS with localhost", false);
    ended[2].failed("protocol", "TLS with localhost", false);
    ended[3].failed("input", "`ca` holds no certificate", false);
    assert_eq!(ended[4].outputs()["rows"][0]["Value"], "", "as it was said");
}
