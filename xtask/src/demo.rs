//! `cargo xtask demo`: what Akao does, shown on this repository, in three acts.
//!
//! The first act surveys the source tree by `examples/tour/workflow.yaml` and answers its question from a second process.
//! The second act kills such a survey in the middle and types the same command again. The third serves a team. What is said here is checked: a
//! claim that does not hold makes the demo fail. The workflow is the program's business alone; this only watches it.

mod claims;
mod count;
mod crash;
mod program;
mod survey;
mod team;
mod words;

use crate::{Chore, setup, web, workspace::Workspace};
use claims::Claims;
use program::{Program, Progress};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Instant,
};
use words::Words;

/// The workflow, from the workspace's folder.
const WORKFLOW: &str = "examples/tour/workflow.yaml";

/// Arguments of `cargo xtask demo`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Keep what earlier demos left in the data directory and in the reports; otherwise both are made anew.
    #[arg(long)]
    keep: bool,
    /// Do not leave the server running at the end, also on a terminal.
    #[arg(short, long)]
    yes: bool,
    /// Show the console instead: a server on an execution that is under way, until Ctrl-C.
    #[arg(long)]
    console: bool,
}

/// What went wrong beside a claim that does not hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or folder could not be used.
    #[error("cannot use {path}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program printed something that is not JSON.
    #[error("`{line}` did not print JSON: {printed:?}")]
    NotJson {
        /// The command.
        line: String,
        /// What it printed.
        printed: String,
    },
    /// Nothing happened for too long.
    #[error("the execution did not come to wait for `{signal}` within {seconds} s; it is {state}")]
    NoWait {
        /// The signal.
        signal: &'static str,
        /// How long was waited.
        seconds: u64,
        /// What was seen last.
        state: String,
    },
    /// The program ended where it should not.
    #[error("`{line}` ended with {status}")]
    Ended {
        /// The command.
        line: String,
        /// How it ended.
        status: String,
    },
    /// Some claims do not hold; each has been reported.
    #[error("{failed} of {all} claims do not hold")]
    Claims {
        /// How many do not.
        failed: usize,
        /// How many were made.
        all: usize,
    },
}

/// The places of a demo.
struct Stage {
    /// The workspace, which is also what is surveyed.
    root: PathBuf,
    /// What the demo leaves.
    folder: PathBuf,
    /// The folder of the workflow, where the reports come to stand.
    tour: PathBuf,
}

impl Stage {
    /// A report of the workflow.
    fn report(&self, name: &str) -> PathBuf {
        self.tour.join("reports").join(name)
    }

    /// `path` as one would type it in the workspace's folder.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// Installs, builds and plays.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Chore {
    if args.console {
        return web::run(workspace, &web::Args { demo: true, ..web::Args::default() });
    }
    let words = Words::new();
    words.heading("What is needed");
    setup::ensure_build(workspace)?;
    words.line("Everything that the build needs is there.");
    words.heading("The program");
    let started = Instant::now();
    web::build(workspace)?;
    workspace.cargo().args(["build", "--package", "akao"]).run()?;
    words.line(&format!("Built in {:.1} s.", started.elapsed().as_secs_f64()));
    play(workspace, args, Progress::Shown, !args.yes)
}

/// Plays for the verdict only: the program must have been built, and its progress is left out of logs.
pub(crate) fn check(workspace: &Workspace) -> Chore {
    play(workspace, &Args::default(), Progress::Drawn, false)
}

/// Plays all acts.
fn play(workspace: &Workspace, args: &Args, progress: Progress, stays: bool) -> Chore {
    let words = Words::new();
    let metadata = workspace.metadata()?;
    let folder = metadata.target_directory.join("demo");
    let stage = Stage { root: workspace.root.clone(), tour: folder.join("tour"), folder: folder.clone() };
    if !args.keep {
        remove(&folder)?;
    }
    let workflow = stage.tour.join("workflow.yaml");
    make_folder(&stage.tour)?;
    fs::copy(workspace.root.join(WORKFLOW), &workflow).map_err(|source| cannot_use(&workflow, source))?;
    let program = Program::new(&stage, metadata.program("akao"), folder.join("data"), workflow);
    let mut claims = Claims::new(words);
    let members = metadata.members().count();
    let survey = survey::play(&program, &stage, progress, members, &mut claims)?;
    crash::play(&program, &survey, &mut claims)?;
    let team = team::play(&program, &stage, &mut claims)?;
    epilogue(&program, &stage, &survey, words);
    claims.end()?;
    if stays { team.stay(words) } else { Ok(()) }
}

fn epilogue(program: &Program, stage: &Stage, survey: &survey::Survey, words: Words) {
    words.heading("What to try next");
    words.command(&program.line(&["executions", "show", &survey.execution]));
    words.command(&program.line(&["executions", "replay", &survey.execution]));
    words.command(&program.line(&["serve"]));
    words.command(&format!("{} new hello", stage.shown(program.path())));
    words.line("More: docs/getting-started.md, and examples/tour/workflow.yaml for what you have just seen.");
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(cannot_use(folder, source)),
        _ => Ok(()),
    }
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| cannot_use(folder, source))
}

fn cannot_use(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}
