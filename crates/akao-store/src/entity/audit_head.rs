//! The signed end of a tenant's audit: the number and the digest of the last line, signed with a key of the tenant's own (Ed25519)
//! that lies sealed beside it. Who has the database and not the keys cannot say where the audit ends, so that lines that are
//! cut off are missed.

use crate::{AuditLog, ChainEnd, SealedColumn, StoreError, Work};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where a key is.
pub(crate) const AUDIT_KEY: SealedColumn = SealedColumn { table: "audit_head", column: "key", row: "tenant" };

/// The end of an audit, as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// What was signed: a JSON object of `tenant`, `seq`, `digest` and `at_ms`.
    pub head: String,
    /// The signature, as base64url.
    pub signature: String,
    /// The key that verifies it, as base64url.
    pub public_key: String,
}

impl AuditHead {
    /// Whether this is where the audit ends.
    pub fn is_at(&self, end: &ChainEnd) -> bool {
        let Ok(head) = serde_json::from_str::<serde_json::Value>(&self.head) else { return false };
        head["seq"] == serde_json::json!(end.seq) && head["digest"] == serde_json::json!(end.digest())
    }

    /// The number of the line that it names as the last.
    pub fn seq(&self) -> Option<i64> {
        serde_json::from_str::<serde_json::Value>(&self.head).ok()?["seq"].as_i64()
    }
}

impl AuditLog<'_> {
    /// The signed end; none when it is not there, or was not signed with the tenant's key.
    ///
    /// # Errors
    /// The database failed, or the keys cannot be had.
    pub fn head(&self) -> Result<Option<AuditHead>, StoreError> {
        let Some((key, head, signature)) = self.kept()? else { return Ok(None) };
        // Signatures of this kind are the same each time.
        let is_own = URL_SAFE_NO_PAD.encode(key.sign(head.as_bytes())) == signature;
        let public_key = URL_SAFE_NO_PAD.encode(key.public_key());
        Ok(is_own.then_some(AuditHead { head, signature, public_key }))
    }

    /// Signs that the audit ends here. Whoever asks has held the end before against what was signed then.
    ///
    /// # Errors
    /// The database failed, or the keys cannot be had.
    pub fn sign(&self, end: &ChainEnd, at_ms: i64) -> Result<(), StoreError> {
        let tenant = self.0.tenant.as_str();
        let head = serde_json::json!({"tenant": tenant, "seq": end.seq, "digest": end.digest(), "at_ms": at_ms});
        let head = head.to_string();
        if let Some((key, ..)) = self.kept()? {
            let signature = URL_SAFE_NO_PAD.encode(key.sign(head.as_bytes()));
            let sql = "UPDATE audit_head SET head = ?2, signature = ?3 WHERE tenant = ?1";
            return self.0.execute(sql, [(&head).into(), (&signature).into()]).map(drop);
        }
        let key = Ed25519KeyPair::generate().map_err(|_| unusable())?;
        let document = key.to_pkcs8().map_err(|_| unusable())?;
        let sealed = self.0.seal(&AUDIT_KEY, tenant, &URL_SAFE_NO_PAD.encode(document.as_ref()))?;
        let signature = URL_SAFE_NO_PAD.encode(key.sign(head.as_bytes()));
        let sql = "INSERT INTO audit_head (tenant, key, head, signature) VALUES (?1, ?2, ?3, ?4)";
        self.0.execute(sql, [(&sealed).into(), (&head).into(), (&signature).into()]).map(drop)
    }

    /// The key, what it signed, and the signature. A key that does not open is as good as none.
    fn kept(&self) -> Result<Option<(Ed25519KeyPair, String, String)>, StoreError> {
        let sql = "SELECT key, head, signature FROM audit_head WHERE tenant = ?1";
        let Some(row) = self.0.one("audit_head", sql, [])? else { return Ok(None) };
        let document = match self.0.open(&AUDIT_KEY, self.0.tenant.as_str(), &row.text(0)?) {
            Ok(document) => URL_SAFE_NO_PAD.decode(document.expose()).ok(),
            Err(StoreError::Sealed { .. }) => None,
            Err(other) => return Err(other),
        };
        let key = document.and_then(|document| Ed25519KeyPair::from_pkcs8(&document).ok());
        let Some(key) = key else { return Ok(None) };
        Ok(Some((key, row.text(1)?, row.text(2)?)))
    }
}

fn unusable() -> StoreError {
    StoreError::Key {
        message: "no key to sign audits with can be made".to_owned(),
        suggestion: "Look whether the machine has random numbers to give.",
    }
}

/// Signs the ends of the audits that an earlier version kept.
pub(crate) fn sign_audits(work: &Work<'_>) -> Result<(), StoreError> {
    for tenant in work.accounts().every_tenant()? {
        let audit = work.of(&tenant).audit();
        if let Some(end) = audit.end()? {
            audit.sign(&end, end.at_ms)?;
        }
    }
    Ok(())
}
