//! `akao key trust`: from now on a key vouches for the packages below a prefix.

use crate::{
    acts::{self, Intent},
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::plain,
    publisher::{Keys, PublisherPlaces, change_trust, read_small},
};
use akao_package::{PublicKey, trust::Prefix};
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;

/// Arguments of `akao key trust`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The public key: its 56 characters, a `.pub` file, or the name of a key of yours.
    #[arg(value_name = "KEY|FILE|NAME")]
    key: String,
    /// The beginning of the ids that it vouches for, with a dot at its end, such as `com.example.`.
    #[arg(long)]
    prefix: Prefix,
    /// Words for people, such as where the key was announced.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Trusts the key.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let places = PublisherPlaces::of(context)?;
    let key = public_key(&args.key, &places)?;
    let intent = Intent::on_settings(args.prefix.as_str(), "trusting", json!({"key": key.fingerprint()}));
    acts::change_settings(places.root(), intent, || {
        change_trust(&places, |trust| trust.add(args.prefix.clone(), key.clone(), Timestamp::now(), args.note))?;
        Ok(((), json!({"what": "trusted", "key": key.fingerprint()})))
    })?;
    let output = &context.output;
    if output.json {
        output.document(&json!({"prefix": args.prefix, "key": key, "fingerprint": key.fingerprint()}))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("{}  {}", args.prefix, key.fingerprint()))?;
    output.note("Compare the fingerprint with what the publisher announces.");
    output.note("Take the trust back with `akao key revoke FINGERPRINT --reason TEXT`.");
    Ok(Exit::Success)
}

/// The public key that a text is or names.
pub(crate) fn public_key(text: &str, places: &PublisherPlaces) -> Result<PublicKey, Failure> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    if let Some(key) = Keys::of(places).public(text)? {
        return Ok(key);
    }
    let shown = plain(&akao_contract::shortened(text.to_owned(), 200));
    let hint = "Give the 56 characters of a public key, a `.pub` file, or the name of a key of yours.";
    let read = read_small(Path::new(text)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::not_found(format!("`{shown}` is neither a public key nor a file that is there")).hint(hint)
        }
        _ => Failure::usage(format!("cannot read {shown}")).because(&error).hint(hint),
    })?;
    // A secret key in the wrong place must not be shown, so the text is not told.
    read.parse().map_err(|_| Failure::usage(format!("{shown} holds no public key")).hint(hint))
}
