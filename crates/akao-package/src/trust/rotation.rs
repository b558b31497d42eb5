//! A publisher's next key, vouched for by the one that is trusted.

use super::{Prefix, Revocation, Trust, TrustError, TrustedKey};
use crate::signature::{Purpose, Signature, SignatureError, sign_bytes};
use crate::{KeyError, PublicKey, SecretKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the signature's purpose calls it.
const DOCUMENT: &str = "key-rotation";

/// What is signed: that another key speaks for a prefix as well, or instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Version of the form.
    akao_key_rotation: u32,
    /// For which ids.
    pub prefix: Prefix,
    /// The next key.
    pub key: PublicKey,
    /// Whether the key that signs loses its trust by it.
    pub retire: bool,
}

/// Why a rotation is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Not of this form.
    #[error("it is not a rotation of keys: {0}")]
    Form(String),
    /// No key that is trusted for exactly this prefix has signed it.
    #[error("no trusted key of `{0}` has signed it")]
    Unsigned(Prefix),
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature(#[source] SignatureError),
    /// The new key was revoked here.
    #[error(transparent)]
    Trust(TrustError),
}

/// Signs a rotation by the old key. Gives the document and its signature.
///
/// # Errors
/// The system gives no randomness.
pub fn sign_rotation(
    prefix: Prefix,
    next: PublicKey,
    retire: bool,
    old: &SecretKey,
) -> Result<(String, Signature), KeyError> {
    let rotation = Rotation { akao_key_rotation: 1, prefix, key: next, retire };
    // Texts and one number: nothing can fail.
    let text = serde_json::to_string(&rotation).unwrap_or_default() + "\n";
    let signature = sign_bytes(text.as_bytes(), &Purpose::document(DOCUMENT, text.as_bytes()), old)?;
    Ok((text, signature))
}

impl Trust {
    /// Takes in a publisher's next key, when one that is trusted for the same prefix, and not revoked, has signed it.
    ///
    /// # Errors
    /// Nobody who may has signed it. Nothing is changed then.
    pub fn rotate(&mut self, text: &str, signature: &Signature, now: Timestamp) -> Result<Rotation, RotationError> {
        let form = |message: String| RotationError::Form(message);
        let rotation: Rotation = serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
        if rotation.akao_key_rotation != 1 {
            return Err(form(format!("it has the format {}; this version reads 1", rotation.akao_key_rotation)));
        }
        let purpose = Purpose::document(DOCUMENT, text.as_bytes());
        let mut refused = RotationError::Unsigned(rotation.prefix.clone());
        let trusted =
            self.keys().iter().filter(|key| key.prefix == rotation.prefix && self.revocation(&key.key).is_none());
        let mut signer = None;
        for key in trusted {
            match signature.verify_bytes(text.as_bytes(), &key.key, &purpose) {
                Ok(()) => signer = Some(key.key.clone()),
                Err(SignatureError::WrongKey { .. }) => {}
                Err(error) => refused = RotationError::Signature(error),
            }
        }
        let signer = signer.ok_or(refused)?;
        let (prefix, key) = (rotation.prefix.clone(), rotation.key.clone());
        let next =
            TrustedKey { prefix, key, added: now, note: None, introduced_by: Some(signer.clone()), revoked: None };
        self.insert(next).map_err(RotationError::Trust)?;
        if rotation.retire {
            let retired = self.keys.iter_mut().filter(|key| key.prefix == rotation.prefix && key.key == signer);
            retired.for_each(|key| {
                let reason = "replaced by its publisher".to_owned();
                key.revoked.get_or_insert(Revocation { at: now, reason });
            });
        }
        Ok(rotation)
    }
}
