//! `SqlQuery`: runs one SQL statement in PostgreSQL, MySQL or a SQLite file of a volume.
//!
//! Servers are checked targets: only addresses that the egress port returned are dialled, and TLS still verifies the name
//! (`sql_query/relay.rs` says how). The text of the statement is never a template; values go in as parameters.

mod mysql;
mod postgres;
mod relay;
mod rows;
mod sqlite;

use crate::{BuiltIn, Run, outside};
use akao_contract::{
    Category, Effects, ErrorDoc, ErrorKind, Example, Invocation, NodeType, Outcome, Permission, Reads, StepError,
};
use akao_step::{BoxFuture, Ports, StepIo};
use rows::Answer;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const DESCRIPTION: &str = "\
Runs one statement and gives `{rows, rowCount, rowsAffected, truncated}`. A row is an object by column name. After `maxRows` \
rows reading stops and `truncated` is true.\n\n\
`query` is taken literally; write `$1` (PostgreSQL) or `?` (MySQL, SQLite) where a value of `parameters` belongs. A parameter \
takes the type that the statement wants. PostgreSQL and MySQL need the grant `network.tcp=HOST:PORT`; their certificates are \
verified unless `tls` is `none`. A SQLite database is a file of a volume, made when it is missing; ATTACH, extensions \
and pragmas that reach beyond the file are off.\n\n\
Values become JSON: exact decimals and integers beyond 2^53 as text, dates and times as ISO text, bytes as `{\"$base64\": …}`, \
JSON columns as what they hold.";

const EXAMPLE: &str = "\
# Not granted: the step is denied before anything is dialled.
akao: 1
id: sql-query
version: 1.0.0
outputs: { note: \"${bb.note}\" }
root:
  type: Recovery
  children:
    - type: SqlQuery
      props: { driver: postgres, host: 127.0.0.1, database: shop, query: \"select name from city where id = $1\", parameters: [7] }
    - { type: SetVariable, props: { key: note, value: denied } }
";

pub(super) fn built_in() -> BuiltIn {
    let error = |kind, when: &str| ErrorDoc { kind, when: when.into() };
    let node_type = NodeType {
        name: "SqlQuery".into(),
        aliases: vec![],
        version: "1.0.0".into(),
        category: Category::Network,
        summary: "Runs an SQL statement.".into(),
        description: DESCRIPTION.into(),
        props: props_schema(),
        outputs: outputs_schema(),
        main_output: Some("result".into()),
        errors: vec![
            error(ErrorKind::Input, "a prop or a parameter does not fit"),
            error(ErrorKind::Permission, "the server is not granted; `detail.grant` says what to grant"),
            error(ErrorKind::Connection, "no connection, or it broke off"),
            error(ErrorKind::Timeout, "not finished within `timeout`"),
            error(ErrorKind::User, "the database refused the statement; `detail.code` is its code"),
            error(ErrorKind::Resource, "the rows are larger than 32 MiB"),
        ],
        effects: Effects::Write,
        idempotent: false,
        reads: Reads::Named,
        permissions: "network.tcp".parse::<Permission>().into_iter().collect(),
        children_min: 0,
        children_max: Some(0),
        examples: vec![Example::new(EXAMPLE, Value::Null, json!({"note": "denied"}))],
    };
    BuiltIn { node_type: node_type.into(), run: Run::Async(run) }
}

fn props_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "driver": {"enum": ["postgres", "mysql", "sqlite"], "description": "The kind of database."},
            "file": {"type": "string", "description": "SQLite: path of the database in a volume."},
            "host": {"type": "string", "description": "Server. Required but for SQLite."},
            "port": {
                "type": "integer", "minimum": 1, "maximum": 65535,
                "description": "Absent: 5432 for PostgreSQL, 3306 for MySQL.",
            },
            "database": {"type": "string", "description": "Database on the server. Absent: the server's choice."},
            "username": {"type": "string", "description": "Absent: `postgres` or `root`."},
            "password": {"type": "string", "description": "Give it as a secret: `${secrets.NAME}`."},
            "tls": {
                "enum": ["verify", "none"], "default": "verify",
                "description": "`verify`: only over TLS with a certificate of this host. `none`: without TLS.",
            },
            "ca": {"type": "string", "description": "PEM text of the certificate authority that is trusted instead of the web's."},
            "query": {"type": "string", "x-akao-literal": true, "description": "One statement; never a template."},
            "parameters": {"type": "array", "default": [], "description": "Values for the statement's placeholders, in order."},
            "maxRows": {
                "type": "integer", "default": 1000, "minimum": 0, "maximum": 1_000_000,
                "description": "Rows that are read.",
            },
            "timeout": {
                "type": ["integer", "string"], "default": 30000, "minimum": 1, "x-akao-duration": "ms",
                "description": "For connection and statement, in milliseconds or with a unit.",
            },
            "outputKey": {
                "type": "string", "x-akao-writes": true,
                "description": "Blackboard key that receives `result`. Absent: nothing is stored.",
            },
        },
        "required": ["driver", "query"],
        "additionalProperties": false,
    })
}

fn outputs_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "result": {
                "type": "object",
                "properties": {
                    "rows": {"type": "array", "items": {"type": "object"}, "description": "Rows by column name."},
                    "rowCount": {"type": "integer", "description": "Rows in `rows`."},
                    "rowsAffected": {"type": "integer", "description": "Rows that the statement changed."},
                    "truncated": {"type": "boolean", "description": "Whether there were more rows than `maxRows`."},
                },
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    })
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Props {
    driver: Driver,
    file: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(default)]
    tls: Tls,
    ca: Option<String>,
    query: String,
    #[serde(default)]
    parameters: Vec<Value>,
    #[serde(default = "thousand")]
    max_rows: usize,
    #[serde(default = "thirty_seconds", deserialize_with = "outside::duration")]
    timeout: Duration,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Driver {
    Postgres,
    Mysql,
    Sqlite,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Default)]
#[serde(rename_all = "snake_case")]
enum Tls {
    #[default]
    Verify,
    None,
}

fn thousand() -> usize {
    1000
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

fn run(invocation: Invocation, io: StepIo, ports: Ports) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        tokio::select! {
            biased;
            () = io.cancel.cancelled() => Outcome::cancelled(),
            outcome = query(&invocation, &ports) => outcome.unwrap_or_else(Outcome::failure),
        }
    })
}

async fn query(invocation: &Invocation, ports: &Ports) -> Result<Outcome, StepError> {
    let props: Props = outside::props(invocation)?;
    let work: BoxFuture<'_, Result<Answer, StepError>> = match props.driver {
        Driver::Sqlite => Box::pin(sqlite::query(invocation, ports, &props)),
        Driver::Postgres => Box::pin(postgres::query(invocation, ports, &props)),
        Driver::Mysql => Box::pin(mysql::query(invocation, ports, &props)),
    };
    let late = || StepError::new(ErrorKind::Timeout, format!("not finished within {} ms", props.timeout.as_millis()));
    let answer = tokio::time::timeout(props.timeout, work).await.map_err(|_| late())??;
    Ok(Outcome::success().output("result", answer.into_value()))
}

/// An error of the library as an error of the step.
fn sql_error(error: &sqlx::Error) -> StepError {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default().into_owned();
            StepError::new(ErrorKind::User, error.message().to_owned()).with_detail("code", code)
        }
        sqlx::Error::Io(_) => StepError::new(ErrorKind::Connection, error.to_string()),
        sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => StepError::new(ErrorKind::Protocol, error.to_string()),
        sqlx::Error::Configuration(_) | sqlx::Error::Encode(_) => outside::input(error.to_string()),
        _ => StepError::new(ErrorKind::Internal, error.to_string()),
    }
}
