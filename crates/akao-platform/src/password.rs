//! Passwords of local accounts: argon2id, with the parameters that OWASP names first.

use crate::{Code, Error};
use akao_step::Secret;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Memory of one hash, in KiB, and rounds over it.
const MEMORY_KIB: u32 = 19_456;
const ROUNDS: u32 = 2;

/// Letters of a password.
const LETTERS_MIN: usize = 12;
const BYTES_MAX: usize = 1_024;

/// A hash of nothing that anybody knows: whoever signs in under a name that does not exist waits as long as under one that does.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keQ$RXZlbkhlcmVOb2JvZHlIYXNBUGFzc3dvcmRBdEFsbCE";

/// One hash at a time: it takes 19 MiB and a processor, and many at once would be a way to stop the server.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Those that wait for their turn, by on whose behalf; each holds a thread, which others need.
static WAITING: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// How many may wait, and how many of them on one behalf, so that one who asks all the time does not keep everybody out.
const WAITING_MAX: usize = 32;
const WAITING_OF_ONE_MAX: usize = 8;

/// Waits for one's turn.
///
/// # Errors
/// Too many wait already.
fn turn<'t>(asker: &str) -> Result<(MutexGuard<'t, ()>, Waiting), Error> {
    let waiting = Waiting::begin(asker)?;
    Ok((ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner), waiting))
}

/// Counts who waits, until its turn is over.
struct Waiting(String);

impl Waiting {
    fn begin(asker: &str) -> Result<Self, Error> {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = waiting.get(asker).copied().unwrap_or_default();
        if of_one >= WAITING_OF_ONE_MAX || waiting.values().sum::<usize>() >= WAITING_MAX {
            let error = Error::new(Code::TooMany, "more people sign in at once than the server can look after");
            return Err(Error { retry_after_s: Some(2), ..error });
        }
        waiting.insert(asker.to_owned(), of_one + 1);
        Ok(Self(asker.to_owned()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(&self.0) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                waiting.remove(&self.0);
            }
        }
    }
}

fn hasher() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, ROUNDS, 1, None).map_err(|error| Error::internal(&error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Whether a password may be one.
///
/// # Errors
/// It is too short or too long.
pub(crate) fn check(password: &Secret) -> Result<(), Error> {
    let text = password.expose();
    let refused = |message: String| {
        Err(Error::new(Code::Invalid, message).hint("A few words that nobody else puts together are a good password."))
    };
    match text.chars().count() {
        0..LETTERS_MIN => refused(format!("the password has fewer than {LETTERS_MIN} letters")),
        _ if text.len() > BYTES_MAX => refused(format!("the password has more than {BYTES_MAX} bytes")),
        _ => Ok(()),
    }
}

/// The hash under which a password is kept. On whose behalf it is made decides who waits for whom: the source of a stranger, or
/// the account or the code by which somebody is let in.
///
/// # Errors
/// As [`check`], or the system gives no random numbers.
pub(crate) fn hash(asker: &str, password: &Secret) -> Result<String, Error> {
    check(password)?;
    let salt = crate::secret::random_bits()?.to_ne_bytes();
    let _turn = turn(asker)?;
    let hash = hasher()?.hash_password_with_salt(password.expose().as_bytes(), &salt);
    Ok(hash.map_err(|error| Error::internal(&error))?.to_string())
}

/// Whether a password is the one that was hashed; takes as long when there is no hash. As with [`hash`], it is on somebody's behalf.
///
/// # Errors
/// The stored hash is damaged.
pub(crate) fn fits(asker: &str, password: &Secret, stored: Option<&str>) -> Result<bool, Error> {
    if password.expose().len() > BYTES_MAX {
        return Ok(false);
    }
    let parsed = PasswordHash::new(stored.unwrap_or(NOBODY)).map_err(|error| Error::internal(&error))?;
    let _turn = turn(asker)?;
    let fits = hasher()?.verify_password(password.expose().as_bytes(), &parsed).is_ok();
    Ok(fits && stored.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let password = Secret::new("correct horse battery");
        let stored = hash("a test", &password).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(fits("a test", &password, Some(&stored)), Ok(true));
        assert_eq!(fits("a test", &Secret::new("correct horse batterz"), Some(&stored)), Ok(false));
        assert_eq!(fits("a test", &password, None), Ok(false), "nobody has no password");
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        for (password, what) in [("short", "fewer than 12"), (&"a".repeat(2_000), "more than 1024")] {
            assert!(hash("a test", &Secret::new(password)).unwrap_err().message.contains(what));
        }
    }

    #[test]
    fn one_who_asks_all_the_time_does_not_keep_others_out() {
        let of_one: Vec<_> = (0..WAITING_OF_ONE_MAX).map(|_| Waiting::begin("192.0.2.1").unwrap()).collect();
        let refused = Waiting::begin("192.0.2.1").err().unwrap();
        assert_eq!((refused.code, refused.retry_after_s), (Code::TooMany, Some(2)));
        drop(Waiting::begin("192.0.2.2").unwrap());
        drop(of_one);
        drop(Waiting::begin("192.0.2.1").unwrap());
    }
}
