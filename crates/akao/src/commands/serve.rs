//! `akao serve`: the server for a team, over the data directory that it owns while it runs.

use crate::{
    catalogue::catalogue,
    cli::Context,
    exit::Exit,
    failure::Failure,
    owner::{self, Own},
    stop::Stops,
    tls::server_config,
    wiring,
};
use akao_api::{App, Bound, Settings};
use akao_journal::Readers;
use akao_platform::{Parts, Platform};
use akao_step::Secret;
use akao_store::{Store, StoreError};
use rustls::ServerConfig;
use serde_json::json;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tracing::Level;
use url::Url;

/// Arguments of `akao serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it is offered; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8420")]
    listen: SocketAddr,
    /// An address by which it is reached besides, such as that of a proxy with a certificate; may be given again.
    #[arg(long, value_name = "URL")]
    public_url: Vec<Url>,
    /// PEM file with the certificate, for HTTPS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Listen beyond this machine although what is sent can be read on the way.
    #[arg(long)]
    allow_plain_http: bool,
}

/// How long requests under way may take to end.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// Between two looks at whether the engine still works.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Serves until a signal comes.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if !args.listen.ip().is_loopback() && args.tls_cert.is_none() && !args.allow_plain_http {
        let message =
            format!("{} can be reached by others, and nothing that is sent would be hidden", args.listen.ip());
        return Err(Failure::usage(message).hint(
            "Give `--tls-cert` and `--tls-key`, or listen at 127.0.0.1 behind a proxy that is named by `--public-url`.",
        ));
    }
    let hosts = args.public_url.iter().map(host).collect::<Result<_, _>>()?;
    let folder = wiring::data_dir(context)?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(server_config(certificate, key)?),
        _ => None,
    };
    begin_log(context);
    let runtime = wiring::runtime()?;
    let served = runtime.block_on(offer(args, hosts, tls, &folder, context));
    runtime.shutdown_background();
    served.map(|()| Exit::Success)
}

/// Lines for the operator: one JSON document each, on standard error. Those of one request have its number as `correlationId`.
fn begin_log(context: &Context) {
    let level = match (context.output.quiet, context.output.verbose) {
        (true, _) => Level::WARN,
        (false, 0) => Level::INFO,
        (false, _) => Level::DEBUG,
    };
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false).with_target(false);
    // Only one command runs in a process, so that nobody has begun a log before.
    let _ = lines.with_max_level(level).with_writer(std::io::stderr).try_init();
}

/// The name by which browsers know an address.
fn host(url: &Url) -> Result<String, Failure> {
    let refused = || Failure::usage(format!("`{url}` is not the address of a server")).hint("Write `https://NAME`.");
    let name = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).ok_or_else(refused)?;
    Ok(match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    })
}

async fn offer(
    args: &Args,
    hosts: Vec<String>,
    tls: Option<Arc<ServerConfig>>,
    folder: &Path,
    context: &Context,
) -> Result<(), Failure> {
    let mut stops = Stops::new()?;
    let bound = Bound::to(args.listen).await.map_err(|error| {
        Failure::storage(format!("cannot listen on {}", args.listen))
            .because(&error)
            .hint("Name another address with `--listen`; port 0 takes a free one.")
    })?;
    let own = owner::only_owner(folder).await?;
    let served = match platform(&own, folder) {
        Ok(platform) => {
            let settings = Settings { address: bound.address(), hosts, tls };
            tell(args, &bound, &platform, context).await?;
            let stop = async {
                tokio::select! {
                    // Whichever signal it is, requests under way are finished.
                    _ = stops.next() => {}
                    () = failure_of(&own) => {}
                }
            };
            tracing::info!("serving at {}", bound.address());
            akao_api::serve(App::new(platform, settings), bound, stop, DRAIN_GRACE).await;
            tracing::info!("ending");
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    let stopped = own.stop().await;
    served.and(stopped)
}

/// Ends when the engine has ended by itself, which it does only when the journal fails.
async fn failure_of(own: &Own) {
    while !own.has_failed() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn platform(own: &Own, folder: &Path) -> Result<Platform, Failure> {
    Ok(Platform::new(Parts {
        store: Store::open(folder)?,
        executions: Arc::new(own.engine.clone()),
        readers: Arc::new(Readers::new(folder)),
        blobs: wiring::blobs(folder),
        catalogue: catalogue(),
        clock: Arc::new(wiring::now_ms),
        check_grant: |permission| akao_host::check_grant(permission).map_err(|error| error.to_string()),
    }))
}

/// Says where it is, and how it is set up when nobody is in it.
async fn tell(args: &Args, bound: &Bound, platform: &Platform, context: &Context) -> Result<(), Failure> {
    let code = platform.blocking(Platform::setup_code).await.map_err(|error| Failure::storage(error.to_string()))?;
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let local = format!("{scheme}://{}", bound.address());
    let url = args.public_url.first().map_or(local, |url| url.as_str().trim_end_matches('/').to_owned());
    let setup = code.as_ref().map(|code| setup_link(&url, code));
    let output = &context.output;
    if output.json {
        let code = code.as_ref().map(Secret::expose);
        return output.document(&json!({"url": url, "address": bound.address(), "setup": setup, "code": code}));
    }
    output.line(&url)?;
    if let Some(setup) = setup {
        output.note("Nobody is here yet. Whoever opens this link first makes the first tenant and owns it:");
        output.line(&setup)?;
    }
    output.note("Ctrl-C ends it.");
    Ok(())
}

/// The link by which the server is set up. What follows `#` is not sent to servers, so that it stands in no log on the way.
fn setup_link(url: &str, code: &Secret) -> String {
    format!("{url}/setup#{}", code.expose())
}

/// Platform data that cannot be used.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self { hint: error.suggestion().map(str::to_owned), ..Self::storage(error.to_string()) };
        match std::error::Error::source(&error) {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}
