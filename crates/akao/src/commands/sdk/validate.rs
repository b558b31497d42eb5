//! `akao sdk validate`: types by the TypeScript compiler itself, and what a reviewer would be shown.

use super::{
    deploy,
    init::TYPES,
    project::{self, NodeFile},
    schema,
};
use crate::{cli::Context, exit::Exit, failure::Failure, output::plain, wiring};
use akao_contract::Tenant;
use akao_custom::{Draft, Options, Weight};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The version of the compiler, so that everybody is told the same.
const TYPESCRIPT: &str = "5.9.3";

/// Arguments of `akao sdk validate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's file or name [default: the only one in `src`].
    node: Option<String>,
    /// The node's name, where it is not that of its file.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Leave the types unchecked, for instance where npm reaches no registry.
    #[arg(long)]
    no_types: bool,
}

/// Checks a node and says what is wrong with it.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut file = project::find(args.node.as_deref(), args.name.as_deref())?;
    let data_dir = wiring::data_dir(context)?;
    wiring::make_data_dir(&data_dir)?;
    let mut problems = if args.no_types { Vec::new() } else { check_types(&file, &data_dir, context)? };
    let tenant = Tenant::local();
    let (compiled, sources, schema) = wiring::runtime()?.block_on(async {
        let (compiled, sources) = deploy::looked_at(&file, &data_dir, &tenant, Options::default()).await?;
        let schema = match compiled.problems.is_empty() {
            true => schema::read(&file, &data_dir).await?,
            false => None,
        };
        Ok::<_, Failure>((compiled, sources, schema))
    })?;
    file.settle(&compiled);
    let version = semver::Version::new(1, 0, 0);
    let draft = Draft {
        tenant: &tenant,
        name: &file.name,
        version: &version,
        description: None,
        schema: schema.as_ref(),
        compiled: &compiled,
        sources: &sources,
    };
    let folder = tempfile::tempdir().map_err(|error| Failure::storage("cannot make a folder").because(&error))?;
    problems.extend(compiled.problems.iter().map(|problem| match &problem.suggestion {
        Some(suggestion) => format!("{problem}. {suggestion}"),
        None => problem.to_string(),
    }));
    if compiled.problems.is_empty() {
        // As it would be deployed: what cannot be written as a package, or not run, is told now.
        problems.extend(draft.write(folder.path()).err().map(|error| error.to_string()));
    }
    let alarms = compiled.scan.iter().filter(|finding| finding.weight == Weight::Alarm);
    problems.extend(alarms.map(|found| format!("{}:{}:{}: {}", found.file, found.line, found.column, found.reason)));
    if context.output.json {
        context.output.document(&json!({"valid": problems.is_empty(), "problems": problems, "scan": compiled.scan}))?;
    } else {
        problems.iter().for_each(|problem| context.output.note(&plain(problem)));
        for found in compiled.scan.iter().filter(|finding| finding.weight != Weight::Alarm) {
            context.output.note(&plain(&format!("note: {}:{}: {}", found.file, found.line, found.reason)));
        }
        let ended = if problems.is_empty() { "is valid" } else { "is not valid" };
        context.output.note(&format!("{} {ended}.", file.name));
    }
    Ok(if problems.is_empty() { Exit::Success } else { Exit::Usage })
}

/// What the TypeScript compiler says, line by line.
fn check_types(file: &NodeFile, data_dir: &Path, context: &Context) -> Result<Vec<String>, Failure> {
    let compiler = compiler(file, data_dir, context)?;
    let folder = tempfile::tempdir().map_err(|error| Failure::storage("cannot make a folder").because(&error))?;
    let failed = |error: std::io::Error| Failure::storage("cannot write what the compiler needs").because(&error);
    fs::write(folder.path().join("akao.d.ts"), TYPES).map_err(failed)?;
    let mut config = super::init::tsconfig();
    config["files"] = json!([file.root.join(&file.path), folder.path().join("akao.d.ts")]);
    config["compilerOptions"]["typeRoots"] = json!([]);
    if let Some(object) = config.as_object_mut() {
        object.shift_remove("include");
    }
    let config_file = folder.path().join("tsconfig.json");
    fs::write(&config_file, config.to_string()).map_err(failed)?;
    let run = Command::new("node")
        .arg(&compiler)
        .arg("-p")
        .arg(&config_file)
        .args(["--pretty", "false"])
        .current_dir(&file.root)
        .output();
    let run = run.map_err(|error| {
        Failure::usage("the TypeScript compiler needs Node.js").because(&error).hint("Install it, or say `--no-types`.")
    })?;
    let told = String::from_utf8_lossy(&run.stdout);
    let problems: Vec<String> = told.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    match run.status.success() || !problems.is_empty() {
        true => Ok(problems),
        false => Err(Failure::internal(format!(
            "the TypeScript compiler broke off: {}",
            String::from_utf8_lossy(&run.stderr)
        ))),
    }
}

/// The project's own compiler, else the one that npm fetches once into the data directory.
fn compiler(file: &NodeFile, data_dir: &Path, context: &Context) -> Result<PathBuf, Failure> {
    const PROGRAM: &str = "node_modules/typescript/lib/tsc.js";
    let kept = data_dir.join("nodes").join("typescript").join(TYPESCRIPT);
    for place in [file.root.join(PROGRAM), kept.join(PROGRAM)] {
        if place.is_file() {
            return Ok(place);
        }
    }
    context.output.note(&format!("Fetching the TypeScript compiler {TYPESCRIPT} by npm, once."));
    fs::create_dir_all(&kept).map_err(|error| Failure::storage("cannot make a folder").because(&error))?;
    let wanted = format!("typescript@{TYPESCRIPT}");
    let arguments = ["install", "--prefix", ".", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", &wanted];
    let fetched = Command::new("npm").args(arguments).current_dir(&kept).output();
    let hint = "Install it in the project with `npm install --save-dev typescript`, or say `--no-types`.";
    match fetched {
        Ok(done) if done.status.success() && kept.join(PROGRAM).is_file() => Ok(kept.join(PROGRAM)),
        Ok(done) => {
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            Err(Failure::usage(format!("npm does not fetch {wanted}: {}", plain(told.trim()))).hint(hint))
        }
        Err(error) => Err(Failure::usage("npm is not to be had").because(&error).hint(hint)),
    }
}
