//! The second factor of local accounts: codes of six digits that change every 30 seconds (RFC 6238), and codes on paper for when
//! the device is lost. A code counts once; the seed is sealed; recovery codes are kept as hashes.

use crate::{Actor, Code, Error, Means, Platform, accounts::only_in_person, password, secret};
use akao_step::Secret;
use akao_store::{User, Work};
use aws_lc_rs::hmac;
use serde_json::json;
use std::fmt::Write as _;
use subtle::ConstantTimeEq;

/// Seconds for which a code counts.
const STEP_S: i64 = 30;

/// Steps by which the clocks of both sides may differ.
const STEPS_APART: i64 = 1;

/// Digits of a code, and how many codes that makes.
const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;

/// Bytes of a seed, as the algorithm wants them.
const SEED_BYTES: usize = 20;

/// Recovery codes, and random bytes of each.
const RECOVERY_CODES: usize = 10;
const RECOVERY_BYTES: usize = 10;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A seed that is to be confirmed.
#[derive(Debug)]
pub struct Enrolment {
    /// The seed: shown now and never again.
    pub seed: Secret,
    /// The same for a camera.
    pub uri: Secret,
}

/// What the second factor says to a sign-in.
pub(crate) enum Checked {
    /// The account has none, or the code is right.
    Passed,
    /// There is one, and no code came.
    Missing,
    /// The code is wrong, or was used.
    Wrong,
}

/// Holds a code against an account's second factor, and uses it up.
pub(crate) fn check(work: &Work<'_>, account: &str, code: Option<&str>, now_ms: i64) -> Result<Checked, Error> {
    let accounts = work.accounts();
    let Some(found) = accounts.totp(account)?.filter(|found| found.confirmed) else { return Ok(Checked::Passed) };
    let Some(code) = code else { return Ok(Checked::Missing) };
    let code: String = code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
    if let Some(step) = matching(&found.seed, &code, now_ms) {
        let is_new = accounts.use_totp_step(account, step)?;
        return Ok(if is_new { Checked::Passed } else { Checked::Wrong });
    }
    let hash = secret::hash_text(&code.to_ascii_uppercase());
    match accounts.take_recovery_code(account, &hash)? {
        true => Ok(Checked::Passed),
        false => Ok(Checked::Wrong),
    }
}

/// That a sign-in lacks the second factor.
pub(crate) fn missing() -> Error {
    Error::new(Code::SecondFactor, "this account has a second factor")
        .hint("Send `totp` with the code that the device shows, or a recovery code.")
}

impl Platform {
    /// Gives the actor's account a seed that is still to be confirmed. Blocks.
    ///
    /// # Errors
    /// The password is wrong, or the account has a second factor already.
    pub fn enrol_totp(&self, actor: &Actor, password: &Secret) -> Result<Enrolment, Error> {
        let (user, now_ms) = (self.in_person(actor, password, "add a second factor")?, self.now_ms());
        let mut bytes = [0; SEED_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Error::internal(&error))?;
        let seed = Secret::new(base32(&bytes));
        self.write(|work| {
            if work.accounts().totp(&user.id)?.is_some_and(|found| found.confirmed) {
                return Err(
                    Error::new(Code::Conflict, "the account has a second factor already").hint("Take it away first.")
                );
            }
            Ok(work.accounts().put_totp(&user.id, &seed, now_ms)?)
        })?;
        let label: String = url::form_urlencoded::byte_serialize(format!("Akao:{}", user.email).as_bytes()).collect();
        let uri = format!(
            "otpauth://totp/{}?secret={}&issuer=Akao&algorithm=SHA1&digits={DIGITS}&period={STEP_S}",
            label.replace('+', "%20"),
            seed.expose()
        );
        Ok(Enrolment { seed, uri: Secret::new(uri) })
    }

    /// Confirms the seed by a code of it; the answer is the recovery codes, which are shown once. Blocks.
    ///
    /// # Errors
    /// The code is wrong, or there is nothing to confirm.
    pub fn confirm_totp(&self, actor: &Actor, code: &str) -> Result<Vec<Secret>, Error> {
        let Means::Session { .. } = &actor.means else { return Err(only_in_person("add a second factor")) };
        let (now_ms, account) = (self.now_ms(), actor.user.as_str());
        let name = throttled(account);
        self.inner.throttle.check(&name, now_ms)?;
        let codes = (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<Vec<_>, Error>>()?;
        self.write(|work| {
            let accounts = work.accounts();
            let found = accounts.totp(account)?.filter(|found| !found.confirmed);
            let found = found.ok_or_else(|| Error::new(Code::Conflict, "there is no second factor to be confirmed"))?;
            let Some(step) = matching(&found.seed, code.trim(), now_ms) else {
                self.inner.throttle.failed(name, now_ms);
                return Err(Error::new(Code::Forbidden, "the code is not one of this device")
                    .hint("Check the clock of the device, and take the code that it shows now."));
            };
            accounts.use_totp_step(account, step)?;
            accounts.confirm_totp(account, now_ms)?;
            for code in &codes {
                let plain: String = code.expose().chars().filter(|letter| *letter != '-').collect();
                accounts.add_recovery_code(account, &secret::hash_text(&plain))?;
            }
            actor.record(work, now_ms, "second_factor.added", json!({}))
        })?;
        Ok(codes)
    }

    /// Takes the second factor of the actor's account away. Blocks.
    ///
    /// # Errors
    /// The password is wrong, or there is none.
    pub fn disable_totp(&self, actor: &Actor, password: &Secret) -> Result<(), Error> {
        let user = self.in_person(actor, password, "take a second factor away")?;
        self.write(|work| match work.accounts().remove_totp(&user.id)? {
            true => actor.record(work, self.now_ms(), "second_factor.removed", json!({})),
            false => Err(Error::new(Code::Conflict, "the account has no second factor")),
        })
    }

    /// The actor's account, whose password was given by whoever has its session.
    ///
    /// # Errors
    /// The actor is a token, or the password is wrong.
    pub(crate) fn in_person(&self, actor: &Actor, given: &Secret, what: &str) -> Result<User, Error> {
        let Means::Session { .. } = &actor.means else { return Err(only_in_person(what)) };
        // Not the name under which strangers guess: they must not be able to keep who is signed in from a better password.
        let (now_ms, name) = (self.now_ms(), secret::hash(&format!("password of {}", actor.user)));
        self.inner.throttle.check(&name, now_ms)?;
        let user = self.read(|work| Ok::<_, Error>(work.accounts().by_id(actor.user.as_str())?))?;
        if !password::fits(actor.user.as_str(), given, user.as_ref().and_then(|user| user.password.as_deref()))? {
            self.inner.throttle.failed(name, now_ms);
            return Err(Error::new(Code::Forbidden, "the present password is another one"));
        }
        user.ok_or_else(|| Error::not_found("such account"))
    }
}

/// The name under which wrong codes of an account are counted.
pub(crate) fn throttled(account: &str) -> [u8; 32] {
    secret::hash(&format!("second factor of {account}"))
}

/// The step of time whose code this is, near now.
fn matching(seed: &Secret, code: &str, now_ms: i64) -> Option<i64> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &unbase32(seed.expose())?);
    let now = now_ms.div_euclid(1000).div_euclid(STEP_S);
    // All are tried, whichever fits, so that the time does not tell.
    let steps = now - STEPS_APART..=now + STEPS_APART;
    steps.filter(|step| bool::from(code_at(&key, *step).as_bytes().ct_eq(code.as_bytes()))).max()
}

/// The code of a step of time.
fn code_at(key: &hmac::Key, step: i64) -> String {
    let tag = hmac::sign(key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let from = usize::from(bytes.last().copied().unwrap_or(0) & 0xf);
    let word = bytes.get(from..from + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes);
    format!("{:06}", (word & 0x7fff_ffff) % CODES)
}

/// A code on paper: 16 letters in four groups.
fn recovery_code() -> Result<Secret, Error> {
    let mut bytes = [0; RECOVERY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(&error))?;
    let mut text = String::new();
    for (place, letter) in base32(&bytes).chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        // Writing to memory cannot fail.
        let _ = write!(text, "{letter}");
    }
    Ok(Secret::new(text))
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(BASE32[(bits >> count & 31) as usize]));
        }
    }
    // Lengths of seeds and codes are multiples of five bytes.
    text
}

fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = BASE32.iter().position(|known| *known == letter)?;
        bits = bits << 5 | u32::try_from(value).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 255).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specification() {
        // RFC 6238, appendix B, for SHA-1; the last six of its eight digits.
        let seed = Secret::new(base32(b"12345678901234567890"));
        for (second, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(matching(&seed, code, second * 1000), Some(second / 30), "{second}");
        }
        assert_eq!(seed.expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(unbase32(seed.expose()).unwrap(), b"12345678901234567890");
        assert!(matching(&seed, "287082", (59 + 30) * 1000).is_some(), "a clock that is a little late");
        assert!(matching(&seed, "287082", (59 + 61) * 1000).is_none());
        for bad in ["", "28708", "2870820", "abcdef", "２８７０８２"] {
            assert!(matching(&seed, bad, 59_000).is_none(), "{bad}");
        }
    }

    #[test]
    fn recovery_codes_are_long_and_differ() {
        let codes: std::collections::BTreeSet<String> =
            (0..100).map(|_| recovery_code().unwrap().expose().to_owned()).collect();
        assert_eq!(codes.len(), 100);
        assert!(codes.iter().all(|code| code.len() == 19), "{codes:?}");
    }
}
