//! People, their sessions, and what is found by a secret before a tenant is known: sessions, tokens, invitations, the setup.
//!
//! Secrets are never here, only their hashes. Addresses and names are sealed; an address is found by a hash that needs a key.

use super::tokens::{TOKEN_COLUMNS, Token, token};
use crate::{
    Row, SealedColumn, StoreError, TenantRow,
    access::{Scope, Statements, Value},
    vault::{Keyring, SERVER},
};
use akao_contract::Tenant;
use akao_step::Secret;

/// Where the address of a person is.
pub(crate) const ACCOUNT_EMAIL: SealedColumn = SealedColumn { table: "account", column: "email", row: "id" };

/// Where the name of a person is.
pub(crate) const ACCOUNT_NAME: SealedColumn = SealedColumn { table: "account", column: "name", row: "id" };

/// Where the address of somebody who is asked to join is.
pub(crate) const INVITATION_EMAIL: SealedColumn = SealedColumn { table: "invitation", column: "email", row: "hash" };

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// Somebody who signs in.
    Person,
    /// A program: it has tokens and nothing else.
    Service,
}

impl AccountKind {
    /// The word under which it is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }
}

impl std::str::FromStr for AccountKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "person" => Ok(Self::Person),
            "service" => Ok(Self::Service),
            _ => Err(()),
        }
    }
}

/// A person, or a program that is a member like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: AccountKind,
    /// The address by which it signs in, in lower case; that of a service is none, and begins with `service:`.
    pub email: String,
    /// Its name for people.
    pub name: String,
    /// The hash of its password, if it has one.
    pub password: Option<String>,
    /// Whether it looks after the server itself.
    pub operator: bool,
    /// Whether it may not do anything any more.
    pub disabled: bool,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
}

/// A session, found by the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of its secret.
    pub hash: String,
    /// Whose it is.
    pub account: String,
    /// In which tenant.
    pub tenant: Tenant,
    /// When it began, in Unix milliseconds.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
}

/// Somebody is asked to join a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The hash of its code.
    pub hash: String,
    /// Which tenant.
    pub tenant: Tenant,
    /// Whose address, in lower case.
    pub email: String,
    /// With which role.
    pub role: String,
    /// By whom.
    pub invited_by: String,
    /// When it ends, in Unix milliseconds.
    pub expires_ms: i64,
}

/// What somebody is in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The tenant.
    pub tenant: Tenant,
    /// The role.
    pub role: String,
}

/// People and what is found by secrets.
#[derive(Clone, Copy)]
pub struct Accounts<'a> {
    pub(crate) access: Statements<'a>,
    pub(crate) keys: &'a Keyring<'a>,
}

const USER_COLUMNS: &str = "id, email, name, password, operator, disabled, created_ms, kind";

impl Accounts<'_> {
    fn one(&self, table: &'static str, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        self.access.one(table, sql, values)
    }

    /// Seals a text with the server's own data key, for a column of a row.
    ///
    /// # Errors
    /// The keys cannot be had, or the database failed.
    pub fn seal(&self, column: &SealedColumn, row: &str, text: &str) -> Result<String, StoreError> {
        self.keys.seal(self.access, SERVER, column, row, text)
    }

    /// Opens what was sealed with the server's own data key for that column of that row.
    ///
    /// # Errors
    /// It was sealed for something else or is damaged, or the keys cannot be had.
    pub fn open(&self, column: &SealedColumn, row: &str, sealed: &str) -> Result<Secret, StoreError> {
        self.keys.open(self.access, SERVER, column, row, sealed)
    }

    /// Whether there is nobody yet.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.one("account", "SELECT 1 FROM account LIMIT 1", &[])?.is_none())
    }

    /// Adds a person.
    pub fn insert(&self, user: &User) -> Result<(), StoreError> {
        let sql =
            format!("INSERT INTO account ({USER_COLUMNS}, email_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        let password = user.password.as_ref();
        let values: [Value; 9] = [
            (&user.id).into(),
            (&self.seal(&ACCOUNT_EMAIL, &user.id, &user.email)?).into(),
            (&self.seal(&ACCOUNT_NAME, &user.id, &user.name)?).into(),
            password.into(),
            user.operator.into(),
            user.disabled.into(),
            user.created_ms.into(),
            user.kind.as_str().into(),
            (&self.keys.lookup(self.access, &user.email)?).into(),
        ];
        self.access.execute(&sql, &values).map(drop)
    }

    /// The person with an id.
    pub fn by_id(&self, id: &str) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {USER_COLUMNS} FROM account WHERE id = ?1");
        self.one("account", &sql, &[id.into()])?.map(|row| self.user(&row)).transpose()
    }

    /// The person with an address, which is in lower case.
    pub fn by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {USER_COLUMNS} FROM account WHERE email_hash = ?1");
        let hash = self.keys.lookup(self.access, email)?;
        self.one("account", &sql, &[(&hash).into()])?.map(|row| self.user(&row)).transpose()
    }

    /// Changes a password, and ends every session of the person.
    pub fn set_password(&self, id: &str, password: &str) -> Result<(), StoreError> {
        self.access.execute("UPDATE account SET password = ?2 WHERE id = ?1", &[id.into(), password.into()])?;
        self.end_sessions(id)
    }

    /// Who looks after the server.
    pub fn operators(&self) -> Result<Vec<User>, StoreError> {
        self.users("operator = 1 ORDER BY id", &[])
    }

    /// Says whether an account looks after the server.
    pub fn set_operator(&self, id: &str, operator: bool) -> Result<(), StoreError> {
        let sql = "UPDATE account SET operator = ?2 WHERE id = ?1";
        self.access.execute(sql, &[id.into(), operator.into()]).map(drop)
    }

    /// Says whether an account may not do anything any more.
    pub fn set_disabled(&self, id: &str, disabled: bool) -> Result<(), StoreError> {
        let sql = "UPDATE account SET disabled = ?2 WHERE id = ?1";
        self.access.execute(sql, &[id.into(), disabled.into()]).map(drop)
    }

    /// Ends every session of an account.
    pub fn end_sessions(&self, id: &str) -> Result<(), StoreError> {
        self.access.execute("DELETE FROM session WHERE account = ?1", &[id.into()]).map(drop)
    }

    /// What the person is, tenant by tenant.
    pub fn memberships(&self, account: &str) -> Result<Vec<Membership>, StoreError> {
        let sql = "SELECT tenant, role FROM member WHERE account = ?1 ORDER BY since_ms, tenant";
        let rows = self.access.query("member", sql, &[account.into()])?;
        rows.iter().map(|row| Ok(Membership { tenant: row.parsed(0)?, role: row.text(1)? })).collect()
    }

    /// The names of all tenants but those that are being deleted.
    pub fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let sql = "SELECT name FROM tenant WHERE ending_ms IS NULL ORDER BY name";
        let rows = self.access.query("tenant", sql, &[])?;
        rows.iter().map(|row| row.parsed(0)).collect()
    }

    /// The names of all tenants, those too that are being deleted, in every schema that there was.
    ///
    /// # Errors
    /// The database failed.
    pub fn every_tenant(&self) -> Result<Vec<Tenant>, StoreError> {
        let rows = self.access.query("tenant", "SELECT name FROM tenant ORDER BY name", &[])?;
        rows.iter().map(|row| row.parsed(0)).collect()
    }

    /// Makes a tenant.
    pub fn insert_tenant(&self, tenant: &TenantRow) -> Result<(), StoreError> {
        let values: [Value; 3] = [tenant.name.as_str().into(), (&tenant.title).into(), tenant.created_ms.into()];
        self.access.execute("INSERT INTO tenant (name, title, created_ms) VALUES (?1, ?2, ?3)", &values).map(drop)
    }

    /// At most `limit` tenants after the one with the name `after`.
    pub fn tenant_page(&self, after: &str, limit: i64) -> Result<Vec<TenantRow>, StoreError> {
        let sql = "SELECT name, title, created_ms, ending_ms FROM tenant WHERE name > ?1 ORDER BY name LIMIT ?2";
        let rows = self.access.query("tenant", sql, &[after.into(), limit.into()])?;
        let tenant = |row: &Row| {
            let (name, title) = (row.parsed(0)?, row.text(1)?);
            Ok(TenantRow { name, title, created_ms: row.integer(2)?, ending_ms: row.integer_if_any(3)? })
        };
        rows.iter().map(tenant).collect()
    }

    /// Up to where something was looked at, by its name.
    pub fn place(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let row = self.one("place", "SELECT place FROM place WHERE name = ?1", &[name.into()])?;
        row.map(|row| row.integer(0)).transpose()
    }

    /// Remembers up to where something was looked at.
    pub fn set_place(&self, name: &str, place: i64) -> Result<(), StoreError> {
        self.access.execute("DELETE FROM place WHERE name = ?1", &[name.into()])?;
        let sql = "INSERT INTO place (name, place) VALUES (?1, ?2)";
        self.access.execute(sql, &[name.into(), place.into()]).map(drop)
    }

    /// Begins a session, and forgets those that have ended.
    pub fn insert_session(&self, session: &Session) -> Result<(), StoreError> {
        self.access.execute("DELETE FROM session WHERE expires_ms <= ?1", &[session.created_ms.into()])?;
        let values: [Value; 5] = [
            (&session.hash).into(),
            (&session.account).into(),
            session.tenant.as_str().into(),
            session.created_ms.into(),
            session.expires_ms.into(),
        ];
        let sql = "INSERT INTO session (hash, account, tenant, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.access.execute(sql, &values).map(drop)
    }

    /// The session with a hash.
    pub fn session(&self, hash: &str) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT hash, account, tenant, created_ms, expires_ms FROM session WHERE hash = ?1";
        let row = self.one("session", sql, &[hash.into()])?;
        row.map(|row| {
            Ok(Session {
                hash: row.text(0)?,
                account: row.text(1)?,
                tenant: row.parsed(2)?,
                created_ms: row.integer(3)?,
                expires_ms: row.integer(4)?,
            })
        })
        .transpose()
    }

    /// Ends a session.
    pub fn delete_session(&self, hash: &str) -> Result<bool, StoreError> {
        Ok(self.access.execute("DELETE FROM session WHERE hash = ?1", &[hash.into()])? > 0)
    }

    /// The token with a hash, and whose it is.
    pub fn token(&self, hash: &str) -> Result<Option<(Tenant, Token)>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS}, tenant FROM token WHERE hash = ?1");
        let row = self.one("token", &sql, &[hash.into()])?;
        row.map(|row| Ok((row.parsed(8)?, token(&row)?))).transpose()
    }

    /// Names the code by which the server is set up; the one before it is worth nothing any more.
    pub fn put_setup(&self, hash: &str, now_ms: i64) -> Result<(), StoreError> {
        self.access.execute("DELETE FROM setup", &[])?;
        let sql = "INSERT INTO setup (one, hash, created_ms) VALUES (1, ?1, ?2)";
        self.access.execute(sql, &[hash.into(), now_ms.into()]).map(drop)
    }

    /// Whether a code is the one by which the server is set up.
    pub fn has_setup(&self, hash: &str) -> Result<bool, StoreError> {
        Ok(self.one("setup", "SELECT 1 FROM setup WHERE hash = ?1", &[hash.into()])?.is_some())
    }

    /// Takes the code by which the server is set up: only once.
    pub fn take_setup(&self, hash: &str) -> Result<bool, StoreError> {
        Ok(self.access.execute("DELETE FROM setup WHERE hash = ?1", &[hash.into()])? > 0)
    }

    /// Whether there is an invitation with this code.
    pub fn has_invitation(&self, hash: &str) -> Result<bool, StoreError> {
        Ok(self.one("invitation", "SELECT 1 FROM invitation WHERE hash = ?1", &[hash.into()])?.is_some())
    }

    /// Takes an invitation: only once.
    pub fn take_invitation(&self, hash: &str) -> Result<Option<Invitation>, StoreError> {
        let sql = "SELECT hash, tenant, email, role, invited_by, expires_ms FROM invitation WHERE hash = ?1";
        let Some(row) = self.one("invitation", sql, &[hash.into()])? else { return Ok(None) };
        self.access.execute("DELETE FROM invitation WHERE hash = ?1", &[hash.into()])?;
        let tenant: Tenant = row.parsed(1)?;
        let access = self.access.within(Scope::Tenant(tenant.as_str()));
        let email = self.keys.open(access, tenant.as_str(), &INVITATION_EMAIL, hash, &row.text(2)?)?;
        Ok(Some(Invitation {
            hash: row.text(0)?,
            email: email.expose().to_owned(),
            tenant,
            role: row.text(3)?,
            invited_by: row.text(4)?,
            expires_ms: row.integer(5)?,
        }))
    }

    /// The accounts of which this is true.
    pub(super) fn users(&self, condition: &str, values: &[Value]) -> Result<Vec<User>, StoreError> {
        let sql = format!("SELECT {USER_COLUMNS} FROM account WHERE {condition}");
        self.access.query("account", &sql, values)?.iter().map(|row| self.user(row)).collect()
    }

    fn user(&self, row: &Row) -> Result<User, StoreError> {
        let id = row.text(0)?;
        Ok(User {
            email: self.open(&ACCOUNT_EMAIL, &id, &row.text(1)?)?.expose().to_owned(),
            name: self.open(&ACCOUNT_NAME, &id, &row.text(2)?)?.expose().to_owned(),
            id,
            password: row.text_if_any(3)?,
            operator: row.truth(4)?,
            disabled: row.truth(5)?,
            created_ms: row.integer(6)?,
            kind: row.parsed(7)?,
        })
    }
}
