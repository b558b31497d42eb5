//! MySQL and MariaDB. The server converts parameters to what the statement wants.

use super::{
    Props, Tls,
    postgres::{date_time, time},
    relay::Relay,
    rows::{self, Answer},
    sql_error,
};
use akao_contract::{Invocation, StepError};
use akao_step::Ports;
use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Either, Executor, Row, TypeInfo, ValueRef,
    mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode},
    types::{
        BigDecimal, Json,
        time::{Date, PrimitiveDateTime, Time},
    },
};

const PORT: u16 = 3306;

/// Name of the relay's socket.
const SOCKET: &str = "mysql.sock";

pub(super) async fn query(invocation: &Invocation, ports: &Ports, props: &Props) -> Result<Answer, StepError> {
    let port = props.port.unwrap_or(PORT);
    let relay = Relay::open(invocation, ports, props, port, SOCKET).await?;
    let mut connection = options(props, &relay, port).connect().await.map_err(|error| sql_error(&error))?;
    let answer = run(&mut connection, props).await;
    // The answer is complete; how the farewell goes does not matter.
    let _ = connection.close().await;
    answer
}

fn options(props: &Props, relay: &Relay, port: u16) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .host(&relay.host)
        .port(port)
        .socket(relay.folder().join(SOCKET))
        .username(props.username.as_deref().unwrap_or("root"))
        .ssl_mode(if props.tls == Tls::Verify { MySqlSslMode::VerifyIdentity } else { MySqlSslMode::Disabled });
    if let Some(password) = &props.password {
        options = options.password(password);
    }
    if let Some(database) = &props.database {
        options = options.database(database);
    }
    if let Some(ca) = &props.ca {
        options = options.ssl_ca_from_pem(ca.clone().into_bytes());
    }
    options
}

async fn run(connection: &mut MySqlConnection, props: &Props) -> Result<Answer, StepError> {
    let failed = |error: sqlx::Error| sql_error(&error);
    let mut query = sqlx::query(AssertSqlSafe(props.query.clone()));
    for value in &props.parameters {
        query = match value {
            Value::Null => query.bind(None::<String>),
            Value::Bool(flag) => query.bind(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => query.bind(integer),
                None => query.bind(number.as_f64()),
            },
            other => query.bind(rows::text(other)),
        };
    }
    let mut answer = Answer::default();
    let mut found = connection.fetch_many(query);
    while let Some(item) = found.try_next().await.map_err(failed)? {
        match item {
            Either::Left(done) => answer.rows_affected = done.rows_affected(),
            Either::Right(row) if !answer.add(object(&row).map_err(failed)?, props.max_rows)? => break,
            Either::Right(_) => {}
        }
    }
    Ok(answer)
}

fn object(row: &MySqlRow) -> Result<Map<String, Value>, sqlx::Error> {
    row.columns().iter().map(|column| Ok((column.name().to_owned(), value(row, column.ordinal())?))).collect()
}

fn value(row: &MySqlRow, at: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let name = raw.type_info().name().to_owned();
    Ok(match name.as_str() {
        "BOOLEAN" => row.try_get::<bool, _>(at)?.into(),
        "FLOAT" | "DOUBLE" => rows::float(row.try_get_unchecked(at)?),
        "DECIMAL" => row.try_get::<BigDecimal, _>(at)?.to_plain_string().into(),
        "JSON" => row.try_get::<Json<Value>, _>(at)?.0,
        "DATE" => row.try_get::<Date, _>(at)?.to_string().into(),
        "TIME" => time(row.try_get::<Time, _>(at)?).into(),
        "DATETIME" | "TIMESTAMP" => date_time(row.try_get_unchecked::<PrimitiveDateTime, _>(at)?).into(),
        "BIGINT UNSIGNED" => {
            let number: u64 = row.try_get(at)?;
            i64::try_from(number).map_or_else(|_| number.to_string().into(), rows::integer)
        }
        name if name.ends_with("UNSIGNED") => row.try_get::<u64, _>(at)?.into(),
        name if name.contains("INT") || name == "YEAR" => rows::integer(row.try_get_unchecked(at)?),
        name if name.contains("BLOB") || name.contains("BINARY") => rows::bytes(row.try_get(at)?),
        _ => row.try_get_unchecked::<String, _>(at)?.into(),
    })
}
