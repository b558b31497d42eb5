//! `akao key revoke`: nothing that a key has signed counts any more.

use crate::{
    acts::{self, Intent},
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::plain,
    publisher::{PublisherPlaces, change_trust, read_trust},
};
use akao_install::{Installed, Places, Record};
use akao_package::{
    PublicKey,
    trust::{Trust, TrustedKey},
};
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;

/// Fewest digits of a fingerprint that name a key; fewer are met by chance.
const DIGITS_MIN: usize = 8;

/// Longest reason, in characters.
const REASON_CHARACTERS_MAX: usize = 1_000;

/// Arguments of `akao key revoke`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key's fingerprint as `akao key list` and `akao node-info` show it, or its first eight digits or more; or a whole public
    /// key, as text or a `.pub` file.
    #[arg(value_name = "FINGERPRINT|KEY|FILE")]
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
    let installed = installed(&places)?;
    let key = named(&args.fingerprint, &installed, &places)?;
    let intent = Intent::on_settings("", "revoking", json!({"key": key.fingerprint(), "reason": reason}));
    let (revoked, revocation) = acts::change_settings(places.root(), intent, || {
        let revoked = change_trust(&places, |trust| {
            trust.revoke_wherever(&key, Timestamp::now(), reason);
            // A key that was revoked before keeps the reason that it had.
            Ok((of(trust, &key).cloned().collect::<Vec<TrustedKey>>(), trust.revocation(&key).cloned()))
        })?;
        Ok((revoked, json!({"what": "revoked", "key": key.fingerprint(), "reason": reason})))
    })?;
    let by_it = installed.iter().filter(|signed| signed.key.ed25519() == key.ed25519());
    let by_it: Vec<&str> = by_it.map(|signed| signed.what.as_str()).collect();
    let prefixes: Vec<&str> = revoked.iter().map(|trusted| trusted.prefix.as_str()).collect();
    let revocation = revocation.as_ref();
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "fingerprint": key.fingerprint(), "prefixes": prefixes,
            "reason": revocation.map(|revocation| &revocation.reason), "at": revocation.map(|revocation| revocation.at),
            "installed": by_it,
        }))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("{}  {}", key.fingerprint(), prefixes.join(" ")))?;
    output.note("Nothing that it has signed is installed any more, and it cannot be trusted again.");
    if !by_it.is_empty() {
        output.note(&format!("Installed and signed by it: {}. Update, disable or uninstall that.", by_it.join(", ")));
    }
    Ok(Exit::Success)
}

fn of<'a>(trust: &'a Trust, key: &'a PublicKey) -> impl Iterator<Item = &'a TrustedKey> {
    trust.keys().iter().filter(|trusted| trusted.key.ed25519() == key.ed25519())
}

/// An installed version that somebody has signed.
struct Signed {
    what: String,
    key: PublicKey,
}

/// Every installed version with the key that had signed it. A repository may have vouched for a key that is trusted nowhere else.
fn installed(places: &PublisherPlaces) -> Result<Vec<Signed>, Failure> {
    let all = Installed::of(&Places::new(places.root())).all();
    let all =
        all.map_err(|error| Failure::storage(error.to_string()).because(&error.source).hint(error.suggestion()))?;
    let records = all.into_iter().filter_map(|(_, record)| record.ok());
    let signed = |record: Record| {
        let versions = record.versions.into_iter();
        versions.filter_map(move |version| {
            Some(Signed { what: format!("{} {}", record.id, version.version), key: version.publisher? })
        })
    };
    Ok(records.flat_map(signed).collect())
}

/// The key that is meant: a whole one, a file of one, or one that is known here by the beginning of its fingerprint.
fn named(text: &str, installed: &[Signed], places: &PublisherPlaces) -> Result<PublicKey, Failure> {
    if text.parse::<PublicKey>().is_ok() || Path::new(text).is_file() {
        return super::public_key(text, places);
    }
    find(&read_trust(places)?, installed, text)
}

/// The key whose fingerprint begins so.
fn find(trust: &Trust, installed: &[Signed], text: &str) -> Result<PublicKey, Failure> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    if digits.len() < DIGITS_MIN || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::usage(format!("`{}` is no fingerprint", plain(text)))
            .hint(format!("Write `sha256:` and at least {DIGITS_MIN} digits; `akao key list` shows them.")));
    }
    let trusted = trust.keys().iter().map(|trusted| &trusted.key);
    let others = trust.pins().map(|pin| &pin.key).chain(trust.revoked().map(|(key, _)| key));
    let mut found: Vec<&PublicKey> = trusted.chain(others).chain(installed.iter().map(|signed| &signed.key)).collect();
    found.retain(|key| key.fingerprint().hex().starts_with(&digits));
    found.dedup_by_key(|key| key.fingerprint());
    match found[..] {
        [] => Err(Failure::not_found(format!(
            "no trusted key has the fingerprint {}, and none that has signed what is installed",
            plain(text)
        ))
        .hint("`akao key list` shows the keys that are trusted; any other one is revoked by its 56 characters.")),
        [first, ..] if found.iter().all(|key| key.ed25519() == first.ed25519()) => Ok(first.clone()),
        _ => Err(Failure::usage(format!("several keys have a fingerprint that begins with {digits}"))
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
            assert_eq!(find(&trust, &[], &text).unwrap(), key, "{text}");
        }
        let signed = [Signed { what: "com.example.a 1.0.0".to_owned(), key: key.clone() }];
        assert_eq!(find(&Trust::default(), &signed, &hex[..8]).unwrap(), key, "nobody trusts it, and it has signed");
        for text in ["", "sha256:", &hex[..7], "zzzzzzzzz", &format!("{hex}0")] {
            assert!(find(&trust, &[], text).is_err(), "{text}");
        }
    }
}
