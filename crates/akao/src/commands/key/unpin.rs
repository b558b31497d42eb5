//! `akao key unpin`: forgets the key that a package was bound to when it was first installed, so that the next install asks
//! about its key anew.

use crate::{
    acts::{self, Intent},
    cli::Context,
    commands::packages::package_id,
    exit::Exit,
    failure::Failure,
    publisher::{PublisherPlaces, change_trust},
};
use serde_json::json;

/// Arguments of `akao key unpin`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The package.
    #[arg(value_name = "ID")]
    package: String,
}

/// Forgets the key.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (places, id) = (PublisherPlaces::of(context)?, package_id(&args.package)?);
    let intent = Intent::on_settings(id.as_str(), "unpinning", json!({}));
    let key = acts::change_settings(places.root(), intent, || {
        let forgotten = change_trust(&places, |trust| {
            let key = trust.pinned(&id).map(|pin| pin.key.fingerprint());
            trust.unpin(&id);
            Ok(key)
        })?;
        let none = || Failure::not_found(format!("`{id}` is bound to no key"));
        let key = forgotten.ok_or_else(|| none().hint("`akao key list` shows the packages that are."))?;
        Ok((key, json!({"what": "unpinned", "key": key})))
    })?;
    let output = &context.output;
    if output.json {
        output.document(&json!({"id": id, "fingerprint": key}))?;
    } else {
        output.line(&format!("{id}  {key}"))?;
        output.note("The next install of another version asks whether its key is the publisher's.");
        output.note("What is installed stays as it is; to trust no signature of the key, revoke it.");
    }
    Ok(Exit::Success)
}
