//! PostgreSQL. The server is asked for the parameters' types first, so that a JSON value is sent as what the statement wants.

use super::{
    Props, Tls,
    relay::Relay,
    rows::{self, Answer},
    sql_error,
};
use crate::outside;
use akao_contract::{Invocation, StepError};
use akao_step::Ports;
use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::{
    Arguments, AssertSqlSafe, Column, ConnectOptions, Connection, Either, Executor, Row, SqlSafeStr, Statement,
    TypeInfo, ValueRef,
    postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow, PgSslMode, PgTypeInfo},
    types::{
        BigDecimal, Json, Uuid,
        time::{Date, OffsetDateTime, PrimitiveDateTime, Time},
    },
};
use std::{fmt::Display, str::FromStr};

const PORT: u16 = 5432;

pub(super) async fn query(invocation: &Invocation, ports: &Ports, props: &Props) -> Result<Answer, StepError> {
    let port = props.port.unwrap_or(PORT);
    let relay = Relay::open(invocation, ports, props, port, &format!(".s.PGSQL.{port}")).await?;
    let mut connection = options(props, &relay, port).connect().await.map_err(|error| sql_error(&error))?;
    let answer = run(&mut connection, props).await;
    // The answer is complete; how the farewell goes does not matter.
    let _ = connection.close().await;
    answer
}

fn options(props: &Props, relay: &Relay, port: u16) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&relay.host)
        .port(port)
        .socket(relay.folder())
        .username(props.username.as_deref().unwrap_or("postgres"))
        .application_name("akao")
        .ssl_mode(if props.tls == Tls::Verify { PgSslMode::VerifyFull } else { PgSslMode::Disable });
    if let Some(password) = &props.password {
        options = options.password(password);
    }
    if let Some(database) = &props.database {
        options = options.database(database);
    }
    if let Some(ca) = &props.ca {
        options = options.ssl_root_cert_from_pem(ca.clone().into_bytes());
    }
    options
}

async fn run(connection: &mut PgConnection, props: &Props) -> Result<Answer, StepError> {
    let failed = |error: sqlx::Error| sql_error(&error);
    let text = AssertSqlSafe(props.query.clone()).into_sql_str();
    let statement = connection.prepare(text).await.map_err(failed)?;
    let types = match statement.parameters() {
        Some(Either::Left(types)) => types.to_vec(),
        _ => vec![],
    };
    if types.len() != props.parameters.len() {
        let (wanted, given) = (types.len(), props.parameters.len());
        return Err(outside::input(format!("the statement has {wanted} parameters, but {given} are given")));
    }
    let mut arguments = PgArguments::default();
    for (at, (value, wanted)) in props.parameters.iter().zip(&types).enumerate() {
        add(&mut arguments, value, wanted)
            .map_err(|reason| outside::input(format!("`parameters[{at}]` cannot be {}: {reason}", wanted.name())))?;
    }
    let mut answer = Answer::default();
    let mut found = connection.fetch_many(statement.query_with(arguments));
    while let Some(item) = found.try_next().await.map_err(failed)? {
        match item {
            Either::Left(done) => answer.rows_affected = done.rows_affected(),
            Either::Right(row) if !answer.add(object(&row).map_err(failed)?, props.max_rows)? => break,
            Either::Right(_) => {}
        }
    }
    Ok(answer)
}

/// Adds a parameter as the type that the statement wants.
fn add(arguments: &mut PgArguments, value: &Value, wanted: &PgTypeInfo) -> Result<(), String> {
    let null = value.is_null();
    let text = rows::text(value);
    let parsed = |text: &str| -> Result<i64, String> { parse(text) };
    let added = match wanted.name() {
        "BOOL" => arguments.add(if null { None } else { Some(parse::<bool>(&text)?) }),
        "INT2" => arguments.add(if null { None } else { Some(i16::try_from(parsed(&text)?).map_err(told)?) }),
        "INT4" => arguments.add(if null { None } else { Some(i32::try_from(parsed(&text)?).map_err(told)?) }),
        "INT8" => arguments.add(if null { None } else { Some(parsed(&text)?) }),
        "FLOAT4" => arguments.add(if null { None } else { Some(parse::<f32>(&text)?) }),
        "FLOAT8" => arguments.add(if null { None } else { Some(parse::<f64>(&text)?) }),
        "NUMERIC" => arguments.add(if null { None } else { Some(parse::<BigDecimal>(&text)?) }),
        "UUID" => arguments.add(if null { None } else { Some(parse::<Uuid>(&text)?) }),
        "JSON" | "JSONB" => arguments.add(if null { None } else { Some(Json(value.clone())) }),
        "TIMESTAMPTZ" => arguments.add(if null { None } else { Some(instant(&text)?) }),
        "TIMESTAMP" => arguments.add(if null { None } else { Some(utc(civil(&text)?)) }),
        "DATE" => arguments.add(if null { None } else { Some(utc(civil(&text)?).date()) }),
        "TEXT" | "VARCHAR" | "CHAR" | "BPCHAR" | "NAME" | "UNKNOWN" => {
            arguments.add(if null { None } else { Some(text) })
        }
        other => return Err(format!("give it as text and write a cast from text, such as `$1::text::{other}`")),
    };
    added.map_err(told)
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(told)
}

fn told(error: impl Display) -> String {
    error.to_string()
}

/// A moment such as `2026-02-01T07:05:00Z`.
fn instant(text: &str) -> Result<OffsetDateTime, String> {
    let moment: jiff::Timestamp = parse(text)?;
    OffsetDateTime::from_unix_timestamp_nanos(moment.as_nanosecond()).map_err(told)
}

/// A date with or without a time, as the same reading of the clock in UTC.
fn civil(text: &str) -> Result<OffsetDateTime, String> {
    let reading: jiff::civil::DateTime = parse(text)?;
    let moment = reading.to_zoned(jiff::tz::TimeZone::UTC).map_err(told)?.timestamp();
    OffsetDateTime::from_unix_timestamp_nanos(moment.as_nanosecond()).map_err(told)
}

fn object(row: &PgRow) -> Result<Map<String, Value>, sqlx::Error> {
    row.columns().iter().map(|column| Ok((column.name().to_owned(), value(row, column.ordinal())?))).collect()
}

fn value(row: &PgRow, at: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "BOOL" => row.try_get::<bool, _>(at)?.into(),
        "INT2" => row.try_get::<i16, _>(at)?.into(),
        "INT4" => row.try_get::<i32, _>(at)?.into(),
        "INT8" => rows::integer(row.try_get(at)?),
        "FLOAT4" => rows::float(row.try_get::<f32, _>(at)?.into()),
        "FLOAT8" => rows::float(row.try_get(at)?),
        "NUMERIC" => row.try_get::<BigDecimal, _>(at)?.to_plain_string().into(),
        "UUID" => row.try_get::<Uuid, _>(at)?.to_string().into(),
        "JSON" | "JSONB" => row.try_get::<Json<Value>, _>(at)?.0,
        "BYTEA" => rows::bytes(row.try_get(at)?),
        "DATE" => row.try_get::<Date, _>(at)?.to_string().into(),
        "TIME" => time(row.try_get::<Time, _>(at)?).into(),
        "TIMESTAMP" => date_time(row.try_get(at)?).into(),
        "TIMESTAMPTZ" => format!("{}Z", date_time(utc(row.try_get(at)?))).into(),
        "TEXT[]" | "VARCHAR[]" => row.try_get::<Vec<Option<String>>, _>(at)?.into(),
        "INT4[]" => row.try_get::<Vec<Option<i32>>, _>(at)?.into(),
        "INT8[]" => row.try_get::<Vec<Option<i64>>, _>(at)?.into_iter().map(|n| n.map(rows::integer)).collect(),
        // Types without a form of their own, such as enumerations, are text on the wire; the rest are bytes.
        _ => match std::str::from_utf8(row.try_get_raw(at)?.as_bytes().map_err(sqlx::Error::Decode)?) {
            Ok(text) => text.into(),
            Err(_) => rows::bytes(row.try_get_raw(at)?.as_bytes().map_err(sqlx::Error::Decode)?),
        },
    })
}

fn utc(time: OffsetDateTime) -> PrimitiveDateTime {
    let time = time.to_utc();
    PrimitiveDateTime::new(time.date(), time.time())
}

pub(super) fn date_time(value: PrimitiveDateTime) -> String {
    format!("{}T{}", value.date(), time(value.time()))
}

pub(super) fn time(value: Time) -> String {
    let (hour, minute, second, micro) = value.as_hms_micro();
    let fraction = if micro == 0 { String::new() } else { format!(".{micro:06}") };
    format!("{hour:02}:{minute:02}:{second:02}{fraction}")
}
