//! `akao key rotate` and `accept`: a publisher's next key, vouched for by the one that people trust.

use crate::{
    acts::{self, Changed, Intent},
    cli::Context,
    commands::{key::public_key, node::signature_file},
    exit::Exit,
    failure::Failure,
    output::plain,
    publisher::{Keys, PasswordArgs, PublisherPlaces, change_trust, read_small},
    replace::replace_file,
};
use akao_contract::Digest;
use akao_package::{
    Signature,
    trust::{Prefix, Rotation, RotationError, sign_rotation},
};
use jiff::Timestamp;
use serde_json::json;
use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// Arguments of `akao key rotate`.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// The next key: the name of a key of yours, a `.pub` file, or its 56 characters.
    #[arg(value_name = "NAME|FILE|KEY")]
    next: String,
    /// The ids that both keys are for, such as `com.example.`.
    #[arg(long)]
    prefix: Prefix,
    /// The key that people trust now, by its name or its file [default: the only key that there is].
    #[arg(long, value_name = "NAME|FILE")]
    key: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
    /// The old key loses its trust by it: what it has signed is installed newly by nobody.
    #[arg(long)]
    retire: bool,
    /// The file to write; its signature stands beside it.
    #[arg(short, long, value_name = "FILE", default_value = "key-rotation.json")]
    output: PathBuf,
}

/// Arguments of `akao key accept`.
#[derive(Debug, clap::Args)]
pub(crate) struct AcceptArgs {
    /// The file that the publisher has made with `akao key rotate`, with its signature beside it.
    file: PathBuf,
}

/// Vouches for the next key.
pub(crate) fn rotate(args: &RotateArgs, context: &Context) -> Result<Exit, Failure> {
    let places = PublisherPlaces::of(context)?;
    let next = public_key(&args.next, &places)?;
    let old = Keys::of(&places).open(args.key.as_deref(), &args.password, context)?;
    if old.key.public().ed25519() == next.ed25519() {
        return Err(Failure::usage("the next key is the one that signs").hint("Make another with `akao key new NAME`."));
    }
    let signed = sign_rotation(args.prefix.clone(), next.clone(), args.retire, &old.key);
    let (text, signature) = signed.map_err(|error| Failure::internal("nothing can be signed").because(&error))?;
    let beside = signature_file(&args.output);
    // The signature last: without it the file is believed by nobody.
    replace_file(&args.output, text.as_bytes())?;
    replace_file(&beside, signature.as_str().as_bytes())?;
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "file": args.output, "signature": beside, "prefix": args.prefix, "key": next,
            "fingerprint": next.fingerprint(), "by": old.key.public().fingerprint(), "retire": args.retire,
        }))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("{}  {}", args.output.display(), next.fingerprint()))?;
    output.note("Hand out both files: whoever trusts the old key takes in the new one with `akao key accept FILE`.");
    if args.retire {
        output.note("Sign what is published with the new key first: what only the old one has signed is refused then.");
    }
    Ok(Exit::Success)
}

/// Trusts the next key, because a trusted one says so.
pub(crate) fn accept(args: &AcceptArgs, context: &Context) -> Result<Exit, Failure> {
    let places = PublisherPlaces::of(context)?;
    let (text, signature) = (read(&args.file)?, read(&signature_file(&args.file))?);
    let signature = Signature::read(&signature).map_err(|error| refused(&error, &args.file))?;
    // What it says is believed by nobody before its signature was looked at, also not what it is about.
    let intent = Intent::on_settings("", "accepting", json!({"sha256": Digest::of(text.as_bytes())}));
    let Rotation { prefix, key, retire, .. } = acts::change_settings(places.root(), intent, || {
        let accepted = change_trust(&places, |trust| Ok(trust.rotate(&text, &signature, Timestamp::now())));
        let rotation = accepted?.map_err(|error| rotation_refused(&error, &args.file))?;
        let (prefix, key) = (rotation.prefix.as_str().to_owned(), rotation.key.fingerprint());
        let document = json!({"what": "accepted", "prefix": prefix, "key": key, "retired": rotation.retire});
        Ok((rotation, Changed { about: Some(prefix), document }))
    })?;
    let print = key.fingerprint();
    let output = &context.output;
    if output.json {
        output.document(&json!({"prefix": prefix, "key": key, "fingerprint": print, "retired": retire}))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("{prefix}  {print}"))?;
    output.note(match retire {
        true => "The key that has signed it is not trusted for these packages any more.",
        false => "The key that has signed it stays trusted beside it.",
    });
    Ok(Exit::Success)
}

fn read(file: &Path) -> Result<String, Failure> {
    read_small(file).map_err(|error| {
        let failure = match error.kind() {
            std::io::ErrorKind::NotFound => Failure::not_found(format!("there is no file {}", file.display())),
            _ => Failure::usage(format!("cannot read {}", file.display())),
        };
        failure.because(&error).hint("Both files of `akao key rotate` are needed, one beside the other.")
    })
}

fn refused(error: &dyn Error, file: &Path) -> Failure {
    Failure::usage(format!("{} is not accepted", plain(&file.display().to_string()))).because(error)
}

fn rotation_refused(error: &RotationError, file: &Path) -> Failure {
    let hint = match error {
        RotationError::Unsigned(prefix) => {
            format!("`akao key list` shows whose keys are trusted; only one that is trusted for `{prefix}` may say so.")
        }
        RotationError::Trust(error) => error.suggestion().to_owned(),
        RotationError::Form(_) | RotationError::Signature(_) => "Fetch both files again from the publisher.".to_owned(),
    };
    let failure = refused(error, file).hint(hint);
    Failure { kind: "conflict", exit: Exit::Failure, ..failure }
}
