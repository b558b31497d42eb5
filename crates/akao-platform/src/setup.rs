//! The first minute of a server: a code that is given to whoever started it makes the first tenant and its owner, once. There
//! is no password that everybody knows.

use crate::{
    Error, Platform, Role, SignedIn, UserId,
    accounts::{begin_session, clean_email, clean_name},
    password, secret,
};
use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::{AccountKind, TenantRow, User, Work};
use serde_json::json;

/// What the code begins with.
const SETUP_PREFIX: &str = "akao_setup_";

/// What the first owner says.
#[derive(Debug)]
pub struct Setup {
    /// The code.
    pub code: Secret,
    /// The tenant's name, as it stands in ids and addresses.
    pub tenant: String,
    /// The tenant's name for people; its name when absent.
    pub title: Option<String>,
    /// The owner's address.
    pub email: String,
    /// The owner's name.
    pub name: String,
    /// The owner's password.
    pub password: Secret,
}

impl Platform {
    /// Whether nobody is here yet. Blocks.
    ///
    /// # Errors
    /// Platform data cannot be read.
    pub fn is_new(&self) -> Result<bool, Error> {
        self.read(|work| Ok(work.accounts().is_empty()?))
    }

    /// A new code for the setup, which makes the one before it worthless; none when the server is set up. Blocks.
    ///
    /// # Errors
    /// Platform data cannot be read or written.
    pub fn setup_code(&self) -> Result<Option<Secret>, Error> {
        if !self.is_new()? {
            return Ok(None);
        }
        let code = secret::new(SETUP_PREFIX)?;
        self.write(|work| Ok(work.accounts().put_setup(&secret::hash_text(code.expose()), self.now_ms())?))?;
        Ok(Some(code))
    }

    /// Makes the first tenant and its owner, who is also the server's operator and is signed in. Blocks.
    ///
    /// # Errors
    /// The code is worth nothing, or what was said cannot be used; then the code stays good.
    pub fn set_up(&self, setup: &Setup) -> Result<SignedIn, Error> {
        let now_ms = self.now_ms();
        let tenant = clean_tenant(&setup.tenant)?;
        let title = clean_name("title", setup.title.as_deref().unwrap_or(tenant.as_str()))?;
        let (email, name) = (clean_email(&setup.email)?, clean_name("name", &setup.name)?);
        // The code first: hashing a password is work that strangers must not be able to ask for.
        let code = secret::hash_text(setup.code.expose());
        password::check(&setup.password)?;
        let is_good = self.read(|work| Ok(work.accounts().has_setup(&code)?))?;
        if !is_good {
            return Err(bad_code());
        }
        let hash = password::hash(&code, &setup.password)?;
        self.write(|work| {
            let accounts = work.accounts();
            if !accounts.take_setup(&code)? || !accounts.is_empty()? {
                return Err(bad_code());
            }
            accounts.insert_tenant(&TenantRow::new(tenant.clone(), title.clone(), now_ms))?;
            let user = new_user(work, &email, &name, &hash, true, now_ms)?;
            work.of(&tenant).members().insert(user.as_str(), Role::Owner.as_str(), now_ms)?;
            let signed_in = begin_session(work, &tenant, user.as_str(), now_ms)?;
            signed_in.actor.record(work, now_ms, "tenant.created", json!({"tenant": tenant, "user": user}))?;
            Ok(signed_in)
        })
    }
}

fn bad_code() -> Error {
    Error::new(crate::Code::Forbidden, "the setup code is not valid, or was used")
        .hint("The server prints a new one when it is started without anybody in it.")
}

/// Adds a person.
pub(crate) fn new_user(
    work: &Work<'_>,
    email: &str,
    name: &str,
    password: &str,
    operator: bool,
    now_ms: i64,
) -> Result<UserId, Error> {
    let id = UserId::new(now_ms, secret::random_bits()?);
    work.accounts().insert(&User {
        id: id.as_str().to_owned(),
        kind: AccountKind::Person,
        email: email.to_owned(),
        name: name.to_owned(),
        password: Some(password.to_owned()),
        operator,
        disabled: false,
        created_ms: now_ms,
    })?;
    Ok(id)
}

/// A tenant's name. The command line's own tenant is not for teams.
pub(crate) fn clean_tenant(text: &str) -> Result<Tenant, Error> {
    let tenant: Tenant = text.parse().map_err(|error: akao_contract::IdError| Error::invalid(error.to_string()))?;
    match tenant == Tenant::local() {
        true => Err(Error::invalid("the tenant `local` is the command line's own").hint("Choose another name.")),
        false => Ok(tenant),
    }
}
