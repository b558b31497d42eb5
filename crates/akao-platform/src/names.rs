//! Names in the audit. Its lines hold ids of accounts and hashes of addresses alone, since they are chained and never changed; who
//! that is, is told when they are read, for as long as it is kept. Lines of earlier versions hold addresses themselves: those of
//! people who are gone are not told.

use crate::{Actor, Error, Page, PageRequest, Platform, address};
use akao_store::{User, Work};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, btree_map::Entry};

/// What stands in the place of an address that nobody has any more.
const GONE: &str = "***";

/// Where lines of earlier versions hold addresses.
const ADDRESSES: [&str; 2] = ["email", "owner"];

/// People as far as they are known, looked up once.
pub(crate) struct Names<'a> {
    work: &'a Work<'a>,
    users: BTreeMap<String, Option<User>>,
    addresses: BTreeMap<String, Option<String>>,
}

impl Platform {
    /// A page of the audit, newest first, with the names of whom it is about. Blocks.
    ///
    /// # Errors
    /// As [`Platform::audit`].
    pub fn audit_with_names(&self, actor: &Actor, page: &PageRequest) -> Result<Page<Value>, Error> {
        let mut found = self.audit(actor, page)?;
        self.read(|work| {
            let mut names = Names::new(work);
            found.items.iter_mut().try_for_each(|line| names.tell(line))
        })?;
        Ok(found)
    }
}

impl<'a> Names<'a> {
    pub(crate) fn new(work: &'a Work<'a>) -> Self {
        Self { work, users: BTreeMap::new(), addresses: BTreeMap::new() }
    }

    /// Puts names into a line, and takes those away that are not kept any more.
    pub(crate) fn tell(&mut self, line: &mut Value) -> Result<(), Error> {
        for part in ["by", "details"] {
            if let Some(part) = line.get_mut(part).and_then(Value::as_object_mut) {
                self.tell_part(part)?;
            }
        }
        Ok(())
    }

    fn tell_part(&mut self, part: &mut Map<String, Value>) -> Result<(), Error> {
        if let Some(hash) = part.get("address").and_then(Value::as_str).map(str::to_owned) {
            let found = self.address(&hash)?;
            part.insert("email".to_owned(), json!(found.as_deref().unwrap_or(GONE)));
            return Ok(());
        }
        if let Some(id) = part.get("user").and_then(Value::as_str).map(str::to_owned) {
            match self.user(&id)? {
                Some(user) => {
                    if let Some(email) = address(user.kind, &user.email) {
                        part.insert("email".to_owned(), json!(email));
                    }
                }
                // Beside a service, the name is that of its token.
                None if !part.contains_key("service") => {
                    for name in ["email", "name"] {
                        part.remove(name);
                    }
                }
                None => {}
            }
            return Ok(());
        }
        for name in ADDRESSES {
            let Some(email) = part.get(name).and_then(Value::as_str).filter(|text| text.contains('@')) else {
                continue;
            };
            let hash = self.work.accounts().address_hash(email)?;
            if self.address(&hash)?.is_none() {
                part.insert(name.to_owned(), json!(GONE));
            }
        }
        Ok(())
    }

    fn user(&mut self, id: &str) -> Result<Option<&User>, Error> {
        let found = match self.users.entry(id.to_owned()) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(self.work.accounts().by_id(id)?),
        };
        Ok(found.as_ref())
    }

    fn address(&mut self, hash: &str) -> Result<Option<String>, Error> {
        if let Some(found) = self.addresses.get(hash) {
            return Ok(found.clone());
        }
        let found = self.work.accounts().address(hash)?;
        self.addresses.insert(hash.to_owned(), found.clone());
        Ok(found)
    }
}
