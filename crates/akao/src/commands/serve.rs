//! `akao serve`: the server for a team, over the data directory that it owns while it runs.

mod kill_lists;
mod log;
mod rest;
mod retention;
mod runner;
mod telemetry;

use crate::{
    catalogue::catalogue,
    cli::Context,
    custom::Custom,
    exit::Exit,
    failure::Failure,
    observe::Observer,
    operator::Operator,
    owner::{self, Own},
    packages::ServedPackages,
    providers,
    shelf::DataShelf,
    stop::Stops,
    store::StoreArgs,
    tenant_files::DataFiles,
    tls::{self, Certificate},
    vault, wiring,
};
use akao_api::{App, Bound, Network, Settings, Traces};
use akao_host::{CheckedEgress, EgressOptions};
use akao_journal::Readers;
use akao_platform::{InTurn, KeptSecrets, Outbound, Parts, Platform, Provider};
use akao_sandbox::{Launcher, Tier};
use akao_step::{Allowances, Secret, SecretSource};
use akao_store::{Store, StoreError};
use kill_lists::{CheckKillLists, Found, KillLists};
use retention::{Counts, KeepFinished, Retention};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::{
    cell::OnceCell,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};
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
    /// The address or network of a proxy in front, whose `X-Forwarded-For` is believed; may be given again.
    #[arg(long, value_name = "ADDRESS[/BITS]")]
    trusted_proxy: Vec<Network>,
    #[command(flatten)]
    store: StoreArgs,
    /// PEM file with the certificate, for HTTPS; read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// TOML file with the OpenID providers by which people sign in; see docs/server.md.
    #[arg(long, value_name = "FILE")]
    oidc: Option<PathBuf>,
    /// TOML file with the Vault that keeps tenants' secrets beside those given to this server; see docs/server.md.
    #[arg(long, value_name = "FILE")]
    vault: Option<PathBuf>,
    /// Listen beyond this machine although what is sent can be read on the way.
    #[arg(long)]
    allow_plain_http: bool,
    /// Let webhooks tell addresses that are not public, and by plain HTTP: for receivers in one's own network.
    #[arg(long)]
    allow_private_webhooks: bool,
    /// How long executions are kept once they have ended: at least a day, or `forever`.
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    keep_finished: KeepFinished,
    /// How often the kill lists of the configured repositories are fetched and held against what is installed, from the start on:
    /// at least a second, or `never`, where no repository can be reached.
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    check_kill_lists: CheckKillLists,
    #[command(flatten)]
    telemetry: telemetry::TelemetryArgs,
}

/// Open files that the server asks for: every connection, and room for what executions and databases need.
const FILES_MAX: u64 = 16_384;

/// How long requests under way may take to end.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// How long the last spans may take to go out.
const LAST_SPANS: Duration = Duration::from_millis(1_500);

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
    let providers = args.oidc.as_deref().map(providers::read).transpose()?.unwrap_or_default();
    let certificate = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Certificate::read(certificate, key)?),
        _ => None,
    };
    log::begin(context);
    // Pages of two megabytes pay off where much is held for long. An idle server holds a little of each, which makes two thirds
    // of its memory. Where the system has no such switch, it stays as it is.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    raise_file_limit();
    args.store.check_beginning(&folder).inspect_err(log::fatal)?;
    let runtime = wiring::runtime()?;
    let served = runtime.block_on(offer(args, Face { hosts, certificate, providers }, &folder, context));
    runtime.shutdown_background();
    served.inspect_err(log::fatal).map(|()| Exit::Success)
}

/// Lets the process have as many files as it may ask for: each connection is one, and shells often give a thousand.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(FILES_MAX, |maximum| maximum.min(FILES_MAX));
    if limit.current.is_some_and(|current| current < most) {
        // Where the system refuses, there are as many as before.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
    }
}

/// Whether others reach the server by plain HTTP, as its operator has allowed.
fn is_plain(args: &Args) -> bool {
    let is_secure = args.tls_cert.is_some() || args.public_url.iter().any(|url| url.scheme() == "https");
    args.allow_plain_http && !args.listen.ip().is_loopback() && !is_secure
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

/// What the operator decides about how the server is reached, and by whom.
struct Face {
    hosts: Vec<String>,
    certificate: Option<Arc<Certificate>>,
    providers: Vec<Provider>,
}

async fn offer(args: &Args, face: Face, folder: &Path, context: &Context) -> Result<(), Failure> {
    let Face { hosts, certificate, providers } = face;
    let mut stops = Stops::new()?;
    let bound = Bound::to(args.listen).await.map_err(|error| {
        Failure::storage(format!("cannot listen on {}", args.listen))
            .because(&error)
            .hint("Name another address with `--listen`; port 0 takes a free one.")
    })?;
    let (tracer, telling) = telemetry::tracer(&args.telemetry)?.unzip();
    let observer = Observer::new(tracer.clone());
    wiring::observe(observer.clone());
    let tls = certificate.as_ref().map(tls::server_config).transpose()?;
    let watching = certificate.map(|certificate| tokio::spawn(certificate.watch()));
    let vault = args.vault.as_deref().map(|file| vault::read(file, Handle::current())).transpose()?;
    let vault = vault.map(|vault| Arc::new(vault) as Arc<dyn SecretSource>);
    let opened = OnceCell::new();
    // Platform data are opened by whoever has the lock, before any step runs that may need a secret, and before the engine
    // takes up what is queued.
    let prepare = |allowances: &Allowances| {
        let (store, key_made) = tokio::task::block_in_place(|| {
            let (store, key_made) = args.store.open(folder)?;
            akao_platform::allow(&store, allowances).map_err(|error| Failure::storage(error.to_string()))?;
            Ok::<_, Failure>((store, key_made))
        })?;
        let store = Arc::new(store);
        let kept = Arc::new(KeptSecrets::new(Arc::clone(&store))) as Arc<dyn SecretSource>;
        let _ = opened.set((store, key_made));
        // What is given to the server itself comes first.
        let sources = std::iter::once(kept).chain(vault.clone()).collect();
        Ok(Some(Arc::new(InTurn::new(sources)) as Arc<dyn SecretSource>))
    };
    let own = owner::only_owner(folder, &prepare).await?;
    let public_url = public_url(args, &bound);
    let served = match opened.into_inner() {
        Some((store, key_made)) => {
            let platform = match platform(args, store, &own, folder, providers, public_url.clone()) {
                Ok(platform) => platform,
                Err(failure) => {
                    own.stop().await?;
                    return Err(failure);
                }
            };
            let settings = Settings {
                address: bound.address(),
                hosts,
                tls,
                plain_http: is_plain(args),
                proxies: args.trusted_proxy.clone(),
            };
            tell(&public_url, &bound, &platform, key_made, context).await?;
            let stop = async {
                tokio::select! {
                    // Whichever signal it is, requests under way are finished.
                    _ = stops.next() => {}
                    () = failure_of(&own) => {}
                }
            };
            tracing::info!("serving at {}", bound.address());
            let automation = Automation::begin(&platform);
            let resting = tokio::spawn(rest::let_go_at_rest());
            let executions = tracer.clone().map(|tracer| {
                tokio::spawn(telemetry::tell_executions(tracer, platform.clone(), Arc::new(Readers::new(folder))))
            });
            let removed = Counts::default();
            let retention = Retention::new(args.keep_finished, platform.clone(), folder.to_owned(), removed.clone());
            let retaining = tokio::spawn(retention.run());
            let found = Found::default();
            let kill_lists = KillLists::new(args.check_kill_lists, folder, Arc::clone(&own.nodes), found.clone());
            let looking = kill_lists.map(|kill_lists| tokio::spawn(kill_lists.run()));
            let figures = telemetry::figures(observer, Arc::clone(&own.nodes), tier(context))
                .and(move |page| removed.write(page))
                .and(move |page| found.write(page));
            let traces = tracer.map(|tracer| Arc::new(tracer) as Arc<dyn Traces>);
            let app = App::observed(platform, settings, figures, traces);
            akao_api::serve(app, bound, stop, DRAIN_GRACE).await;
            resting.abort();
            executions.into_iter().chain([retaining]).chain(looking).for_each(|task| task.abort());
            automation.end().await;
            tracing::info!("ending");
            Ok(())
        }
        None => Err(Failure::internal("platform data were not opened")),
    };
    if let Some(watching) = watching {
        watching.abort();
    }
    let stopped = own.stop().await;
    if let Some(telling) = telling {
        // The steps' runner holds the tracer to the end of the process; what waits has a moment to go out.
        let _ = tokio::time::timeout(LAST_SPANS, telling).await;
    }
    served.and(stopped)
}

/// What goes on beside the requests: schedules, webhooks, and tenants that are deleted.
struct Automation {
    ending: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 3],
}

impl Automation {
    fn begin(platform: &Platform) -> Self {
        let (ending, ended) = watch::channel(false);
        let stop = |mut ended: watch::Receiver<bool>| async move { drop(ended.wait_for(|ended| *ended).await) };
        let (schedules, webhooks, deletions) = (platform.clone(), platform.clone(), platform.clone());
        let (first, second, third) = (stop(ended.clone()), stop(ended.clone()), stop(ended));
        let tasks = [
            tokio::spawn(async move { schedules.run_schedules(first).await }),
            tokio::spawn(async move { webhooks.run_webhooks(second).await }),
            tokio::spawn(async move { deletions.run_deletions(third).await }),
        ];
        Self { ending, tasks }
    }

    /// A time that comes now is found by the next server, and what is under way is left to it.
    async fn end(self) {
        self.ending.send_replace(true);
        for task in self.tasks {
            drop(task.await);
        }
    }
}

/// The isolation that this machine reaches, once that was found: nobody waits for it.
fn tier(context: &Context) -> Arc<OnceLock<Tier>> {
    let found = Arc::new(OnceLock::new());
    let options = wiring::data_dir(context).and_then(|folder| Operator::read(&folder));
    if let Ok(operator) = options {
        let (found, options) = (Arc::clone(&found), operator.sandbox_options());
        tokio::task::spawn_blocking(move || {
            // Where no sandbox can be made there is no tier to tell.
            if let Ok(launcher) = Launcher::start(options) {
                let _ = found.set(launcher.tier().tier);
            }
        });
    }
    found
}

/// Ends when the engine has ended by itself, which it does only when the journal fails.
async fn failure_of(own: &Own) {
    while !own.has_failed() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The address by which people reach the server.
fn public_url(args: &Args, bound: &Bound) -> String {
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let local = format!("{scheme}://{}", bound.address());
    args.public_url.first().map_or(local, |url| url.as_str().trim_end_matches('/').to_owned())
}

fn platform(
    args: &Args,
    store: Arc<Store>,
    own: &Own,
    folder: &Path,
    providers: Vec<Provider>,
    public_url: String,
) -> Result<Platform, Failure> {
    let blobs = Arc::clone(&own.blobs);
    let private = args.allow_private_webhooks;
    Ok(Platform::new(Parts {
        store,
        executions: Arc::new(own.engine.clone()),
        readers: Arc::new(Readers::new(folder)),
        blobs: Arc::clone(&own.blobs) as _,
        blob_bytes: Arc::new(move |tenant| blobs.bytes(tenant)),
        files: Arc::new(DataFiles::new(folder, Arc::clone(&own.nodes))),
        allowances: own.allowances.clone(),
        providers,
        // To the public web, and to the issuers that the operator has named.
        egress: Arc::new(CheckedEgress::new(EgressOptions::default())),
        public_url,
        catalogue: catalogue(),
        nodes: Arc::new(Custom::new(folder, Arc::clone(&own.nodes))),
        changes: own.engine.changes(),
        outbound: Outbound {
            egress: Arc::new(CheckedEgress::new(EgressOptions {
                public_web: false,
                public_only: !private,
                ..EgressOptions::default()
            })),
            private,
        },
        packages: Arc::new(ServedPackages::new(folder, Arc::clone(&own.nodes), Handle::current())),
        shelf: Arc::new(DataShelf::new(folder, wiring::scripts(folder)?.environments, Arc::clone(&own.nodes))),
        secrets_elsewhere: args.vault.is_some(),
        clock: Arc::new(wiring::now_ms),
        check_grant: |permission| akao_host::check_grant(permission).map_err(|error| error.to_string()),
    }))
}

/// Says where it is, and how it is set up when nobody is in it.
async fn tell(
    url: &str,
    bound: &Bound,
    platform: &Platform,
    key_made: Option<String>,
    context: &Context,
) -> Result<(), Failure> {
    let code = platform.blocking(Platform::setup_code).await.map_err(|error| Failure::storage(error.to_string()))?;
    let setup = code.as_ref().map(|code| setup_link(url, code));
    let output = &context.output;
    if output.json {
        let code = code.as_ref().map(Secret::expose);
        return output.document(
            &json!({"url": url, "address": bound.address(), "setup": setup, "code": code, "master_key": key_made}),
        );
    }
    output.line(url)?;
    if let Some(setup) = setup {
        output.note("Nobody is here yet. Whoever opens this link first makes the first tenant and owns it:");
        output.line(&setup)?;
    }
    if let Some(place) = key_made {
        output.note(&format!(
            "A master key was made in {place}. Keep a copy elsewhere: without it, what is sealed is lost."
        ));
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
