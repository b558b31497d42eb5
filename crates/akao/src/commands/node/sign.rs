//! `akao node sign`: a publisher's signature beside an archive, as the stock `minisign` verifies it.

use super::{read_archive, signature_file};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    publisher::{Keys, PasswordArgs, PublisherPlaces},
    replace::replace_file,
};
use akao_package::sign;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `akao node sign`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The archive.
    file: PathBuf,
    /// The key, by its name or its file [default: the only key that there is].
    #[arg(long, value_name = "NAME|FILE")]
    key: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Signs the archive after it was checked to its last byte.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let archive = read_archive(&args.file)?;
    let secret = Keys::of(&PublisherPlaces::of(context)?).open(args.key.as_deref(), &args.password, context)?;
    let failed = |error| Failure::internal("the archive cannot be signed").because(&error);
    let signature = sign(&archive, &secret.key).map_err(failed)?;
    let file = signature_file(&args.file);
    replace_file(&file, signature.as_str().as_bytes())?;
    let (manifest, public) = (archive.manifest(), secret.key.public());
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "file": args.file, "signature": file, "id": manifest.id, "version": manifest.version,
            "digest": archive.digest(), "key": public, "number": public.number(), "fingerprint": public.fingerprint(),
        }))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("package      {} {}", manifest.id, manifest.version))?;
    output.line(&format!("signature    {}", file.display()))?;
    output.line(&format!("fingerprint  {}", public.fingerprint()))?;
    Ok(Exit::Success)
}
