//! `akao vault`: the keys by which secrets, people and the audit are sealed: what there is, and new ones in place of the old.

use crate::{cli::Context, exit::Exit, failure::Failure, store::StoreArgs, wiring};
use akao_contract::Tenant;
use akao_store::{MasterKey, StoreError};
use serde_json::json;
use std::{fs::File, os::unix::fs::OpenOptionsExt};

/// Held while keys are rotated.
const LOCK_FILE: &str = "vault.lock";

/// Commands about keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show by what the master keys are recognised.
    Show(ShowArgs),
    /// Make new keys and seal with them; the server may run meanwhile.
    Rotate(RotateArgs),
}

/// Arguments of `akao vault show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// Arguments of `akao vault rotate`.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// The data key of this tenant, under which all its values are sealed again [default: the master key].
    #[arg(long, value_name = "TENANT")]
    tenant: Option<Tenant>,
    /// The data key of the server itself, by which people are sealed.
    #[arg(long, conflicts_with = "tenant")]
    people: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs a command.
pub(crate) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Show(args) => show(args, context),
        Command::Rotate(args) => rotate(args, context),
    }
}

fn show(args: &ShowArgs, context: &Context) -> Result<Exit, Failure> {
    let keys = args.store.keys(&wiring::data_dir(context)?)?;
    let found: Vec<String> = keys.load()?.iter().map(|key| key.fingerprint().to_string()).collect();
    if found.is_empty() {
        return Err(Failure::not_found(format!("there is no master key in {}", keys.place()))
            .hint("The first start of `akao serve` makes one."));
    }
    if context.output.json {
        context.output.document(&json!({"place": keys.place(), "master_keys": found}))?;
        return Ok(Exit::Success);
    }
    context.output.line(&format!("{}: {}", keys.place(), found.join(", ")))?;
    Ok(Exit::Success)
}

fn rotate(args: &RotateArgs, context: &Context) -> Result<Exit, Failure> {
    let folder = wiring::data_dir(context)?;
    // Two at once would write each other's keys away.
    let lock = File::options().write(true).create(true).truncate(false).mode(0o600).open(folder.join(LOCK_FILE));
    let lock = lock.map_err(|error| Failure::storage("keys cannot be rotated").because(&error))?;
    lock.try_lock().map_err(|error| {
        Failure::usage("keys are being rotated already").because(&error).hint("Ask again when that has ended.")
    })?;
    if args.store.keys(&folder)?.load()?.is_empty() {
        return Err(Failure::not_found("there is no master key").hint("The first start of `akao serve` makes one."));
    }
    let store = args.store.open_there(&folder)?;
    if store.read(|work| work.accounts().is_empty())? {
        // Perhaps not those that the key is needed for.
        let message = format!("nobody is in {}, so that there is nothing to rotate keys of", store.place());
        return Err(
            Failure::not_found(message).hint("Name the platform data of the server, with `--store` or without it.")
        );
    }
    let (what, values) = match (&args.tenant, args.people) {
        (Some(tenant), _) => {
            let values = store.write(|work| match work.of(tenant).row()? {
                Some(_) => work.rotate_tenant_key(tenant).map(Some),
                None => Ok::<_, StoreError>(None),
            })?;
            let missing = || Failure::not_found(format!("there is no tenant `{tenant}`"));
            (format!("the data key of {tenant}"), values.ok_or_else(missing)?)
        }
        (None, true) => ("the data key of the server".to_owned(), store.write(|work| work.rotate_server_key())?),
        (None, false) => {
            let values = rotate_master(&store)?;
            ("the master key".to_owned(), values)
        }
    };
    let output = &context.output;
    if output.json {
        output.document(&json!({"rotated": what, "sealed_again": values}))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("{what} is a new one; {values} were sealed again"))?;
    if args.tenant.is_none() && !args.people {
        output.note("Keep a copy of it elsewhere. Backups that were made before still need the old one.");
    }
    Ok(Exit::Success)
}

/// Wraps every data key by a new master key. The old one stays beside it until that is durable, so that this can be broken off
/// anywhere and done again.
fn rotate_master(store: &akao_store::Store) -> Result<u64, Failure> {
    let source = store.vault().source();
    let known = source.load()?;
    let new = match known.split_first() {
        // A rotation that was broken off, or a place that is not ours: the first key is the new one.
        Some((first, [_, ..])) => first.clone(),
        _ => {
            let new = MasterKey::random()?;
            let both: Vec<MasterKey> = std::iter::once(new.clone()).chain(known.iter().cloned()).collect();
            source.replace(&both)?;
            new
        }
    };
    let count = store.write(|work| work.rewrap_keys(&new))?;
    // What is taken away must not be needed any more.
    let wrapping = store.read(|work| work.master_keys())?;
    if wrapping.iter().any(|fingerprint| *fingerprint != new.fingerprint().to_string()) {
        return Err(Failure::storage("data keys are still wrapped by an older master key, which is kept")
            .hint("Ask for a new master key again."));
    }
    // Where somebody else's key stands first by now, the file is theirs.
    let is_ours = source.load()?.first().is_some_and(|first| first.fingerprint() == new.fingerprint());
    if source.is_own() && is_ours {
        source.replace(std::slice::from_ref(&new))?;
    }
    Ok(count)
}
