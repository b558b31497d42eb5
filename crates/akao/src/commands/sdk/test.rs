//! `akao sdk test`: the tests of a project, in the runtime that will run its nodes, with the lines that they reach.
//!
//! What a test leaves behind, such as a promise that is broken and that nobody looks at, ends the runtime, and a test may also not
//! end at all. Each test is therefore told before it begins. The one that was under way then has failed; those before it are run
//! again by themselves, and those after it go on in a fresh runtime.

use super::{deploy::not_compiled, project::NodeFile, test_files, trial};
use crate::{cli::Context, exit::Exit, failure::Failure, output::plain, wiring};
use akao_contract::{LogLevel, StepError};
use akao_custom::{Compiled, Options, Sources};
use akao_step::{CancellationToken, StepEvent, StepEvents, StepIo};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

/// Lines of the tests' log that wait to be shown: more than a call keeps, so that none is missed.
const EVENTS_MAX: usize = 4_096;

/// How long one test may take, with its hooks.
const TEST_WITHIN: Duration = Duration::from_secs(10);

/// How long it may take until the first test begins: the sandbox is made, and the files are loaded.
const BEGIN_WITHIN: Duration = Duration::from_secs(60);

/// What the line begins with that tells what begins.
const BEGINS: &str = "akao:test ";

/// Lines after which nothing more is told.
const LOG_ENDS: [&str; 2] = ["the log ends here", "[what follows is not kept"];

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
#[derive(Debug, Default, Deserialize)]
struct Ran {
    results: Vec<CaseResult>,
    lines: BTreeMap<String, BTreeSet<u32>>,
    /// The test from which there is more to do.
    #[serde(default)]
    next: Option<u64>,
}

/// What the tests tell before something of them begins.
#[derive(Debug, Deserialize)]
struct Begun {
    /// The number of the test; for a hook, that of the first test after it.
    at: u64,
    /// Where to go on when it does not end.
    next: u64,
    name: String,
}

impl Begun {
    /// What a line of the log tells, if it does. The project's own code may write the like: only what lies ahead counts.
    fn of(event: &StepEvent, from: u64) -> Option<Self> {
        let StepEvent::Log(line) = event else { return None };
        let told = line.message.strip_prefix(BEGINS).filter(|_| line.level == LogLevel::Debug)?;
        serde_json::from_str(told).ok().filter(|begun: &Self| begun.at >= from && begun.next > from)
    }

    /// The result of what did not end.
    fn broken(self, broke: &Broke) -> CaseResult {
        let (message, stack, took) = match broke {
            Broke::Late => {
                let limit = TEST_WITHIN.as_secs();
                (format!("it did not end within {limit} s, the most that a test may take"), None, TEST_WITHIN)
            }
            Broke::Failed(error) => {
                let message = error.message.replacen("the node ", "the test ", 1);
                (message, error.detail["stack"].as_str().map(str::to_owned), Duration::ZERO)
            }
        };
        let duration_ms = took.as_secs_f64() * 1_000.0;
        CaseResult { name: self.name, status: "failed".to_owned(), duration_ms, message: Some(message), stack }
    }
}

/// Why a call of the tests did not come to its end.
#[derive(Debug)]
enum Broke {
    /// Something took too long.
    Late,
    /// Its code failed.
    Failed(StepError),
}

/// What is still to be done or told, in order.
enum Part {
    /// The tests from a number on, up to another if one is said.
    Tests(u64, Option<u64>),
    /// What became of one that did not end.
    Told(CaseResult),
}

/// Tests that were compiled.
struct Bundle<'a> {
    data_dir: &'a Path,
    compiled: &'a Compiled,
    sources: &'a Sources,
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
        found = test_files::all(root);
    }
    match found.is_empty() {
        true => Err(Failure::usage("there are no tests in `src`").hint("`akao sdk init` makes a node with one.")),
        false => Ok(found),
    }
}

async fn all(root: &Path, files: &[String], data_dir: &Path, context: &Context) -> Result<(Ran, Compiled), Failure> {
    let run_all = "import { runAll } from \"workflow-sdk/test\";\n\
        export default async (asked) => { const ran = await runAll(asked); \
        return { results: [...ran], next: ran.next ?? null, \
        lines: Object.fromEntries(Object.entries(globalThis.akaoLines ?? {}).map(([f, l]) => [f, [...l]])) }; };\n";
    let project = NodeFile::of_project(root)?;
    let options = Options { coverage: true, ..Options::default() };
    let compiled = test_files::compile(&project, files, run_all, data_dir, options).await?;
    let (compiled, sources) = compiled.map_err(|error| not_compiled(&error))?;
    if let Some(failure) = compiled.failure() {
        return Err(Failure::usage(failure));
    }
    let ran = every(&Bundle { data_dir, compiled: &compiled, sources: &sources }, context).await?;
    Ok((ran, compiled))
}

/// Runs every test, whatever becomes of each.
async fn every(bundle: &Bundle<'_>, context: &Context) -> Result<Ran, Failure> {
    let mut all = Ran::default();
    let mut parts = vec![Part::Tests(0, None)];
    while let Some(part) = parts.pop() {
        let (from, to) = match part {
            Part::Tests(from, to) => (from, to),
            Part::Told(result) => {
                all.results.push(result);
                continue;
            }
        };
        if to.is_some_and(|to| to <= from) {
            continue;
        }
        match some(bundle, from, to, context).await? {
            Ok(ran) => {
                all.results.extend(ran.results);
                for (file, lines) in ran.lines {
                    all.lines.entry(file).or_default().extend(lines);
                }
                parts.extend(ran.next.filter(|next| *next > from).map(|next| Part::Tests(next, to)));
            }
            Err((begun, broke)) => {
                let (at, next) = (begun.at, begun.next);
                // The last one is what is done first.
                parts.push(Part::Tests(next, to));
                parts.push(Part::Told(begun.broken(&broke)));
                parts.push(Part::Tests(from, Some(at)));
            }
        }
    }
    Ok(all)
}

/// Runs some tests in one call: what they gave, or what was under way when the call broke off, and why it did.
async fn some(
    bundle: &Bundle<'_>,
    from: u64,
    to: Option<u64>,
    context: &Context,
) -> Result<Result<Ran, (Begun, Broke)>, Failure> {
    let (sender, mut events) = mpsc::channel(EVENTS_MAX);
    let cancel = CancellationToken::new();
    let io = StepIo { cancel: cancel.clone(), events: StepEvents::new(sender), secrets: Arc::default() };
    let mut asked = Map::from_iter([("from".to_owned(), json!(from))]);
    asked.extend(to.map(|to| ("to".to_owned(), Value::from(to))));
    let mut heard = Heard { from, is_again: to.is_some(), begun: None, is_deaf: false };
    let (mut is_interrupted, mut is_late) = (false, false);
    let ended = {
        let work = trial::attempt(bundle.data_dir, bundle.compiled, bundle.sources, asked, io);
        let (interrupted, late) = (tokio::signal::ctrl_c(), tokio::time::sleep(BEGIN_WITHIN));
        tokio::pin!(work, interrupted, late);
        loop {
            tokio::select! {
                // Somebody listens before anything is made that must go again.
                biased;
                _ = &mut interrupted, if !is_interrupted => {
                    is_interrupted = true;
                    cancel.cancel();
                }
                ended = &mut work => break ended,
                Some(event) = events.recv() => {
                    if heard.hear(&event, context) {
                        late.as_mut().reset(Instant::now() + TEST_WITHIN);
                    }
                }
                () = &mut late, if !is_late && !heard.is_deaf => {
                    is_late = true;
                    cancel.cancel();
                }
            }
        }
    };
    while let Ok(event) = events.try_recv() {
        heard.hear(&event, context);
    }
    if is_interrupted {
        return Err(trial::interrupted());
    }
    match (ended?, heard.begun) {
        (Ok(ran), _) => serde_json::from_value(ran)
            .map(Ok)
            .map_err(|error| Failure::internal("the tests' answer cannot be read").because(&error)),
        (Err(_), Some(begun)) if is_late => Ok(Err((begun, Broke::Late))),
        (Err(error), Some(begun)) => Ok(Err((begun, Broke::Failed(error)))),
        (Err(_), None) if is_late => {
            let message = format!("no test began within {} s", BEGIN_WITHIN.as_secs());
            Err(Failure::new("sdk", Exit::Failure, message).hint("Look at what the files do when they are loaded."))
        }
        (Err(error), None) => Err(trial::failed(&error)),
    }
}

/// What a call of the tests has told so far.
struct Heard {
    /// The first test of the call.
    from: u64,
    /// Whether they were run before: what they log was shown then.
    is_again: bool,
    begun: Option<Begun>,
    /// Whether nothing is heard of tests any more, because they have logged too much.
    is_deaf: bool,
}

impl Heard {
    /// Takes an event in; says whether something has begun.
    fn hear(&mut self, event: &StepEvent, context: &Context) -> bool {
        if let Some(begun) = Begun::of(event, self.from) {
            self.begun = Some(begun);
            return true;
        }
        if let StepEvent::Log(line) = event {
            self.is_deaf |= LOG_ENDS.iter().any(|end| line.message.starts_with(end));
            if line.level > LogLevel::Debug && !self.is_again {
                context.output.note(&format!("    {}", plain(&line.message)));
            }
        }
        false
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
