//! What was done in a tenant, as a chain: every line names the digest of the line before it, so that an edited, removed,
//! moved or inserted line is noticed. Lines are written in the transaction of what they tell.
//!
//! Where it ends is signed with a key that lies sealed in the database, so that lines that were cut off are noticed too. Whoever
//! puts back an older copy of the whole database is not: who needs more copies the signed end elsewhere from time to time.

use crate::{Actor, Error, Page, PageRequest, Platform};
use akao_contract::{Digest, Tenant};
use akao_store::{AuditHead, AuditPlace, AuditRow, ChainEnd, Work};
use serde_json::{Map, Value, json};

/// Lines that are verified at once.
const LINES_AT_ONCE: i64 = 1_000;

/// What was found in a sound audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerified {
    /// How many lines there are.
    pub lines: i64,
    /// The digest of the last one.
    pub last: Digest,
    /// The end, as it was signed.
    pub head: AuditHead,
}

/// Where an audit is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditBreak {
    /// A line does not follow from the one before it.
    #[error("line {seq} does not follow from the line before it: something was edited, removed, moved or put in there")]
    Line {
        /// The number of the line.
        seq: i64,
    },
    /// The last line is not the one that was signed.
    #[error(
        "the audit ends with line {found}, and its signed end is line {signed}: lines were cut off or put in there"
    )]
    End {
        /// The number of the last line.
        found: i64,
        /// The number that was signed.
        signed: i64,
    },
    /// Nobody with the key says where it ends.
    #[error("the signed end of the audit is missing, or was not signed by this server")]
    Unsigned,
}

/// What was done, before it has its place in the chain.
pub(crate) struct Entry<'a> {
    pub(crate) by: Value,
    pub(crate) what: &'a str,
    pub(crate) details: Value,
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
    append(work, tenant, None, now_ms, [Entry { by, what, details }])
}

/// Appends lines to a tenant's audit and signs where it ends then; only to that of the tenant that was made at a time, where one is
/// given. An end that is not the one that was signed before is left as it is: signing it would hide what was cut off.
pub(crate) fn append<'a>(
    work: &Work<'_>,
    tenant: &Tenant,
    made_ms: Option<i64>,
    now_ms: i64,
    entries: impl IntoIterator<Item = Entry<'a>>,
) -> Result<(), Error> {
    let audit = work.of(tenant).audit();
    // While it is being deleted, and when another one has its name, whoever was let in before leaves nothing there.
    let place = audit.place()?.filter(|place| made_ms.is_none_or(|made_ms| made_ms == place.made_ms));
    let Some(AuditPlace { mut end, .. }) = place else { return Err(Error::not_found("such tenant")) };
    let is_whole = match &end {
        Some(end) => audit.head()?.is_some_and(|head| head.is_at(end)),
        None => audit.head()?.is_none(),
    };
    for Entry { by, what, details } in entries {
        let (seq, prev) = match &end {
            Some(end) => (end.seq + 1, end.digest()),
            None => (1, Digest::of(b"")),
        };
        let line = json!({"seq": seq, "prev": prev, "at_ms": now_ms, "by": by, "what": what, "details": details});
        let line = line.to_string();
        audit.append(&AuditRow { seq, at_ms: now_ms, line: line.clone() })?;
        end = Some(ChainEnd { seq, at_ms: now_ms, line });
    }
    match end {
        Some(end) if is_whole => Ok(audit.sign(&end, now_ms)?),
        _ => Ok(()),
    }
}

impl Actor {
    /// Appends what this actor did.
    pub(crate) fn record(&self, work: &Work<'_>, now_ms: i64, what: &str, details: Value) -> Result<(), Error> {
        let entry = Entry { by: self.named(), what, details };
        append(work, &self.tenant, Some(self.tenant_made_ms), now_ms, [entry])
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

    /// Holds the audit against its chain and its signed end. Blocks.
    ///
    /// # Errors
    /// The outer one when platform data cannot be read, the inner one when a line does not follow or the end is another one.
    pub fn verify_audit(&self, actor: &Actor) -> Result<Result<AuditVerified, AuditBreak>, Error> {
        self.read(|work| {
            let audit = work.of(&actor.tenant).audit();
            let mut end = ChainEnd { seq: 0, at_ms: 0, line: String::new() };
            loop {
                let rows = audit.after(end.seq, LINES_AT_ONCE)?;
                let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < LINES_AT_ONCE);
                for row in rows {
                    if !follows(&row, end.seq + 1, &end.digest()) {
                        return Ok(Err(AuditBreak::Line { seq: end.seq + 1 }));
                    }
                    end = ChainEnd { seq: row.seq, at_ms: row.at_ms, line: row.line };
                }
                if is_last {
                    return Ok(held(&end, audit.head()?));
                }
            }
        })
    }
}

/// The end of an unbroken chain against the signed one.
fn held(end: &ChainEnd, head: Option<AuditHead>) -> Result<AuditVerified, AuditBreak> {
    let head = head.ok_or(AuditBreak::Unsigned)?;
    match head.seq() {
        _ if head.is_at(end) => Ok(AuditVerified { lines: end.seq, last: end.digest(), head }),
        Some(signed) if signed != end.seq => Err(AuditBreak::End { found: end.seq, signed }),
        _ => Err(AuditBreak::Unsigned),
    }
}

fn follows(row: &AuditRow, seq: i64, prev: &Digest) -> bool {
    let Ok(line) = serde_json::from_str::<Map<String, Value>>(&row.line) else { return false };
    row.seq == seq && line.get("seq") == Some(&json!(seq)) && line.get("prev") == Some(&json!(prev))
}
