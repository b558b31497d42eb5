//! `akao env`: the environments of scripts: packages that they may import.

mod client;
mod create;

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{plain, table},
    wiring,
};
use akao_contract::manifest::format_bytes;
use akao_script::{Environment, Environments};
use serde_json::json;

/// Every command of `akao env`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Put packages together that scripts may import; an environment of the name is made again.
    Create(create::Args),
    /// List the environments with their packages.
    List(ListArgs),
    /// Remove an environment.
    Remove(RemoveArgs),
}

/// Arguments of `akao env list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only this one, with everything that it needs.
    name: Option<String>,
}

/// Arguments of `akao env remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// Its name.
    name: String,
}

/// Carries out one of the commands.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Create(args) => create::run(&args, context),
        Command::List(args) => list(&args, context),
        Command::Remove(args) => remove(&args, context),
    }
}

/// The environments of the data directory.
fn environments(context: &Context) -> Result<Environments, Failure> {
    Ok(wiring::scripts(&wiring::data_dir(context)?)?.environments)
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::storage("the environments cannot be read").because(error).hint("Remove the record that is damaged.")
}

fn list(args: &ListArgs, context: &Context) -> Result<Exit, Failure> {
    let mut found = environments(context)?.list().map_err(|error| unreadable(&error))?;
    if let Some(name) = &args.name {
        found.retain(|environment| environment.name == *name);
        if found.is_empty() {
            return Err(no_such(name));
        }
    }
    if context.output.json {
        context.output.document(&json!({"environments": found}))?;
    } else if args.name.is_some() {
        context.output.text(&found.iter().map(packages).collect::<String>())?;
    } else if found.is_empty() {
        context
            .output
            .note("There are no environments. Make one: `akao env create default --python --packages numpy,pandas`.");
    } else {
        let row = |one: &Environment| -> Vec<String> {
            let language = format!("{} {}", one.language, one.version);
            let cells = [one.name.clone(), language, format_bytes(one.bytes), one.asked.join(", ")];
            cells.map(|cell| plain(&cell)).into()
        };
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        context.output.text(&table(&["NAME", "LANGUAGE", "SIZE", "PACKAGES"], &rows))?;
    }
    Ok(Exit::Success)
}

/// What is in an environment, each package on a line as a package client would take it.
fn packages(environment: &Environment) -> String {
    let line = |package: &akao_script::EnvironmentPackage| {
        format!("{}=={} --hash=sha256:{}\n", plain(&package.name), plain(&package.version), plain(&package.sha256))
    };
    environment.packages.iter().map(line).collect()
}

fn remove(args: &RemoveArgs, context: &Context) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| Failure::storage(format!("`{}` cannot be removed", args.name)).because(&error);
    if !environments(context)?.remove(&args.name).map_err(failed)? {
        return Err(no_such(&args.name));
    }
    if context.output.json {
        context.output.document(&json!({"removed": args.name}))?;
    } else {
        context.output.note(&format!("The environment `{}` is removed.", args.name));
    }
    Ok(Exit::Success)
}

fn no_such(name: &str) -> Failure {
    Failure::not_found(format!("there is no environment `{}`", plain(name))).hint("List them with `akao env list`.")
}
