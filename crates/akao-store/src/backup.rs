//! Copies of platform data, made in one view while others write: a file of SQLite as a file, a PostgreSQL database as lines of
//! JSON. What is sealed stays sealed.

use crate::{
    Location, StoreError,
    migrate::CHANGES,
    postgres,
    sqlite::{self, PLATFORM_FILE},
};
use std::{
    fs::File,
    io::{self, BufRead, Write},
    path::Path,
};

/// The number of the newest schema: copies of a database are read by a program that knows the same.
pub fn schema_number() -> i64 {
    i64::try_from(CHANGES.len()).unwrap_or(i64::MAX)
}

/// Writes one view of the platform data of a data directory into a new file; false when there are none.
///
/// # Errors
/// The data cannot be read, or the file cannot be written.
pub fn copy_file(folder: &Path, target: &Path) -> Result<bool, StoreError> {
    let file = folder.join(PLATFORM_FILE);
    if !file.exists() {
        return Ok(false);
    }
    sqlite::copy(&file, target).map(|()| true)
}

/// Writes one view of the platform data in PostgreSQL as lines of JSON; says how many rows. Blocks.
///
/// # Errors
/// The database cannot be read or has another schema, or the lines cannot be written.
pub fn export(location: &Location, to: &mut dyn Write) -> Result<u64, StoreError> {
    postgres::export(location, to)
}

/// Reads lines that [`export`] wrote into a database without platform data; says how many rows. Blocks.
///
/// # Errors
/// There are platform data already, a line is not one, or the database refuses.
pub fn import(location: &Location, from: &mut dyn BufRead) -> Result<u64, StoreError> {
    postgres::import(location, from)
}

/// Whether a PostgreSQL database holds nothing yet, not even the tables of platform data. Changes nothing. Blocks.
///
/// # Errors
/// It cannot be reached, or is one of something else.
pub fn is_untouched(location: &Location) -> Result<bool, StoreError> {
    postgres::is_untouched(location)
}

/// Refuses a database that [`import`] would refuse: one that cannot be reached, or has platform data. Changes nothing. Blocks.
///
/// # Errors
/// As [`import`].
pub fn check_free(location: &Location) -> Result<(), StoreError> {
    postgres::check_free(location)
}

/// Syncs a file that was written.
pub(crate) fn sync(file: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()
}
