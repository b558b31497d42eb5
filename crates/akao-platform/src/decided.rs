//! What schedules, hooks and webhooks have in common: people decide something, the server acts on it later, and each change says
//! which state it changes.

use crate::{Actor, Code, Error, Expected};
use akao_contract::Tenant;
use akao_engine::steps::timestamp;
use akao_step::Secret;
use akao_store::{Hook, Schedule, StoreError, Webhook, Work};
use serde::de::DeserializeOwned;
use serde_json::json;

/// A row of platform data in which somebody's decision stands.
pub(crate) trait Row: Sized {
    /// What it is, for people.
    const WHAT: &'static str;

    /// Id, name and revision.
    fn names(&self) -> (&str, &str, i64);

    /// Notes one more change by people.
    fn count_change(&mut self, now_ms: i64);

    fn get(work: &Work<'_>, tenant: &Tenant, id: &str) -> Result<Option<Self>, StoreError>;

    /// Writes it, when it has still the revision before.
    fn update(&self, work: &Work<'_>, tenant: &Tenant) -> Result<bool, StoreError>;
}

/// The three rows have the same columns for this, and tables of their own.
macro_rules! row {
    ($row:ty, $what:literal, $table:ident) => {
        impl Row for $row {
            const WHAT: &'static str = $what;

            fn names(&self) -> (&str, &str, i64) {
                (&self.id, &self.name, self.revision)
            }

            fn count_change(&mut self, now_ms: i64) {
                self.revision += 1;
                self.changed_ms = now_ms;
            }

            fn get(work: &Work<'_>, tenant: &Tenant, id: &str) -> Result<Option<Self>, StoreError> {
                work.of(tenant).$table().get(id)
            }

            fn update(&self, work: &Work<'_>, tenant: &Tenant) -> Result<bool, StoreError> {
                work.of(tenant).$table().update(self)
            }
        }
    };
}

row!(Schedule, "schedule", schedules);
row!(Hook, "hook", hooks);
row!(Webhook, "webhook", webhooks);

/// What whoever changes it names, so that nobody changes what they have not seen.
pub(crate) fn tag(row: &impl Row) -> String {
    let (id, _, revision) = row.names();
    format!("{id}-{revision}")
}

/// Whether a row is what a change expects that need not say so.
///
/// # Errors
/// It is another one.
pub(crate) fn allows<R: Row>(expected: &Expected, row: &R) -> Result<(), Error> {
    expected.allows(&format!("{} `{}`", R::WHAT, row.names().1), Some(&tag(row)))
}

/// There is none with this id in the tenant.
pub(crate) fn missing<R: Row>(id: &str) -> Error {
    Error::not_found(format_args!("{} `{}`", R::WHAT, akao_contract::shortened(id.to_owned(), 40)))
}

/// What was decided, from its text.
pub(crate) fn read<S: DeserializeOwned>(spec: &str) -> Result<S, Error> {
    serde_json::from_str(spec).map_err(|error| Error::internal(&error))
}

/// One change by a person: the row with the next revision, and a line of the audit.
pub(crate) fn changed<R: Row>(
    work: &Work<'_>,
    actor: &Actor,
    (id, expected): (&str, Option<&Expected>),
    (now_ms, what): (i64, &str),
    change: impl FnOnce(&Work<'_>, &mut R) -> Result<(), Error>,
) -> Result<R, Error> {
    let mut row = R::get(work, &actor.tenant, id)?.ok_or_else(|| missing::<R>(id))?;
    if let Some(expected) = expected {
        expected.meets(&format!("{} `{}`", R::WHAT, row.names().1), Some(&tag(&row)))?;
    }
    change(work, &mut row)?;
    row.count_change(now_ms);
    if !row.update(work, &actor.tenant)? {
        return Err(Error::new(Code::Changed, format!("the {} was changed meanwhile", R::WHAT)));
    }
    let (id, name, _) = row.names();
    actor.record(work, now_ms, what, json!({(R::WHAT): id, "name": name}))?;
    Ok(row)
}

/// How long the secret before counts beside the new one, in seconds: a day, unless said, and a week at most.
const OVERLAP_S_USUAL: u32 = 86_400;
const OVERLAP_S_MAX: u32 = 7 * 86_400;

/// How the secret of a hook or webhook is replaced.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rotation {
    /// How long the present one counts beside the new one, in seconds.
    pub overlap_s: Option<u32>,
    /// Whether one that was replaced before, and still counts, ends now.
    pub replaces_old: bool,
}

/// A secret that is replaced.
pub(crate) struct Replaced {
    now_ms: i64,
    /// Until when it counts; none when it does not at all.
    until_ms: Option<i64>,
    replaces_old: bool,
}

impl Rotation {
    /// What is replaced now.
    ///
    /// # Errors
    /// It is to count for too long.
    pub(crate) fn begin(self, now_ms: i64) -> Result<Replaced, Error> {
        let until_ms = match self.overlap_s.unwrap_or(OVERLAP_S_USUAL) {
            0 => None,
            seconds if seconds > OVERLAP_S_MAX => {
                return Err(Error::invalid(format!("`overlap_s` is at most {OVERLAP_S_MAX}")));
            }
            seconds => Some(now_ms.saturating_add(i64::from(seconds) * 1_000)),
        };
        Ok(Replaced { now_ms, until_ms, replaces_old: self.replaces_old })
    }
}

impl Replaced {
    /// Refuses to end one that was promised to count for longer: there is a place for one beside the present one.
    pub(crate) fn allows(&self, old_until_ms: Option<i64>) -> Result<(), Error> {
        match old_until_ms.filter(|until| self.now_ms < *until && !self.replaces_old) {
            None => Ok(()),
            Some(until) => {
                let message = format!("the secret before the present one counts until {}", timestamp(until));
                Err(Error::new(Code::Conflict, message)
                    .hint("Wait until then, or say `\"replace_old\": true`, which ends it now."))
            }
        }
    }

    /// The present one of the secrets that count, sealed, and until when it counts beside the new one.
    pub(crate) fn seal(
        &self,
        secrets: Vec<Secret>,
        seal: impl FnOnce(&str) -> Result<String, StoreError>,
    ) -> Result<(Option<String>, Option<i64>), Error> {
        match (secrets.into_iter().next(), self.until_ms) {
            (Some(secret), Some(until_ms)) => Ok((Some(seal(secret.expose())?), Some(until_ms))),
            _ => Ok((None, None)),
        }
    }
}
