//! `akao env create`: packages put together in a sandbox that reaches what the operator's package client reaches.

use super::{client, npm};
use crate::{cli::Context, exit::Exit, failure::Failure, output::plain, wiring};
use akao_contract::{LogLevel, Permission, StepError};
use akao_script::{
    Asked, Environment, EnvironmentError, EnvironmentMakers, EnvironmentOrder, Environments, ListedEnvironment,
    Program, ScriptOptions,
};
use akao_step::{CancellationToken, StepEvent, StepEvents, StepIo};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::mpsc;

/// Where versions of Python are looked for.
const FOLDERS: [&str; 2] = ["/usr/bin", "/usr/local/bin"];

/// What is told of the making and not yet shown.
const EVENTS_MAX: usize = 256;

/// Most packages of one environment.
const PACKAGES_MAX: usize = 200;

/// Arguments of `akao env create`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the environment is called; `default` is had by every step that names none.
    name: String,
    /// For scripts in Python, of the index that pip is configured to ask; with a version such as 3.12, that one of the machine's.
    #[arg(long, value_name = "VERSION", num_args = 0..=1, default_missing_value = "", value_parser = version)]
    #[arg(required_unless_present_any = ["node", "interpreter"])]
    python: Option<String>,
    /// The Python that runs the scripts, by its path: CPython 3.11 or later.
    #[arg(long, value_name = "PATH", conflicts_with = "node")]
    interpreter: Option<PathBuf>,
    /// For scripts in JavaScript, of the registry that npm is configured to ask.
    #[arg(long, conflicts_with = "python")]
    node: bool,
    /// The packages, with versions where it matters, such as `numpy,pandas==2.2.3` or `lodash,date-fns@4`.
    #[arg(long, value_name = "LIST", value_delimiter = ',', required = true)]
    packages: Vec<String>,
    /// Something more that the package client must reach, as HOST:PORT; may be given again.
    #[arg(long = "allow-host", value_name = "HOST:PORT")]
    hosts: Vec<String>,
}

/// Makes the environment.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if !Environments::is_name(&args.name) {
        let message = format!("`{}` cannot be the name of an environment", plain(&args.name));
        return Err(
            Failure::usage(message).hint("A name has small letters, digits, `-` and `_`, and begins with a letter.")
        );
    }
    let packages: Vec<String> = args.packages.iter().map(|name| name.trim().to_owned()).collect();
    let (is_package, hint): (fn(&str) -> bool, _) = match args.node {
        false => {
            (is_requirement, "Write names of an index such as `numpy` or `numpy==2.3.5`, with commas between them.")
        }
        true => (
            npm::is_requirement,
            "Write names of a registry such as `lodash`, `date-fns@4` or `dayjs/plugin/utc`, with commas between them.",
        ),
    };
    if let Some(wrong) = packages.iter().find(|name| !is_package(name)) {
        let message = format!("`{}` is not a package with a version", plain(wrong));
        return Err(Failure::usage(message).hint(hint));
    }
    if packages.len() > PACKAGES_MAX {
        return Err(Failure::usage(format!("{} packages are more than the {PACKAGES_MAX} allowed", packages.len())));
    }
    let folder = wiring::data_dir(context)?;
    wiring::make_data_dir(&folder)?;
    let runtime = wiring::runtime()?;
    let made = runtime.block_on(create(args, packages, &folder, context));
    runtime.shutdown_background();
    let made = made?;
    if context.output.json {
        context.output.document(&super::document(&ListedEnvironment::of(made)))?;
    } else {
        context.output.note(&format!(
            "The environment `{}` has {} packages, {} in all. Its scripts can import {}.",
            made.name,
            made.packages.len(),
            super::size(made.bytes),
            made.asked.join(", "),
        ));
        let refused =
            made.refused.iter().filter(|(module, _)| made.asked.iter().any(|asked| asked.starts_with(*module)));
        for (module, reason) in refused {
            context.output.note(&plain(&format!("`{module}` cannot be loaded without Node.js: {reason}.")));
        }
    }
    Ok(Exit::Success)
}

/// A name with a condition on its version. What could be an option or a place is none.
fn is_requirement(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.[]=<>!~*+".contains(c);
    text.len() <= 200 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_plain)
}

/// A version of Python as `--python` takes it; empty for the usual one.
fn version(text: &str) -> Result<String, String> {
    let is_version = text.split_once('.').is_some_and(|(major, minor)| {
        let is_number = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        is_number(major) && is_number(minor)
    });
    match text.is_empty() || is_version {
        true => Ok(text.to_owned()),
        false => Err("a version of Python is such as 3.12; the environment's name stands before `--python`".to_owned()),
    }
}

/// The Python that was asked for; none for the usual one. It is asked what it is.
fn program(args: &Args) -> Result<Option<Program>, Failure> {
    let version = args.python.as_deref().filter(|version| !version.is_empty());
    let path = match (&args.interpreter, version) {
        (Some(path), _) => path.clone(),
        (None, None) => return Ok(None),
        (None, Some(version)) => {
            let places = FOLDERS.map(|folder| Path::new(folder).join(format!("python{version}")));
            let none = || {
                Failure::not_found(format!("there is no Python {version} in {}", FOLDERS.join(" and ")))
                    .hint("Install it, or name the program with `--interpreter PATH`.")
            };
            places.iter().find(|place| place.is_file()).cloned().ok_or_else(none)?
        }
    };
    let asked = Asked::of(&path).map_err(|error| {
        let failure = Failure::usage(error.to_string()).hint("Name a CPython of this machine, 3.11 or later.");
        match std::error::Error::source(&error) {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    })?;
    match version.filter(|version| *version != asked.version) {
        None => Ok(Some(asked.program)),
        Some(version) => {
            let message = format!("`{}` is Python {} and not {version}", path.display(), asked.version);
            Err(Failure::usage(message).hint("Leave the version out."))
        }
    }
}

/// The machine's usual Python.
fn usual() -> Result<PathBuf, Failure> {
    let none = || {
        Failure::not_found("this machine has no Python 3.11 or later")
            .hint("Install it, or name the program with `--interpreter PATH`.")
    };
    Asked::usual().map(|asked| asked.program.path).ok_or_else(none)
}

async fn create(args: &Args, packages: Vec<String>, folder: &Path, context: &Context) -> Result<Environment, Failure> {
    let Some(interpreter) = super::interpreter(!args.node, args.node) else {
        return Err(Failure::usage("the environment has no language").hint("Say `--python` or `--node`."));
    };
    let program = program(args)?;
    let mut client = match (args.node, &program) {
        (true, _) => npm::configured()?,
        (false, Some(program)) => client::configured(&program.path)?,
        (false, None) => client::configured(&usual()?)?,
    };
    client.hosts.extend(args.hosts.iter().cloned());
    let grants: Result<Vec<Permission>, _> =
        client.hosts.iter().map(|host| format!("network.http={host}").parse::<Permission>()).collect();
    let grants = grants.map_err(|error| {
        Failure::usage("a host cannot be reached")
            .because(&error)
            .hint("Write HOST:PORT, such as `mirror.example.com:443`.")
    })?;
    let nodes = Arc::new(wiring::maker_nodes(folder, client.networks())?);
    let compiler = wiring::compiler(folder, Arc::clone(&nodes));
    let ScriptOptions { packages: store, environments, .. } = wiring::scripts(folder)?;
    let order = EnvironmentOrder {
        name: args.name.clone(),
        interpreter,
        program,
        packages,
        options: client.options,
        grants,
        folders: client.folders,
    };
    let (sender, mut events) = mpsc::channel(EVENTS_MAX);
    let cancel = CancellationToken::new();
    let io = StepIo { cancel: cancel.clone(), events: StepEvents::new(sender), secrets: Arc::default() };
    let makers = EnvironmentMakers { nodes: &nodes, packages: &store, bundler: &compiler };
    let work = environments.create(makers, &order, io);
    tokio::pin!(work);
    let made = loop {
        tokio::select! {
            made = &mut work => break made,
            Some(event) = events.recv() => show(&event, context),
            _ = tokio::signal::ctrl_c() => cancel.cancel(),
        }
    };
    nodes.shutdown().await;
    made.map_err(failed)
}

fn show(event: &StepEvent, context: &Context) {
    match event {
        StepEvent::Progress { message, .. } => context.output.note(&plain(message)),
        StepEvent::Log(line) if line.level >= LogLevel::Warn || context.output.verbose > 0 => {
            context.output.note(&plain(&line.message));
        }
        StepEvent::Log(_) => {}
    }
}

fn failed(error: EnvironmentError) -> Failure {
    match error {
        EnvironmentError::Packages(error) => {
            let hint = hint_of(&error);
            Failure::new("environment", Exit::Failure, error.message).hint(hint)
        }
        EnvironmentError::Language(_) => Failure::usage(error.to_string()),
        EnvironmentError::Io(ref cause) => Failure::storage("the environment cannot be kept").because(cause),
    }
}

fn hint_of(error: &StepError) -> String {
    match error.detail["reason"].as_str() {
        Some("no_wheel") => {
            "Only wheels are taken: name another version, or build a wheel and put it where pip finds it.".to_owned()
        }
        Some("npm" | "no_npm") => {
            "See `npm config list` for where packages come from; `akao audit --denied` tells what could not be reached."
                .to_owned()
        }
        Some("pip_conflict") => {
            "Leave versions out or name others: of each package one version must suit all that need it.".to_owned()
        }
        Some("pip_digest") => {
            "The index, or what stands between, serves another file than it says; nothing of it was taken.".to_owned()
        }
        Some("pip") => {
            "See `pip config list` for where packages come from; `akao audit --denied` tells what could not be reached."
                .to_owned()
        }
        _ => error.suggestion().unwrap_or("Nothing was changed.").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_a_name_and_never_an_option_or_a_place() {
        for good in ["numpy", "numpy==2.3.5", "uvicorn[standard]>=0.30", "a.b_c-d~=1.0"] {
            assert!(is_requirement(good), "{good}");
        }
        for bad in
            ["", "-r", "--index-url=http://x", "./wheel.whl", "https://x/y.whl", "name @ file:///etc", "a b", "a;b"]
        {
            assert!(!is_requirement(bad), "{bad}");
        }
    }
}
