//! Platform data in PostgreSQL.
//!
//! The server's own connections act as a role that owns no table, so that row-level security holds for them (see `wall.rs`);
//! only changes of the schema are made by the owner. Writers follow each other by an advisory lock, as they do in SQLite: what
//! is read in a transaction is still so when it writes.

mod copy;
mod location;
mod schema;
mod wall;

pub(crate) use copy::{check_free, export, import};
pub use location::{Location, LocationError};
pub use wall::LIMITED_ROLE;

use crate::{
    StoreError,
    access::{Access, Row, Scope, Value},
    migrate,
    vault::Vault,
};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, PgConnection, PgPool, Row as _, Transaction,
    TypeInfo as _, ValueRef as _,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow, PgTypeInfo, types::Oid},
};
use std::{cell::RefCell, future::Future, time::Duration};
use tokio::runtime::{Builder, Handle, Runtime};

/// Connections at once; whoever wants one more waits.
const CONNECTIONS_MAX: u32 = 16;

/// How long whoever wants a connection waits for one, also while the database is not there.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// How long one statement may take.
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(30);

/// The lock that writers take one after the other. The number means nothing; it is Akao's.
const WRITERS_LOCK: i64 = 0x414B_4150;

/// A database, opened.
pub(crate) struct Postgres {
    pool: PgPool,
    /// Its connections are driven by a thread of their own, so that whoever reads and writes may block.
    runtime: Option<Runtime>,
    place: String,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Postgres {
    /// Opens a database; brings it to the newest schema, where one of the locations may.
    pub(crate) fn open(location: &Location, vault: &Vault) -> Result<Self, StoreError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Database(error.into()))?;
        let place = location.to_string();
        let role = schema::prepare(runtime.handle(), location, vault)?;
        let pool = runtime.block_on(connect(location, role))?;
        let postgres = Self { pool, runtime: Some(runtime), place };
        postgres.read(|database| wall::check(database))?;
        Ok(postgres)
    }

    /// Opens a database that has platform data, as the server's role, and says which schema it has.
    pub(crate) fn open_as_it_is(location: &Location) -> Result<(Self, i64), StoreError> {
        let (runtime, pool) = reading(location)?;
        let postgres = Self { pool, runtime: Some(runtime), place: location.to_string() };
        let found = postgres.read(|database| {
            wall::check(database)?;
            let rows = database.query(Scope::Accounts, "akao_schema", "SELECT number FROM akao_schema", &[])?;
            rows.first().ok_or(StoreError::Damaged { table: "akao_schema", column: 0 })?.integer(0)
        })?;
        migrate::check_known(postgres.place.clone(), found)?;
        Ok((postgres, found))
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    fn handle(&self) -> Result<&Handle, StoreError> {
        // It is there until it is dropped.
        self.runtime.as_ref().map(Runtime::handle).ok_or_else(|| StoreError::Database("it was closed".into()))
    }

    /// Reads in one view.
    pub(crate) fn read<T, E: From<StoreError>>(&self, read: impl FnOnce(&dyn Access) -> Result<T, E>) -> Result<T, E> {
        let handle = self.handle()?;
        // A connection goes back to the pool where the runtime is known, also when `read` breaks off.
        let _context = handle.enter();
        let begin = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let view = View::new(handle, within(handle, begin)?);
        let answer = read(&view);
        // Nothing was written, so ending the view cannot fail in a way that matters.
        let _ = within(handle, view.transaction.into_inner().rollback());
        answer
    }

    /// Writes in one transaction.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&dyn Access) -> Result<T, E>,
    ) -> Result<T, E> {
        let handle = self.handle()?;
        let _context = handle.enter();
        let mut transaction = within(handle, self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED"))?;
        within(handle, lock(&mut transaction))?;
        let view = View::new(handle, transaction);
        match write(&view) {
            Ok(answer) => {
                within(handle, view.transaction.into_inner().commit())?;
                Ok(answer)
            }
            Err(refused) => {
                let _ = within(handle, view.transaction.into_inner().rollback());
                Err(refused)
            }
        }
    }
}

/// The connections of the server itself, each of which acts as `role` when one is named.
async fn connect(location: &Location, role: Option<String>) -> Result<PgPool, StoreError> {
    let place = location.to_string();
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(CONNECTION_WAIT)
        // A database that was started again has forgotten its connections; each is tried before it is used.
        .test_before_acquire(true)
        .after_connect(move |connection, _| {
            let role = role.clone();
            Box::pin(async move {
                if let Some(role) = role {
                    let sql = format!("SET ROLE {}", schema::quoted(&role));
                    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
                }
                Ok(())
            })
        });
    pool.connect_with(quiet(location.options())).await.map_err(|error| unreachable(&place, error))
}

/// Whether a database has no tables yet.
pub(crate) fn is_untouched(location: &Location) -> Result<bool, StoreError> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| StoreError::Database(error.into()))?;
    schema::is_untouched(runtime.handle(), location)
}

/// Connections that only read what is there, and change no schema.
pub(super) fn reading(location: &Location) -> Result<(Runtime, PgPool), StoreError> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| StoreError::Database(error.into()))?;
    let role = schema::role_of_server(runtime.handle(), location)?;
    let pool = runtime.block_on(connect(location, role))?;
    Ok((runtime, pool))
}

/// One connection, for what is done before there are the others.
pub(super) async fn connection(place: &str, options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connecting = PgConnection::connect_with(options);
    match tokio::time::timeout(CONNECTION_WAIT, connecting).await {
        Ok(connected) => connected.map_err(|error| unreachable(place, error)),
        Err(_) => Err(unreachable(place, sqlx::Error::PoolTimedOut)),
    }
}

/// Statements and their values are nobody's business.
pub(super) fn quiet(options: &PgConnectOptions) -> PgConnectOptions {
    let options = options.clone().options([
        // What the server notes while tables are made would be lines of the log.
        ("client_min_messages", "warning"),
        // What was acknowledged is durable, however the database is set up.
        ("synchronous_commit", "on"),
        // Who vanishes within a write does not keep everybody else from writing.
        ("idle_in_transaction_session_timeout", "60s"),
    ]);
    options.application_name("akao").disable_statement_logging()
}

async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITERS_LOCK).execute(connection).await.map(drop)
}

/// What cannot even be connected to.
fn unreachable(place: &str, error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolTimedOut => {
            let wait = CONNECTION_WAIT.as_secs();
            StoreError::Unreachable { place: place.to_owned(), source: format!("no answer within {wait} s").into() }
        }
        other => StoreError::Unreachable { place: place.to_owned(), source: other.into() },
    }
}

/// Waits for something of the database, within bounds.
fn within<T>(handle: &Handle, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    let bounded = async { tokio::time::timeout(STATEMENT_TIME_MAX, work).await };
    match handle.block_on(bounded) {
        Ok(answer) => answer.map_err(database),
        Err(_) => Err(StoreError::Lost(format!("no answer within {} s", STATEMENT_TIME_MAX.as_secs()).into())),
    }
}

/// An error of a statement. What the server says of a row's content is in its detail, which is left out.
pub(super) fn database(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(told) => match told.code().as_deref() {
            // Integrity constraints.
            Some(code) if code.starts_with("23") => StoreError::Taken,
            // The connection, or the server is ending or starting.
            Some(code) if code.starts_with("08") || code.starts_with("57P") => StoreError::Lost(told.into()),
            _ => StoreError::Database(told.into()),
        },
        error @ (sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)) => {
            StoreError::Lost(error.into())
        }
        other => StoreError::Database(other.into()),
    }
}

/// A view or a transaction of one connection.
pub(super) struct View<'h> {
    handle: &'h Handle,
    transaction: RefCell<Transaction<'static, sqlx::Postgres>>,
    /// The scope that the connection is in.
    scope: RefCell<Option<(String, &'static str)>>,
}

impl<'h> View<'h> {
    pub(super) fn new(handle: &'h Handle, transaction: Transaction<'static, sqlx::Postgres>) -> Self {
        Self { handle, transaction: RefCell::new(transaction), scope: RefCell::default() }
    }

    /// Tells the database in whose name the next statement is. It holds to the end of the transaction.
    fn enter(&self, scope: Scope<'_>) -> Result<(), StoreError> {
        let (tenant, name) = match scope {
            Scope::Tenant(tenant) => (tenant, "tenant"),
            Scope::Accounts => ("", "accounts"),
        };
        if self.scope.borrow().as_ref().is_some_and(|(known, kind)| known == tenant && *kind == name) {
            return Ok(());
        }
        let sql = "SELECT set_config('akao.tenant', $1, true), set_config('akao.scope', $2, true)";
        let mut transaction = self.transaction.borrow_mut();
        let set = sqlx::query(sql).bind(tenant.to_owned()).bind(name).execute(&mut **transaction);
        within(self.handle, set)?;
        *self.scope.borrow_mut() = Some((tenant.to_owned(), name));
        Ok(())
    }

    /// Runs statements of the program's own, without values.
    pub(super) fn batch(&self, sql: String) -> Result<(), StoreError> {
        let mut transaction = self.transaction.borrow_mut();
        within(self.handle, sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **transaction)).map(drop)
    }

    pub(super) fn commit(self) -> Result<(), StoreError> {
        within(self.handle, self.transaction.into_inner().commit())
    }
}

impl Access for View<'_> {
    fn query(
        &self,
        scope: Scope<'_>,
        table: &'static str,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        if holds_nul(values) {
            // No row has such a text, so that none is meant by it.
            return Ok(Vec::new());
        }
        self.enter(scope)?;
        let mut transaction = self.transaction.borrow_mut();
        let query = sqlx::query_with(AssertSqlSafe(numbered(sql)), arguments(values)?);
        let rows = within(self.handle, query.fetch_all(&mut **transaction))?;
        rows.iter().map(|row| read_row(table, row)).collect()
    }

    fn execute(&self, scope: Scope<'_>, sql: &str, values: &[Value]) -> Result<usize, StoreError> {
        if holds_nul(values) {
            return Err(StoreError::Unstorable);
        }
        self.enter(scope)?;
        let mut transaction = self.transaction.borrow_mut();
        let query = sqlx::query_with(AssertSqlSafe(numbered(sql)), arguments(values)?);
        let done = within(self.handle, query.execute(&mut **transaction))?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }
}

/// `?1` as PostgreSQL writes it. No statement has a question mark in a literal.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

/// Whether a text has the one character that PostgreSQL has no text with.
fn holds_nul(values: &[Value]) -> bool {
    values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0')))
}

/// A null whose type the server finds out by itself.
struct Untyped;

impl sqlx::Type<sqlx::Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl sqlx::Encode<'_, sqlx::Postgres> for Untyped {
    fn encode_by_ref(
        &self,
        _: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        Ok(sqlx::encode::IsNull::Yes)
    }
}

fn arguments(values: &[Value]) -> Result<PgArguments, StoreError> {
    use sqlx::Arguments as _;
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            Value::Null => arguments.add(Untyped),
            Value::Integer(number) => arguments.add(*number),
            Value::Text(text) => arguments.add(text.clone()),
        };
        added.map_err(StoreError::Database)?;
    }
    Ok(arguments)
}

fn read_row(table: &'static str, row: &PgRow) -> Result<Row, StoreError> {
    let of_column = |at: usize| {
        let damaged = |_| StoreError::Damaged { table, column: at };
        let raw = row.try_get_raw(at).map_err(damaged)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        match raw.type_info().name() {
            "INT8" => row.try_get::<i64, _>(at).map(Value::Integer).map_err(damaged),
            "INT4" => row.try_get::<i32, _>(at).map(|number| Value::Integer(number.into())).map_err(damaged),
            "TEXT" | "VARCHAR" | "NAME" => row.try_get::<String, _>(at).map(Value::Text).map_err(damaged),
            _ => Err(StoreError::Damaged { table, column: at }),
        }
    };
    let columns = row.columns().iter().map(|column| of_column(column.ordinal()));
    Ok(Row::new(table, columns.collect::<Result<_, _>>()?))
}
