//! All rows of the database as lines of JSON, and back. The reader sees one view, whatever is written meanwhile, and goes through
//! the wall as everybody does: tenant by tenant.

use super::{Location, Postgres, View, schema::quoted, within};
use crate::{
    StoreError, Value,
    access::{Access, Scope},
    backup::schema_number,
    vault::{MasterKey, MasterKeySource, Vault},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, Write},
    sync::Arc,
};

/// Rows that are read at once.
const ROWS_AT_ONCE: u32 = 500;

/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Tables, and whether their rows belong to tenants.
const TABLES: &str = "SELECT c.relname::text, (EXISTS (SELECT 1 FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped))::int FROM pg_class c
  WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname <> 'akao_schema' ORDER BY 1";

/// Which table has rows that name rows of which other.
const REFERENCES: &str = "SELECT a.relname::text, b.relname::text FROM pg_constraint k
  JOIN pg_class a ON a.oid = k.conrelid JOIN pg_class b ON b.oid = k.confrelid
  WHERE k.contype = 'f' AND a.relnamespace = current_schema()::regnamespace AND a.oid <> b.oid";

/// Keys that nobody asks for: what is sealed is copied as it is.
struct NoKeys;

impl MasterKeySource for NoKeys {
    fn load(&self) -> Result<Vec<MasterKey>, StoreError> {
        Ok(Vec::new())
    }

    fn create(&self) -> Result<MasterKey, StoreError> {
        Err(StoreError::key("a copy needs no master key", "Tell the developers."))
    }

    fn replace(&self, _: &[MasterKey]) -> Result<(), StoreError> {
        self.create().map(drop)
    }

    fn place(&self) -> String {
        "no place".to_owned()
    }
}

/// The tables, those first that others refer to.
fn tables(view: &View<'_>) -> Result<Vec<(String, bool)>, StoreError> {
    let mut left = BTreeMap::new();
    for row in view.query(Scope::Accounts, "pg_class", TABLES, &[])? {
        left.insert(row.text(0)?, row.truth(1)?);
    }
    let mut references: BTreeSet<(String, String)> = BTreeSet::new();
    for row in view.query(Scope::Accounts, "pg_constraint", REFERENCES, &[])? {
        references.insert((row.text(0)?, row.text(1)?));
    }
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let is_free = |name: &String| !references.iter().any(|(from, to)| from == name && left.contains_key(to));
        let free: Vec<String> = left.keys().filter(|name| is_free(name)).cloned().collect();
        if free.is_empty() {
            return Err(StoreError::Database("tables refer to each other in a circle".into()));
        }
        ordered.extend(free.into_iter().filter_map(|name| left.remove_entry(&name)));
    }
    Ok(ordered)
}

pub(crate) fn export(location: &Location, to: &mut dyn Write) -> Result<u64, StoreError> {
    let (runtime, pool) = super::reading(location)?;
    // Connections go back to their pool where the runtime is known, also when something fails on the way.
    let _context = runtime.enter();
    let pool = pool;
    let begin = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    let view = View::new(runtime.handle(), within(runtime.handle(), begin)?);
    let number = view.query(Scope::Accounts, "akao_schema", "SELECT number FROM akao_schema", &[])?;
    let (found, known) = (number.first().map_or(Ok(0), |row| row.integer(0))?, schema_number());
    if found != known {
        let message = format!("{location} has schema {found}, this version knows {known}");
        return Err(StoreError::Setup {
            message,
            suggestion: "Make the copy with the version of Akao that serves it.",
        });
    }
    let mut tenants = Vec::new();
    for row in view.query(Scope::Accounts, "tenant", "SELECT name FROM tenant ORDER BY name", &[])? {
        tenants.push(row.text(0)?);
    }
    let mut rows = 0;
    for (table, of_tenants) in tables(&view)? {
        if of_tenants {
            for tenant in &tenants {
                rows +=
                    export_rows(&view, Scope::Tenant(tenant), &table, "tenant = current_setting('akao.tenant')", to)?;
            }
        }
        // What belongs to no tenant, also within a table of tenants: the server's own keys.
        let which = if of_tenants { "tenant LIKE '.%'" } else { "true" };
        rows += export_rows(&view, Scope::Accounts, &table, which, to)?;
    }
    to.flush().map_err(|error| StoreError::Database(error.into()))?;
    Ok(rows)
}

fn export_rows(
    view: &View<'_>,
    scope: Scope<'_>,
    table: &str,
    which: &str,
    to: &mut dyn Write,
) -> Result<u64, StoreError> {
    let owner = match scope {
        Scope::Tenant(tenant) => Some(tenant),
        Scope::Accounts => None,
    };
    let select = format!("SELECT row_to_json(t)::text FROM {} t WHERE {which}", quoted(table));
    view.execute(scope, &format!("DECLARE copied NO SCROLL CURSOR FOR {select}"), &[])?;
    let mut count = 0;
    loop {
        let rows = view.query(scope, "copied", &format!("FETCH FORWARD {ROWS_AT_ONCE} FROM copied"), &[])?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let line = Line { table: table.to_owned(), tenant: owner.map(str::to_owned), row: row.text(0)? };
            let written = serde_json::to_writer(&mut *to, &line).map_err(std::io::Error::from);
            written.and_then(|()| to.write_all(b"\n")).map_err(|error| StoreError::Database(error.into()))?;
            count += 1;
        }
    }
    view.execute(scope, "CLOSE copied", &[])?;
    Ok(count)
}

/// One row.
#[derive(serde::Serialize, serde::Deserialize)]
struct Line {
    table: String,
    /// Whose it is; none when it belongs to no tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// The row as the database gave it, a JSON text of its own.
    row: String,
}

/// Refuses a database that has platform data.
fn refuse_data(access: &dyn Access, location: &Location) -> Result<(), StoreError> {
    for table in ["account", "tenant", "data_key"] {
        let found = access.query(Scope::Accounts, "account", &format!("SELECT 1 FROM {table} LIMIT 1"), &[])?;
        if !found.is_empty() {
            let message = format!("{location} has platform data already");
            return Err(StoreError::Setup { message, suggestion: "Restore into a database that is empty." });
        }
    }
    Ok(())
}

pub(crate) fn check_free(location: &Location) -> Result<(), StoreError> {
    if super::is_untouched(location)? {
        return Ok(());
    }
    let (runtime, pool) = super::reading(location)?;
    // Connections go back to their pool where the runtime is known, also when something fails on the way.
    let _context = runtime.enter();
    let pool = pool;
    let begin = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    let view = View::new(runtime.handle(), within(runtime.handle(), begin)?);
    refuse_data(&view, location)
}

pub(crate) fn import(location: &Location, from: &mut dyn BufRead) -> Result<u64, StoreError> {
    let database = Postgres::open(location, &Vault::new(Arc::new(NoKeys)))?;
    database.write(|access| {
        refuse_data(access, location)?;
        let known = access.query(Scope::Accounts, "pg_class", TABLES, &[])?;
        let known: BTreeSet<String> = known.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?;
        let mut count = 0;
        let mut text = String::new();
        loop {
            text.clear();
            let read = std::io::Read::take(&mut *from, LINE_BYTES_MAX).read_line(&mut text);
            if read.map_err(|error| StoreError::Database(error.into()))? == 0 {
                return Ok(count);
            }
            let no_line = || StoreError::Database(format!("line {} of the copy is not one", count + 1).into());
            let line: Line = serde_json::from_str(&text).map_err(|_| no_line())?;
            if !known.contains(&line.table) {
                return Err(no_line());
            }
            let scope = line.tenant.as_deref().map_or(Scope::Accounts, Scope::Tenant);
            let name = quoted(&line.table);
            let sql = format!("INSERT INTO {name} SELECT * FROM json_populate_record(NULL::{name}, ?1::json)");
            access.execute(scope, &sql, &[Value::Text(line.row)])?;
            count += 1;
        }
    })
}
