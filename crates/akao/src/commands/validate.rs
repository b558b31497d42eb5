//! `akao validate`: every problem of workflow files at once.

use crate::{
    cli::Context,
    commands::packages::lock,
    exit::Exit,
    failure::Failure,
    load::{FileProblem, Sources, load, read_bytes},
    problems,
    remote::Remote,
    site::Site,
};
use akao_flow::{Position, Problem, Severity};
use akao_platform::WorkflowText;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// How deep folders are walked; links to folders are not followed.
const FOLDER_DEPTH_MAX: usize = 32;

/// Arguments of `akao validate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Workflow files, folders that hold some, or `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Let warnings count as errors.
    #[arg(long)]
    strict: bool,
}

/// What has been found in all files.
#[derive(Default)]
struct Findings {
    problems: Vec<FileProblem>,
    texts: BTreeMap<String, String>,
    files: usize,
    /// Files of folders that are YAML and no workflows.
    skipped: usize,
    /// Names that have been looked at, so that a child that is also given by itself is told once.
    seen: BTreeSet<String>,
    /// Who checks, if not this program.
    server: Option<Arc<Remote>>,
}

/// Checks the files and prints what is wrong. Exit 2 when something is.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let sources = Sources::new(context);
    let mut findings = Findings { server: Site::server_of(context)?, ..Findings::default() };
    for file in &args.files {
        if file.is_dir() { findings.folder(file, &sources, 0)? } else { findings.file(file, &sources)? }
    }
    let bad = |found: &FileProblem| args.strict || found.problem.severity == Severity::Error;
    let valid = !findings.problems.iter().any(bad);
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "valid": valid, "files": findings.files, "skipped": findings.skipped, "problems": findings.problems,
        }))?;
    } else {
        output.text(&problems::render(&findings.problems, &findings.texts, output.color_out))?;
        match findings.skipped {
            0 => {}
            1 => output.note("Skipped 1 YAML file that is not a workflow."),
            many => output.note(&format!("Skipped {many} YAML files that are not workflows.")),
        }
        output.note(&problems::summary(&findings.problems, findings.files));
    }
    Ok(if valid { Exit::Success } else { Exit::Usage })
}

impl Findings {
    fn file(&mut self, file: &Path, sources: &Sources) -> Result<(), Failure> {
        self.files += 1;
        if let Some(server) = &self.server {
            return match checked_there(file, server) {
                Ok((text, problems)) => {
                    self.texts.insert(file.display().to_string(), text);
                    self.problems.extend(problems);
                    Ok(())
                }
                Err(failure) => Err(failure),
            };
        }
        match load(file, sources) {
            Ok(loaded) => {
                let new = |found: &FileProblem| !self.seen.contains(&found.file);
                let fresh: Vec<_> = loaded.problems.into_iter().filter(new).collect();
                self.problems.extend(fresh);
                self.seen.extend(loaded.texts.keys().cloned());
                self.texts.extend(loaded.texts);
            }
            Err(error) => self.problems.push(unreadable(file, &error)),
        }
        Ok(())
    }

    /// Checks the workflows below a folder, in the order of their names.
    fn folder(&mut self, folder: &Path, sources: &Sources, depth: usize) -> Result<(), Failure> {
        let failed =
            |error: std::io::Error| Failure::usage(format!("cannot read {}", folder.display())).because(&error);
        let mut entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if kind.is_dir() && !hidden && depth < FOLDER_DEPTH_MAX {
                self.folder(&path, sources, depth + 1)?;
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                if looks_like_workflow(&path) { self.file(&path, sources)? } else { self.skipped += 1 }
            }
        }
        Ok(())
    }
}

/// What a server says of a file: against the node types and the workflows that a tenant has there.
fn checked_there(file: &Path, server: &Remote) -> Result<(String, Vec<FileProblem>), Failure> {
    let (_, bytes) = match read_bytes(file) {
        Ok(read) => read,
        Err(error) => return Ok((String::new(), vec![unreadable(file, &error)])),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let name = file.display().to_string();
    let lock = lock::beside(file)?;
    let found = server.validate(WorkflowText { source: &text, lock: lock.as_deref() })?;
    let problems = found.into_iter().map(|problem| FileProblem { file: name.clone(), problem });
    Ok((text, problems.collect()))
}

/// Whether a file has `akao:` or `type:` at its top. One that cannot be read is looked at, so that it is told.
fn looks_like_workflow(file: &Path) -> bool {
    let Ok((_, bytes)) = read_bytes(file) else { return true };
    let text = String::from_utf8_lossy(&bytes);
    text.lines().any(|line| line.starts_with("akao:") || line.starts_with("type:"))
}

fn unreadable(file: &Path, error: &crate::load::LoadError) -> FileProblem {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    FileProblem {
        file: file.display().to_string(),
        problem: Problem {
            severity: Severity::Error,
            code: "unreadable-file".to_owned(),
            message: format!("{error}{cause}"),
            position: Position { line: 1, column: 1 },
            path: String::new(),
            suggestion: None,
        },
    }
}
