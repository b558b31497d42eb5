//! Webhooks: addresses of others that are told of executions, and every delivery to them.

use crate::{Row, Scoped, SealedColumn, StoreError, Value};

/// The secret by which deliveries of a webhook are signed.
pub(crate) const WEBHOOK_SECRET: SealedColumn = SealedColumn { table: "webhook", column: "secret", row: "id" };

/// The one before it, while both count.
pub(crate) const WEBHOOK_OLD_SECRET: SealedColumn = SealedColumn { table: "webhook", column: "old_secret", row: "id" };

/// What was decided: the path of an address is often all that keeps others from it.
pub(crate) const WEBHOOK_SPEC: SealedColumn = SealedColumn { table: "webhook", column: "spec", row: "id" };

/// A webhook. Its secrets are sealed; what was decided is so in the database alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Where and of what, as JSON that its owner decided.
    pub spec: String,
    /// The sealed secret.
    pub secret: String,
    /// The sealed secret before it.
    pub old_secret: Option<String>,
    /// Until when that one counts, in Unix milliseconds.
    pub old_until_ms: Option<i64>,
    /// Who made it.
    pub account: String,
    /// `active`, `paused` or `disabled`.
    pub state: String,
    /// Why it is disabled.
    pub reason: Option<String>,
    /// Since when no delivery has succeeded, in Unix milliseconds; none while they do.
    pub failing_since_ms: Option<i64>,
    /// What is told is behind this place of the journal.
    pub since_lsn: i64,
    /// What happened after this moment is told, in Unix milliseconds. A place of the journal does not say it, because places are
    /// given anew when the last events were pruned.
    pub since_ms: i64,
    /// Counts its changes by people.
    pub revision: i64,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// When it was changed last.
    pub changed_ms: i64,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, the same in each attempt.
    pub id: String,
    /// The webhook.
    pub webhook: String,
    /// The event's name.
    pub event: String,
    /// What it is about: an execution, or a task.
    pub subject: String,
    /// What is sent.
    pub body: String,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// Attempts that were made.
    pub attempts: i64,
    /// When the next one is due, in Unix milliseconds.
    pub due_ms: Option<i64>,
    /// The status of the last answer.
    pub status: Option<i64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// When the last attempt was made.
    pub tried_ms: Option<i64>,
}

/// The webhooks of a tenant.
pub struct Webhooks<'a>(pub(crate) Scoped<'a>);

const COLUMNS: &str = "id, name, spec, secret, old_secret, old_until_ms, account, state, reason, failing_since_ms,
  since_lsn, revision, created_ms, changed_ms, since_ms";

const DELIVERY: &str =
    "id, webhook, event, subject, body, state, attempts, due_ms, status, error, created_ms, tried_ms";

impl Webhooks<'_> {
    /// Seals a secret of a webhook.
    ///
    /// # Errors
    /// The database failed, or there is no key; so for all below.
    pub fn seal(&self, id: &str, secret: &str) -> Result<String, StoreError> {
        self.0.seal(&WEBHOOK_SECRET, id, secret)
    }

    /// Seals the secret that is replaced.
    pub fn seal_old(&self, id: &str, secret: &str) -> Result<String, StoreError> {
        self.0.seal(&WEBHOOK_OLD_SECRET, id, secret)
    }

    /// The secrets that count now, the present one first.
    pub fn secrets(&self, row: &Webhook, now_ms: i64) -> Result<Vec<akao_step::Secret>, StoreError> {
        let mut secrets = vec![self.0.open(&WEBHOOK_SECRET, &row.id, &row.secret)?];
        if let Some(old) = row.old_secret.as_ref().filter(|_| row.old_until_ms.is_some_and(|until| now_ms < until)) {
            secrets.push(self.0.open(&WEBHOOK_OLD_SECRET, &row.id, old)?);
        }
        Ok(secrets)
    }

    /// Adds one.
    pub fn insert(&self, row: &Webhook) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO webhook (tenant, {COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        );
        self.0.execute(&sql, self.values(row)?).map(drop)
    }

    /// How many there are.
    pub fn count(&self) -> Result<i64, StoreError> {
        let row = self.0.one("webhook", "SELECT count(*) FROM webhook WHERE tenant = ?1", [])?;
        row.map_or(Ok(0), |row| row.integer(0))
    }

    /// At most `limit` after the one with the id `after`.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<Webhook>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM webhook WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
        let rows = self.0.query("webhook", &sql, [after.into(), limit.into()])?;
        rows.iter().map(|row| self.opened(webhook(row)?)).collect()
    }

    /// Those that are told of what happens. One whose decision does not open is given as it is stored: it is none of the others'
    /// trouble.
    pub fn active(&self) -> Result<Vec<Webhook>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM webhook WHERE tenant = ?1 AND state = 'active' ORDER BY id");
        let readable = |row: &Row| {
            let row = webhook(row)?;
            match self.opened(row.clone()) {
                Err(StoreError::Sealed { .. }) => Ok(row),
                opened => opened,
            }
        };
        self.0.query("webhook", &sql, [])?.iter().map(readable).collect()
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Result<Option<Webhook>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM webhook WHERE tenant = ?1 AND id = ?2");
        self.0.one("webhook", &sql, [id.into()])?.map(|row| self.opened(webhook(&row)?)).transpose()
    }

    /// Changes one that has still the revision before; false when it has another.
    pub fn update(&self, row: &Webhook) -> Result<bool, StoreError> {
        let sql =
            "UPDATE webhook SET name = ?3, spec = ?4, secret = ?5, old_secret = ?6, old_until_ms = ?7, account = ?8,
          state = ?9, reason = ?10, failing_since_ms = ?11, since_lsn = ?12, revision = ?13, created_ms = ?14,
          changed_ms = ?15, since_ms = ?16 WHERE tenant = ?1 AND id = ?2 AND revision = ?13 - 1";
        Ok(self.0.execute(sql, self.values(row)?)? > 0)
    }

    /// Seals what was written before it was sealed.
    pub(crate) fn seal_plain(&self) -> Result<(), StoreError> {
        let sql = "SELECT id, spec FROM webhook WHERE tenant = ?1 AND spec LIKE '{%'";
        for row in self.0.query("webhook", sql, [])? {
            let id = row.text(0)?;
            let sealed = self.0.seal(&WEBHOOK_SPEC, &id, &row.text(1)?)?;
            let sql = "UPDATE webhook SET spec = ?3 WHERE tenant = ?1 AND id = ?2";
            self.0.execute(sql, [(&id).into(), (&sealed).into()])?;
        }
        Ok(())
    }

    fn opened(&self, row: Webhook) -> Result<Webhook, StoreError> {
        let spec = self.0.open(&WEBHOOK_SPEC, &row.id, &row.spec)?.expose().to_owned();
        Ok(Webhook { spec, ..row })
    }

    fn values(&self, row: &Webhook) -> Result<[Value; 15], StoreError> {
        let spec = self.0.seal(&WEBHOOK_SPEC, &row.id, &row.spec)?;
        Ok([
            (&row.id).into(),
            (&row.name).into(),
            (&spec).into(),
            (&row.secret).into(),
            row.old_secret.as_ref().into(),
            row.old_until_ms.into(),
            (&row.account).into(),
            (&row.state).into(),
            row.reason.as_ref().into(),
            row.failing_since_ms.into(),
            row.since_lsn.into(),
            row.revision.into(),
            row.created_ms.into(),
            row.changed_ms.into(),
            row.since_ms.into(),
        ])
    }

    /// Since when no delivery has succeeded, if one of them is there with that id; nothing of it is opened.
    pub fn failing_since(&self, id: &str) -> Result<Option<Option<i64>>, StoreError> {
        let sql = "SELECT failing_since_ms FROM webhook WHERE tenant = ?1 AND id = ?2";
        self.0.one("webhook", sql, [id.into()])?.map(|row| row.integer_if_any(0)).transpose()
    }

    /// Notes since when no delivery has succeeded.
    pub fn set_failing(&self, id: &str, since_ms: Option<i64>) -> Result<(), StoreError> {
        let sql = "UPDATE webhook SET failing_since_ms = ?3 WHERE tenant = ?1 AND id = ?2";
        self.0.execute(sql, [id.into(), since_ms.into()]).map(drop)
    }

    /// Disables one that is active and was not changed since, and says why; false when it is not that any more.
    pub fn disable(&self, id: &str, revision: i64, reason: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE webhook SET state = 'disabled', reason = ?3
                   WHERE tenant = ?1 AND id = ?2 AND revision = ?4 AND state = 'active'";
        Ok(self.0.execute(sql, [id.into(), reason.into(), revision.into()])? > 0)
    }

    /// Takes one away with its deliveries.
    pub fn delete(&self, id: &str) -> Result<bool, StoreError> {
        self.0.execute("DELETE FROM webhook_delivery WHERE tenant = ?1 AND webhook = ?2", [id.into()])?;
        Ok(self.0.execute("DELETE FROM webhook WHERE tenant = ?1 AND id = ?2", [id.into()])? > 0)
    }

    /// Adds a delivery; false when there is one of the same event already.
    pub fn insert_delivery(&self, row: &Delivery) -> Result<bool, StoreError> {
        let sql = format!(
            "INSERT INTO webhook_delivery (tenant, {DELIVERY})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING"
        );
        let values: [Value; 12] = [
            (&row.id).into(),
            (&row.webhook).into(),
            (&row.event).into(),
            (&row.subject).into(),
            (&row.body).into(),
            (&row.state).into(),
            row.attempts.into(),
            row.due_ms.into(),
            row.status.into(),
            row.error.as_ref().into(),
            row.created_ms.into(),
            row.tried_ms.into(),
        ];
        Ok(self.0.execute(&sql, values)? > 0)
    }

    /// Says how an attempt ended.
    pub fn settle_delivery(&self, row: &Delivery) -> Result<(), StoreError> {
        let sql = "UPDATE webhook_delivery SET state = ?3, attempts = ?4, due_ms = ?5, status = ?6, error = ?7,
          tried_ms = ?8 WHERE tenant = ?1 AND id = ?2";
        let values: [Value; 7] = [
            (&row.id).into(),
            (&row.state).into(),
            row.attempts.into(),
            row.due_ms.into(),
            row.status.into(),
            row.error.as_ref().into(),
            row.tried_ms.into(),
        ];
        self.0.execute(sql, values).map(drop)
    }

    /// The delivery of a webhook that is due before all others of it.
    pub fn next_delivery(&self, webhook: &str) -> Result<Option<Delivery>, StoreError> {
        let sql = format!(
            "SELECT {DELIVERY} FROM webhook_delivery WHERE tenant = ?1 AND webhook = ?2 AND due_ms IS NOT NULL
             ORDER BY due_ms, id LIMIT 1"
        );
        self.0.one("webhook_delivery", &sql, [webhook.into()])?.as_ref().map(delivery).transpose()
    }

    /// At most `limit` deliveries of a webhook before the one with the id `before`, newest first.
    pub fn deliveries(
        &self,
        webhook: &str,
        state: Option<&str>,
        before: &str,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let sql = format!(
            "SELECT {DELIVERY} FROM webhook_delivery WHERE tenant = ?1 AND webhook = ?2 AND id < ?3
             AND (?5 = '' OR state = ?5) ORDER BY id DESC LIMIT ?4"
        );
        // PostgreSQL cannot tell what a value is that is compared with nothing else.
        let values = [webhook.into(), before.into(), limit.into(), state.unwrap_or_default().into()];
        self.0.query("webhook_delivery", &sql, values)?.iter().map(delivery).collect()
    }

    /// One of them.
    pub fn delivery(&self, webhook: &str, id: &str) -> Result<Option<Delivery>, StoreError> {
        let sql = format!("SELECT {DELIVERY} FROM webhook_delivery WHERE tenant = ?1 AND webhook = ?2 AND id = ?3");
        let row = self.0.one("webhook_delivery", &sql, [webhook.into(), id.into()])?;
        row.as_ref().map(delivery).transpose()
    }

    /// Forgets deliveries that are over and were made before a time.
    pub fn forget_deliveries(&self, before_ms: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM webhook_delivery WHERE tenant = ?1 AND created_ms < ?2 AND state <> 'pending'";
        self.0.execute(sql, [before_ms.into()]).map(drop)
    }
}

fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: row.text(0)?,
        name: row.text(1)?,
        spec: row.text(2)?,
        secret: row.text(3)?,
        old_secret: row.text_if_any(4)?,
        old_until_ms: row.integer_if_any(5)?,
        account: row.text(6)?,
        state: row.text(7)?,
        reason: row.text_if_any(8)?,
        failing_since_ms: row.integer_if_any(9)?,
        since_lsn: row.integer(10)?,
        revision: row.integer(11)?,
        created_ms: row.integer(12)?,
        changed_ms: row.integer(13)?,
        since_ms: row.integer_if_any(14)?.map_or_else(|| row.integer(12), Ok)?,
    })
}

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.text(0)?,
        webhook: row.text(1)?,
        event: row.text(2)?,
        subject: row.text(3)?,
        body: row.text(4)?,
        state: row.text(5)?,
        attempts: row.integer(6)?,
        due_ms: row.integer_if_any(7)?,
        status: row.integer_if_any(8)?,
        error: row.text_if_any(9)?,
        created_ms: row.integer(10)?,
        tried_ms: row.integer_if_any(11)?,
    })
}
