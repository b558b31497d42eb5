//! `akao key new`: a key of one's own, as two files that minisign reads as well.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    publisher::{Keys, PasswordArgs, PublisherPlaces},
};
use serde_json::json;

/// Arguments of `akao key new`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the key is called here: letters, digits, hyphens and underscores.
    name: String,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Makes the key.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (public, file, encrypted) = Keys::of(&PublisherPlaces::of(context)?).make(&args.name, &args.password)?;
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "name": args.name, "key": public, "number": public.number(), "fingerprint": public.fingerprint(),
            "file": file, "public_file": file.with_extension("pub"), "encrypted": encrypted,
        }))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("key          {public}"))?;
    output.line(&format!("fingerprint  {}", public.fingerprint()))?;
    output.line(&format!("file         {}", file.display()))?;
    output.note("Announce the fingerprint where people trust you; keep a copy of the file where nobody else comes.");
    if !encrypted {
        output
            .note("The key has no password: who can read the file can sign. `--password-file` gives one to a new key.");
    }
    Ok(Exit::Success)
}
