//! `akao run` at a server: the file becomes the next version of its workflow there, unless the latest one says the same, and that
//! version is started and followed. The `akao.lock` beside it is sent with it. What a tenant of a server does not have is refused
//! before anything is sent. What the file names, such as custom nodes and other workflows, stands at the server, so that the server
//! checks it.

use super::{Args, Seen, bad_input, detached, follow, grants, left, view_of};
use crate::{
    catalogue::catalogue,
    cli::Context,
    commands::{invalid, packages::lock},
    exit::Exit,
    failure::Failure,
    load::{self, FileProblem, Loaded},
    problems,
    remote::Remote,
    site::Site,
    wiring,
};
use akao_contract::Tenant;
use akao_engine::{Bundle, GivenSecrets, StartRequest, input};
use akao_flow::{Definition, Problem};
use akao_platform::WorkflowText;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Runs the workflow.
pub(super) fn run(args: &Args, remote: &Arc<Remote>, context: &Context) -> Result<Exit, Failure> {
    let lock = lock::beside(&args.file)?;
    let (start, source) = prepare(args, lock.as_deref(), remote, context)?;
    let text = WorkflowText { source: &source, lock: lock.as_deref() };
    let version = remote.save(&start.bundle.definition.id, text)?;
    let (catalogue, site) = (catalogue(), Site::There(Arc::clone(remote)));
    let runtime = wiring::runtime()?;
    let done = runtime.block_on(async {
        let (execution, told) = remote.start(&version, &start).await?;
        if args.detach {
            return detached(execution, &told, context);
        }
        if let Some(position) = told["position"].as_u64() {
            let note = format!("Queued at place {position}; execution {execution} starts when its turn comes.");
            context.output.note(&note);
        }
        let seen = follow(remote.as_ref(), &site, execution, &catalogue, view_of(args), context).await?;
        if !matches!(seen, Seen::End(_)) {
            left(&site, execution, false, context)?;
        }
        Ok(seen.exit())
    });
    runtime.shutdown_background();
    done
}

/// Everything that can be refused before anything is kept at the server.
fn prepare(
    args: &Args,
    lock: Option<&str>,
    remote: &Remote,
    context: &Context,
) -> Result<(StartRequest, String), Failure> {
    let no = |what: &str, hint: &str| Err(Failure::usage(format!("{what} over a server")).hint(hint));
    if !args.volumes.is_empty() {
        return no("there are no volumes", "A server has no folder of this machine; send data as input.");
    }
    if !args.secrets.is_empty() {
        return no("secrets are not sent", "Keep them at the server, and grant them with `--grant secrets=NAME`.");
    }
    if args.debug || !args.breakpoints.is_empty() {
        return no("there is no debugger", "Run the workflow on this machine to debug it.");
    }
    let (definition, source) = checked(&args.file, lock, remote, context)?;
    let given = load::input::read_input("--input", args.input.as_deref(), &args.set)?;
    let input = input::accept(&definition, given).map_err(|problems| bad_input(&problems))?;
    let start = StartRequest {
        tenant: Tenant::local(),
        bundle: Bundle { definition, children: BTreeMap::new(), nodes: Vec::new() },
        input,
        grants: grants(&args.grants)?,
        volumes: BTreeMap::new(),
        vars: serde_json::Map::new(),
        secrets: GivenSecrets::default(),
        idempotency_key: args.idempotency_key.clone(),
        debug: false,
        breakpoints: Vec::new(),
        execution: None,
        trace: None,
        warnings: Vec::new(),
    };
    Ok((start, source))
}

/// The workflow of a file as it stands there. What is no workflow at all is told without the server; what the names in it mean is
/// the server's to say.
fn checked(
    file: &Path,
    lock: Option<&str>,
    remote: &Remote,
    context: &Context,
) -> Result<(Definition, String), Failure> {
    let (name, bytes) = load::read_bytes(file)?;
    let source = String::from_utf8(bytes).map_err(|error| {
        Failure::usage(format!("{name} is not UTF-8")).because(&error.utf8_error()).hint("Save it as UTF-8.")
    })?;
    let found = |problems: Vec<Problem>| Loaded {
        bundle: None,
        problems: problems.into_iter().map(|problem| FileProblem { file: name.clone(), problem }).collect(),
        texts: BTreeMap::from([(name.clone(), source.clone())]),
        files: Vec::new(),
        records: Vec::new(),
        packages: Vec::new(),
    };
    let parsed = akao_flow::read(&source).map_err(|problems| invalid(&found(problems), file, context))?;
    let loaded = found(remote.validate(WorkflowText { source: &source, lock })?);
    if loaded.has_errors() {
        return Err(invalid(&loaded, file, context));
    }
    if !context.output.json {
        context.output.note_text(&problems::render(&loaded.problems, &loaded.texts, context.output.color_err));
    }
    Ok((parsed.definition, source))
}
