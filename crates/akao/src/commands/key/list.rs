//! `akao key list`: one's own keys, the keys that are trusted with the ids they vouch for, and what was revoked.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Output, Style, plain_line, table},
    publisher::{Keys, ListedKey, PublisherPlaces, read_trust},
};
use akao_package::trust::{Revocation, Trust, TrustedKey};
use serde_json::{Value, json};

/// Arguments of `akao key list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints the keys.
pub(crate) fn run(_: &Args, context: &Context) -> Result<Exit, Failure> {
    let places = PublisherPlaces::of(context)?;
    let (own, trust) = (Keys::of(&places).list()?, read_trust(&places)?);
    let output = &context.output;
    if output.json {
        let pins: Vec<Value> = trust
            .pins()
            .map(|pin| json!({"id": pin.id, "key": pin.key, "fingerprint": pin.key.fingerprint(), "at": pin.at}))
            .collect();
        let own: Vec<Value> = own.iter().map(own_document).collect();
        let trusted: Vec<Value> = trust.keys().iter().map(trusted_document).collect();
        let revoked: Vec<Value> = trust
            .revoked()
            .map(|(key, revocation)| {
                json!({"key": key, "fingerprint": key.fingerprint(), "at": revocation.at, "reason": revocation.reason})
            })
            .collect();
        output.document(&json!({"own": own, "trusted": trusted, "pins": pins, "revoked": revoked}))?;
        return Ok(Exit::Success);
    }
    tell_own(&own, output)?;
    tell_trusted(&trust, output)?;
    Ok(Exit::Success)
}

fn own_document(listed: &ListedKey) -> Value {
    match &listed.key {
        Ok((key, encrypted)) => json!({
            "name": listed.name, "file": listed.file, "key": key, "number": key.number(),
            "fingerprint": key.fingerprint(), "encrypted": encrypted, "problem": null,
        }),
        Err(failure) => json!({"name": listed.name, "file": listed.file, "problem": failure.full_message()}),
    }
}

fn trusted_document(trusted: &TrustedKey) -> Value {
    json!({
        "prefix": trusted.prefix, "key": trusted.key, "number": trusted.key.number(),
        "fingerprint": trusted.key.fingerprint(), "added": trusted.added, "note": trusted.note,
        "introduced_by": trusted.introduced_by.as_ref().map(|key| key.fingerprint()),
        "revoked": trusted.revoked.as_ref().map(|revoked| json!({"at": revoked.at, "reason": revoked.reason})),
    })
}

fn tell_own(own: &[ListedKey], output: &Output) -> Result<(), Failure> {
    if own.is_empty() {
        output.note("There is no key of your own. Make one with `akao key new NAME`.");
        return Ok(());
    }
    let row = |listed: &ListedKey| match &listed.key {
        Ok((key, encrypted)) => {
            let password = if *encrypted { "yes" } else { "no" };
            vec![listed.name.clone(), password.to_owned(), key.fingerprint().to_string()]
        }
        Err(failure) => vec![listed.name.clone(), "?".to_owned(), plain_line(&failure.full_message())],
    };
    output.text(&table(&["NAME", "PASSWORD", "FINGERPRINT"], &own.iter().map(row).collect::<Vec<_>>()))
}

fn tell_trusted(trust: &Trust, output: &Output) -> Result<(), Failure> {
    if trust.keys().is_empty() && trust.pins().next().is_none() && trust.revoked().next().is_none() {
        output.note("No other key is trusted. Trust one with `akao key trust FILE --prefix com.example.`.");
        return Ok(());
    }
    let lost = |revoked: &Revocation| output.out(Style::Bad, &format!("revoked: {}", plain_line(&revoked.reason)));
    let state = |trusted: &TrustedKey| match &trusted.revoked {
        Some(revoked) => lost(revoked),
        None => "trusted".to_owned(),
    };
    let keys = trust
        .keys()
        .iter()
        .map(|trusted| vec![trusted.prefix.to_string(), trusted.key.fingerprint().to_string(), state(trusted)]);
    let pins = trust
        .pins()
        .map(|pin| vec![pin.id.to_string(), pin.key.fingerprint().to_string(), "pinned at first use".to_owned()]);
    let others =
        trust.revoked().map(|(key, revoked)| vec!["anything".to_owned(), key.fingerprint().to_string(), lost(revoked)]);
    output.text(&table(&["FOR", "FINGERPRINT", "STATE"], &keys.chain(pins).chain(others).collect::<Vec<_>>()))
}
