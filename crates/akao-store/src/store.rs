//! Platform data, in whichever database they are.

use crate::{
    Location, StoreError, Work,
    access::Access,
    backup::schema_number,
    migrate,
    postgres::Postgres,
    sqlite::Sqlite,
    vault::{KEY_FILE, KeyFile, Keyring, MasterKey, MasterKeySource, Vault},
};
use std::{path::Path, sync::Arc};

/// Platform data.
pub struct Store {
    database: Database,
    vault: Vault,
    schema: i64,
}

enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Store {
    /// Opens the platform data of a data directory, which exists, with the master key beside them; makes both, or brings the
    /// data to the newest schema.
    ///
    /// # Errors
    /// The file cannot be used or is of a later version, or the key is not there any more.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, Vault::new(Arc::new(KeyFile::new(folder.join(KEY_FILE)))))
    }

    /// As [`Store::open`], with the master keys of this vault.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(folder: &Path, vault: Vault) -> Result<Self, StoreError> {
        Self::begin(Database::Sqlite(Sqlite::open(folder, &vault)?), vault)
    }

    /// Opens platform data in PostgreSQL; makes them, or brings them to the newest schema. Blocks; not to be called where
    /// blocking is not allowed.
    ///
    /// # Errors
    /// The database cannot be reached, is not set up as it has to be or is of a later version, or the key is not there any more.
    pub fn open_postgres(location: &Location, vault: Vault) -> Result<Self, StoreError> {
        Self::begin(Database::Postgres(Postgres::open(location, &vault)?), vault)
    }

    /// Opens the platform data of a data directory for whoever has no keys: nothing is made and no schema is changed, and what is
    /// sealed does not open. None where there are none.
    ///
    /// # Errors
    /// The file cannot be used, or has another schema.
    pub fn open_without_keys(folder: &Path) -> Result<Option<Self>, StoreError> {
        Self::glance(folder)?.map(Self::newest).transpose()
    }

    /// The same of platform data in PostgreSQL. Blocks, as [`Store::open_postgres`] does.
    ///
    /// # Errors
    /// The database cannot be reached, or has no platform data or another schema.
    pub fn open_postgres_without_keys(location: &Location) -> Result<Self, StoreError> {
        Self::glance_postgres(location)?.newest()
    }

    /// As [`Store::open_without_keys`], also of an older schema: of such data only that may be asked which `mark.rs` tells.
    ///
    /// # Errors
    /// The file cannot be used, or is of a later version.
    pub fn glance(folder: &Path) -> Result<Option<Self>, StoreError> {
        let found = Sqlite::open_as_it_is(folder)?;
        Ok(found.map(|(sqlite, schema)| Self::as_it_is(Database::Sqlite(sqlite), schema)))
    }

    /// The same of platform data in PostgreSQL. Blocks.
    ///
    /// # Errors
    /// The database cannot be reached, has no platform data, or those of a later version.
    pub fn glance_postgres(location: &Location) -> Result<Self, StoreError> {
        let (postgres, schema) = Postgres::open_as_it_is(location)?;
        Ok(Self::as_it_is(Database::Postgres(postgres), schema))
    }

    fn as_it_is(database: Database, schema: i64) -> Self {
        Self { database, vault: Vault::new(Arc::new(NoKeys)), schema }
    }

    fn newest(self) -> Result<Self, StoreError> {
        migrate::check_newest(self.place(), self.schema).map(|()| self)
    }

    /// The number of the schema that the data have.
    pub fn schema(&self) -> i64 {
        self.schema
    }

    /// Makes sure that what is sealed can be opened, before anything relies on it.
    fn begin(database: Database, vault: Vault) -> Result<Self, StoreError> {
        let store = Self { database, vault, schema: schema_number() };
        store.write(|work| work.begin_keys())?;
        Ok(store)
    }

    /// Where the master keys come from.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Where the data are, for people.
    pub fn place(&self) -> String {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.place(),
            Database::Postgres(postgres) => postgres.place().to_owned(),
        }
    }

    /// Sees to it that what was deleted stands in no file of the database any more, where that is this program's to do: in SQLite its
    /// log is moved into the file and emptied. False when somebody reads or writes just now; it does not wait, since writers would wait with it.
    ///
    /// # Errors
    /// The database failed.
    pub fn settle(&self) -> Result<bool, StoreError> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.settle(),
            Database::Postgres(_) => Ok(true),
        }
    }

    /// Reads in one view.
    ///
    /// # Errors
    /// The database failed, or `read` did.
    pub fn read<T, E: From<StoreError>>(&self, read: impl FnOnce(&Work<'_>) -> Result<T, E>) -> Result<T, E> {
        let keys = Keyring::new(&self.vault);
        let read = |database: &dyn Access| read(&Work::new(database, &keys));
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.read(read),
            Database::Postgres(postgres) => postgres.read(read),
        }
    }

    /// Writes in one transaction: everything when `write` is `Ok`, and then durably; nothing otherwise.
    ///
    /// # Errors
    /// The database failed, or `write` did.
    pub fn write<T, E: From<StoreError>>(&self, write: impl FnOnce(&Work<'_>) -> Result<T, E>) -> Result<T, E> {
        let keys = Keyring::new(&self.vault);
        let write = |database: &dyn Access| write(&Work::new(database, &keys));
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.write(write),
            Database::Postgres(postgres) => postgres.write(write),
        }
    }
}

/// Where nobody has given a key.
struct NoKeys;

impl MasterKeySource for NoKeys {
    fn load(&self) -> Result<Vec<MasterKey>, StoreError> {
        Ok(Vec::new())
    }

    fn create(&self) -> Result<MasterKey, StoreError> {
        Err(StoreError::key("no key was given", "Give the master key, as `akao serve` takes it."))
    }

    fn replace(&self, _: &[MasterKey]) -> Result<(), StoreError> {
        self.create().map(drop)
    }

    fn is_own(&self) -> bool {
        false
    }

    fn place(&self) -> String {
        "what was given".to_owned()
    }
}
