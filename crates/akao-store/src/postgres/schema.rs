//! Brings a database to the newest schema, as its owner, and says as which role the server then acts.

use super::{
    Location, View, connection, lock, quiet,
    wall::{self, LIMITED_ROLE},
    within,
};
use crate::{
    StoreError, Work,
    migrate::{CHANGES, Change},
    vault::{Keyring, Vault},
};
use sqlx::{PgConnection, postgres::PgPoolOptions};
use tokio::runtime::Handle;

/// What is known of a database before anything is changed in it.
struct Found {
    /// How many changes were made; none when the tables are not there.
    number: Option<i64>,
    /// Whether there is anything else.
    foreign: bool,
    /// Whether the user owns the tables, or everything.
    owner: bool,
}

const FOUND: &str = "SELECT
  (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'akao_schema'),
  (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()),
  (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'akao_schema'
     AND pg_has_role(current_user, tableowner, 'USAGE')),
  (SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolsuper)";

/// Makes the database ready; the role is one that each connection of the server takes, if its user is not that limited itself.
pub(super) fn prepare(handle: &Handle, location: &Location, vault: &Vault) -> Result<Option<String>, StoreError> {
    let place = location.to_string();
    let setup = location.owner().unwrap_or(location.options());
    let mut owner = handle.block_on(connection(&place, &quiet(setup)))?;
    let found = within(handle, look(&mut owner))?;
    let known = i64::try_from(CHANGES.len()).unwrap_or(i64::MAX);
    match found.number {
        None if found.foreign => return Err(StoreError::Foreign(place)),
        Some(number) if number > known => return Err(StoreError::Newer { place, found: number, known }),
        Some(number) if number == known && !found.owner => {}
        Some(number) if !found.owner => {
            let message = format!("{place} has schema {number}, {known} is wanted, and the user may not change it");
            return Err(StoreError::Setup { message, suggestion: GIVE_OWNER });
        }
        _ => {
            let limited = match location.owner() {
                Some(_) => location.options().get_username().to_owned(),
                None => LIMITED_ROLE.to_owned(),
            };
            if location.owner().is_none() {
                within(handle, wall::make_role(&mut owner)).map_err(|error| no_role(&error))?;
            }
            handle.block_on(async { drop(owner) });
            migrate(handle, location, vault, found.number.unwrap_or(0), &limited)?;
            return Ok(location.owner().is_none().then_some(limited));
        }
    }
    Ok(None)
}

/// The role that each connection of the server takes, where its user owns the tables.
pub(super) fn role_of_server(handle: &Handle, location: &Location) -> Result<Option<String>, StoreError> {
    let place = location.to_string();
    let mut user = handle.block_on(connection(&place, &quiet(location.options())))?;
    let found = within(handle, look(&mut user))?;
    handle.block_on(async { drop(user) });
    match found.number {
        None => Err(StoreError::Foreign(place)),
        Some(_) => Ok(found.owner.then(|| LIMITED_ROLE.to_owned())),
    }
}

/// Whether there are no tables yet; a database with those of something else, or of a later version, is refused.
pub(super) fn is_untouched(handle: &Handle, location: &Location) -> Result<bool, StoreError> {
    let place = location.to_string();
    let setup = location.owner().unwrap_or(location.options());
    let mut user = handle.block_on(connection(&place, &quiet(setup)))?;
    let found = within(handle, look(&mut user))?;
    handle.block_on(async { drop(user) });
    let known = i64::try_from(CHANGES.len()).unwrap_or(i64::MAX);
    match found.number {
        None if found.foreign => Err(StoreError::Foreign(place)),
        Some(number) if number > known => Err(StoreError::Newer { place, found: number, known }),
        number => Ok(number.is_none()),
    }
}

fn no_role(error: &StoreError) -> StoreError {
    let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let message = format!("the role `{LIMITED_ROLE}`, as which the server works, cannot be made: {reason}");
    StoreError::Setup {
        message,
        suggestion: "As a superuser: CREATE ROLE akao_app NOLOGIN; GRANT akao_app TO the owner of the database.",
    }
}

const GIVE_OWNER: &str = "Give the owner of the tables with `--store-owner`, or as the user of `--store`.";

async fn look(connection: &mut PgConnection) -> Result<Found, sqlx::Error> {
    let (ours, tables, owned, all): (i64, i64, i64, i64) = sqlx::query_as(FOUND).fetch_one(&mut *connection).await?;
    let number = match ours {
        0 => None,
        _ => Some(sqlx::query_scalar("SELECT number FROM akao_schema").fetch_one(connection).await?),
    };
    Ok(Found { number, foreign: ours == 0 && tables > 0, owner: ours == 0 || owned > 0 || all > 0 })
}

/// Makes every change that is missing, each with its number in one transaction; then the walls.
fn migrate(handle: &Handle, location: &Location, vault: &Vault, from: i64, limited: &str) -> Result<(), StoreError> {
    let _context = handle.enter();
    let options = quiet(location.owner().unwrap_or(location.options()));
    let connecting = PgPoolOptions::new().max_connections(1).connect_with(options);
    let pool = within(handle, connecting)?;
    let begin = || -> Result<View<'_>, StoreError> {
        let mut transaction = within(handle, pool.begin())?;
        within(handle, lock(&mut transaction))?;
        Ok(View::new(handle, transaction))
    };
    for (change, number) in CHANGES.iter().zip(1..).skip_while(|(_, number)| *number <= from) {
        let view = begin()?;
        view.batch(spelled(change))?;
        if number == 1 {
            view.batch("CREATE TABLE akao_schema (number BIGINT NOT NULL); INSERT INTO akao_schema VALUES (0)".into())?;
        }
        if let Some(then) = change.then {
            then(&Work::new(&view, &Keyring::new(vault)))?;
        }
        view.batch(format!("UPDATE akao_schema SET number = {number}"))?;
        wall::build(&view)?;
        view.commit()?;
    }
    let view = begin()?;
    view.batch(wall::grants(limited))?;
    view.commit()?;
    within(handle, async {
        pool.close().await;
        Ok(())
    })
}

/// A change as PostgreSQL takes it: whole numbers of eight bytes, text in the order of its bytes.
fn spelled(change: &Change) -> String {
    let sql = change.sql.replace(") STRICT;", ");");
    sql.replace(" INTEGER", " BIGINT").replace(" TEXT", " TEXT COLLATE \"C\"")
}

/// A name as it is written in a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
