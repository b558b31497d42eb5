//! `akao node publish`: a signed archive goes into a repository of this machine, for good.

use super::{read_archive, signature_file};
use crate::{
    cli::Context,
    commands::key::public_key,
    exit::Exit,
    failure::Failure,
    output::Output,
    publisher::{Keys, PublisherPlaces, RepositoryKeys, read_small, read_trust, repository_key},
};
use akao_package::{Archive, PublicKey, Signature, SignatureError, publishable};
use akao_repository::{Folder, LookAlike, Publication, Published};
use jiff::Timestamp;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `akao node publish`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The archive; its signature stands beside it.
    file: PathBuf,
    /// The folder of the repository.
    #[arg(long, value_name = "FOLDER")]
    repo: PathBuf,
    #[command(flatten)]
    keys: RepositoryKeys,
    /// The public key that has signed the archive [default: the one of your own or of the trusted ones that has].
    #[arg(long, value_name = "KEY|FILE|NAME")]
    publisher: Option<String>,
    /// Let a key that is not the publisher's so far take the package over.
    #[arg(long)]
    accept_publisher: bool,
    /// Publish a new id although it is easily taken for one that is there.
    #[arg(long)]
    accept_look_alike: bool,
    /// The package is loaded into the process of who needs it, so that one process has one version of it.
    #[arg(long)]
    library: bool,
}

/// Publishes the version, or says everything that keeps it from being published.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let archive = read_archive(&args.file)?;
    refuse_incomplete(&archive)?;
    let signature = read_signature(&signature_file(&args.file))?;
    let folder = Folder::at(&args.repo);
    let (index, _) = folder.contents()?;
    let places = PublisherPlaces::of(context)?;
    let publisher = signer(args, &archive, &signature, &places)?;
    let manifest = archive.manifest();
    let near = index.look_alikes(&manifest.id, &manifest.name);
    if !near.is_empty() && !args.accept_look_alike {
        return Err(easily_taken(&archive, &near));
    }
    let keys = args.keys.open(&places, context)?;
    let publication = Publication {
        archive: archive.bytes(),
        signature: signature.as_str(),
        manifest,
        publisher: repository_key(&publisher),
        library: args.library,
        accept_publisher: args.accept_publisher,
    };
    let published = folder.publish(&publication, &keys, Timestamp::now())?;
    tell(&published, &archive, &publisher, args, &context.output)?;
    Ok(Exit::Success)
}

fn refuse_incomplete(archive: &Archive) -> Result<(), Failure> {
    let missing = publishable(archive.manifest(), archive.files());
    let Some(first) = missing.first() else { return Ok(()) };
    let failure = Failure::usage("the package cannot be published");
    let causes = vec![missing.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")];
    let hint = format!("{} Then pack and sign it again.", first.suggestion);
    Err(Failure { causes, ..failure }.hint(hint))
}

fn read_signature(file: &Path) -> Result<Signature, Failure> {
    let text = read_small(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::not_found(format!("there is no signature {}", file.display()))
            .hint("Sign the archive first: `akao node sign FILE`."),
        _ => Failure::usage(format!("cannot read {}", file.display())).because(&error),
    })?;
    Signature::read(&text).map_err(|error| refused(&error))
}

fn refused(error: &SignatureError) -> Failure {
    Failure::usage("the signature of the archive does not hold").because(error).hint(error.suggestion())
}

/// The key that has signed: the one that was named, else that of one's own and the trusted ones which did.
fn signer(
    args: &Args,
    archive: &Archive,
    signature: &Signature,
    places: &PublisherPlaces,
) -> Result<PublicKey, Failure> {
    let trust = read_trust(places)?;
    let candidates: Vec<PublicKey> = match &args.publisher {
        Some(named) => vec![public_key(named, places)?],
        None => {
            let own = Keys::of(places).list()?.into_iter().filter_map(|listed| listed.key.ok()).map(|(key, _)| key);
            own.chain(trust.keys_for(&archive.manifest().id).into_iter().map(|trusted| trusted.key.clone())).collect()
        }
    };
    let mut why = None;
    for key in candidates {
        match signature.verify(archive, &key) {
            Ok(()) => match trust.revocation(&key) {
                None => return Ok(key),
                Some(revoked) => {
                    let message = format!("the key {} was revoked: {}", key.fingerprint(), revoked.reason);
                    let failure = Failure::new("conflict", Exit::Failure, message);
                    return Err(failure.hint("Sign the archive with another key."));
                }
            },
            // A key of another number is not the one that is meant, unless it was named.
            Err(SignatureError::WrongKey { .. }) if args.publisher.is_none() => {}
            Err(error) => why = Some(refused(&error)),
        }
    }
    Err(why.unwrap_or_else(|| {
        let number = signature.key_number();
        Failure::usage(format!("the archive was signed by the key {number}, which is not known here"))
            .hint("Name the publisher's public key with `--publisher`.")
    }))
}

fn easily_taken(archive: &Archive, near: &[LookAlike]) -> Failure {
    let id = &archive.manifest().id;
    let failure = Failure::new("conflict", Exit::Failure, format!("{id} is easily taken for a package that is there"));
    let causes = vec![near.iter().map(LookAlike::sentence).collect::<Vec<_>>().join(" ")];
    Failure { causes, ..failure }
        .hint("Choose another id; if this is the one that you want, publish with `--accept-look-alike`.")
}

fn tell(
    published: &Published,
    archive: &Archive,
    publisher: &PublicKey,
    args: &Args,
    output: &Output,
) -> Result<(), Failure> {
    let Published { id, version, already, look_alikes } = published;
    if output.json {
        let near: Vec<_> =
            look_alikes.iter().map(|near| json!({"id": near.known, "message": near.sentence()})).collect();
        return output.document(&json!({
            "id": id, "version": version, "digest": archive.digest(), "publisher": publisher.fingerprint(),
            "repository": args.repo, "already": already, "look_alikes": near,
        }));
    }
    let done = if *already { "was published before" } else { "published" };
    output.line(&format!("{id} {version} {done}"))?;
    output.line(&format!("digest     {}", archive.digest()))?;
    output.line(&format!("publisher  {}", publisher.fingerprint()))?;
    for near in look_alikes {
        output.note(&format!("warning: {}", near.sentence()));
    }
    Ok(())
}
