//! SQLite: a file of a volume. Nothing of the statement reaches beyond it: no ATTACH, no VACUUM INTO, no extensions, and
//! only pragmas that look at the file or change it alone.

use super::{
    Props,
    rows::{self, Answer},
};
use crate::outside;
use akao_contract::{ErrorKind, Invocation, StepError};
use akao_step::Ports;
use rusqlite::{
    Connection, InterruptHandle, OpenFlags,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::{ToSqlOutput, Value as SqlValue, ValueRef},
};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Bytes of one value or one row of a table (32 MiB); SQLite's own bound is a gigabyte.
const VALUE_BYTES_MAX: i32 = 32 << 20;

/// Bytes of a pattern of LIKE or GLOB. One match is not interrupted, and takes the pattern times the text.
const PATTERN_BYTES_MAX: i32 = 1_000;

/// The pragmas that are let through. Others hold for the whole process (`hard_heap_limit` would starve the engine's own
/// journal), lead to other folders, tell where the file lies on the host, or weaken what [`harden`] sets.
const PRAGMAS: [&str; 30] = [
    "application_id",
    "auto_vacuum",
    "collation_list",
    "compile_options",
    "data_version",
    "defer_foreign_keys",
    "encoding",
    "foreign_key_check",
    "foreign_key_list",
    "foreign_keys",
    "freelist_count",
    "function_list",
    "incremental_vacuum",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "journal_mode",
    "max_page_count",
    "module_list",
    "optimize",
    "page_count",
    "page_size",
    "pragma_list",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
    "wal_checkpoint",
];

/// Stops the statement when nobody waits for it any more.
struct Interrupt(InterruptHandle);

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.0.interrupt();
    }
}

/// Runs the statement on a thread where blocking is allowed.
pub(super) async fn query(invocation: &Invocation, ports: &Ports, props: &Props) -> Result<Answer, StepError> {
    let file = props.file.as_deref().ok_or_else(|| outside::input("`file` is missing"))?;
    let path = ports.volumes.host_path(&invocation.context, file, true);
    let path: PathBuf = path.map_err(|error| outside::volume_error(&error))?;
    let connection = open(&path, props)?;
    let _interrupt = Interrupt(connection.get_interrupt_handle());
    let props = props.clone();
    let work = tokio::task::spawn_blocking(move || run(&connection, &props)).await;
    work.map_err(|error| StepError::new(ErrorKind::Internal, error.to_string()))?
}

fn open(path: &Path, props: &Props) -> Result<Connection, StepError> {
    // Without URI: the name is a name. Without following a link that was put there since the path was checked.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| sqlite_error(&error))?;
    connection.busy_timeout(props.timeout).map_err(|error| sqlite_error(&error))?;
    connection.authorizer(Some(authorize)).map_err(|error| sqlite_error(&error))?;
    harden(&connection).map_err(|error| sqlite_error(&error))?;
    Ok(connection)
}

/// A file that somebody else made must not run anything by its schema, and a statement must not make a value of a
/// gigabyte, as one call of `randomblob` does.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    Ok(())
}

fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => Authorization::Deny,
        // The name comes as it was written.
        AuthAction::Pragma { pragma_name, .. }
            if !PRAGMAS.iter().any(|name| name.eq_ignore_ascii_case(pragma_name)) =>
        {
            Authorization::Deny
        }
        AuthAction::Function { function_name } if function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }
}

fn run(connection: &Connection, props: &Props) -> Result<Answer, StepError> {
    let failed = |error: rusqlite::Error| sqlite_error(&error);
    let mut statement = connection.prepare(&props.query).map_err(failed)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let parameters: Vec<ToSqlOutput<'static>> = props.parameters.iter().map(parameter).collect();
    let mut answer = Answer::default();
    let read_only = statement.readonly();
    let mut found = statement.query(rusqlite::params_from_iter(&parameters)).map_err(failed)?;
    while let Some(row) = found.next().map_err(failed)? {
        let mut object = Map::new();
        let mut bytes = 0;
        for (at, name) in names.iter().enumerate() {
            let found = row.get_ref(at).map_err(failed)?;
            bytes += found.as_bytes_or_null().ok().flatten().map_or(0, <[u8]>::len);
            answer.check_row(bytes)?;
            object.insert(name.clone(), value(found));
        }
        if !answer.add(object, props.max_rows)? {
            break;
        }
    }
    drop(found);
    answer.rows_affected = if read_only { 0 } else { connection.changes() };
    Ok(answer)
}

fn parameter(value: &Value) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(match value {
        Value::Null => SqlValue::Null,
        Value::Bool(flag) => SqlValue::Integer((*flag).into()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => SqlValue::Integer(integer),
            None => SqlValue::Real(number.as_f64().unwrap_or_default()),
        },
        other => SqlValue::Text(rows::text(other)),
    })
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => rows::integer(number),
        ValueRef::Real(number) => rows::float(number),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => rows::bytes(bytes),
    }
}

fn sqlite_error(error: &rusqlite::Error) -> StepError {
    let kind = match error {
        rusqlite::Error::InvalidParameterCount(..) | rusqlite::Error::MultipleStatement => ErrorKind::Input,
        _ => ErrorKind::User,
    };
    let code = error.sqlite_error().map(|error| error.extended_code);
    StepError::new(kind, error.to_string()).with_detail("code", code)
}
