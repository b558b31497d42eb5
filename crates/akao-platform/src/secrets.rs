//! Secrets that the server keeps for a tenant: their names can be seen, their values only given. Steps of the tenant get them
//! where the execution was granted their use.

use crate::{Actor, Error, Expected, Page, PageRequest, Platform};
use akao_contract::Tenant;
use akao_step::{MASKED_BYTES_MIN, Secret, SecretError, SecretSource};
use akao_store::{SecretRow, Store, StoreError};
use serde_json::json;
use std::sync::Arc;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Secrets of one tenant.
const SECRETS_MAX: i64 = 1_000;

/// The tag of a secret, which changes with each value, also when it was taken away and given anew meanwhile.
pub fn secret_tag(row: &SecretRow) -> String {
    format!("{}-r{}", row.created_ms, row.version)
}

/// Whether the secret that is there is what a change expects.
fn allows(expected: &Expected, name: &str, row: Option<&SecretRow>) -> Result<(), Error> {
    expected.allows(&format!("secret `{}`", shown(name)), row.map(secret_tag).as_deref())
}

impl Platform {
    /// A page of the tenant's secrets, by name. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn secrets(&self, actor: &Actor, page: &PageRequest) -> Result<Page<SecretRow>, Error> {
        let after = page.after().unwrap_or_default();
        let found = self.read(|work| Ok(work.of(&actor.tenant).secrets().page(after, page.one_more())?))?;
        Ok(page.page(found, |secret| secret.name.clone()))
    }

    /// A secret of the tenant, without its value. Blocks.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn secret(&self, actor: &Actor, name: &str) -> Result<SecretRow, Error> {
        self.read(|work| work.of(&actor.tenant).secrets().get(name)?.ok_or_else(missing))
    }

    /// Gives a secret a value, in place of the one before it; steps that start from now on get the new one. Blocks.
    ///
    /// # Errors
    /// The name or the value cannot be one, the secret is not what was expected, or the tenant has too many.
    pub fn put_secret(
        &self,
        actor: &Actor,
        name: &str,
        value: &Secret,
        expected: &Expected,
    ) -> Result<SecretRow, Error> {
        check(name, value)?;
        let now_ms = self.now_ms();
        self.write_beside(|work| {
            let secrets = work.of(&actor.tenant).secrets();
            let present = secrets.get(name)?;
            allows(expected, name, present.as_ref())?;
            if present.is_none() && secrets.count()? >= SECRETS_MAX {
                let message = format!("a tenant keeps at most {SECRETS_MAX} secrets");
                return Err(Error::new(crate::Code::Conflict, message).hint("Take away those that nobody uses."));
            }
            let row = secrets.put(name, value, actor.user.as_str(), now_ms)?;
            actor.record(work, now_ms, "secret.set", json!({"secret": name, "version": row.version}))?;
            Ok(row)
        })
    }

    /// Takes a secret away; steps that need it fail from now on. Blocks.
    ///
    /// # Errors
    /// There is none of that name, or it is not what was expected.
    pub fn delete_secret(&self, actor: &Actor, name: &str, expected: &Expected) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write_beside(|work| {
            let secrets = work.of(&actor.tenant).secrets();
            let present = secrets.get(name)?.ok_or_else(missing)?;
            allows(expected, name, Some(&present))?;
            secrets.delete(name)?;
            actor.record(work, now_ms, "secret.deleted", json!({"secret": name}))
        })
    }

    /// Refuses the grant of a secret that the tenant does not keep: it would be noticed by a step only.
    pub(crate) fn check_kept(&self, actor: &Actor, grants: &[akao_contract::Permission]) -> Result<(), Error> {
        if self.parts().secrets_elsewhere {
            return Ok(());
        }
        let mut names = grants.iter().filter(|grant| grant.name() == "secrets").filter_map(|grant| grant.scope());
        let Some(first) = names.next() else { return Ok(()) };
        self.read(|work| {
            let secrets = work.of(&actor.tenant).secrets();
            for name in std::iter::once(first).chain(names) {
                if secrets.get(name)?.is_none() {
                    return Err(Error::invalid(format!("the tenant keeps no secret `{}`", shown(name)))
                        .hint("Give it a value first, or ask an admin to."));
                }
            }
            Ok(())
        })
    }
}

fn missing() -> Error {
    Error::not_found("such secret")
}

fn shown(name: &str) -> String {
    akao_contract::shortened(name.to_owned(), 40)
}

fn check(name: &str, value: &Secret) -> Result<(), Error> {
    if !akao_contract::is_name(name) || name.len() > NAME_BYTES_MAX {
        let message = format!("`{}` is not a secret's name", shown(name));
        return Err(Error::invalid(message).hint(format!(
            "A name starts with a letter or `_`, holds letters, digits and `_`, and has at most {NAME_BYTES_MAX} bytes."
        )));
    }
    match value.expose().len() {
        // Shorter ones cannot be masked where they are shown, since they stand in ordinary text.
        MASKED_BYTES_MIN..=VALUE_BYTES_MAX => Ok(()),
        _ => Err(Error::invalid(format!("a secret has {MASKED_BYTES_MIN} to {VALUE_BYTES_MAX} bytes"))),
    }
}

/// The secrets that are kept, for the steps that need them.
pub struct KeptSecrets(Arc<Store>);

impl KeptSecrets {
    /// Those of a store.
    pub fn new(store: Arc<Store>) -> Self {
        Self(store)
    }
}

impl SecretSource for KeptSecrets {
    fn secret(&self, tenant: &Tenant, name: &str) -> Result<Secret, SecretError> {
        let found: Result<_, StoreError> = self.0.read(|work| work.of(tenant).secrets().value(name));
        match found {
            Ok(Some(secret)) => Ok(secret),
            Ok(None) => Err(SecretError::Absent(name.to_owned())),
            Err(error) => {
                // Whoever looks at the step is of the tenant; what is wrong with the server is for its operator.
                let _ = Error::internal(&error);
                let reason = "the operator of the server finds more in the log".to_owned();
                Err(SecretError::Unreadable { name: name.to_owned(), reason })
            }
        }
    }
}

/// Secrets of several places: the first that has the name gives it.
pub struct InTurn(Vec<Arc<dyn SecretSource>>);

impl InTurn {
    /// Those of these places, in this order.
    pub fn new(sources: Vec<Arc<dyn SecretSource>>) -> Self {
        Self(sources)
    }
}

impl SecretSource for InTurn {
    fn secret(&self, tenant: &Tenant, name: &str) -> Result<Secret, SecretError> {
        for source in &self.0 {
            match source.secret(tenant, name) {
                Err(SecretError::Absent(_)) => {}
                // Where one cannot say whether it has the name, the next is not asked: it may have another value.
                answer => return answer,
            }
        }
        Err(SecretError::Absent(name.to_owned()))
    }
}
