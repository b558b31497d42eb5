//! `SqlQuery` on SQLite files of a volume, and what it refuses before it dials a server.

use crate::support::Project;
use akao_contract::ErrorKind;
use serde_json::{Value, json};

async fn sqlite(project: &Project, query: &str, parameters: Value) -> Value {
    let props = json!({"driver": "sqlite", "file": "data/shop.db", "query": query, "parameters": parameters});
    project.output("SqlQuery", props, "result").await
}

#[tokio::test]
async fn a_file_is_made_filled_and_read() {
    let project = Project::new();
    let create = "create table city (id integer primary key, name text, share real, raw blob, big integer)";
    sqlite(&project, create, json!([])).await;
    let insert = "insert into city (name, share, raw, big) values (?, ?, x'00ff', ?), ('Huế', null, null, 1)";
    let result = sqlite(&project, insert, json!(["Hanoi'; drop table city", 0.5, 9_007_199_254_740_993_i64])).await;
    assert_eq!(result, json!({"rows": [], "rowCount": 0, "rowsAffected": 2, "truncated": false}));
    let result = sqlite(&project, "select * from city where id < ? order by id", json!([9])).await;
    assert_eq!(
        result["rows"],
        json!([
            {"id": 1, "name": "Hanoi'; drop table city", "share": 0.5, "raw": {"$base64": "AP8="}, "big": "9007199254740993"},
            {"id": 2, "name": "Huế", "share": null, "raw": null, "big": 1},
        ])
    );
    let props = json!({"driver": "sqlite", "file": "data/shop.db", "query": "select id from city", "maxRows": 1});
    let result = project.output("SqlQuery", props, "result").await;
    assert_eq!(result, json!({"rows": [{"id": 1}], "rowCount": 1, "rowsAffected": 0, "truncated": true}));
}

#[tokio::test]
async fn nothing_of_a_statement_reaches_another_file() {
    let project = Project::new();
    sqlite(&project, "create table a (x)", json!([])).await;
    let out = project.path("../out.db").display().to_string();
    for query in [
        format!("attach database '{out}' as other"),
        format!("vacuum into '{out}'"),
        "select load_extension('/tmp/x.so')".to_owned(),
        "pragma temp_store_directory = '/tmp'".to_owned(),
        "select 1; select 2".to_owned(),
        "select * from none".to_owned(),
    ] {
        let props = json!({"driver": "sqlite", "file": "data/shop.db", "query": query});
        let (kind, message) = project.failure("SqlQuery", props).await;
        assert!(matches!(kind, ErrorKind::User | ErrorKind::Input), "{query}: {kind} {message}");
    }
    assert!(!project.path("../out.db").exists());
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let project = Project::new().grant("network.tcp=127.0.0.1:1");
    for (props, kind, message) in [
        (json!({"driver": "sqlite"}), ErrorKind::Input, "`file` is missing"),
        (json!({"driver": "sqlite", "file": "../x.db"}), ErrorKind::Input, "holds `..`"),
        (json!({"driver": "sqlite", "file": ".akao/journal.db"}), ErrorKind::Input, "belongs to the engine"),
        (json!({"driver": "sqlite", "file": "x.db", "parameters": [1]}), ErrorKind::Input, "parameter"),
        (json!({"driver": "postgres"}), ErrorKind::Input, "`host` is missing"),
        (json!({"driver": "postgres", "host": "127.0.0.1"}), ErrorKind::Permission, "127.0.0.1:5432 is not reachable"),
        (json!({"driver": "mysql", "host": "127.0.0.1"}), ErrorKind::Permission, "127.0.0.1:3306 is not reachable"),
        (
            json!({"driver": "mysql", "host": "127.0.0.1", "port": 1}),
            ErrorKind::Connection,
            "cannot connect to 127.0.0.1:1",
        ),
        (json!({"driver": "oracle"}), ErrorKind::Input, "unknown variant `oracle`"),
    ] {
        let mut props = props;
        props["query"] = json!("select 1");
        let (found, text) = project.failure("SqlQuery", props.clone()).await;
        assert!(found == kind && text.contains(message), "{props}: {found} {text}");
    }
}

#[tokio::test]
async fn an_endless_statement_ends_with_its_deadline() {
    let project = Project::new();
    let query = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n";
    let props = json!({"driver": "sqlite", "file": "x.db", "query": query, "timeout": "200ms"});
    let (kind, message) = project.failure("SqlQuery", props).await;
    assert_eq!((kind, message.as_str()), (ErrorKind::Timeout, "not finished within 200 ms"));
}
