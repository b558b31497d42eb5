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
        "create table b (x); attach 'y.db' as y".to_owned(),
        "pragma data_store_directory = '/tmp'".to_owned(),
        "PRAGMA Temp_Store_Directory = '/tmp'".to_owned(),
        "select * from pragma_database_list".to_owned(),
        "select * from pragma_hard_heap_limit(1000)".to_owned(),
        "create virtual table t using csv(filename='/etc/passwd')".to_owned(),
        "select readfile('/etc/passwd')".to_owned(),
        "select writefile('out.txt', 'x')".to_owned(),
        "select edit('x')".to_owned(),
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
async fn a_statement_cannot_make_huge_values() {
    let project = Project::new();
    for query in [
        "select zeroblob(1000000000)",
        "select hex(randomblob(900000000))",
        "with recursive n(x) as (select 1 union all select x + 1 from n limit 1000000) \
         select group_concat(printf('%100d', x)) from n",
        "select zeroblob(20000000), zeroblob(20000000)",
    ] {
        let props = json!({"driver": "sqlite", "file": "x.db", "query": query});
        let (kind, message) = project.failure("SqlQuery", props).await;
        assert!(matches!(kind, ErrorKind::User | ErrorKind::Resource), "{query}: {kind} {message}");
        assert!(message.contains("too big") || message.contains("larger than"), "{query}: {message}");
    }
}

/// The schema of a file that somebody else made is data: what it defines must not reach out when it is read, and it
/// cannot be rewritten into something else.
#[tokio::test]
async fn a_schema_is_not_trusted() {
    let project = Project::new();
    sqlite(&project, "create table a (x)", json!([])).await;
    sqlite(&project, "create view v as select load_extension('/tmp/x.so') as y from a", json!([])).await;
    sqlite(&project, "insert into a values (1)", json!([])).await;
    for query in ["select y from v", "update sqlite_schema set sql = 'x'", "delete from sqlite_schema"] {
        let props = json!({"driver": "sqlite", "file": "data/shop.db", "query": query});
        let (kind, message) = project.failure("SqlQuery", props).await;
        assert_eq!(kind, ErrorKind::User, "{query}: {message}");
    }
}

/// Some pragmas hold for every database of the process, the engine's journal among them.
#[tokio::test]
async fn pragmas_look_at_the_file_and_nothing_else() {
    let project = Project::new();
    sqlite(&project, "create table a (x)", json!([])).await;
    for query in [
        "pragma hard_heap_limit = 1000",
        "PRAGMA Hard_Heap_Limit = 1000",
        "pragma soft_heap_limit = 1000",
        "pragma main.soft_heap_limit = 1000",
        "pragma database_list",
        "pragma trusted_schema = on",
        "pragma writable_schema = on",
        "pragma schema_version = 7",
        "pragma mmap_size = 1000000000000",
        "pragma cache_size = 1000000000",
        "pragma locking_mode = exclusive",
        "pragma no_such_pragma",
    ] {
        let props = json!({"driver": "sqlite", "file": "data/shop.db", "query": query});
        let (kind, message) = project.failure("SqlQuery", props).await;
        assert!(kind == ErrorKind::User && message.contains("not authorized"), "{query}: {kind} {message}");
    }
    let columns = sqlite(&project, "pragma table_info(a)", json!([])).await;
    assert_eq!(columns["rows"][0]["name"], "x");
    sqlite(&project, "PRAGMA user_version = 3", json!([])).await;
    assert_eq!(sqlite(&project, "pragma user_version", json!([])).await["rows"], json!([{"user_version": 3}]));
}

/// What lies beside the file under the names that SQLite uses is not followed, and what is no file is not opened.
#[tokio::test]
async fn links_and_pipes_are_no_databases() {
    let project = Project::new();
    sqlite(&project, "create table a (x)", json!([])).await;
    let outside = project.path("../precious");
    std::fs::write(&outside, "precious").unwrap();
    for suffix in ["-journal", "-wal", "-shm"] {
        let link = project.path(&format!("data/shop.db{suffix}"));
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        for query in ["insert into a values (1)", "pragma journal_mode = wal", "pragma journal_mode = delete"] {
            let _ = project.run("SqlQuery", json!({"driver": "sqlite", "file": "data/shop.db", "query": query})).await;
        }
        assert_eq!(std::fs::read_to_string(&outside).unwrap(), "precious", "{suffix}");
        let _ = std::fs::remove_file(&link);
    }
    std::os::unix::fs::symlink(&outside, project.path("link.db")).unwrap();
    let status = std::process::Command::new("mkfifo").arg(project.path("pipe.db")).status().unwrap();
    assert!(status.success());
    for file in ["link.db", "pipe.db", "data", "/dev/zero", "file:data/shop.db?mode=memory", ":memory:"] {
        let props = json!({"driver": "sqlite", "file": file, "query": "create table b (x)"});
        let outcome = project.run("SqlQuery", props).await;
        // The last two are names of files like any other.
        assert!(outcome.error.is_some() || project.path(file).is_file(), "{file}");
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "precious");
}

#[tokio::test]
async fn a_pattern_over_a_long_text_is_bounded() {
    let project = Project::new();
    let query = "select ? like ?";
    let pattern = "%a".repeat(5_000) + "b";
    let parameters = json!(["a".repeat(4 << 20), pattern]);
    let props = json!({"driver": "sqlite", "file": "x.db", "query": query, "parameters": parameters});
    let (kind, message) = project.failure("SqlQuery", props).await;
    assert!(kind == ErrorKind::User && message.contains("pattern too complex"), "{kind} {message}");
}

#[tokio::test]
async fn an_endless_statement_ends_with_its_deadline() {
    let project = Project::new();
    let query = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n";
    let props = json!({"driver": "sqlite", "file": "x.db", "query": query, "timeout": "200ms"});
    let (kind, message) = project.failure("SqlQuery", props).await;
    assert_eq!((kind, message.as_str()), (ErrorKind::Timeout, "not finished within 200 ms"));
}
