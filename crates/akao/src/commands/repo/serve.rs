//! `akao repo serve`: a repository over HTTP or HTTPS, until somebody stops it.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::Output,
    publisher::{Keys, PasswordArgs, PublisherPlaces, serve_failure, signing_key},
    stop::Stops,
    tls::{Certificate, server_config},
    wiring,
};
use akao_repository::{
    Folder, FolderError, Identity, Kind, Online, Refreshed, Settings, SigningKey, TrustedRoot, serve,
};
use jiff::Timestamp;
use serde_json::json;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::net::TcpListener;

/// Arguments of `akao repo serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the repository.
    dir: PathBuf,
    /// Where it is offered; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8417")]
    listen: SocketAddr,
    /// PEM file with the certificate, for HTTPS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A key of snapshot and timestamp, by its name or its file: it signs them again before they end. May be given several
    /// times.
    #[arg(long = "online-key", value_name = "NAME|FILE")]
    online: Vec<String>,
    #[command(flatten)]
    passwords: PasswordArgs,
}

/// Serves until a signal comes; requests under way are finished.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let folder = Folder::at(&args.dir);
    let (root, identity) = (TrustedRoot::new(folder.first_root()?), folder.identity()?);
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(server_config(&Certificate::read(certificate, key)?)?),
        _ => None,
    };
    let online = online(&args, &folder, context)?;
    let settings = Settings { tls, online, ..Settings::default() };
    let runtime = wiring::runtime()?;
    let served = runtime.block_on(offer(args, &root, &identity, settings, context));
    runtime.shutdown_background();
    served.map(|()| Exit::Success)
}

/// The keys that keep the repository valid. They sign once now, so that wrong ones are told at once.
fn online(args: &Args, folder: &Folder, context: &Context) -> Result<Option<Online>, Failure> {
    if args.online.is_empty() {
        return Ok(None);
    }
    let own = Keys::of(&PublisherPlaces::of(context)?);
    let open = |named: &String| signing_key(&own.open(Some(named), &args.passwords, context)?);
    let keys = args.online.iter().map(open).collect::<Result<Vec<SigningKey>, Failure>>()?;
    folder.refresh(&keys, Timestamp::now())?;
    let output = context.output;
    Ok(Some(Online {
        keys,
        clock: Arc::new(Timestamp::now),
        told: Arc::new(move |signed| tell_signed(&output, signed)),
    }))
}

/// What a server has to say while nobody watches it.
fn tell_signed(output: &Output, signed: Result<&Refreshed, &FolderError>) {
    match signed {
        Ok(refreshed) if refreshed.valid_until > Timestamp::now() => {
            if output.verbose > 0 {
                output.note(&format!("signed again, valid until {}", refreshed.valid_until));
            }
        }
        Ok(_) => output.always("warning: the targets or the root have ended; the repository's owner must sign"),
        Err(error) => {
            let failure = Failure::storage("the timestamp cannot be signed again").because(error);
            output.always(&format!("warning: {}", failure.full_message()));
        }
    }
}

async fn offer(
    args: Args,
    root: &TrustedRoot,
    identity: &Identity,
    settings: Settings,
    context: &Context,
) -> Result<(), Failure> {
    let mut stops = Stops::new()?;
    let bound = TcpListener::bind(args.listen).await.map_err(|error| {
        let failure = Failure::storage(format!("cannot listen on {}", args.listen)).because(&error);
        failure.hint("Name another address with `--listen`; port 0 takes a free one.")
    })?;
    let address =
        bound.local_addr().map_err(|error| Failure::storage("the listener cannot be used").because(&error))?;
    tell(&args, address, root, identity, settings.online.is_some(), &context.output)?;
    let stop = async move {
        // Whichever signal it is, requests under way are finished.
        let _ = stops.next().await;
    };
    serve(args.dir, bound, settings, stop).await.map_err(serve_failure)
}

fn tell(
    args: &Args,
    address: SocketAddr,
    root: &TrustedRoot,
    identity: &Identity,
    signs: bool,
    output: &Output,
) -> Result<(), Failure> {
    let url = format!("{}://{address}/", if args.tls_cert.is_some() { "https" } else { "http" });
    if output.json {
        return output.document(&json!({
            "url": url, "address": address, "repository": args.dir, "name": identity.name, "kind": identity.kind,
            "fingerprint": root.fingerprint(), "signs": signs,
        }));
    }
    output.line(&format!("{url}  root {}", root.fingerprint()))?;
    if !signs && identity.kind == Kind::Served {
        output.note(
            "Without `--online-key` the timestamp ends within a day: sign it again with `akao repo refresh` in time.",
        );
    }
    if !address.ip().is_loopback() {
        output.note("Everybody who reaches this address can read the repository.");
    }
    output.note("Ctrl-C ends it.");
    Ok(())
}
