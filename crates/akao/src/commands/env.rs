//! `akao env`: the environments of scripts: packages that they may import.

mod client;
mod create;
mod npm;
mod there;

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{plain, table},
    site::Site,
    wiring,
};
use akao_contract::manifest::format_bytes;
use akao_script::{DEFAULT_ENVIRONMENT, Environment, Environments, INTERPRETERS, Interpreter, ListedEnvironment};
use serde_json::{Value, json};

/// Every command of `akao env`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Put packages together that scripts may import; an environment of the name is made again.
    Create(create::Args),
    /// List the environments with what runs them and their packages. Each language has a `default`.
    List(ListArgs),
    /// Remove an environment.
    Remove(RemoveArgs),
}

/// Arguments of `akao env list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only this one, with everything that it has: packages with what they need, or what a language has of its own. Its content is
    /// held against its digest.
    name: Option<String>,
}

/// Arguments of `akao env remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// Its name.
    name: String,
    /// The one for scripts in Python, where there is another of that name.
    #[arg(long)]
    python: bool,
    /// The one for scripts in JavaScript, where there is another of that name.
    #[arg(long, conflicts_with = "python")]
    node: bool,
}

/// The interpreter whose language an option of a command line names.
fn interpreter(python: bool, node: bool) -> Option<&'static Interpreter> {
    let option = if python { "--python" } else { "--node" };
    let is_named = |one: &&Interpreter| one.environments.is_some_and(|maker| maker.option == option);
    INTERPRETERS.iter().find(is_named).filter(|_| python || node)
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
    if let Some(remote) = Site::server_of(context)? {
        return there::list(args.name.as_deref(), &remote, context);
    }
    let environments = environments(context)?;
    let mut found = environments.list_with_usual().map_err(|error| unreadable(&error))?;
    if let Some(name) = &args.name {
        found.retain(|environment| environment.name == *name);
        if found.is_empty() {
            return Err(no_such(name));
        }
    }
    // All of a content is read for that, so only of what is asked for by name.
    let damaged = |one: &&ListedEnvironment| one.made.as_ref().is_some_and(|made| !environments.is_sound(made));
    let damaged: Vec<&ListedEnvironment> = found.iter().filter(|_| args.name.is_some()).filter(damaged).collect();
    for one in &damaged {
        context.output.note(&format!(
            "The content of `{}` of {} is damaged: make the environment again with `akao env create`.",
            plain(&one.name),
            plain(&one.language)
        ));
    }
    if context.output.json {
        let document = |one: &ListedEnvironment| {
            let mut document = document(one);
            if args.name.is_some() && one.made.is_some() {
                document["sound"] = json!(!damaged.iter().any(|other| std::ptr::eq(*other, one)));
            }
            document
        };
        context.output.document(&json!({"environments": found.iter().map(document).collect::<Vec<_>>()}))?;
    } else if args.name.is_some() {
        let is_alone = found.len() == 1;
        let text = |one: &ListedEnvironment| match is_alone {
            true => content(one),
            false => format!("# {} {}\n{}", one.language, one.version, content(one)),
        };
        context.output.text(&found.iter().map(text).collect::<String>())?;
    } else {
        let row = |one: &ListedEnvironment| -> Vec<String> {
            let language = format!("{} {}", one.language, one.version);
            let (size, packages) = match &one.made {
                Some(made) => (size(made.bytes), made.asked.join(", ")),
                None => ("-".to_owned(), "what the language has of its own".to_owned()),
            };
            [&one.name, &language, &one.interpreter, &size, &packages].map(|cell| plain(cell)).into()
        };
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        context.output.text(&table(&["NAME", "LANGUAGE", "INTERPRETER", "SIZE", "PACKAGES"], &rows))?;
        if found.iter().all(|one| one.made.is_none()) {
            context.output.note(
                "Nobody has made an environment. Make one: `akao env create default --python --packages numpy,pandas`.",
            );
        }
    }
    Ok(Exit::Success)
}

/// An environment as a program reads it: as it was said when it was made, with what runs it.
fn document(one: &ListedEnvironment) -> Value {
    let mut document = match &one.made {
        Some(made) => json!(made),
        None => json!({
            "name": one.name, "language": one.language, "version": one.version, "asked": [], "packages": [],
            "modules": one.modules,
        }),
    };
    document["interpreter"] = json!(one.interpreter);
    document["built_in"] = json!(one.made.is_none());
    document
}

/// What an environment has: its packages, or what the language has of its own, each on a line.
fn content(one: &ListedEnvironment) -> String {
    match &one.made {
        Some(made) => packages(made),
        None => one.modules.iter().map(|module| format!("{}\n", plain(module))).collect(),
    }
}

/// How large an environment is, for people: rounded up to three figures or so.
fn size(bytes: u64) -> String {
    let unit = if bytes < 10_000_000 { 1_000 } else { 1_000_000 };
    format_bytes(bytes.next_multiple_of(unit))
}

/// What is in an environment, each package on a line as a package client would take it.
fn packages(environment: &Environment) -> String {
    let line = |package: &akao_script::EnvironmentPackage| {
        let (name, version) = (plain(&package.name), plain(&package.version));
        match package.integrity.is_empty() {
            true => format!("{name}=={version} --hash=sha256:{}\n", plain(&package.sha256)),
            false => format!("{name}@{version} {}\n", plain(&package.integrity)),
        }
    };
    environment.packages.iter().map(line).collect()
}

fn remove(args: &RemoveArgs, context: &Context) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| Failure::storage(format!("`{}` cannot be removed", args.name)).because(&error);
    let environments = environments(context)?;
    let language = match interpreter(args.python, args.node) {
        Some(interpreter) => interpreter.language.to_owned(),
        None => only_language(&environments, &args.name)?,
    };
    if !environments.remove(&language, &args.name).map_err(failed)? {
        return Err(no_such(&args.name));
    }
    if context.output.json {
        context.output.document(&json!({"removed": args.name, "language": language}))?;
    } else {
        context.output.note(&format!("The environment `{}` of {language} is removed.", args.name));
    }
    Ok(Exit::Success)
}

/// The language of the one environment of a name.
fn only_language(environments: &Environments, name: &str) -> Result<String, Failure> {
    let found = environments.list().map_err(|error| unreadable(&error))?;
    let mut languages = found.into_iter().filter(|one| one.name == name).map(|one| one.language);
    match (languages.next(), languages.next()) {
        (None, _) => Err(no_such(name)),
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => {
            let message = format!("there is an environment `{}` of {first} and one of {second}", plain(name));
            Err(Failure::usage(message).hint("Say which: `--python` or `--node`."))
        }
    }
}

fn no_such(name: &str) -> Failure {
    if name == DEFAULT_ENVIRONMENT {
        return Failure::not_found("nobody has made an environment `default`")
            .hint("What the languages have of their own stays; `akao env list default` shows it.");
    }
    Failure::not_found(format!("there is no environment `{}`", plain(name))).hint("List them with `akao env list`.")
}
