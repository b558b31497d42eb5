//! `akao sdk test`: the tests of a project, in the runtime that will run its nodes, with the lines that they reach.

use super::{
    deploy::not_compiled,
    project::{NodeFile, walk},
    trial,
};
use crate::{cli::Context, exit::Exit, failure::Failure, output::plain, wiring};
use akao_contract::Tenant;
use akao_custom::{Compiled, Options, Sources};
use akao_step::{Allowances, CancellationToken, StepEvent, StepEvents, StepIo};
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::mpsc;

/// The file that asks for all tests; it is never written.
const ENTRY: &str = "akao-tests.ts";

/// Lines of the tests' log that wait to be shown.
const EVENTS_MAX: usize = 1_024;

/// Arguments of `akao sdk test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files with tests [default: every `.test.ts` in `src`].
    files: Vec<PathBuf>,
    /// The project's folder.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Show the lines that no test reaches.
    #[arg(long)]
    coverage: bool,
    /// The least share of lines that tests must reach, in percent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    coverage_min: Option<u8>,
}

/// What the tests gave.
#[derive(Debug, Deserialize)]
struct Ran {
    results: Vec<CaseResult>,
    lines: BTreeMap<String, BTreeSet<u32>>,
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct CaseResult {
    name: String,
    status: String,
    #[serde(default)]
    duration_ms: f64,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    stack: Option<String>,
}

/// Runs the tests and says how they went.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let root = std::path::absolute(&args.folder)
        .map_err(|error| Failure::usage(format!("cannot find {}", args.folder.display())).because(&error))?;
    let files = tests(args, &root)?;
    let data_dir = wiring::data_dir(context)?;
    wiring::make_data_dir(&data_dir)?;
    let (ran, compiled) = wiring::runtime()?.block_on(all(&root, &files, &data_dir, context))?;
    let coverage = Coverage::of(&ran, &compiled);
    let failed = ran.results.iter().filter(|one| one.status == "failed").count();
    if context.output.json {
        let document = json!({"results": ran.results, "failed": failed, "coverage": coverage.document()});
        context.output.document(&document)?;
    } else {
        show(&ran, args, &coverage, context);
    }
    let is_covered = args.coverage_min.is_none_or(|least| coverage.percent() >= f64::from(least));
    if failed == 0 && ran.results.is_empty() {
        return Err(Failure::usage("the files hold no tests").hint("Write `it(\"…\", () => { … })` in them."));
    }
    if failed == 0 && !is_covered {
        context
            .output
            .note(&format!("The tests reach {:.1} % of the lines, less than was asked for.", coverage.percent()));
    }
    Ok(if failed == 0 && is_covered { Exit::Success } else { Exit::Failure })
}

/// The files with tests, from the project's folder.
fn tests(args: &Args, root: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for file in &args.files {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let within = file.strip_prefix(root).ok().and_then(Path::to_str);
        let within = within.filter(|_| file.is_file());
        let missing = || Failure::usage(format!("{} is no file of the project", file.display()));
        found.push(within.ok_or_else(missing)?.to_owned());
    }
    if args.files.is_empty() {
        found = walk(root, "src", &|name| name.ends_with(".test.ts"));
    }
    match found.is_empty() {
        true => Err(Failure::usage("there are no tests in `src`").hint("`akao sdk init` makes a node with one.")),
        false => Ok(found),
    }
}

async fn all(root: &Path, files: &[String], data_dir: &Path, context: &Context) -> Result<(Ran, Compiled), Failure> {
    let imports: String = files
        .iter()
        .map(|file| format!("import {};\n", json!(format!("./{}", file.trim_end_matches(".ts")))))
        .collect();
    let entry = format!(
        "{imports}import {{ runAll }} from \"workflow-sdk/test\";\nexport default async () => ({{ results: await runAll(), \
         lines: Object.fromEntries(Object.entries(globalThis.akaoLines ?? {{}}).map(([f, l]) => [f, [...l]])) }});\n"
    );
    let nodes = Arc::new(wiring::external_nodes(data_dir, wiring::blobs(data_dir), Allowances::default())?);
    let compiler = wiring::compiler(data_dir, Arc::clone(&nodes));
    let project = NodeFile::of_project(root)?;
    let sources = Sources::of_file(ENTRY, &entry);
    let options = Options { coverage: true, ..Options::default() };
    let compiled = compiler.compile_project(&Tenant::local(), sources, options, |path| project.read(path)).await;
    nodes.shutdown().await;
    let (compiled, sources) = compiled.map_err(|error| not_compiled(&error))?;
    if let Some(failure) = compiled.failure() {
        return Err(Failure::usage(failure));
    }
    let (sender, mut events) = mpsc::channel(EVENTS_MAX);
    let cancel = CancellationToken::new();
    let io = StepIo { cancel: cancel.clone(), events: StepEvents::new(sender), secrets: Arc::default() };
    let ended = {
        let (work, interrupted) = (trial::run(data_dir, &compiled, &sources, io), tokio::signal::ctrl_c());
        tokio::pin!(work, interrupted);
        loop {
            tokio::select! {
                // Somebody listens before anything is made that must go again.
                biased;
                _ = &mut interrupted, if !cancel.is_cancelled() => cancel.cancel(),
                ended = &mut work => break ended,
                Some(event) = events.recv() => log(&event, context),
            }
        }
    };
    while let Ok(event) = events.try_recv() {
        log(&event, context);
    }
    let ran = serde_json::from_value(ended?);
    ran.map(|ran| (ran, compiled))
        .map_err(|error| Failure::internal("the tests' answer cannot be read").because(&error))
}

fn log(event: &StepEvent, context: &Context) {
    if let StepEvent::Log(line) = event
        && line.level > akao_contract::LogLevel::Debug
    {
        context.output.note(&format!("    {}", plain(&line.message)));
    }
}

fn show(ran: &Ran, args: &Args, coverage: &Coverage, context: &Context) {
    let output = &context.output;
    for one in &ran.results {
        let mark = match one.status.as_str() {
            "passed" => "ok  ",
            "failed" => "FAIL",
            _ => "skip",
        };
        output.note(&format!("{mark} {} ({:.1} ms)", plain(&one.name), one.duration_ms));
        let told = [&one.message, &one.stack].into_iter().flatten().filter(|text| !text.is_empty());
        told.flat_map(|text| text.lines()).for_each(|line| output.note(&format!("       {}", plain(line))));
    }
    let count = |status: &str| ran.results.iter().filter(|one| one.status == status).count();
    output.note(&format!("{} passed, {} failed, {} skipped", count("passed"), count("failed"), count("skipped")));
    for (file, (reached, all, missed)) in &coverage.files {
        output.note(&format!("{}: {reached} of {all} lines", plain(file)));
        if args.coverage && !missed.is_empty() {
            let missed: Vec<String> = missed.iter().map(u32::to_string).collect();
            output.note(&format!("    not reached: {}", missed.join(", ")));
        }
    }
}

/// Which lines were reached, by file: how many, of how many, and which were not.
struct Coverage {
    files: BTreeMap<String, (usize, usize, Vec<u32>)>,
}

impl Coverage {
    fn of(ran: &Ran, compiled: &Compiled) -> Self {
        let none = BTreeSet::new();
        let file = |(file, lines): (&String, &Vec<u32>)| {
            let all: BTreeSet<u32> = lines.iter().copied().collect();
            let reached = ran.lines.get(file).unwrap_or(&none);
            let missed: Vec<u32> = all.difference(reached).copied().collect();
            (file.clone(), (all.len() - missed.len(), all.len(), missed))
        };
        Self { files: compiled.lines.iter().map(file).filter(|(_, (_, all, _))| *all > 0).collect() }
    }

    #[expect(clippy::cast_precision_loss, reason = "no project has as many lines as that")]
    fn percent(&self) -> f64 {
        let sum = |of: fn(&(usize, usize, Vec<u32>)) -> usize| self.files.values().map(of).sum::<usize>();
        match sum(|file| file.1) {
            0 => 100.0,
            all => sum(|file| file.0) as f64 * 100.0 / all as f64,
        }
    }

    fn document(&self) -> serde_json::Value {
        let files: serde_json::Map<String, serde_json::Value> = self
            .files
            .iter()
            .map(|(file, (reached, all, missed))| {
                (file.clone(), json!({"reached": reached, "lines": all, "missed": missed}))
            })
            .collect();
        json!({"percent": self.percent(), "files": files})
    }
}
