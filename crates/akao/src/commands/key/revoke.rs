//! `akao key revoke`: nothing that a key has signed counts any more.

use crate::{
    acts::{self, Act},
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::plain,
    publisher::{PublisherPlaces, change_trust, read_trust},
};
use akao_package::{
    PublicKey,
    trust::{Trust, TrustedKey},
};
use jiff::Timestamp;
use serde_json::json;

/// Fewest digits of a fingerprint that name a key; fewer are met by chance.
const DIGITS_MIN: usize = 8;

/// Longest reason, in characters.
const REASON_CHARACTERS_MAX: usize = 1_000;

/// Arguments of `akao key revoke`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key's fingerprint as `akao key list` shows it, or its first eight digits or more.
    fingerprint: String,
    /// Why; it is shown to whoever meets the key again.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Revokes the key wherever it is trusted.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let reason = args.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARACTERS_MAX {
        return Err(Failure::usage(format!("the reason is empty or longer than {REASON_CHARACTERS_MAX} characters"))
            .hint("Write a sentence that says why."));
    }
    let places = PublisherPlaces::of(context)?;
    let key = find(&read_trust(&places)?, &args.fingerprint)?;
    let revoked = change_trust(&places, |trust| {
        trust.revoke(&key, Timestamp::now(), reason)?;
        Ok(of(trust, &key).cloned().collect::<Vec<TrustedKey>>())
    })?;
    let document = json!({"what": "revoked", "key": key.fingerprint(), "reason": reason});
    acts::tell(places.root(), [Act::on_settings("", document)])?;
    let prefixes: Vec<&str> = revoked.iter().map(|trusted| trusted.prefix.as_str()).collect();
    // A key that was revoked before keeps the reason that it had.
    let revocation = revoked.iter().find_map(|trusted| trusted.revoked.as_ref());
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "fingerprint": key.fingerprint(), "prefixes": prefixes,
            "reason": revocation.map(|revocation| &revocation.reason), "at": revocation.map(|revocation| revocation.at),
        }))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("{}  {}", key.fingerprint(), prefixes.join(" ")))?;
    output.note("Nothing that it has signed is installed any more, and it cannot be trusted again.");
    Ok(Exit::Success)
}

fn of<'a>(trust: &'a Trust, key: &'a PublicKey) -> impl Iterator<Item = &'a TrustedKey> {
    trust.keys().iter().filter(|trusted| trusted.key.ed25519() == key.ed25519())
}

/// The key whose fingerprint begins so.
fn find(trust: &Trust, text: &str) -> Result<PublicKey, Failure> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    if digits.len() < DIGITS_MIN || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::usage(format!("`{}` is no fingerprint", plain(text)))
            .hint(format!("Write `sha256:` and at least {DIGITS_MIN} digits; `akao key list` shows them.")));
    }
    let trusted = trust.keys().iter().map(|trusted| &trusted.key);
    let mut found: Vec<&PublicKey> = trusted.chain(trust.pins().map(|pin| &pin.key)).collect();
    found.retain(|key| key.fingerprint().hex().starts_with(&digits));
    found.dedup_by_key(|key| key.fingerprint());
    match found[..] {
        [] => Err(Failure::not_found(format!("no trusted key has the fingerprint {}", plain(text)))
            .hint("`akao key list` shows the keys that are trusted.")),
        [first, ..] if found.iter().all(|key| key.ed25519() == first.ed25519()) => Ok(first.clone()),
        _ => Err(Failure::usage(format!("several trusted keys have a fingerprint that begins with {digits}"))
            .hint("Write more digits.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_the_beginning_of_its_fingerprint() {
        let key = akao_package::new_key(None).unwrap().public;
        let mut trust = Trust::default();
        for prefix in ["com.example.", "org.example."] {
            trust.add(prefix.parse().unwrap(), key.clone(), Timestamp::UNIX_EPOCH, None).unwrap();
        }
        let hex = key.fingerprint().hex();
        for text in [format!("sha256:{hex}"), hex.clone(), hex[..8].to_uppercase()] {
            assert_eq!(find(&trust, &text).unwrap(), key, "{text}");
        }
        for text in ["", "sha256:", &hex[..7], "zzzzzzzzz", &format!("{hex}0")] {
            assert!(find(&trust, text).is_err(), "{text}");
        }
    }
}
