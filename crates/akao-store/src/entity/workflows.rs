//! Workflows and their versions. A version is never changed; a workflow changes by getting a version more, and only when
//! nobody else added one meanwhile.

use crate::{Row, Scoped, StoreError, Value};

/// A workflow: a name and its latest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Its id, as the definition names it.
    pub id: String,
    /// Its name for people.
    pub name: Option<String>,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// When its latest version was made.
    pub changed_ms: i64,
    /// Its latest version, without source and bundle.
    pub latest: WorkflowVersion,
}

/// A version of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowVersion {
    /// Its number, from 1.
    pub number: i64,
    /// Its version, as the definition names it.
    pub version: String,
    /// The digest of the definition, with what it starts.
    pub digest: String,
    /// Who made it.
    pub created_by: String,
    /// When, in Unix milliseconds.
    pub created_ms: i64,
}

/// A version to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// The workflow's id.
    pub workflow: String,
    /// The workflow's name for people.
    pub name: Option<String>,
    /// The version.
    pub version: WorkflowVersion,
    /// The text that was given.
    pub source: String,
    /// What is run, as JSON.
    pub bundle: String,
}

/// The workflows of a tenant.
pub struct Workflows<'a>(pub(crate) Scoped<'a>);

const WORKFLOW: &str = "SELECT w.id, w.name, w.created_ms, w.changed_ms, v.number, v.version, v.digest, v.created_by,
  v.created_ms FROM workflow w JOIN workflow_version v
  ON v.tenant = w.tenant AND v.workflow = w.id AND v.number = w.latest WHERE w.tenant = ?1";

const VERSION: &str = "SELECT number, version, digest, created_by, created_ms FROM workflow_version
  WHERE tenant = ?1 AND workflow = ?2";

impl Workflows<'_> {
    /// At most `limit` workflows after the one with the id `after`.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<Workflow>, StoreError> {
        let sql = format!("{WORKFLOW} AND w.id > ?2 ORDER BY w.id LIMIT ?3");
        self.0.query("workflow", &sql, [after.into(), limit.into()])?.iter().map(workflow).collect()
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Result<Option<Workflow>, StoreError> {
        self.0.one("workflow", &format!("{WORKFLOW} AND w.id = ?2"), [id.into()])?.as_ref().map(workflow).transpose()
    }

    /// At most `limit` versions of a workflow before the number `before`, newest first.
    pub fn versions(&self, id: &str, before: i64, limit: i64) -> Result<Vec<WorkflowVersion>, StoreError> {
        let sql = format!("{VERSION} AND number < ?3 ORDER BY number DESC LIMIT ?4");
        let rows = self.0.query("workflow_version", &sql, [id.into(), before.into(), limit.into()])?;
        rows.iter().map(|row| version(row, 0)).collect()
    }

    /// A version by its name, such as `1.2.0`.
    pub fn version(&self, id: &str, name: &str) -> Result<Option<WorkflowVersion>, StoreError> {
        let sql = format!("{VERSION} AND version = ?3");
        let row = self.0.one("workflow_version", &sql, [id.into(), name.into()])?;
        row.as_ref().map(|row| version(row, 0)).transpose()
    }

    /// The text of a version.
    pub fn source(&self, id: &str, number: i64) -> Result<Option<String>, StoreError> {
        self.body("SELECT source FROM workflow_version WHERE tenant = ?1 AND workflow = ?2 AND number = ?3", id, number)
    }

    /// What of a version is run, as JSON.
    pub fn bundle(&self, id: &str, number: i64) -> Result<Option<String>, StoreError> {
        self.body("SELECT bundle FROM workflow_version WHERE tenant = ?1 AND workflow = ?2 AND number = ?3", id, number)
    }

    fn body(&self, sql: &str, id: &str, number: i64) -> Result<Option<String>, StoreError> {
        let row = self.0.one("workflow_version", sql, [id.into(), number.into()])?;
        row.map(|row| row.text(0)).transpose()
    }

    /// How many workflows have this text in what is run of their latest version. It holds neither `%` nor `_`.
    pub fn naming(&self, text: &str) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM workflow w JOIN workflow_version v
          ON v.tenant = w.tenant AND v.workflow = w.id AND v.number = w.latest WHERE w.tenant = ?1 AND v.bundle LIKE ?2";
        self.0.one("workflow_version", sql, [(&format!("%{text}%")).into()])?.map_or(Ok(0), |row| row.integer(0))
    }

    /// How many bytes all versions have.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(octet_length(source) + octet_length(bundle)), 0) FROM workflow_version
          WHERE tenant = ?1";
        let bytes = self.0.one("workflow_version", sql, [])?.map_or(Ok(0), |row| row.integer(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// Adds the version whose number follows the latest one; the first makes the workflow.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when somebody else added that number, [`StoreError::Taken`] when the version's name is taken.
    pub fn add(&self, new: &NewVersion) -> Result<(), StoreError> {
        let (number, at) = (new.version.number, new.version.created_ms);
        let names = || -> [Value; 2] { [(&new.workflow).into(), new.name.as_ref().into()] };
        let [id, name] = names();
        let moved = if number == 1 {
            let sql = "INSERT INTO workflow (tenant, id, name, latest, created_ms, changed_ms)
              VALUES (?1, ?2, ?3, 1, ?4, ?4) ON CONFLICT DO NOTHING";
            self.0.execute(sql, [id, name, at.into()])?
        } else {
            let sql = "UPDATE workflow SET name = ?3, latest = ?4, changed_ms = ?5
              WHERE tenant = ?1 AND id = ?2 AND latest = ?4 - 1";
            self.0.execute(sql, [id, name, number.into(), at.into()])?
        };
        if moved == 0 {
            return Err(StoreError::Changed);
        }
        let sql = "INSERT INTO workflow_version
          (tenant, workflow, number, version, digest, source, bundle, created_by, created_ms)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let WorkflowVersion { version, digest, created_by, .. } = &new.version;
        let values = [
            (&new.workflow).into(),
            number.into(),
            version.into(),
            digest.into(),
            (&new.source).into(),
            (&new.bundle).into(),
            created_by.into(),
            at.into(),
        ];
        self.0.execute(sql, values).map(drop)
    }
}

fn workflow(row: &Row) -> Result<Workflow, StoreError> {
    Ok(Workflow {
        id: row.text(0)?,
        name: row.text_if_any(1)?,
        created_ms: row.integer(2)?,
        changed_ms: row.integer(3)?,
        latest: version(row, 4)?,
    })
}

fn version(row: &Row, from: usize) -> Result<WorkflowVersion, StoreError> {
    Ok(WorkflowVersion {
        number: row.integer(from)?,
        version: row.text(from + 1)?,
        digest: row.text(from + 2)?,
        created_by: row.text(from + 3)?,
        created_ms: row.integer(from + 4)?,
    })
}
