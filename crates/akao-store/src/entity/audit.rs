//! What was done in a tenant: lines of JSON, each of which names the digest of the line before it. What a line says and how
//! it is chained is decided by who writes it; here they are kept in order and sealed, since they name people, and never changed.

use crate::{Row, Scoped, SealedColumn, StoreError};
use akao_contract::Digest;

/// Where a line is.
pub(crate) const AUDIT_LINE: SealedColumn = SealedColumn { table: "audit", column: "line", row: "seq" };

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number, from 1.
    pub seq: i64,
    /// When it was written, in Unix milliseconds.
    pub at_ms: i64,
    /// The line, without a line feed; empty when what is stored does not open.
    pub line: String,
}

/// Where a tenant's audit ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEnd {
    /// The number of the last line.
    pub seq: i64,
    /// When it was written, in Unix milliseconds.
    pub at_ms: i64,
    /// That line.
    pub line: String,
}

impl ChainEnd {
    /// The digest that the next line names.
    pub fn digest(&self) -> Digest {
        Digest::of(self.line.as_bytes())
    }
}

/// The audit of a tenant.
pub struct AuditLog<'a>(pub(crate) Scoped<'a>);

impl AuditLog<'_> {
    /// The last line.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn end(&self) -> Result<Option<ChainEnd>, StoreError> {
        let sql = "SELECT seq, at_ms, line FROM audit WHERE tenant = ?1 ORDER BY seq DESC LIMIT 1";
        let row = self.0.one("audit", sql, [])?;
        row.map(|row| Ok(ChainEnd { seq: row.integer(0)?, at_ms: row.integer(1)?, line: self.line(&row, 2)? }))
            .transpose()
    }

    /// Appends a line.
    pub fn append(&self, row: &AuditRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit (tenant, seq, at_ms, line) VALUES (?1, ?2, ?3, ?4)";
        let sealed = self.0.seal(&AUDIT_LINE, &row.seq.to_string(), &row.line)?;
        self.0.execute(sql, [row.seq.into(), row.at_ms.into(), (&sealed).into()]).map(drop)
    }

    /// At most `limit` lines before the number `before`, newest first.
    pub fn page(&self, before: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        self.rows(
            "SELECT seq, at_ms, line FROM audit WHERE tenant = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            before,
            limit,
        )
    }

    /// At most `limit` lines after the number `after`, oldest first.
    pub fn after(&self, after: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        self.rows(
            "SELECT seq, at_ms, line FROM audit WHERE tenant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            after,
            limit,
        )
    }

    fn rows(&self, sql: &str, place: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self.0.query("audit", sql, [place.into(), limit.into()])?;
        rows.iter()
            .map(|row| Ok(AuditRow { seq: row.integer(0)?, at_ms: row.integer(1)?, line: self.line(row, 2)? }))
            .collect()
    }

    /// The line of a row. One that was edited or moved does not open; whoever verifies the chain is to find it.
    fn line(&self, row: &Row, column: usize) -> Result<String, StoreError> {
        match self.0.open(&AUDIT_LINE, &row.integer(0)?.to_string(), &row.text(column)?) {
            Ok(line) => Ok(line.expose().to_owned()),
            Err(StoreError::Sealed { .. }) => Ok(String::new()),
            Err(other) => Err(other),
        }
    }
}
