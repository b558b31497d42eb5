//! Data keys: one current for each tenant, wrapped by the master key and kept beside the data that they seal.

use super::{DoesNotOpen, KEY_BYTES, MasterKey, SealingKey, Vault};
use crate::{
    StoreError,
    access::{Scope, Statements},
};
use akao_step::Secret;
use aws_lc_rs::hmac;
use std::{cell::RefCell, collections::BTreeMap, fmt::Write as _, rc::Rc};

/// Whose data keys seal what belongs to no tenant. No tenant's name has a dot.
pub(crate) const SERVER: &str = ".server";

/// Whose data key makes the hashes under which addresses are found. It stays, since what was hashed cannot be hashed again.
pub(crate) const LOOKUP: &str = ".lookup";

/// What of a data key is authenticated.
const WRAPPED: &str = "akao data key";

/// What of a value is authenticated.
const SEALED: &str = "akao sealed";

/// The beginning of what is sealed.
const VERSION: &str = "v1";

/// A column whose values are sealed. Every one of them is in the list by which data keys are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The column that names the row: its primary key, beside the tenant.
    pub row: &'static str,
}

/// The data keys that one view or transaction uses.
pub(crate) struct Keyring<'v> {
    vault: &'v Vault,
    known: RefCell<BTreeMap<(String, i64), Rc<DataKey>>>,
    /// The number of the current key, by whose it is.
    current: RefCell<BTreeMap<String, i64>>,
}

struct DataKey {
    sealing: SealingKey,
    hashing: hmac::Key,
}

impl<'v> Keyring<'v> {
    pub(crate) fn new(vault: &'v Vault) -> Self {
        Self { vault, known: RefCell::default(), current: RefCell::default() }
    }

    /// Seals a text of `owner`, for a place.
    pub(crate) fn seal(
        &self,
        access: Statements<'_>,
        owner: &str,
        column: &SealedColumn,
        row: &str,
        text: &str,
    ) -> Result<String, StoreError> {
        let access = access.within(scope_of(owner));
        let number = self.current(access, owner)?;
        let key = self.key(access, owner, number)?;
        let number = number.to_string();
        let place = [SEALED, owner, &number, column.table, column.column, row];
        let sealed = key.sealing.seal(&place, text.as_bytes()).map_err(|DoesNotOpen| cannot_seal())?;
        Ok(format!("{VERSION}.{number}.{sealed}"))
    }

    /// Opens what was sealed for that place.
    pub(crate) fn open(
        &self,
        access: Statements<'_>,
        owner: &str,
        column: &SealedColumn,
        row: &str,
        sealed: &str,
    ) -> Result<Secret, StoreError> {
        let refused = || StoreError::Sealed { table: column.table, column: column.column };
        let (number, body) = parts(sealed).ok_or_else(refused)?;
        let access = access.within(scope_of(owner));
        let key = self.key(access, owner, number)?;
        let number = number.to_string();
        let place = [SEALED, owner, &number, column.table, column.column, row];
        let opened = key.sealing.open(&place, body).map_err(|DoesNotOpen| refused())?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| refused())
    }

    /// The hash under which a text is found, where the text itself is sealed.
    pub(crate) fn lookup(&self, access: Statements<'_>, text: &str) -> Result<String, StoreError> {
        let access = access.within(Scope::Accounts);
        let number = self.current(access, LOOKUP)?;
        let key = self.key(access, LOOKUP, number)?;
        let tag = hmac::sign(&key.hashing, text.as_bytes());
        Ok(tag.as_ref().iter().fold(String::new(), |mut text, byte| {
            // Writing to memory cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    /// Makes sure that the server's own keys are there and can be unwrapped, and the master key with them.
    pub(crate) fn begin(&self, access: Statements<'_>) -> Result<(), StoreError> {
        let access = access.within(Scope::Accounts);
        for owner in [SERVER, LOOKUP] {
            let number = match self.newest(access, owner)? {
                Some(number) => number,
                // Before these two there is nothing sealed that another master key could have been for.
                None => self.add(access, owner, 1, &self.vault.newest(owner == SERVER)?)?,
            };
            self.key(access, owner, number)?;
        }
        Ok(())
    }

    /// A further data key of somebody; what is sealed from now on is sealed with it.
    pub(crate) fn renew(&self, access: Statements<'_>, owner: &str) -> Result<i64, StoreError> {
        let access = access.within(scope_of(owner));
        let number = self.newest(access, owner)?.unwrap_or(0) + 1;
        let number = self.add(access, owner, number, &self.vault.newest(false)?)?;
        self.current.borrow_mut().insert(owner.to_owned(), number);
        Ok(number)
    }

    /// Wraps a data key of somebody by another master key, if it is wrapped by an older one; says whether it was.
    pub(crate) fn rewrap(
        &self,
        access: Statements<'_>,
        owner: &str,
        number: i64,
        master: &MasterKey,
    ) -> Result<bool, StoreError> {
        let access = access.within(scope_of(owner));
        let (found, bytes) = self.unwrapped(access, owner, number)?;
        if found == master.fingerprint().to_string() {
            return Ok(false);
        }
        let sql = "UPDATE data_key SET master = ?3, wrapped = ?4 WHERE tenant = ?1 AND number = ?2";
        let wrapped = wrap(master, owner, number, &bytes)?;
        let fingerprint = master.fingerprint().to_string();
        access.execute(sql, &[owner.into(), number.into(), (&fingerprint).into(), (&wrapped).into()])?;
        Ok(true)
    }

    /// The current key's number; the first key is made when there is none.
    fn current(&self, access: Statements<'_>, owner: &str) -> Result<i64, StoreError> {
        if let Some(number) = self.current.borrow().get(owner) {
            return Ok(*number);
        }
        let number = match self.newest(access, owner)? {
            Some(number) => number,
            None => self.add(access, owner, 1, &self.vault.newest(false)?)?,
        };
        self.current.borrow_mut().insert(owner.to_owned(), number);
        Ok(number)
    }

    fn newest(&self, access: Statements<'_>, owner: &str) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT number FROM data_key WHERE tenant = ?1 ORDER BY number DESC LIMIT 1";
        access.one("data_key", sql, &[owner.into()])?.map(|row| row.integer(0)).transpose()
    }

    fn add(&self, access: Statements<'_>, owner: &str, number: i64, master: &MasterKey) -> Result<i64, StoreError> {
        let mut bytes = [0; KEY_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| cannot_seal())?;
        let wrapped = wrap(master, owner, number, &bytes)?;
        let sql = "INSERT INTO data_key (tenant, number, master, wrapped) VALUES (?1, ?2, ?3, ?4)";
        let fingerprint = master.fingerprint().to_string();
        access.execute(sql, &[owner.into(), number.into(), (&fingerprint).into(), (&wrapped).into()])?;
        Ok(number)
    }

    fn key(&self, access: Statements<'_>, owner: &str, number: i64) -> Result<Rc<DataKey>, StoreError> {
        let name = (owner.to_owned(), number);
        if let Some(key) = self.known.borrow().get(&name) {
            return Ok(Rc::clone(key));
        }
        let (_, bytes) = self.unwrapped(access, owner, number)?;
        let sealing = SealingKey::new(&bytes).map_err(|DoesNotOpen| cannot_seal())?;
        let key = Rc::new(DataKey { sealing, hashing: hmac::Key::new(hmac::HMAC_SHA256, &bytes) });
        self.known.borrow_mut().insert(name, Rc::clone(&key));
        Ok(key)
    }

    /// A data key's bytes, and the fingerprint of the master key that wraps it.
    fn unwrapped(
        &self,
        access: Statements<'_>,
        owner: &str,
        number: i64,
    ) -> Result<(String, [u8; KEY_BYTES]), StoreError> {
        let refused = || StoreError::Sealed { table: "data_key", column: "wrapped" };
        let sql = "SELECT master, wrapped FROM data_key WHERE tenant = ?1 AND number = ?2";
        let row = access.one("data_key", sql, &[owner.into(), number.into()])?.ok_or_else(refused)?;
        let (fingerprint, wrapped) = (row.text(0)?, row.text(1)?);
        let master = self.vault.with(&fingerprint)?.sealing().map_err(|DoesNotOpen| refused())?;
        let opened = master.open(&[WRAPPED, owner, &number.to_string()], &wrapped).map_err(|DoesNotOpen| refused())?;
        Ok((fingerprint, opened.try_into().map_err(|_| refused())?))
    }
}

/// In whose scope the data keys of somebody are.
pub(crate) fn scope_of(owner: &str) -> Scope<'_> {
    if owner.starts_with('.') { Scope::Accounts } else { Scope::Tenant(owner) }
}

/// The number of the data key, and what it sealed.
pub(crate) fn parts(sealed: &str) -> Option<(i64, &str)> {
    let (number, body) = sealed.strip_prefix(VERSION)?.strip_prefix('.')?.split_once('.')?;
    Some((number.parse().ok()?, body))
}

fn wrap(master: &MasterKey, owner: &str, number: i64, bytes: &[u8; KEY_BYTES]) -> Result<String, StoreError> {
    let sealing = master.sealing().map_err(|DoesNotOpen| cannot_seal())?;
    sealing.seal(&[WRAPPED, owner, &number.to_string()], bytes).map_err(|DoesNotOpen| cannot_seal())
}

fn cannot_seal() -> StoreError {
    StoreError::key("the value cannot be sealed", "Try again; the system may have given no random numbers.")
}
