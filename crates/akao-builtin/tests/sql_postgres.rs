//! `SqlQuery` on a PostgreSQL server that this test starts in a folder of its own; see `cluster.rs`.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

#[path = "../../akao-store/tests/support/cluster.rs"]
mod cluster;
#[path = "outside/support.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod support;

use akao_contract::ErrorKind;
use cluster::Cluster;
use serde_json::{Value, json};
use support::Project;

/// What `SqlQuery` is given to reach a cluster.
trait Props {
    fn props(&self, query: &str, parameters: &Value) -> Value;
}

impl Props for Cluster {
    fn props(&self, query: &str, parameters: &Value) -> Value {
        json!({
            "driver": "postgres", "host": "127.0.0.1", "port": self.port, "database": "postgres", "username": "me",
            "password": "word", "tls": "none", "query": query, "parameters": parameters,
        })
    }
}

#[tokio::test]
async fn statements_run_with_typed_parameters_and_values() {
    let cluster = Cluster::start();
    let project = Project::new().grant(&format!("network.tcp=127.0.0.1:{}", cluster.port));
    let create = "create table item (id int primary key, name text, price numeric(20, 4), open boolean, born date, seen \
                  timestamptz, at timestamp, data jsonb, key uuid, small smallint, ratio real)";
    project.output("SqlQuery", cluster.props(create, &json!([])), "result").await;
    let insert = "insert into item values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let full = json!([
        1, "x'y", "12345678901234.5678", true, "2026-02-01", "2026-02-01T07:05:00+07:00", "2026-02-01T07:05:00.25",
        {"a": [1]}, "67e55044-10b1-426f-9247-bb680e5fe0c8", -3, 0.5,
    ]);
    let nulls = json!([2, null, null, null, null, null, null, null, null, null, null]);
    for row in [&full, &nulls] {
        let result = project.output("SqlQuery", cluster.props(insert, row), "result").await;
        assert_eq!(result, json!({"rows": [], "rowCount": 0, "rowsAffected": 1, "truncated": false}));
    }
    let select = "select * from item where id = any(array[1, 2]) and id >= $1 order by id";
    let result = project.output("SqlQuery", cluster.props(select, &json!([1])), "result").await;
    assert_eq!(
        result["rows"][0],
        json!({
            "id": 1, "name": "x'y", "price": "12345678901234.5678", "open": true, "born": "2026-02-01",
            "seen": "2026-02-01T00:05:00Z", "at": "2026-02-01T07:05:00.250000", "data": {"a": [1]},
            "key": "67e55044-10b1-426f-9247-bb680e5fe0c8", "small": -3, "ratio": 0.5,
        })
    );
    assert_eq!(result["rows"][1]["price"], Value::Null);
    let values =
        "select 9007199254740993 as big, '\\x00ff'::bytea as raw, array['a', null] as list, 'nan'::float8 as nan";
    let result = project.output("SqlQuery", cluster.props(values, &json!([])), "result").await;
    let expected = json!({"big": "9007199254740993", "raw": {"$base64": "AP8="}, "list": ["a", null], "nan": "NaN"});
    assert_eq!(result["rows"][0], expected);
    let mut many = cluster.props("select generate_series(1, 5000) as n", &json!([]));
    many["maxRows"] = json!(2);
    let result = project.output("SqlQuery", many, "result").await;
    assert_eq!((&result["rowCount"], &result["truncated"]), (&json!(2), &json!(true)));
}

#[tokio::test]
async fn refusals_are_told_with_their_code() {
    let cluster = Cluster::start();
    let project = Project::new().grant(&format!("network.tcp=127.0.0.1:{}", cluster.port));
    for (query, parameters, kind, message) in [
        ("select * from none", json!([]), ErrorKind::User, "relation \"none\" does not exist"),
        ("select 1; select 2", json!([]), ErrorKind::User, "cannot insert multiple commands"),
        ("select $1::int", json!(["x"]), ErrorKind::Input, "`parameters[0]` cannot be INT4"),
        ("select $1::int", json!([]), ErrorKind::Input, "the statement has 1 parameters, but 0 are given"),
    ] {
        let (found, text) = project.failure("SqlQuery", cluster.props(query, &parameters)).await;
        assert!(found == kind && text.contains(message), "{query}: {found} {text}");
    }
    let mut wrong = cluster.props("select 1", &json!([]));
    wrong["password"] = json!("other");
    assert_eq!(project.run("SqlQuery", wrong).await.error.unwrap().detail["code"], "28P01");
    let mut secure = cluster.props("select 1", &json!([]));
    secure["tls"] = json!("verify");
    assert_eq!(project.failure("SqlQuery", secure).await.0, ErrorKind::Protocol, "a server without TLS is not used");
}
