//! Which platform data a data directory belongs to, so that nobody looks after its executions by way of others: a server that was
//! started without its database would offer its setup again, and whoever names a tenant as before would have what is that tenant's.
//!
//! Platform data have a number of their own, which a copy of them keeps; the server writes it into a file of the data directory. A
//! directory of an earlier version has no such file: there the tenants are looked at that have executions.

use crate::{failure::Failure, replace, wiring};
use akao_contract::Tenant;
use akao_journal::{ExecutionFilter, Reader};
use akao_store::{Location, PLATFORM_FILE, Store};
use std::{collections::BTreeSet, fs, io, path::Path};

/// The file that names the platform data of a data directory.
pub(crate) const MARK_FILE: &str = "platform.mark";

/// Longest such file that is read, in bytes.
const MARK_BYTES_MAX: usize = 4 << 10;

/// What the data directory says, if it says something.
fn written(folder: &Path) -> Result<Option<String>, Failure> {
    let file = folder.join(MARK_FILE);
    match fs::read(&file) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes[..bytes.len().min(MARK_BYTES_MAX)]).trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::storage(format!("cannot read {}", file.display())).because(&error)),
    }
}

/// The number as it stands in the file.
pub(crate) fn text(mark: i64) -> String {
    format!("{mark:016x}")
}

/// Whether a server was run on a data directory: it has marked it, or has run something for a tenant. A key says nothing, not even
/// beside a journal: it may have been put there for the first start, after something was run on this machine.
pub(crate) fn is_of_server(folder: &Path) -> Result<bool, Failure> {
    if written(folder)?.is_some() {
        return Ok(true);
    }
    let Some(reader) = wiring::reader_if_any(folder)? else { return Ok(false) };
    Ok(reader.tenants()?.keys().any(|tenant| *tenant != Tenant::local()))
}

/// Why platform data are looked for in vain in a data directory on which a server was run.
pub(crate) fn in_postgresql() -> Failure {
    Failure::storage("the server of this data directory keeps its platform data in PostgreSQL")
        .hint(
            "Name the database with `--store` or AKAO_STORE, as `akao serve` takes it; a platform.db that was lost comes back from a backup.",
        )
}

/// Refuses to make platform data for a data directory that has some elsewhere. Nothing is made or changed.
///
/// # Errors
/// It has, or that cannot be told.
pub(crate) fn check_beginning(folder: &Path, location: Option<&Location>) -> Result<(), Failure> {
    let has_file = folder.join(PLATFORM_FILE).exists();
    let found = match location {
        None if !has_file => return if is_of_server(folder)? { Err(in_postgresql()) } else { Ok(()) },
        None => Store::glance(folder),
        Some(location) if akao_store::is_untouched(location)? => return check_empty(folder, location, has_file),
        Some(location) => Store::glance_postgres(location).map(Some),
    };
    match found {
        Ok(Some(store)) => check(folder, &store),
        // Whoever opens them for good is told.
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Refuses a database without anything in it where the data directory has platform data elsewhere.
fn check_empty(folder: &Path, location: &Location, has_file: bool) -> Result<(), Failure> {
    let is_known = match written(folder)? {
        Some(written) => !is_unused(folder, &written)?,
        // The key may be meant for this database.
        None => !tenants_with_executions(folder)?.is_empty() || (has_file && has_people(folder)?),
    };
    match is_known {
        false => Ok(()),
        true => Err(Failure::storage(format!(
            "{location} is empty, and the server of this data directory has its platform data elsewhere"
        ))
        .hint(
            "Leave `--store` out or name the right database; a new server takes another folder, named by `--data-dir`.",
        )),
    }
}

/// Whether somebody is in the file of platform data.
fn has_people(folder: &Path) -> Result<bool, Failure> {
    match Store::glance(folder)? {
        Some(store) => Ok(store.has_people()?),
        None => Ok(false),
    }
}

/// Whether a data directory that says this belongs to its own file of platform data, in which nobody is: it was started, and nobody
/// has set the server up. Such a one may still get a database.
fn is_unused(folder: &Path, written: &str) -> Result<bool, Failure> {
    // A file of something else is none of its own.
    let Ok(Some(own)) = Store::glance(folder) else { return Ok(false) };
    let is_own = own.mark()?.map(text).as_deref() == Some(written);
    Ok(is_own && !own.has_people()? && tenants_with_executions(folder)?.is_empty())
}

/// The tenants of teams that have executions in the journal of a data directory.
fn tenants_with_executions(folder: &Path) -> Result<BTreeSet<Tenant>, Failure> {
    let Some(reader) = wiring::reader_if_any(folder)? else { return Ok(BTreeSet::new()) };
    // A tenant that was deleted leaves its name there, and nothing else.
    let has_some = |tenant: &Tenant, reader: &Reader| {
        let filter = ExecutionFilter { tenant: Some(tenant.clone()), ..ExecutionFilter::default() };
        // One that cannot be read is one.
        reader.list(&filter, None, 1).map_or(true, |page| !page.rows.is_empty())
    };
    let all = reader.tenants()?.into_keys().filter(|tenant| *tenant != Tenant::local());
    Ok(all.filter(|tenant| has_some(tenant, &reader)).collect())
}

/// Refuses platform data that are not those of the data directory.
///
/// # Errors
/// They are not, or that cannot be told.
pub(crate) fn check(folder: &Path, store: &Store) -> Result<(), Failure> {
    let Some(written) = written(folder)? else { return check_tenants(folder, store) };
    match store.mark()?.map(text) {
        Some(mark) if mark == written => return Ok(()),
        // They come from a copy that was made before there were numbers. Where nobody is in them, they come from none.
        None if store.has_people()? => return check_tenants(folder, store),
        _ => {}
    }
    match is_unused(folder, &written)? {
        true => Ok(()),
        false => Err(Failure::storage(format!(
            "the data directory {} belongs to other platform data than {}",
            folder.display(),
            store.place()
        ))
        .hint(format!(
            "Name those of its server, with `--store` or without it. Only where these are the right ones after all: take {} away.",
            folder.join(MARK_FILE).display()
        ))),
    }
}

/// Refuses platform data that know none of the tenants whose executions are here.
fn check_tenants(folder: &Path, store: &Store) -> Result<(), Failure> {
    let here = tenants_with_executions(folder)?;
    let Some(first) = here.first() else { return Ok(()) };
    match here.is_disjoint(&store.every_tenant()?) {
        false => Ok(()),
        true => Err(Failure::storage(format!(
            "{} holds executions of the tenant `{first}`, whom {} does not know",
            folder.display(),
            store.place()
        ))
        .hint(
            "Name the platform data of its server, with `--store` or without it; a new server takes another folder, named by `--data-dir`.",
        )),
    }
}

/// Writes into the data directory that it belongs to these platform data, for the server that owns it.
///
/// # Errors
/// It belongs to others, or cannot be written.
pub(crate) fn claim(folder: &Path, store: &Store) -> Result<(), Failure> {
    check(folder, store)?;
    let mark = text(store.write(|work| work.make_mark())?);
    match written(folder)? {
        Some(written) if written == mark => Ok(()),
        _ => replace::replace_file(&folder.join(MARK_FILE), format!("{mark}\n").as_bytes()),
    }
}
