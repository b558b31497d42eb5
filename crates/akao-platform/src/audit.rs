//! What was done in a tenant, as a chain: every line names the digest of the line before it, so that an edited, removed,
//! moved or inserted line is noticed. Lines are written in the transaction of what they tell.
//!
//! Whoever can write the whole database can write another history; who needs more copies the digest of the last line elsewhere
//! from time to time. Lines that were cut off at the end are noticed by comparing with such a copy.

use crate::{Actor, Error, Page, PageRequest, Platform};
use akao_contract::{Digest, Tenant};
use akao_store::{AuditRow, Work};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Lines that are verified at once.
const LINES_AT_ONCE: i64 = 1_000;

/// What was found in a sound audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditVerified {
    /// How many lines there are.
    pub lines: i64,
    /// The digest of the last one.
    pub last: Option<Digest>,
}

/// Where an audit is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {seq} does not follow from the line before it: something was edited, removed, moved or put in there")]
pub struct AuditBreak {
    /// The number of the line.
    pub seq: i64,
}

/// Appends a line to a tenant's audit.
pub(crate) fn record(
    work: &Work<'_>,
    tenant: &Tenant,
    now_ms: i64,
    by: Value,
    what: &str,
    details: Value,
) -> Result<(), Error> {
    let audit = work.of(tenant).audit();
    let end = audit.end()?;
    let (seq, prev) = match &end {
        Some(end) => (end.seq + 1, Digest::of(end.line.as_bytes())),
        None => (1, Digest::of(b"")),
    };
    let line = json!({"seq": seq, "prev": prev, "at_ms": now_ms, "by": by, "what": what, "details": details});
    Ok(audit.append(&AuditRow { seq, at_ms: now_ms, line: line.to_string() })?)
}

impl Actor {
    /// Appends what this actor did.
    pub(crate) fn record(&self, work: &Work<'_>, now_ms: i64, what: &str, details: Value) -> Result<(), Error> {
        record(work, &self.tenant, now_ms, self.named(), what, details)
    }
}

impl Platform {
    /// A page of the audit, newest first: the lines as they were written. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant, or platform data cannot be read.
    pub fn audit(&self, actor: &Actor, page: &PageRequest) -> Result<Page<Value>, Error> {
        let before = page.after_number()?.unwrap_or(i64::MAX);
        let rows = self.read(|work| Ok(work.of(&actor.tenant).audit().page(before, page.one_more())?))?;
        let found = page.page(rows, |row| row.seq.to_string());
        Ok(found
            .map(|row| serde_json::from_str(&row.line).unwrap_or_else(|_| json!({"seq": row.seq, "damaged": true}))))
    }

    /// Holds the audit against its chain. Blocks.
    ///
    /// # Errors
    /// The outer one when platform data cannot be read, the inner one when a line does not follow.
    pub fn verify_audit(&self, actor: &Actor) -> Result<Result<AuditVerified, AuditBreak>, Error> {
        self.read(|work| {
            let audit = work.of(&actor.tenant).audit();
            let (mut seq, mut prev) = (0, Digest::of(b""));
            loop {
                let rows = audit.after(seq, LINES_AT_ONCE)?;
                let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < LINES_AT_ONCE);
                for row in rows {
                    if !follows(&row, seq + 1, &prev) {
                        return Ok(Err(AuditBreak { seq: seq + 1 }));
                    }
                    (seq, prev) = (row.seq, Digest::of(row.line.as_bytes()));
                }
                if is_last {
                    return Ok(Ok(AuditVerified { lines: seq, last: (seq > 0).then_some(prev) }));
                }
            }
        })
    }
}

fn follows(row: &AuditRow, seq: i64, prev: &Digest) -> bool {
    let Ok(line) = serde_json::from_str::<Map<String, Value>>(&row.line) else { return false };
    row.seq == seq && line.get("seq") == Some(&json!(seq)) && line.get("prev") == Some(&json!(prev))
}
