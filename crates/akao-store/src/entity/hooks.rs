//! Hooks: addresses at which others start executions, and the messages that came there.

use crate::{Row, Scoped, SealedColumn, StoreError, Value};

/// The secret by which messages of a hook are signed.
pub(crate) const HOOK_SECRET: SealedColumn = SealedColumn { table: "hook", column: "secret", row: "id" };

/// The one before it, while both count.
pub(crate) const HOOK_OLD_SECRET: SealedColumn = SealedColumn { table: "hook", column: "old_secret", row: "id" };

/// A hook. Its secrets are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its id, which stands in its address.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it starts, as JSON that its owner decided.
    pub spec: String,
    /// The sealed secret.
    pub secret: String,
    /// The sealed secret before it.
    pub old_secret: Option<String>,
    /// Until when that one counts, in Unix milliseconds.
    pub old_until_ms: Option<i64>,
    /// In whose name it starts.
    pub account: String,
    /// What that person could do when it was decided, separated by blanks.
    pub permissions: String,
    /// `active`, `paused` or `stopped`.
    pub state: String,
    /// Why it stopped.
    pub reason: Option<String>,
    /// Counts its changes by people.
    pub revision: i64,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// When it was changed last.
    pub changed_ms: i64,
}

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookMessage {
    /// When its sender says that it was sent; the same again is a copy.
    pub stamp: String,
    /// What it started.
    pub execution: Option<String>,
}

/// The hooks of a tenant.
pub struct Hooks<'a>(pub(crate) Scoped<'a>);

const COLUMNS: &str = "id, name, spec, secret, old_secret, old_until_ms, account, permissions, state, reason, revision,
  created_ms, changed_ms";

impl Hooks<'_> {
    /// Seals a secret of a hook.
    ///
    /// # Errors
    /// The database failed, or there is no key; so for all below.
    pub fn seal(&self, id: &str, secret: &str) -> Result<String, StoreError> {
        self.0.seal(&HOOK_SECRET, id, secret)
    }

    /// Seals the secret that is replaced.
    pub fn seal_old(&self, id: &str, secret: &str) -> Result<String, StoreError> {
        self.0.seal(&HOOK_OLD_SECRET, id, secret)
    }

    /// The secrets that count now, the present one first.
    pub fn secrets(&self, hook: &Hook, now_ms: i64) -> Result<Vec<akao_step::Secret>, StoreError> {
        let mut secrets = vec![self.0.open(&HOOK_SECRET, &hook.id, &hook.secret)?];
        if let Some(old) = hook.old_secret.as_ref().filter(|_| hook.old_until_ms.is_some_and(|until| now_ms < until)) {
            secrets.push(self.0.open(&HOOK_OLD_SECRET, &hook.id, old)?);
        }
        Ok(secrets)
    }

    /// Adds one.
    pub fn insert(&self, row: &Hook) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO hook (tenant, {COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        );
        self.0.execute(&sql, values(row)).map(drop)
    }

    /// How many there are.
    pub fn count(&self) -> Result<i64, StoreError> {
        let row = self.0.one("hook", "SELECT count(*) FROM hook WHERE tenant = ?1", [])?;
        row.map_or(Ok(0), |row| row.integer(0))
    }

    /// At most `limit` after the one with the id `after`.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<Hook>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM hook WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
        self.0.query("hook", &sql, [after.into(), limit.into()])?.iter().map(hook).collect()
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Result<Option<Hook>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM hook WHERE tenant = ?1 AND id = ?2");
        self.0.one("hook", &sql, [id.into()])?.as_ref().map(hook).transpose()
    }

    /// Changes one that has still the revision before; false when it has another.
    pub fn update(&self, row: &Hook) -> Result<bool, StoreError> {
        let sql = "UPDATE hook SET name = ?3, spec = ?4, secret = ?5, old_secret = ?6, old_until_ms = ?7, account = ?8,
          permissions = ?9, state = ?10, reason = ?11, revision = ?12, created_ms = ?13, changed_ms = ?14
          WHERE tenant = ?1 AND id = ?2 AND revision = ?12 - 1";
        Ok(self.0.execute(sql, values(row))? > 0)
    }

    /// Stops one, and says why.
    pub fn stop(&self, id: &str, reason: &str) -> Result<(), StoreError> {
        let sql = "UPDATE hook SET state = 'stopped', reason = ?3 WHERE tenant = ?1 AND id = ?2";
        self.0.execute(sql, [id.into(), reason.into()]).map(drop)
    }

    /// Takes one away with its messages.
    pub fn delete(&self, id: &str) -> Result<bool, StoreError> {
        self.0.execute("DELETE FROM hook_message WHERE tenant = ?1 AND hook = ?2", [id.into()])?;
        Ok(self.0.execute("DELETE FROM hook WHERE tenant = ?1 AND id = ?2", [id.into()])? > 0)
    }

    /// Writes down that a message came; the message that was there already, if it was.
    pub fn take_message(
        &self,
        hook: &str,
        message: &str,
        stamp: &str,
        at_ms: i64,
    ) -> Result<Option<HookMessage>, StoreError> {
        let sql = "INSERT INTO hook_message (tenant, hook, message, stamp, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
          ON CONFLICT DO NOTHING";
        if self.0.execute(sql, [hook.into(), message.into(), stamp.into(), at_ms.into()])? > 0 {
            return Ok(None);
        }
        let sql = "SELECT stamp, execution FROM hook_message WHERE tenant = ?1 AND hook = ?2 AND message = ?3";
        let row = self.0.one("hook_message", sql, [hook.into(), message.into()])?;
        row.map(|row| Ok(HookMessage { stamp: row.text(0)?, execution: row.text_if_any(1)? })).transpose()
    }

    /// Says what a message has started.
    pub fn settle_message(&self, hook: &str, message: &str, execution: &str) -> Result<(), StoreError> {
        let sql = "UPDATE hook_message SET execution = ?4 WHERE tenant = ?1 AND hook = ?2 AND message = ?3";
        self.0.execute(sql, [hook.into(), message.into(), execution.into()]).map(drop)
    }

    /// Forgets messages that came before a time, and of the others all but the last ones, `max` about.
    pub fn forget_messages(&self, hook: &str, before_ms: i64, max: i64) -> Result<(), StoreError> {
        let beyond = "SELECT at_ms FROM hook_message WHERE tenant = ?1 AND hook = ?2
          ORDER BY at_ms DESC LIMIT 1 OFFSET ?3";
        let beyond = self.0.one("hook_message", beyond, [hook.into(), max.into()])?;
        // Those of the same moment stay.
        let before_ms = beyond.map_or(Ok(before_ms), |row| Ok::<_, StoreError>(row.integer(0)?.max(before_ms)))?;
        let sql = "DELETE FROM hook_message WHERE tenant = ?1 AND hook = ?2 AND at_ms < ?3";
        self.0.execute(sql, [hook.into(), before_ms.into()]).map(drop)
    }
}

fn values(row: &Hook) -> [Value; 13] {
    [
        (&row.id).into(),
        (&row.name).into(),
        (&row.spec).into(),
        (&row.secret).into(),
        row.old_secret.as_ref().into(),
        row.old_until_ms.into(),
        (&row.account).into(),
        (&row.permissions).into(),
        (&row.state).into(),
        row.reason.as_ref().into(),
        row.revision.into(),
        row.created_ms.into(),
        row.changed_ms.into(),
    ]
}

fn hook(row: &Row) -> Result<Hook, StoreError> {
    Ok(Hook {
        id: row.text(0)?,
        name: row.text(1)?,
        spec: row.text(2)?,
        secret: row.text(3)?,
        old_secret: row.text_if_any(4)?,
        old_until_ms: row.integer_if_any(5)?,
        account: row.text(6)?,
        permissions: row.text(7)?,
        state: row.text(8)?,
        reason: row.text_if_any(9)?,
        revision: row.integer(10)?,
        created_ms: row.integer(11)?,
        changed_ms: row.integer(12)?,
    })
}
