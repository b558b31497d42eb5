//! `akao node validate`: the manifest with every problem at its place, then the process: does it start, is it the one that
//! the manifest names, does it answer as the protocol wants, does it end when it is asked to.

use super::{
    absolute,
    run::Rights,
    stand::{Given, Stand},
    unreadable,
};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    load::FileProblem,
    output::{Output, Style, plain},
    problems, wiring,
};
use akao_contract::{StepError, manifest::MANIFEST_FILE};
use akao_flow::{Problem, Severity};
use akao_manifest::FolderError;
use akao_nodes::{PinError, Pinned, pin};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, path::PathBuf, time::Instant};

/// Arguments of `akao node validate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's folder [default: the current one].
    folder: Option<PathBuf>,
    /// Look at the manifest and the files only; start nothing.
    #[arg(long)]
    no_start: bool,
    #[command(flatten)]
    rights: Rights,
}

/// One thing that was looked at.
struct Check {
    what: String,
    /// What is wrong; nothing when it holds.
    wrong: Option<String>,
}

/// The failure of a package that cannot be read. The problems of its manifest are printed with their places.
pub(super) fn refused(error: &PinError, context: &Context) -> Failure {
    let PinError::Folder(FolderError::Invalid { path, text, problems: found }) = error else {
        return unreadable(error);
    };
    let file = path.join(MANIFEST_FILE).display().to_string();
    let failure = Failure::usage(format!("`{file}` is not valid")).hint("Mend what is listed.");
    let found: Vec<FileProblem> = of_file(&file, found);
    if context.output.json {
        let causes = found.iter().map(|found| {
            let position = found.problem.position;
            format!("{file}:{}:{}: {}", position.line, position.column, found.problem.message)
        });
        return Failure { causes: causes.collect(), ..failure };
    }
    let texts = BTreeMap::from([(file, text.clone())]);
    context.output.problems(&problems::render(&found, &texts, context.output.color_err));
    failure
}

fn of_file(file: &str, problems: &[Problem]) -> Vec<FileProblem> {
    problems.iter().map(|problem| FileProblem { file: file.to_owned(), problem: problem.clone() }).collect()
}

/// Checks the package. Exit 0 when all holds, 2 when the manifest is wrong, 1 when the process is.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let folder = absolute(args.folder.clone())?;
    let package = match pin(&folder) {
        Ok(package) => package,
        Err(PinError::Folder(FolderError::Invalid { path, text, problems })) => {
            return invalid(&path, text, &problems, context);
        }
        Err(error) => return Err(unreadable(&error)),
    };
    let cannot = |error| Failure::usage("the package cannot be run").because(&error);
    package.check().map_err(cannot)?;
    let file = folder.join(MANIFEST_FILE).display().to_string();
    let warnings = of_file(&file, &package.folder.problems);
    if !context.output.json {
        context.output.note_text(&problems::render(&warnings, &BTreeMap::new(), context.output.color_err));
    }
    let mut checks = vec![
        Check { what: "the manifest is valid".to_owned(), wrong: None },
        Check { what: format!("the content is {}", package.digest), wrong: None },
    ];
    if !args.no_start {
        let runtime = wiring::runtime()?;
        let started = runtime.block_on(start(&args, package, context));
        runtime.shutdown_background();
        checks.extend(started?);
    }
    tell(&checks, &warnings, &context.output)?;
    Ok(if checks.iter().all(|check| check.wrong.is_none()) { Exit::Success } else { Exit::Failure })
}

fn invalid(folder: &std::path::Path, text: String, found: &[Problem], context: &Context) -> Result<Exit, Failure> {
    let file = folder.join(MANIFEST_FILE).display().to_string();
    let found = of_file(&file, found);
    let output = &context.output;
    if output.json {
        output.document(&json!({"valid": false, "problems": found, "checks": []}))?;
        return Ok(Exit::Usage);
    }
    output.text(&problems::render(&found, &BTreeMap::from([(file, text)]), output.color_out))?;
    let errors = found.iter().filter(|found| found.problem.severity == Severity::Error).count();
    output.note(&crate::output::count(errors as u64, "error"));
    Ok(Exit::Usage)
}

/// What the process itself must do.
async fn start(args: &Args, package: Pinned, context: &Context) -> Result<Vec<Check>, Failure> {
    let stand = Stand::new(package, None, context)?;
    let given = args.rights.given(&stand)?;
    let mut checks = Vec::new();
    let manifest = stand.package().folder.manifest().clone();
    for node in &manifest.nodes {
        let started = Instant::now();
        let answer = stand.validate(&node.id, &example(&stand, node.id.as_str())?, &given).await;
        let what = format!("`{}` starts and answers `node.info` and `node.validate`", node.id);
        let wrong = answer.err().map(|error| told(&error));
        let failed = wrong.is_some();
        let took = started.elapsed().as_millis();
        checks.push(Check { what: format!("{what} ({took} ms)"), wrong });
        if failed {
            // The rest would say the same again.
            return Ok(checks);
        }
    }
    checks.push(wrong_inputs(&stand, &given).await?);
    checks.push(end(&stand).await);
    Ok(checks)
}

/// Inputs of the right types where the schema names a default or a type; what is asked is only whether there is an answer.
fn example(stand: &Stand, node: &str) -> Result<Map<String, Value>, Failure> {
    let node_type = stand.node(Some(node))?;
    let mut map = Map::new();
    akao_flow::with_defaults(&node_type.props, &mut map);
    Ok(map)
}

/// A node that is asked about inputs which it does not know says so, rather than accepting or breaking.
async fn wrong_inputs(stand: &Stand, given: &Given) -> Result<Check, Failure> {
    let what = "unknown inputs are answered and do no harm".to_owned();
    let manifest = stand.package().folder.manifest();
    let Some(node) = manifest.nodes.first() else { return Ok(Check { what, wrong: None }) };
    let strange = Map::from_iter([("akao_unknown_input".to_owned(), json!({"a": [1, null, "ü\u{1f600}"]}))]);
    let wrong = stand.validate(&node.id, &strange, given).await.err().map(|error| told(&error));
    Ok(Check { what, wrong })
}

/// The process ends by itself when it is asked to.
async fn end(stand: &Stand) -> Check {
    let before: u64 = stand.snapshot().iter().map(|pool| pool.counters.crashes).sum();
    stand.end().await;
    let crashes = stand.snapshot().iter().map(|pool| pool.counters.crashes).sum::<u64>() - before;
    let wrong = (crashes > 0).then(|| "it did not end within the grace, or ended otherwise".to_owned());
    Check { what: "it ends on `node.shutdown`".to_owned(), wrong }
}

fn told(error: &StepError) -> String {
    let lines = error.detail.get("lines").and_then(Value::as_array).into_iter().flatten();
    let lines: String = lines.filter_map(Value::as_str).map(|line| format!("\n      | {line}")).collect();
    match error.suggestion() {
        Some(suggestion) => format!("{}{lines}\n      {suggestion}", error.message),
        None => format!("{}{lines}", error.message),
    }
}

fn tell(checks: &[Check], warnings: &[FileProblem], output: &Output) -> Result<(), Failure> {
    if output.json {
        let valid = checks.iter().all(|check| check.wrong.is_none());
        let listed: Vec<Value> = checks
            .iter()
            .map(|check| json!({"what": check.what, "holds": check.wrong.is_none(), "wrong": check.wrong}))
            .collect();
        return output.document(&json!({"valid": valid, "problems": warnings, "checks": listed}));
    }
    for check in checks {
        match &check.wrong {
            None => output.line(&format!("{} {}", output.out(Style::Good, "✓"), check.what))?,
            Some(wrong) => {
                output.line(&format!("{} {}", output.out(Style::Bad, "✗"), check.what))?;
                output.line(&format!("    {}", plain(wrong)))?;
            }
        }
    }
    Ok(())
}
