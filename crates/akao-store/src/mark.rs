//! By what platform data are told from others, and by which master keys they are sealed. Both are read without a key.

use crate::{
    StoreError, Work,
    vault::{LOOKUP, SERVER},
};
use std::collections::BTreeSet;

/// Under which name their number is kept.
const MARK: &str = "platform";

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
