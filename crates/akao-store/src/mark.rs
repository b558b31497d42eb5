//! By what platform data are told from others, and by which master keys they are sealed. Both are read without a key.

use crate::{
    Store, StoreError, Work,
    vault::{LOOKUP, SERVER},
};
use akao_contract::Tenant;
use std::collections::BTreeSet;

/// Under which name their number is kept.
const MARK: &str = "platform";

/// The first schema with any table.
const WITH_TABLES: i64 = 1;

/// The first schema in which something is sealed.
const WITH_KEYS: i64 = 2;

/// The first schema with the table that holds the number.
const WITH_PLACES: i64 = 6;

/// What is told of platform data of any schema, without a key.
impl Store {
    /// As [`Work::mark`].
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn mark(&self) -> Result<Option<i64>, StoreError> {
        self.since(WITH_PLACES, |work| work.mark())
    }

    /// As [`Work::master_keys`].
    pub fn master_keys(&self) -> Result<BTreeSet<String>, StoreError> {
        self.since(WITH_KEYS, |work| work.master_keys())
    }

    /// Whether somebody is there.
    pub fn has_people(&self) -> Result<bool, StoreError> {
        self.since(WITH_TABLES, |work| Ok(!work.accounts().is_empty()?))
    }

    /// The tenants, also those that are being deleted.
    pub fn every_tenant(&self) -> Result<BTreeSet<Tenant>, StoreError> {
        self.since(WITH_TABLES, |work| Ok(work.accounts().every_tenant()?.into_iter().collect()))
    }

    /// What is read, where the schema is so new that it can be there.
    fn since<T: Default>(
        &self,
        first: i64,
        read: impl FnOnce(&Work<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.schema() < first { Ok(T::default()) } else { self.read(read) }
    }
}

impl Work<'_> {
    /// The number that these platform data alone have. A copy of them has the same. None of data that no server of this version
    /// has opened yet.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn mark(&self) -> Result<Option<i64>, StoreError> {
        self.accounts().place(MARK)
    }

    /// The number, which is made where there is none.
    pub fn make_mark(&self) -> Result<i64, StoreError> {
        if let Some(mark) = self.mark()? {
            return Ok(mark);
        }
        let mut bytes = [0; 8];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| StoreError::key("the system gives no random numbers", "Try again."))?;
        let mark = i64::from_ne_bytes(bytes);
        self.accounts().set_place(MARK, mark)?;
        Ok(mark)
    }

    /// By what the master keys are recognised that wrap the data keys: without them what is sealed does not open.
    pub fn master_keys(&self) -> Result<BTreeSet<String>, StoreError> {
        const OF: &str = "SELECT DISTINCT master FROM data_key WHERE tenant = ?1";
        let accounts = self.accounts();
        let mut found = BTreeSet::new();
        for owner in [SERVER, LOOKUP] {
            for row in accounts.access.query("data_key", OF, &[owner.into()])? {
                found.insert(row.text(0)?);
            }
        }
        for tenant in accounts.every_tenant()? {
            for row in self.of(&tenant).query("data_key", OF, [])? {
                found.insert(row.text(0)?);
            }
        }
        Ok(found)
    }
}
