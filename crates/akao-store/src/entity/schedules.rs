//! Schedules and what became of their times. A time and the move to the next one are written together, so that none is lost
//! and none comes twice.

use crate::{Row, Scoped, StoreError, Value};

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// When and what, as JSON that its owner decided.
    pub spec: String,
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
    /// When it was changed last by people.
    pub changed_ms: i64,
    /// Its next time.
    pub next_ms: Option<i64>,
    /// When that is acted on: the time and its jitter. None while it is not active.
    pub due_ms: Option<i64>,
}

/// A time of a schedule that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fire {
    /// The key under which its execution is started, whatever happens in between.
    pub key: String,
    /// The schedule.
    pub schedule: String,
    /// The time, in Unix milliseconds.
    pub nominal_ms: i64,
    /// `planned`, `waiting`, `started`, `skipped` or `refused`.
    pub state: String,
    /// What is to be started, as JSON; empty once it is known what became of it.
    pub request: String,
    /// What was started.
    pub execution: Option<String>,
    /// Why nothing was.
    pub reason: Option<String>,
    /// When it was written, in Unix milliseconds.
    pub at_ms: i64,
}

/// The schedules of a tenant.
pub struct Schedules<'a>(pub(crate) Scoped<'a>);

const COLUMNS: &str =
    "id, name, spec, account, permissions, state, reason, revision, created_ms, changed_ms, next_ms, due_ms";

const FIRE: &str = "key, schedule, nominal_ms, state, request, execution, reason, at_ms";

impl Schedules<'_> {
    /// Adds one.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn insert(&self, row: &Schedule) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO schedule (tenant, {COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        );
        self.0.execute(&sql, values(row)).map(drop)
    }

    /// How many there are.
    pub fn count(&self) -> Result<i64, StoreError> {
        let row = self.0.one("schedule", "SELECT count(*) FROM schedule WHERE tenant = ?1", [])?;
        row.map_or(Ok(0), |row| row.integer(0))
    }

    /// At most `limit` after the one with the id `after`.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<Schedule>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM schedule WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
        self.0.query("schedule", &sql, [after.into(), limit.into()])?.iter().map(schedule).collect()
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Result<Option<Schedule>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM schedule WHERE tenant = ?1 AND id = ?2");
        self.0.one("schedule", &sql, [id.into()])?.as_ref().map(schedule).transpose()
    }

    /// Changes one that has still the revision before; false when it has another.
    pub fn update(&self, row: &Schedule) -> Result<bool, StoreError> {
        let sql = "UPDATE schedule SET name = ?3, spec = ?4, account = ?5, permissions = ?6, state = ?7, reason = ?8,
          revision = ?9, created_ms = ?10, changed_ms = ?11, next_ms = ?12, due_ms = ?13
          WHERE tenant = ?1 AND id = ?2 AND revision = ?9 - 1";
        Ok(self.0.execute(sql, values(row))? > 0)
    }

    /// Takes one away with its times.
    pub fn delete(&self, id: &str) -> Result<bool, StoreError> {
        self.0.execute("DELETE FROM schedule_fire WHERE tenant = ?1 AND schedule = ?2", [id.into()])?;
        Ok(self.0.execute("DELETE FROM schedule WHERE tenant = ?1 AND id = ?2", [id.into()])? > 0)
    }

    /// The ids of those whose time has come.
    pub fn due(&self, now_ms: i64) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id FROM schedule WHERE tenant = ?1 AND due_ms <= ?2 ORDER BY due_ms, id";
        self.0.query("schedule", sql, [now_ms.into()])?.iter().map(|row| row.text(0)).collect()
    }

    /// Whether a time has come, or one is open.
    pub fn has_work(&self, now_ms: i64) -> Result<bool, StoreError> {
        let due = "SELECT id FROM schedule WHERE tenant = ?1 AND due_ms <= ?2 LIMIT 1";
        let open = "SELECT key FROM schedule_fire WHERE tenant = ?1 AND state IN ('planned', 'waiting') LIMIT 1";
        Ok(self.0.one("schedule", due, [now_ms.into()])?.is_some() || self.0.one("schedule_fire", open, [])?.is_some())
    }

    /// When the next one after a time is due.
    pub fn earliest(&self, after_ms: i64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT min(due_ms) FROM schedule WHERE tenant = ?1 AND due_ms > ?2";
        let row = self.0.one("schedule", sql, [after_ms.into()])?;
        row.map_or(Ok(None), |row| row.integer_if_any(0))
    }

    /// Moves one on to its next time.
    pub fn move_on(&self, id: &str, next_ms: Option<i64>, due_ms: Option<i64>) -> Result<(), StoreError> {
        let sql = "UPDATE schedule SET next_ms = ?3, due_ms = ?4 WHERE tenant = ?1 AND id = ?2";
        self.0.execute(sql, [id.into(), next_ms.into(), due_ms.into()]).map(drop)
    }

    /// Stops one, and says why.
    pub fn stop(&self, id: &str, reason: &str) -> Result<(), StoreError> {
        let sql = "UPDATE schedule SET state = 'stopped', reason = ?3, next_ms = NULL, due_ms = NULL
          WHERE tenant = ?1 AND id = ?2";
        self.0.execute(sql, [id.into(), reason.into()]).map(drop)
    }

    /// Writes down that a time has come; false when that is known already.
    pub fn insert_fire(&self, fire: &Fire) -> Result<bool, StoreError> {
        let sql = format!(
            "INSERT INTO schedule_fire (tenant, {FIRE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO NOTHING"
        );
        let values = [
            (&fire.key).into(),
            (&fire.schedule).into(),
            fire.nominal_ms.into(),
            (&fire.state).into(),
            (&fire.request).into(),
            fire.execution.as_ref().into(),
            fire.reason.as_ref().into(),
            fire.at_ms.into(),
        ];
        Ok(self.0.execute(&sql, values)? > 0)
    }

    /// Says what became of a time.
    pub fn settle_fire(
        &self,
        key: &str,
        state: &str,
        execution: Option<&str>,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE schedule_fire SET state = ?3, execution = ?4, reason = ?5,
          request = CASE WHEN ?3 IN ('planned', 'waiting') THEN request ELSE '' END WHERE tenant = ?1 AND key = ?2";
        self.0.execute(sql, [key.into(), state.into(), execution.into(), reason.into()]).map(drop)
    }

    /// Skips the times of a schedule of which it is not known yet what became of them.
    pub fn skip_open(&self, schedule: &str, reason: &str) -> Result<(), StoreError> {
        let sql = "UPDATE schedule_fire SET state = 'skipped', reason = ?3, request = ''
          WHERE tenant = ?1 AND schedule = ?2 AND state IN ('planned', 'waiting')";
        self.0.execute(sql, [schedule.into(), reason.into()]).map(drop)
    }

    /// The keys of at most `limit` times that are to be acted on, in their order.
    pub fn planned(&self, limit: i64) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT key FROM schedule_fire WHERE tenant = ?1 AND state = 'planned'
          ORDER BY nominal_ms, key LIMIT ?2";
        self.0.query("schedule_fire", sql, [limit.into()])?.iter().map(|row| row.text(0)).collect()
    }

    /// At most `limit` schedules after one of which times wait, with the first of those times.
    pub fn waiting(&self, after: &str, limit: i64) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT schedule, min(nominal_ms) FROM schedule_fire WHERE tenant = ?1 AND schedule > ?2
          AND state = 'waiting' AND state IN ('planned', 'waiting') GROUP BY schedule ORDER BY schedule LIMIT ?3";
        let rows = self.0.query("schedule_fire", sql, [after.into(), limit.into()])?;
        rows.iter().map(|row| Ok((row.text(0)?, row.integer(1)?))).collect()
    }

    /// How many times of a schedule wait, and the first of them.
    pub fn waiting_of(&self, schedule: &str) -> Result<(i64, Option<i64>), StoreError> {
        let sql = "SELECT count(*), min(nominal_ms) FROM schedule_fire WHERE tenant = ?1 AND schedule = ?2
          AND state = 'waiting' AND state IN ('planned', 'waiting')";
        let row = self.0.one("schedule_fire", sql, [schedule.into()])?;
        row.map_or(Ok((0, None)), |row| Ok((row.integer(0)?, row.integer_if_any(1)?)))
    }

    /// How many times of a schedule are open.
    pub fn open_of(&self, schedule: &str) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM schedule_fire WHERE tenant = ?1 AND schedule = ?2
          AND state IN ('planned', 'waiting')";
        let row = self.0.one("schedule_fire", sql, [schedule.into()])?;
        row.map_or(Ok(0), |row| row.integer(0))
    }

    /// One time.
    pub fn fire(&self, key: &str) -> Result<Option<Fire>, StoreError> {
        let sql = format!("SELECT {FIRE} FROM schedule_fire WHERE tenant = ?1 AND key = ?2");
        self.0.one("schedule_fire", &sql, [key.into()])?.as_ref().map(fire).transpose()
    }

    /// At most `limit` times of a schedule before a time, newest first.
    pub fn fires(&self, schedule: &str, before_ms: i64, limit: i64) -> Result<Vec<Fire>, StoreError> {
        let sql = format!(
            "SELECT {FIRE} FROM schedule_fire WHERE tenant = ?1 AND schedule = ?2 AND nominal_ms < ?3
             ORDER BY nominal_ms DESC LIMIT ?4"
        );
        let rows = self.0.query("schedule_fire", &sql, [schedule.into(), before_ms.into(), limit.into()])?;
        rows.iter().map(fire).collect()
    }

    /// What a schedule has started last.
    pub fn last_started(&self, schedule: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT execution FROM schedule_fire WHERE tenant = ?1 AND schedule = ?2 AND execution IS NOT NULL
          ORDER BY nominal_ms DESC LIMIT 1";
        let row = self.0.one("schedule_fire", sql, [schedule.into()])?;
        row.map_or(Ok(None), |row| row.text_if_any(0))
    }

    /// Forgets times after one for which nothing was started, and nothing is to be.
    pub fn forget_ahead(&self, schedule: &str, after_ms: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM schedule_fire WHERE tenant = ?1 AND schedule = ?2 AND nominal_ms > ?3
          AND state IN ('skipped', 'refused') AND execution IS NULL";
        self.0.execute(sql, [schedule.into(), after_ms.into()]).map(drop)
    }

    /// Forgets times before one of which it is known since before it what became of them: what is told after a long absence stays
    /// as long as anything else.
    pub fn forget_fires(&self, schedule: &str, before_ms: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM schedule_fire WHERE tenant = ?1 AND schedule = ?2 AND nominal_ms < ?3 AND at_ms < ?3
          AND state IN ('started', 'skipped', 'refused')";
        self.0.execute(sql, [schedule.into(), before_ms.into()]).map(drop)
    }
}

fn values(row: &Schedule) -> [Value; 12] {
    [
        (&row.id).into(),
        (&row.name).into(),
        (&row.spec).into(),
        (&row.account).into(),
        (&row.permissions).into(),
        (&row.state).into(),
        row.reason.as_ref().into(),
        row.revision.into(),
        row.created_ms.into(),
        row.changed_ms.into(),
        row.next_ms.into(),
        row.due_ms.into(),
    ]
}

fn schedule(row: &Row) -> Result<Schedule, StoreError> {
    Ok(Schedule {
        id: row.text(0)?,
        name: row.text(1)?,
        spec: row.text(2)?,
        account: row.text(3)?,
        permissions: row.text(4)?,
        state: row.text(5)?,
        reason: row.text_if_any(6)?,
        revision: row.integer(7)?,
        created_ms: row.integer(8)?,
        changed_ms: row.integer(9)?,
        next_ms: row.integer_if_any(10)?,
        due_ms: row.integer_if_any(11)?,
    })
}

fn fire(row: &Row) -> Result<Fire, StoreError> {
    Ok(Fire {
        key: row.text(0)?,
        schedule: row.text(1)?,
        nominal_ms: row.integer(2)?,
        state: row.text(3)?,
        request: row.text(4)?,
        execution: row.text_if_any(5)?,
        reason: row.text_if_any(6)?,
        at_ms: row.integer(7)?,
    })
}
