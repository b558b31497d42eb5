//! Custom nodes: versions of nodes that a tenant uploaded. What a version is never changes; its status does. Beside them
//! stands which version of which workflow uses which.

use crate::{Row, Scoped, StoreError, Value};

/// A version of a custom node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomNode {
    /// Its id.
    pub id: String,
    /// Its place in the order in which versions were uploaded, from 1.
    pub number: i64,
    /// The node's name.
    pub name: String,
    /// The version.
    pub version: String,
    /// What it does.
    pub description: Option<String>,
    /// `draft`, `review`, `active`, `deprecated` or `withdrawn`.
    pub status: String,
    /// The digest of its bundle.
    pub bundle: String,
    /// The name under which its steps run.
    pub pinned: String,
    /// What it asks for, as a JSON list.
    pub permissions: String,
    /// What a reviewer should see, as a JSON list.
    pub scan: String,
    /// What whoever deprecated it has said.
    pub message: Option<String>,
    /// The version that takes its place.
    pub successor: Option<String>,
    /// Who uploaded it.
    pub created_by: String,
    /// When, in Unix milliseconds.
    pub created_ms: i64,
    /// Who changed its status last.
    pub changed_by: String,
    /// When.
    pub changed_ms: i64,
}

/// What of a new version is not read with every list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomNodeBody {
    /// The text that was uploaded.
    pub source: String,
    /// The node type, as JSON.
    pub node_type: String,
    /// The schema of its props, as JSON.
    pub schema: Option<String>,
}

/// What decides whether a version may be used, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomNodeState {
    /// Its id.
    pub id: String,
    /// The version.
    pub version: String,
    /// As in [`CustomNode`]; so are those below.
    pub status: String,
    /// What it asks for.
    pub permissions: String,
    /// What whoever retired it has said.
    pub message: Option<String>,
    /// The version that takes its place.
    pub successor: Option<String>,
}

/// A version of a workflow that uses a custom node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomNodeUse {
    /// The workflow.
    pub workflow: String,
    /// Its version.
    pub workflow_version: String,
    /// The node.
    pub name: String,
    /// The node's version.
    pub version: String,
    /// Whether it is the workflow's latest version.
    pub latest: bool,
}

/// The custom nodes of a tenant.
pub struct CustomNodes<'a>(pub(crate) Scoped<'a>);

const TABLE: &str = "custom_node";
const NODE: &str =
    "SELECT id, number, name, version, description, status, bundle, pinned, permissions, scan, message, successor,
  created_by, created_ms, changed_by, changed_ms FROM custom_node WHERE tenant = ?1";

impl CustomNodes<'_> {
    /// At most `limit` versions before the number `before`, newest first.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn page(&self, before: i64, limit: i64) -> Result<Vec<CustomNode>, StoreError> {
        let sql = format!("{NODE} AND number < ?2 ORDER BY number DESC LIMIT ?3");
        self.0.query(TABLE, &sql, [before.into(), limit.into()])?.iter().map(node).collect()
    }

    /// The versions of a node, newest first.
    pub fn versions(&self, name: &str) -> Result<Vec<CustomNode>, StoreError> {
        let sql = format!("{NODE} AND name = ?2 ORDER BY number DESC");
        self.0.query(TABLE, &sql, [name.into()])?.iter().map(node).collect()
    }

    /// The states of a node's versions, newest first.
    pub fn states(&self, name: &str) -> Result<Vec<CustomNodeState>, StoreError> {
        let sql = "SELECT id, version, status, permissions, message, successor FROM custom_node
          WHERE tenant = ?1 AND name = ?2 ORDER BY number DESC";
        let read = |row: &Row| {
            Ok(CustomNodeState {
                id: row.text(0)?,
                version: row.text(1)?,
                status: row.text(2)?,
                permissions: row.text(3)?,
                message: row.text_if_any(4)?,
                successor: row.text_if_any(5)?,
            })
        };
        self.0.query(TABLE, sql, [name.into()])?.iter().map(read).collect()
    }

    /// The deprecated version that runs under a pinned name, if it is one.
    pub fn deprecated(&self, pinned: &str) -> Result<Option<CustomNode>, StoreError> {
        let sql = format!("{NODE} AND pinned = ?2 AND status = 'deprecated'");
        self.0.one(TABLE, &sql, [pinned.into()])?.as_ref().map(node).transpose()
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Result<Option<CustomNode>, StoreError> {
        self.0.one(TABLE, &format!("{NODE} AND id = ?2"), [id.into()])?.as_ref().map(node).transpose()
    }

    /// Whether a node has a version.
    pub fn has_version(&self, name: &str, version: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM custom_node WHERE tenant = ?1 AND name = ?2 AND version = ?3";
        Ok(self.0.one(TABLE, sql, [name.into(), version.into()])?.is_some())
    }

    /// What was uploaded for a version, and its node type.
    pub fn body(&self, id: &str) -> Result<Option<CustomNodeBody>, StoreError> {
        let sql = "SELECT source, node_type, schema_text FROM custom_node WHERE tenant = ?1 AND id = ?2";
        let row = self.0.one(TABLE, sql, [id.into()])?;
        let read = |row: Row| {
            Ok(CustomNodeBody { source: row.text(0)?, node_type: row.text(1)?, schema: row.text_if_any(2)? })
        };
        row.map(read).transpose()
    }

    /// How many bytes all versions take: the text that was uploaded stands in its row, on its shelf, and once more as what
    /// was made of it.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(3 * octet_length(source) + octet_length(node_type) + octet_length(scan)
            + coalesce(octet_length(schema_text), 0)), 0) FROM custom_node WHERE tenant = ?1";
        let bytes = self.0.one(TABLE, sql, [])?.map_or(Ok(0), |row| row.integer(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// Whether a version runs under a pinned name.
    pub fn is_pinned(&self, pinned: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM custom_node WHERE tenant = ?1 AND pinned = ?2 LIMIT 1";
        Ok(self.0.one(TABLE, sql, [pinned.into()])?.is_some())
    }

    /// The names by which all versions are pinned.
    pub fn pinned(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.0.query(TABLE, "SELECT pinned FROM custom_node WHERE tenant = ?1", [])?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// How many there are.
    pub fn count(&self) -> Result<i64, StoreError> {
        let row = self.0.one(TABLE, "SELECT count(*) FROM custom_node WHERE tenant = ?1", [])?;
        row.map_or(Ok(0), |row| row.integer(0))
    }

    /// Adds a version behind all others; gives its number.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the node has that version already.
    pub fn add(&self, new: &CustomNode, body: &CustomNodeBody) -> Result<i64, StoreError> {
        let last = self.0.one(TABLE, "SELECT coalesce(max(number), 0) FROM custom_node WHERE tenant = ?1", [])?;
        let number = last.map_or(Ok(0), |row| row.integer(0))? + 1;
        let sql = "INSERT INTO custom_node (tenant, id, number, name, version, description, status, bundle, pinned,
            schema_text, permissions, scan, message, successor, created_by, created_ms, changed_by, changed_ms, source,
            node_type)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";
        let values: [Value; 19] = [
            (&new.id).into(),
            number.into(),
            (&new.name).into(),
            (&new.version).into(),
            new.description.as_ref().into(),
            (&new.status).into(),
            (&new.bundle).into(),
            (&new.pinned).into(),
            body.schema.as_ref().into(),
            (&new.permissions).into(),
            (&new.scan).into(),
            new.message.as_ref().into(),
            new.successor.as_ref().into(),
            (&new.created_by).into(),
            new.created_ms.into(),
            (&new.changed_by).into(),
            new.changed_ms.into(),
            (&body.source).into(),
            (&body.node_type).into(),
        ];
        self.0.execute(sql, values)?;
        Ok(number)
    }

    /// Sets the status of a version that has the status `from`; false when it has another one.
    pub fn set_status(&self, from: &str, to: &CustomNode) -> Result<bool, StoreError> {
        let sql = "UPDATE custom_node SET status = ?4, message = ?5, successor = ?6, changed_by = ?7, changed_ms = ?8
          WHERE tenant = ?1 AND id = ?2 AND status = ?3";
        let values: [Value; 7] = [
            (&to.id).into(),
            from.into(),
            (&to.status).into(),
            to.message.as_ref().into(),
            to.successor.as_ref().into(),
            (&to.changed_by).into(),
            to.changed_ms.into(),
        ];
        Ok(self.0.execute(sql, values)? > 0)
    }

    /// Notes that a version of a workflow uses a version of a node.
    pub fn add_use(&self, workflow: &str, number: i64, id: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO custom_node_use (tenant, workflow, number, node) VALUES (?1, ?2, ?3, ?4)
          ON CONFLICT DO NOTHING";
        self.0.execute(sql, [workflow.into(), number.into(), id.into()]).map(drop)
    }

    /// Which versions of workflows use a node, by workflow, the newest first.
    pub fn uses(&self, name: &str) -> Result<Vec<CustomNodeUse>, StoreError> {
        let sql = "SELECT u.workflow, v.version, n.name, n.version,
          CASE WHEN w.latest = u.number THEN 1 ELSE 0 END
          FROM custom_node_use u
          JOIN custom_node n ON n.tenant = u.tenant AND n.id = u.node
          JOIN workflow w ON w.tenant = u.tenant AND w.id = u.workflow
          JOIN workflow_version v ON v.tenant = u.tenant AND v.workflow = u.workflow AND v.number = u.number
          WHERE u.tenant = ?1 AND n.name = ?2 ORDER BY u.workflow, u.number DESC, n.number DESC";
        let rows = self.0.query("custom_node_use", sql, [name.into()])?;
        let read = |row: &Row| {
            Ok(CustomNodeUse {
                workflow: row.text(0)?,
                workflow_version: row.text(1)?,
                name: row.text(2)?,
                version: row.text(3)?,
                latest: row.truth(4)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// How versions come to be active: `off`, `manual` or `clean`; none where nobody has decided.
    pub fn approval(&self) -> Result<Option<String>, StoreError> {
        let row = self.0.one("custom_node_policy", "SELECT approval FROM custom_node_policy WHERE tenant = ?1", [])?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Decides it.
    pub fn set_approval(&self, approval: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO custom_node_policy (tenant, approval) VALUES (?1, ?2)
          ON CONFLICT (tenant) DO UPDATE SET approval = ?2";
        self.0.execute(sql, [approval.into()]).map(drop)
    }
}

fn node(row: &Row) -> Result<CustomNode, StoreError> {
    Ok(CustomNode {
        id: row.text(0)?,
        number: row.integer(1)?,
        name: row.text(2)?,
        version: row.text(3)?,
        description: row.text_if_any(4)?,
        status: row.text(5)?,
        bundle: row.text(6)?,
        pinned: row.text(7)?,
        permissions: row.text(8)?,
        scan: row.text(9)?,
        message: row.text_if_any(10)?,
        successor: row.text_if_any(11)?,
        created_by: row.text(12)?,
        created_ms: row.integer(13)?,
        changed_by: row.text(14)?,
        changed_ms: row.integer(15)?,
    })
}
