//! `akao login` and `akao logout`: signed in to a server by a page of it, or by a token that is given.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::plain,
    remote::{Ask, Contexts, Known, Remote, Server},
};
use akao_step::Secret;
use serde_json::{Value, json};
use std::{
    io::{self, BufRead},
    time::{Duration, Instant},
};

/// Longest token that is read, in bytes.
const TOKEN_BYTES_MAX: usize = 256;

/// Arguments of `akao login`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server's address.
    url: String,
    /// Read an API token from standard input (`-`) instead of signing in by the server's page.
    #[arg(long, value_name = "-", value_parser = ["-"])]
    token: Option<String>,
    /// What the server is called here [default: its host and port].
    #[arg(long)]
    name: Option<String>,
    /// Let commands work there from now on.
    #[arg(long = "use")]
    is_used: bool,
}

/// Arguments of `akao logout`.
#[derive(Debug, clap::Args)]
pub(crate) struct LogoutArgs {
    /// The context, or the server's address; the one that is used when absent.
    context: Option<String>,
}

/// Signs in.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let server = Server::at(&args.url, None)?;
    let (token, token_id) = match &args.token {
        Some(_) => (read_token()?, None),
        None => by_page(&server, context)?,
    };
    let me = Remote::new(server.by(token.clone())).me()?;
    let text = |name: &str| me[name].as_str().unwrap_or_default().to_owned();
    let known = Known {
        server: server.address().to_owned(),
        token,
        token_id,
        tenant: text("tenant"),
        name: me["email"].as_str().map_or_else(|| text("name"), str::to_owned),
    };
    let host = server.address().split("://").nth(1).unwrap_or_default();
    let name = args.name.clone().unwrap_or_else(|| host.to_owned());
    if name == crate::remote::LOCAL || name.is_empty() {
        return Err(Failure::usage("`local` is this machine's own data directory").hint("Choose another `--name`."));
    }
    let mut contexts = Contexts::read()?;
    let told = format!("Signed in at {} as {} of {}.", known.server, plain(&known.name), plain(&known.tenant));
    let document = json!({
        "context": name, "server": known.server, "tenant": known.tenant, "name": known.name, "used": args.is_used,
    });
    contexts.contexts.insert(name.clone(), known);
    if args.is_used {
        contexts.current = Some(name.clone());
    }
    contexts.write()?;
    if context.output.json {
        context.output.document(&document)?;
    } else {
        context.output.note(&told);
        if !args.is_used {
            context
                .output
                .note(&format!("Work there with `--server {name}`, or always after `akao context use {name}`."));
        }
    }
    Ok(Exit::Success)
}

/// The token on standard input, which stands in no list of processes and in no history of a shell.
fn read_token() -> Result<Secret, Failure> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::storage("cannot read the token").because(&error))?;
    let token = line.trim();
    match token.is_empty() || token.len() > TOKEN_BYTES_MAX || token.contains(char::is_whitespace) {
        true => Err(Failure::usage("there is no token on standard input")
            .hint("Pipe it in: `akao login URL --token - < FILE`.")),
        false => Ok(Secret::new(token)),
    }
}

/// Signs in by the server's page: a code is shown, and whoever is signed in there lets it in.
fn by_page(server: &Server, context: &Context) -> Result<(Secret, Option<String>), Failure> {
    let name = format!("akao login on {}", host_name());
    let begun = server.ask_and_wait(&Ask::post("/api/v1/device", Some(&json!({"name": name}))))?.json()?;
    let text = |name: &str| begun[name].as_str().unwrap_or_default().to_owned();
    // What a server says is bounded: it decides neither for how long nor how seldom it is asked.
    let seconds = |name: &str, usual: u64, max: u64| begun[name].as_u64().unwrap_or(usual).clamp(1, max);
    context.output.always(&format!(
        "Open {} and let this code in, if it is the same there:\n\n    {}\n",
        plain(&text("page")),
        plain(&text("user_code"))
    ));
    let (device, end) = (
        json!({"device_code": text("device_code")}),
        Instant::now() + Duration::from_secs(seconds("seconds", 600, 3_600)),
    );
    while Instant::now() < end {
        std::thread::sleep(Duration::from_secs(seconds("interval", 2, 60)));
        let answer = server.ask_and_wait(&Ask::post("/api/v1/device/token", Some(&device)))?.json()?;
        if let Some(secret) = answer["secret"].as_str() {
            return Ok((Secret::new(secret), answer["id"].as_str().map(str::to_owned)));
        }
    }
    Err(Failure::new("unauthenticated", Exit::Failure, "nobody let the code in").hint("Run the command again."))
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    akao_contract::shortened(name, 60)
}

/// Signs out: the token is revoked where it may be, and forgotten here.
pub(crate) fn logout(args: &LogoutArgs, context: &Context) -> Result<Exit, Failure> {
    let mut contexts = Contexts::read()?;
    let wanted = args.context.clone().or_else(|| contexts.current.clone()).unwrap_or_default();
    let found =
        contexts.contexts.iter().find(|(name, known)| **name == wanted || known.server == wanted.trim_end_matches('/'));
    let (name, known) = found.map(|(name, known)| (name.clone(), known.clone())).ok_or_else(|| {
        Failure::not_found("there is no such context").hint("See what there is with `akao context list`.")
    })?;
    // Forgetting comes first: a server that is gone must not keep the token here.
    contexts.contexts.remove(&name);
    if contexts.current.as_deref() == Some(&name) {
        contexts.current = None;
    }
    contexts.write()?;
    let revoked = revoke(&known);
    if context.output.json {
        context.output.document(&json!({"context": name, "revoked": revoked}))?;
    } else {
        context.output.note(&format!("Signed out of {}.", known.server));
        if !revoked {
            context
                .output
                .note("The token itself was not revoked; do that at the server when it must not be used any more.");
        }
    }
    Ok(Exit::Success)
}

/// Whether the token is worth nothing any more. One that was given, and not made by `akao login`, is left alone.
fn revoke(known: &Known) -> bool {
    let Some(id) = &known.token_id else { return false };
    let Ok(server) = known.server() else { return false };
    let path = format!("/api/v1/tokens/{id}");
    let ask = Ask { method: "DELETE", path: &path, headers: &[], body: None::<&Value> };
    server.ask_and_wait(&ask).is_ok()
}
