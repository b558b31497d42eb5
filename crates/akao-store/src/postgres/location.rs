//! Where a PostgreSQL database is, and as whom it is used. It never shows a password.

use sqlx::postgres::PgConnectOptions;
use std::{fmt, str::FromStr};

/// Why a text is no location. It is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Another scheme, or none.
    #[error("a store is given as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`")]
    Scheme,
    /// It does not say which database.
    #[error("the store's address names no database")]
    NoDatabase,
    /// Something in it is not understood.
    #[error("the store's address is not understood: {0}")]
    Bad(String),
}

/// A database, as a URL says: user, password, host, port, name; `sslmode`, `sslrootcert` and others in its query.
#[derive(Clone)]
pub struct Location {
    options: PgConnectOptions,
    /// The same database as its owner sees it, where the other user does not own it.
    owner: Option<PgConnectOptions>,
}

impl Location {
    /// The same with another user, who owns the tables and changes them.
    ///
    /// # Errors
    /// The text is no location.
    pub fn with_owner(self, url: &str) -> Result<Self, LocationError> {
        Ok(Self { owner: Some(options(url)?), ..self })
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(super) fn owner(&self) -> Option<&PgConnectOptions> {
        self.owner.as_ref()
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(url: &str) -> Result<Self, LocationError> {
        Ok(Self { options: options(url)?, owner: None })
    }
}

fn options(url: &str) -> Result<PgConnectOptions, LocationError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(LocationError::Scheme);
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| match error {
        sqlx::Error::Configuration(reason) => LocationError::Bad(reason.to_string()),
        _ => LocationError::Scheme,
    })?;
    match options.get_database() {
        Some(name) if !name.is_empty() => Ok(options),
        _ => Err(LocationError::NoDatabase),
    }
}

/// The place without the user and the password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (options, name) = (&self.options, self.options.get_database().unwrap_or_default());
        match options.get_socket() {
            Some(folder) => write!(f, "the PostgreSQL database `{name}` at {}", folder.display()),
            None => write!(f, "the PostgreSQL database `{name}` at {}:{}", options.get_host(), options.get_port()),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_shown_without_its_password_and_refused_without_it_too() {
        let location: Location = "postgres://akao:hunter2@db.example:5433/akao?sslmode=require".parse().unwrap();
        assert_eq!(location.to_string(), "the PostgreSQL database `akao` at db.example:5433");
        assert!(!format!("{location:?}").contains("hunter2"));
        for bad in [
            "mysql://akao:hunter2@db/akao",
            "postgres://akao:hunter2@db:99999/akao",
            "postgres://akao:hunter2@db",
            "postgres://akao:hunter2@db/akao?sslmode=hunter2x",
            "hunter2",
        ] {
            let refused = bad.parse::<Location>().unwrap_err();
            assert!(!refused.to_string().contains("hunter2@"), "{refused}");
        }
    }
}
