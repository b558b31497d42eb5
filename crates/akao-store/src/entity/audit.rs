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

/// Where the next line of a tenant's audit goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPlace {
    /// When the tenant was made: one with its name may be another one.
    pub made_ms: i64,
    /// Where its audit ends, if it has lines.
    pub end: Option<ChainEnd>,
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
        row.map(|row| self.chain_end(&row, 0)).transpose()
    }

    /// Where the next line goes; none where there is no such tenant, or it is being deleted. One query, since every act has a line.
    pub fn place(&self) -> Result<Option<AuditPlace>, StoreError> {
        let sql = "SELECT t.created_ms, a.seq, a.at_ms, a.line FROM tenant t LEFT JOIN audit a
            ON a.tenant = t.name AND a.seq = (SELECT max(seq) FROM audit WHERE tenant = ?1)
          WHERE t.name = ?1 AND t.ending_ms IS NULL";
        let Some(row) = self.0.one("audit", sql, [])? else { return Ok(None) };
        let end = row.integer_if_any(1)?.map(|_| self.chain_end(&row, 1)).transpose()?;
        Ok(Some(AuditPlace { made_ms: row.integer(0)?, end }))
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
            .map(|row| self.chain_end(row, 0).map(|ChainEnd { seq, at_ms, line }| AuditRow { seq, at_ms, line }))
            .collect()
    }

    /// Number, time and line, which begin at a column of a row.
    fn chain_end(&self, row: &Row, first: usize) -> Result<ChainEnd, StoreError> {
        let (seq, at_ms) = (row.integer(first)?, row.integer(first + 1)?);
        Ok(ChainEnd { seq, at_ms, line: self.line(seq, &row.text(first + 2)?)? })
    }

    /// A line as it was written. One that was edited or moved does not open; whoever verifies the chain is to find it.
    fn line(&self, seq: i64, sealed: &str) -> Result<String, StoreError> {
        match self.0.open(&AUDIT_LINE, &seq.to_string(), sealed) {
            Ok(line) => Ok(line.expose().to_owned()),
            Err(StoreError::Sealed { .. }) => Ok(String::new()),
            Err(other) => Err(other),
        }
    }
}
