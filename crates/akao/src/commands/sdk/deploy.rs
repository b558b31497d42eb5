//! `akao sdk deploy`: a node becomes a version that workflows can use, here or on a server.

use super::{
    project::{self, NodeFile},
    schema,
    server::{Server, ServerArgs},
};
use crate::{catalogue::catalogue, cli::Context, exit::Exit, failure::Failure, output::plain, wiring};
use akao_contract::{ErrorKind, StepError, Tenant};
use akao_custom::{Compiled, Draft, DraftError, Options, Shelf, ShelfError, Sources, Weight};
use akao_step::Allowances;
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc};

/// Arguments of `akao sdk deploy`.
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(crate) struct Args {
    /// The node's file or name [default: the only one in `src`].
    node: Option<String>,
    /// The node's name, where it is not that of its file.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The version [default: what the node or its `package.json` says, else 1.0.0].
    #[arg(long, value_name = "VERSION")]
    version: Option<semver::Version>,
    #[command(flatten)]
    server: ServerArgs,
    /// Keep it in this project's folder `custom-nodes`, for workflows that stand there.
    #[arg(long, value_name = "FOLDER")]
    project: Option<PathBuf>,
}

/// Compiles the node and keeps it.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut file = project::find(args.node.as_deref(), args.name.as_deref())?;
    let folder = wiring::data_dir(context)?;
    wiring::make_data_dir(&folder)?;
    let tenant = Tenant::local();
    // `--project` names a place on this machine, whatever server is used otherwise.
    let server = if args.project.is_some() { None } else { args.server.server(context)? };
    let runtime = wiring::runtime()?;
    let (compiled, sources) = runtime.block_on(compile(&file, &folder, &tenant, Options::default()))?;
    file.settle(&compiled);
    let schema = runtime.block_on(schema::read(&file, &compiled, &folder))?;
    if catalogue().get(file.name.as_str()).is_some() {
        return Err(Failure::usage(format!("`{}` is the name of a standard node type", file.name))
            .hint("Give the node another name, such as by `--name`."));
    }
    let version = version(args, &file, &compiled)?;
    if let Some(server) = server {
        return upload(&server, &file, &version, &sources, schema.as_ref(), context);
    }
    let draft = Draft {
        tenant: &tenant,
        name: &file.name,
        version: &version,
        description: None,
        schema: schema.as_ref(),
        compiled: &compiled,
        sources: &sources,
    };
    let shelf = match &args.project {
        Some(project) => Shelf::of_project(project),
        None => wiring::shelf(&folder, &tenant),
    };
    let is_new = shelf.keep(&draft).map_err(|error| refused(&error))?;
    tell(&file, &version, &compiled, is_new, context)
}

/// Sends a node to a server, which compiles it anew: what it keeps is what it has seen.
fn upload(
    server: &Server,
    file: &NodeFile,
    version: &semver::Version,
    sources: &Sources,
    schema: Option<&Value>,
    context: &Context,
) -> Result<Exit, Failure> {
    let body = json!({
        "name": file.name.as_str(), "version": version.to_string(), "files": sources.files, "entry": sources.entry,
        "schema": schema,
    });
    let made = server.call("POST", "/api/v1/custom-nodes", Some(&body))?;
    if context.output.json {
        context.output.document(&made)?;
        return Ok(Exit::Success);
    }
    for finding in made["scan"].as_array().into_iter().flatten() {
        let word = |key: &str| finding[key].as_str().unwrap_or_default();
        context.output.note(&plain(&format!(
            "{}: {}:{}: {}",
            word("weight"),
            word("file"),
            finding["line"],
            word("reason")
        )));
    }
    let hint = format!("Let it be used: `akao sdk promote {}@{version}`.", file.name);
    context.output.note(&format!("{}@{version} is a draft on the server. {hint}", file.name));
    Ok(Exit::Success)
}

/// Compiles a node with everything that it imports.
pub(super) async fn compile(
    file: &NodeFile,
    folder: &std::path::Path,
    tenant: &Tenant,
    options: Options,
) -> Result<(Compiled, Sources), Failure> {
    let (compiled, sources) = looked_at(file, folder, tenant, options).await?;
    match compiled.failure() {
        None => Ok((compiled, sources)),
        Some(failure) => {
            let hint = compiled.problems.iter().find_map(|problem| problem.suggestion.clone());
            Err(Failure::usage(plain_lines(&failure)).hint(hint.unwrap_or_default()))
        }
    }
}

/// What the compiler makes of a node with everything that it imports, which may be nothing but problems.
pub(super) async fn looked_at(
    file: &NodeFile,
    folder: &std::path::Path,
    tenant: &Tenant,
    options: Options,
) -> Result<(Compiled, Sources), Failure> {
    let nodes = Arc::new(wiring::external_nodes(folder, wiring::blobs(folder), Allowances::default())?);
    let compiler = wiring::compiler(folder, Arc::clone(&nodes));
    let sources = Sources::of_file(&file.path, &file.text);
    let compiled = compiler.compile_project(tenant, sources, options, |path| file.read(path)).await;
    nodes.shutdown().await;
    compiled.map_err(|error| not_compiled(&error))
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

pub(super) fn not_compiled(error: &StepError) -> Failure {
    let message = format!("the node was not compiled: {}", error.message);
    let failure = match error.kind {
        ErrorKind::Input => Failure::usage(message),
        _ => Failure::new("sdk", Exit::Failure, message),
    };
    failure.hint(error.suggestion().unwrap_or_default())
}

fn version(args: &Args, file: &NodeFile, compiled: &Compiled) -> Result<semver::Version, Failure> {
    if let Some(version) = &args.version {
        return Ok(version.clone());
    }
    let said = compiled.says(&file.name).data.get("version").cloned().or_else(|| file.package("version"));
    let said = said.unwrap_or_else(|| json!("1.0.0"));
    said.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
        let shown = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
        Failure::usage(format!("`{}` is not a version such as \"1.0.0\"", plain(&shown)))
            .hint("Write three numbers as a text, or name the version with `--version`.")
    })
}

pub(super) fn refused(error: &ShelfError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        ShelfError::Taken { .. } => failure.hint("Raise the version: `--version`, or `version` in `package.json`."),
        ShelfError::Draft(DraftError::NoNode(_)) => {
            failure.hint("Export the node under this name or as the default, or say with `--name` which export it is.")
        }
        ShelfError::Draft(_) => failure.hint("docs/custom-nodes.md says what a node says of itself."),
        ShelfError::Io(cause) => Failure::storage(error.to_string()).because(cause),
    }
}

fn tell(
    file: &NodeFile,
    version: &semver::Version,
    compiled: &Compiled,
    is_new: bool,
    context: &Context,
) -> Result<Exit, Failure> {
    if context.output.json {
        let document = json!({
            "name": file.name.as_str(), "version": version.to_string(), "new": is_new, "scan": compiled.scan,
        });
        context.output.document(&document)?;
        return Ok(Exit::Success);
    }
    for finding in compiled.scan.iter().filter(|finding| finding.weight > Weight::Asks) {
        context.output.note(&plain(&format!("{}:{}: {}", finding.file, finding.line, finding.reason)));
    }
    let done = if is_new { "is deployed" } else { "was deployed already" };
    context.output.note(&format!("{}@{version} {done}. Use it: `type: {}@{version}`.", file.name, file.name));
    Ok(Exit::Success)
}
