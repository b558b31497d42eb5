//! Programs that somebody signs in from a terminal: the program shows a code, a person who is signed in lets that code in, and the
//! program gets a token of that person, once. What waits is in memory alone.

use crate::{
    Actor, Code, Error, Means, NewToken, Platform, Source, TokenMade,
    accounts::{clean_name, only_in_person},
    secret,
    throttle::Trickle,
};
use akao_step::Secret;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// How long a person may take.
const DEVICE_MS: i64 = 10 * 60 * 1000;

/// Programs that wait at once.
const DEVICES_MAX: usize = 10_000;

/// Programs of one source that may begin at once, and after how long one more may. With the time that one waits, that bounds how
/// many of one source wait.
const BEGUN_AT_ONCE: u32 = 20;
const BEGUN_EVERY_MS: i64 = 6_000;

/// Seconds between two questions of a program.
const INTERVAL_S: u64 = 2;

/// What the program's own secret begins with.
const DEVICE_PREFIX: &str = "akao_device_";

/// Letters of a code that people compare: none that look alike, and no vowels that would make words.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODE_LETTERS: usize = 8;

/// A program waits to be let in.
#[derive(Debug)]
pub struct DeviceBegun {
    /// What only the program has.
    pub device_code: Secret,
    /// What people compare.
    pub user_code: String,
    /// Where they let it in.
    pub page: String,
    /// How long that is possible, in seconds.
    pub seconds: i64,
    /// How often the program may ask, in seconds.
    pub interval_s: u64,
}

/// Programs that wait, by the hashes of their secrets.
pub(crate) struct Devices {
    waiting: Mutex<BTreeMap<[u8; 32], Device>>,
    begun: Trickle<Source>,
}

impl Default for Devices {
    fn default() -> Self {
        Self { waiting: Mutex::default(), begun: Trickle::new(BEGUN_AT_ONCE, BEGUN_EVERY_MS) }
    }
}

struct Device {
    user_code: String,
    name: String,
    expires_ms: i64,
    /// The token, from when it was let in until the program has fetched it.
    made: Option<TokenMade>,
}

impl Devices {
    fn with<T>(&self, with: impl FnOnce(&mut BTreeMap<[u8; 32], Device>) -> T) -> T {
        with(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn no_such_code() -> Error {
    Error::new(Code::NotFound, "no program waits with this code").hint("Compare it with what the terminal shows.")
}

fn too_many(wait_ms: i64) -> Error {
    let error = Error::new(Code::TooMany, "too many programs wait to be let in");
    Error { retry_after_s: Some(u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000).max(1)), ..error }
        .hint("Wait a moment, or sign in with `akao login --token`.")
}

impl Platform {
    /// Begins to sign a program in.
    ///
    /// # Errors
    /// The name cannot be one, or too many have begun: those of one source after each other, and none in the place of another.
    pub fn begin_device(&self, source: Source, name: &str) -> Result<DeviceBegun, Error> {
        let (name, now_ms) = (clean_name("name", name)?, self.now_ms());
        self.inner.devices.begun.take(source, now_ms).map_err(too_many)?;
        let device_code = secret::new(DEVICE_PREFIX)?;
        let user_code = user_code()?;
        self.inner.devices.with(|devices| {
            devices.retain(|_, device| now_ms < device.expires_ms);
            if devices.len() >= DEVICES_MAX {
                return Err(too_many(BEGUN_EVERY_MS));
            }
            let expires_ms = now_ms.saturating_add(DEVICE_MS);
            let device = Device { user_code: user_code.clone(), name, expires_ms, made: None };
            devices.insert(secret::hash(device_code.expose()), device);
            Ok(())
        })?;
        let page = format!("{}/device", self.parts().public_url.trim_end_matches('/'));
        Ok(DeviceBegun { device_code, user_code, page, seconds: DEVICE_MS / 1000, interval_s: INTERVAL_S })
    }

    /// Lets a program in, which gets a token of the actor. Blocks.
    ///
    /// # Errors
    /// No program waits with this code, or the actor may not make tokens.
    pub fn allow_device(&self, actor: &Actor, user_code: &str) -> Result<String, Error> {
        let Means::Session { .. } = &actor.means else { return Err(only_in_person("let a program in")) };
        let (now_ms, wanted) = (self.now_ms(), clean_code(user_code));
        let name = secret::hash(&format!("devices of {}", actor.user));
        self.inner.throttle.check(&name, now_ms)?;
        let waits =
            |device: &&mut Device| device.user_code == wanted && now_ms < device.expires_ms && device.made.is_none();
        let found =
            self.inner.devices.with(|devices| devices.values_mut().find(waits).map(|device| device.name.clone()));
        let Some(device) = found else {
            self.inner.throttle.failed(name, now_ms);
            return Err(no_such_code());
        };
        let made = self.make_token(actor, &NewToken { name: device.clone(), permissions: None, days: None })?;
        self.inner.devices.with(|devices| match devices.values_mut().find(waits) {
            Some(waiting) => {
                waiting.made = Some(made);
                Ok(device)
            }
            None => Err(no_such_code()),
        })
    }

    /// The token of a program that was let in: only once. None while nobody has let it in.
    ///
    /// # Errors
    /// The program's secret is worth nothing, or not any more.
    pub fn device_token(&self, device_code: &Secret) -> Result<Option<TokenMade>, Error> {
        let (key, now_ms) = (secret::hash(device_code.expose()), self.now_ms());
        self.inner.devices.with(|devices| match devices.get(&key) {
            Some(device) if now_ms < device.expires_ms => match device.made {
                Some(_) => Ok(devices.remove(&key).and_then(|device| device.made)),
                None => Ok(None),
            },
            _ => Err(Error::new(Code::Forbidden, "the code was not let in in time, or was used").hint("Begin again.")),
        })
    }
}

/// A code in the form in which it is kept: people leave the hyphen out, or write small.
fn clean_code(text: &str) -> String {
    let letters: String =
        text.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).collect();
    match letters.split_at_checked(CODE_LETTERS / 2) {
        Some((first, second)) => format!("{first}-{second}"),
        None => letters,
    }
}

fn user_code() -> Result<String, Error> {
    let mut letters = String::new();
    while letters.len() < CODE_LETTERS {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::internal(&error))?;
        // Numbers beyond the last whole round would make some letters more likely.
        let fair = bytes.iter().filter(|byte| **byte < 240).map(|byte| char::from(LETTERS[usize::from(byte % 20)]));
        letters.extend(fair.take(CODE_LETTERS - letters.len()));
    }
    Ok(clean_code(&letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = user_code().unwrap();
        assert_eq!((code.len(), code.as_bytes()[4]), (9, b'-'));
        assert_eq!(clean_code(&code.to_lowercase().replace('-', " ")), code);
        assert_eq!(clean_code("é"), "");
    }
}
