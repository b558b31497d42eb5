//! `akao context`: where commands work, on this machine or at a server.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{plain, table},
    remote::{Contexts, LOCAL},
};
use serde_json::{Value, json};

/// What `akao context` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the servers that somebody has signed in to.
    List,
    /// Let commands work there from now on.
    Use(UseArgs),
    /// Show where commands work.
    Show,
}

/// Arguments of `akao context use`.
#[derive(Debug, clap::Args)]
pub(crate) struct UseArgs {
    /// The context, or `local` for this machine's data directory.
    context: String,
}

/// Carries the command out.
pub(crate) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::List => list(context),
        Command::Use(args) => choose(args, context),
        Command::Show => show(context),
    }
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let contexts = Contexts::read()?;
    let current = contexts.current.as_deref().unwrap_or(LOCAL);
    if context.output.json {
        let one = |(name, known): (&String, &crate::remote::Known)| {
            json!({
                "context": name, "server": known.server, "tenant": known.tenant, "name": known.name,
                "used": name == current,
            })
        };
        let all: Vec<Value> = contexts.contexts.iter().map(one).collect();
        context.output.document(&json!({"contexts": all, "used": current}))?;
        return Ok(Exit::Success);
    }
    let mark = |name: &str| if name == current { "*" } else { "" }.to_owned();
    let local = vec![mark(LOCAL), LOCAL.to_owned(), "this machine".to_owned(), String::new(), String::new()];
    let others = contexts.contexts.iter().map(|(name, known)| {
        vec![mark(name), plain(name), plain(&known.server), plain(&known.tenant), plain(&known.name)]
    });
    let rows: Vec<Vec<String>> = std::iter::once(local).chain(others).collect();
    context.output.text(&table(&["", "CONTEXT", "SERVER", "TENANT", "AS"], &rows))?;
    Ok(Exit::Success)
}

fn choose(args: &UseArgs, context: &Context) -> Result<Exit, Failure> {
    let mut contexts = Contexts::read()?;
    let name = &args.context;
    if name != LOCAL && !contexts.contexts.contains_key(name) {
        let message = format!("there is no context `{}`", plain(name));
        return Err(Failure::not_found(message).hint("Sign in with `akao login URL`, or see `akao context list`."));
    }
    contexts.current = (name != LOCAL).then(|| name.clone());
    contexts.write()?;
    show_one(&contexts, context)
}

fn show(context: &Context) -> Result<Exit, Failure> {
    show_one(&Contexts::read()?, context)
}

fn show_one(contexts: &Contexts, context: &Context) -> Result<Exit, Failure> {
    let used = contexts.used()?;
    let name = contexts.current.as_deref().filter(|_| used.is_some()).unwrap_or(LOCAL);
    if context.output.json {
        let (server, tenant) = (used.map(|known| &known.server), used.map(|known| &known.tenant));
        context.output.document(&json!({"context": name, "server": server, "tenant": tenant}))?;
        return Ok(Exit::Success);
    }
    match used {
        Some(known) => context.output.line(&format!(
            "{} at {}, tenant {}",
            plain(name),
            plain(&known.server),
            plain(&known.tenant)
        ))?,
        None => context.output.line("local: the data directory of this machine")?,
    }
    Ok(Exit::Success)
}
