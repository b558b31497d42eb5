//! `akao repo mirror`: a verified copy of a repository, for a second server or for machines without a network.

use crate::{
    cli::Context,
    commands::packages::reach,
    exit::Exit,
    failure::Failure,
    publisher::{PublisherPlaces, mirror_failure, open_failure},
    wiring,
};
use akao_contract::Digest;
use akao_package::trust::Prefix;
use akao_repository::{Access, Fetch, Limits, Mirrored, OpenError, Repository, TrustedRoot, offered_root};
use jiff::Timestamp;
use serde_json::json;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Arguments of `akao repo mirror`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository: a folder, or the URL of a server.
    #[arg(value_name = "FOLDER|URL")]
    from: String,
    /// The folder of the copy.
    dir: PathBuf,
    /// The fingerprint of the repository's root, for the first copy.
    #[arg(long, value_name = "SHA256", conflicts_with = "root")]
    fingerprint: Option<Digest>,
    /// The file of the repository's root, for the first copy.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// Copy only the archives of packages below this prefix; may be given several times. The index stays whole.
    #[arg(long, value_name = "PREFIX")]
    only: Vec<Prefix>,
    /// PEM file with a certificate authority that the server's certificate may come from.
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
}

/// Copies the repository.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let places = PublisherPlaces::of(context)?;
    wiring::make_data_dir(places.root())?;
    let fetch = reach::fetch(&args.from, &args.ca)?;
    let runtime = wiring::runtime()?;
    let copied = runtime.block_on(copy(args, fetch, &places));
    runtime.shutdown_background();
    let (mirrored, root, valid_until) = copied?;
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "repository": args.dir, "from": args.from, "fingerprint": root.fingerprint(), "valid_until": valid_until,
            "archives": mirrored.archives, "bytes": mirrored.bytes, "kept": mirrored.kept,
        }))?;
        return Ok(Exit::Success);
    }
    let Mirrored { archives, bytes, kept } = mirrored;
    output.line(&format!("{archives} archives with {bytes} bytes copied, {kept} kept; valid until {valid_until}"))?;
    Ok(Exit::Success)
}

async fn copy(
    args: &Args,
    fetch: Arc<dyn Fetch>,
    places: &PublisherPlaces,
) -> Result<(Mirrored, TrustedRoot, Timestamp), Failure> {
    let root = trusted_root(args, fetch.as_ref()).await?;
    let state = places.mirror_state(&root.fingerprint());
    let now = Timestamp::now();
    let access = Access { fetch, root: root.clone(), state, limits: Limits::default() };
    let repository = Repository::open(access, now).await.map_err(|error| open_failure(&error))?;
    let wanted = |package: &akao_repository::Package| {
        args.only.is_empty() || args.only.iter().any(|prefix| prefix.covers(&package.id))
    };
    let mirrored = repository.mirror(&args.dir, wanted, now).await.map_err(|error| mirror_failure(&error))?;
    Ok((mirrored, root, repository.valid_until()))
}

/// What the copy is trusted by: the file that was named, the root of the copy that is there, or the root that is offered
/// when its fingerprint is the one that was named.
async fn trusted_root(args: &Args, fetch: &dyn Fetch) -> Result<TrustedRoot, Failure> {
    if let Some(file) = &args.root {
        let bytes = read_root(file);
        return bytes.map_err(|error| Failure::usage(format!("cannot read {}", file.display())).because(&error));
    }
    let kept = args.dir.join("metadata/1.root.json");
    let kept = match read_root(&kept) {
        Ok(root) => Some(root),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::storage(format!("cannot read {}", kept.display())).because(&error)),
    };
    let root = match kept {
        Some(root) => root,
        None => offered_root(fetch, Limits::default()).await.map_err(|error| open_failure(&error))?.0,
    };
    let found = root.fingerprint();
    match args.fingerprint {
        Some(named) if named == found => Ok(root),
        Some(named) => {
            Err(Failure::new("conflict", Exit::Failure, format!("the root has the fingerprint {found}, not {named}"))
                .hint(OpenError::Root.suggestion()))
        }
        None if args.dir.join("metadata/1.root.json").exists() => Ok(root),
        None => Err(Failure::usage(format!("nothing vouches yet for the repository at {}", fetch.place()))
            .hint(format!("Ask its owner for the root's fingerprint; if it is {found}, add `--fingerprint {found}`."))),
    }
}

fn read_root(file: &Path) -> io::Result<TrustedRoot> {
    fs::read(file).map(TrustedRoot::new)
}
