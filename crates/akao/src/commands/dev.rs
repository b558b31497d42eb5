//! `akao dev`: runs a workflow again whenever one of its files is saved or a package that it names is installed or changed, and
//! shows the tree, the outputs and what changed.
//!
//! Each run is `akao run --json` in a process of its own, so that it is exactly what `akao run` does. A save or Ctrl-C
//! cancels it as Ctrl-C cancels any run; a request to end leaves the execution where it is. A file with problems is not
//! run.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    load::{Loaded, Sources, load},
    output::{Output, Style, plain, reader_gone},
    problems,
    stop::{Stop, Stops},
};
use akao_contract::{Address, NodeStatus};
use akao_flow::{Definition, draw};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

/// How often the files are looked at.
const POLL: Duration = Duration::from_millis(200);

/// Editors write in several steps; the files must have been quiet for this long.
const SETTLE: Duration = Duration::from_millis(150);

/// Arguments of `akao dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow file.
    file: PathBuf,
    /// The input, as JSON or `@FILE`.
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,
    /// Set a part of the input; may be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Let the steps do something; may be repeated.
    #[arg(long, value_name = "PERMISSION")]
    grant: Vec<String>,
    /// Give the steps a secret; may be repeated.
    #[arg(long, value_name = "NAME=@FILE|env:VAR")]
    secret: Vec<String>,
    /// Let the workflow use a folder as NAME://; may be repeated.
    #[arg(long, value_name = "NAME=FOLDER")]
    volume: Vec<String>,
}

/// Watches and runs until Ctrl-C.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if args.file.as_os_str() == "-" || args.input.as_deref() == Some("@-") {
        return Err(Failure::usage("`akao dev` cannot read standard input again and again").hint("Name a file."));
    }
    if context.output.json {
        return Err(Failure::usage("`akao dev` is for people and has no `--json`").hint("Use `akao run --json`."));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal("the runtime cannot be started").because(&error))?;
    runtime.block_on(async { Watch::new(args, context.clone())?.go().await })
}

/// When each file was written last; none when it is not there.
type Stamps = BTreeMap<PathBuf, Option<SystemTime>>;

struct Watch {
    args: Args,
    context: Context,
    sources: Sources,
    stamps: Stamps,
    /// Records of installed packages: unlike the files they may come and go.
    records: Stamps,
    last_outputs: Option<Map<String, Value>>,
    stops: Stops,
}

/// Why a run or a pause is over before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// One of the files was written, or a package was installed or changed.
    Saved,
    /// Nobody wants to see more.
    Stopped(Stop),
}

/// How a run ended.
enum Ran {
    /// By itself.
    Through,
    /// A save has cancelled it.
    Replaced,
    /// Somebody wanted the end of everything.
    Stopped,
}

impl Watch {
    fn new(args: Args, context: Context) -> Result<Self, Failure> {
        let stops = Stops::new()?;
        let sources = Sources::new(&context);
        Ok(Self { args, context, sources, stamps: Stamps::new(), records: Stamps::new(), last_outputs: None, stops })
    }

    async fn go(mut self) -> Result<Exit, Failure> {
        loop {
            let loaded = load(&self.args.file, &self.sources)?;
            self.watch_files(&loaded);
            let ran = match &loaded.bundle {
                Some(bundle) => self.run_once(&bundle.definition).await?,
                None => {
                    self.show_problems(&loaded);
                    Ran::Through
                }
            };
            match ran {
                Ran::Replaced => {}
                Ran::Stopped => return Ok(Exit::Cancelled),
                Ran::Through => {
                    self.context.output.note("Waiting for a save; Ctrl-C ends.");
                    if self.wake().await != Wake::Saved {
                        return Ok(Exit::Success);
                    }
                }
            }
            self.settle().await;
        }
    }

    fn watch_files(&mut self, loaded: &Loaded) {
        let input = self.args.input.as_deref().and_then(|input| input.strip_prefix('@')).map(PathBuf::from);
        let files = loaded.files.iter().cloned().chain([self.args.file.clone()]).chain(input);
        self.stamps = stamps(files);
        self.records = stamps(loaded.records.iter().cloned());
    }

    fn show_problems(&self, loaded: &Loaded) {
        let output = &self.context.output;
        output.note_text(&problems::render(&loaded.problems, &loaded.texts, output.color_err));
        output.note(&problems::summary(&loaded.problems, loaded.texts.len()));
    }

    /// One run.
    async fn run_once(&mut self, definition: &Definition) -> Result<Ran, Failure> {
        let child = self.start()?;
        let pid = child.id();
        let mut ended = tokio::task::spawn_blocking(move || child.wait_with_output());
        let mut ran = Ran::Through;
        let result = loop {
            let wake = if matches!(ran, Ran::Through) {
                tokio::select! { result = &mut ended => break result, wake = self.wake() => wake }
            } else {
                tokio::select! { result = &mut ended => break result, stop = self.stops.next() => Wake::Stopped(stop) }
            };
            ran = if wake == Wake::Saved { Ran::Replaced } else { Ran::Stopped };
            ask_to_end(pid, wake);
        };
        let end = read(joined(result))?;
        if !matches!(ran, Ran::Replaced) {
            self.show_end(definition, &end);
        }
        Ok(ran)
    }

    fn start(&self) -> Result<Child, Failure> {
        let failed = |error: std::io::Error| Failure::internal("the run cannot be started").because(&error);
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("run").arg(&self.args.file).arg("--json");
        if let Some(folder) = &self.context.data_dir {
            command.arg("--data-dir").arg(folder);
        }
        let args = &self.args;
        let named =
            [("--set", &args.set), ("--grant", &args.grant), ("--secret", &args.secret), ("--volume", &args.volume)];
        let many = named.iter().flat_map(|(name, values)| values.iter().map(move |value| (*name, value)));
        for (name, value) in self.args.input.iter().map(|input| ("--input", input)).chain(many) {
            command.arg(format!("{name}={value}"));
        }
        // In a process group of its own it gets Ctrl-C only from here, and therefore once.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).spawn().map_err(failed)
    }

    /// Waits for a save, or for somebody who wants no more.
    async fn wake(&mut self) -> Wake {
        tokio::select! {
            stop = self.stops.next() => Wake::Stopped(stop),
            () = changed(&self.stamps, &self.records) => Wake::Saved,
            () = reader_gone() => Wake::Stopped(Stop::Hangup),
        }
    }

    /// Waits until the files have been quiet for a moment.
    async fn settle(&mut self) {
        loop {
            let before = stamps(self.stamps.keys().cloned());
            tokio::time::sleep(SETTLE).await;
            if before.iter().all(|(file, stamp)| written(file) == *stamp && stamp.is_some()) {
                return;
            }
        }
    }

    fn show_end(&mut self, definition: &Definition, end: &Value) {
        let output = &self.context.output;
        let failure = end["error"]["message"].as_str().map(plain);
        let status = end["status"].as_str().unwrap_or("failure");
        // The tree and the result are what this command is for, so they are its data.
        let options = draw::Options { color: output.color_out, statuses: statuses(end), ..draw::Options::default() };
        let outputs = end["outputs"].as_object().cloned().unwrap_or_default();
        let mut text = draw::terminal(definition, &options);
        text.push_str(&headline(output, status, &end["duration_ms"], failure.as_deref()));
        text.push_str(&values(output, self.last_outputs.as_ref(), &outputs));
        // A closed standard output is noticed when the next line is written.
        let _ = output.text(&text);
        if status == "success" {
            self.last_outputs = Some(outputs);
        }
    }
}

fn headline(output: &Output, status: &str, duration_ms: &Value, failure: Option<&str>) -> String {
    let style = if status == "success" { Style::Good } else { Style::Bad };
    let duration = duration_ms.as_u64().map(|ms| format!(" in {ms} ms")).unwrap_or_default();
    let reason = failure.map(|text| format!(": {text}")).unwrap_or_default();
    format!("{}{duration}{reason}\n", output.out(style, status))
}

/// The outputs, with a sign on those that differ from the run before.
fn values(output: &Output, before: Option<&Map<String, Value>>, after: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in after {
        let old = before.and_then(|before| before.get(name));
        let (sign, was) = match (before, old) {
            (Some(_), None) => ("+", String::new()),
            (Some(_), Some(old)) if old != value => ("~", format!("  (was {old})")),
            _ => (" ", String::new()),
        };
        text.push_str(&plain(&format!("{sign} {name}: {value}")));
        text.push_str(&output.out(Style::Dim, &plain(&was)));
        text.push('\n');
    }
    for (name, _) in before.into_iter().flatten().filter(|(name, _)| !after.contains_key(*name)) {
        text.push_str(&format!("- {name}\n"));
    }
    text
}

/// The states of the steps of the tree that is run.
fn statuses(end: &Value) -> BTreeMap<Address, NodeStatus> {
    let steps = end["steps"].as_array().into_iter().flatten();
    let read = |step: &Value| {
        let address = step["address"].as_str()?.parse().ok()?;
        Some((address, serde_json::from_value(step["status"].clone()).ok()?))
    };
    steps.filter_map(read).collect()
}

/// A thread that only waits does not panic.
fn joined<T>(result: Result<std::io::Result<T>, tokio::task::JoinError>) -> std::io::Result<T> {
    result.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn read(ended: std::io::Result<std::process::Output>) -> Result<Value, Failure> {
    let ended = ended.map_err(|error| Failure::internal("the run cannot be waited for").because(&error))?;
    serde_json::from_slice(&ended.stdout)
        .map_err(|error| Failure::internal(format!("the run has given no result ({})", ended.status)).because(&error))
}

/// Asks a run to end: a request to end is passed on, everything else cancels. One that has ended needs no asking.
fn ask_to_end(pid: u32, wake: Wake) {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = if wake == Wake::Stopped(Stop::Terminate) { Signal::TERM } else { Signal::INT };
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn stamps(files: impl Iterator<Item = PathBuf>) -> Stamps {
    files.map(|file| (file.clone(), written(&file))).collect()
}

async fn changed(files: &Stamps, records: &Stamps) {
    while files.iter().chain(records).all(|(file, stamp)| written(file) == *stamp) {
        tokio::time::sleep(POLL).await;
    }
}

fn written(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::ColorChoice;
    use serde_json::json;

    #[test]
    fn outputs_show_what_changed() {
        let output = Output::new(ColorChoice::Never, false, false, 0);
        let map = |value: Value| value.as_object().cloned().expect("an object");
        let (before, after) = (map(json!({"a": 1, "b": 2, "c": 3})), map(json!({"a": 1, "b": 5, "d": "x"})));
        assert_eq!(values(&output, None, &before), "  a: 1\n  b: 2\n  c: 3\n");
        assert_eq!(values(&output, Some(&before), &after), "  a: 1\n~ b: 5  (was 2)\n+ d: \"x\"\n- c\n");
    }

    #[test]
    fn steps_colour_the_tree() {
        let end = json!({"steps": [
            {"address": "/0", "status": "success"}, {"address": "/1[3]/0", "status": "failure"}, {"address": "?", "status": "x"},
        ]});
        let found = statuses(&end);
        assert_eq!(found.len(), 2);
        assert_eq!(found[&"/0".parse::<Address>().expect("an address")], NodeStatus::Success);
    }
}
