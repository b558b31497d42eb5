//! Keys under a password: argon2id makes a key of the password, which seals them. Slower than a sign-in on purpose, since
//! whoever has the file may guess as long as they like.

use super::{DoesNotOpen, KEY_BYTES, SealingKey};
use crate::StoreError;
use akao_step::Secret;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Memory, in KiB, and rounds over it.
const MEMORY_KIB: u32 = 64 << 10;
const ROUNDS: u32 = 3;

const SALT_BYTES: usize = 16;

/// The beginning of what is sealed, which names the parameters.
const VERSION: &str = "akao-keys-1";

const PLACE: [&str; 1] = [VERSION];

/// Seals a text under a password, as one line.
///
/// # Errors
/// The system gives no random numbers.
pub fn seal_with_password(password: &Secret, text: &str) -> Result<String, StoreError> {
    let failed = || StoreError::key("the keys cannot be sealed", "Try again.");
    let mut salt = [0; SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| failed())?;
    let sealed = key(password, &salt)?.seal(&PLACE, text.as_bytes()).map_err(|DoesNotOpen| failed())?;
    Ok(format!("{VERSION}.{}.{sealed}\n", URL_SAFE_NO_PAD.encode(salt)))
}

/// Opens what was sealed under a password.
///
/// # Errors
/// It is another password, or the text is damaged.
pub fn open_with_password(password: &Secret, sealed: &str) -> Result<Secret, StoreError> {
    let refused = || StoreError::key("the keys do not open with this password", "Give the password of the backup.");
    let mut parts = sealed.trim_end().splitn(3, '.');
    let (Some(VERSION), Some(salt), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(refused());
    };
    let salt = URL_SAFE_NO_PAD.decode(salt).map_err(|_| refused())?;
    let opened = key(password, &salt)?.open(&PLACE, body).map_err(|DoesNotOpen| refused())?;
    String::from_utf8(opened).map(Secret::new).map_err(|_| refused())
}

fn key(password: &Secret, salt: &[u8]) -> Result<SealingKey, StoreError> {
    let failed = || StoreError::key("the password cannot be used", "Give another one.");
    let params = Params::new(MEMORY_KIB, ROUNDS, 1, Some(KEY_BYTES)).map_err(|_| failed())?;
    let mut bytes = [0; KEY_BYTES];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.expose().as_bytes(), salt, &mut bytes).map_err(|_| failed())?;
    SealingKey::new(&bytes).map_err(|DoesNotOpen| failed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_open_with_their_password_alone() {
        let sealed = seal_with_password(&Secret::new("a few words"), "the key").unwrap();
        assert!(!sealed.contains("the key"));
        assert_eq!(open_with_password(&Secret::new("a few words"), &sealed).unwrap().expose(), "the key");
        for (password, text) in
            [("other words", sealed.as_str()), ("a few words", ""), ("a few words", "akao-keys-1.x.y")]
        {
            assert!(open_with_password(&Secret::new(password), text).is_err(), "{text}");
        }
    }
}
