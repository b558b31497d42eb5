//! The workflows that a workflow starts: each `SubWorkflow` names a file relative to its own, within the folder of the main
//! file. What it names is read when the execution is prepared, so that nothing changes under a running workflow.

use super::{FileProblem, Loaded, Sources, check_bytes, packages::Packages, read_bytes};
use akao_contract::NodeType;
use akao_engine::Bundle;
use akao_flow::{Parsed, Problem, ProblemCode, Severity, StartedWorkflow};
use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

/// How deep workflows may start workflows; the engine's own bound.
const DEPTH_MAX: usize = 16;

/// How many workflows one bundle may hold, counted as often as they are named.
const WORKFLOWS_MAX: usize = 256;

/// Reads a workflow and what it starts.
pub(super) struct Loader<'a> {
    sources: &'a Sources,
    /// The external nodes that the files name.
    packages: Packages,
    /// The folder of the main file.
    folder: PathBuf,
    /// Files within the folder that lead to the one being read, outermost first.
    stack: Vec<PathBuf>,
    /// What has been read, by file within the folder; none when it has errors.
    known: BTreeMap<PathBuf, Option<Checked>>,
    workflows: usize,
    problems: Vec<FileProblem>,
    texts: BTreeMap<String, String>,
    pub(super) files: Vec<PathBuf>,
}

/// A file that was read, with the external nodes that it names.
#[derive(Clone)]
struct Checked {
    parsed: Parsed,
    nodes: Vec<Arc<NodeType>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(sources: &'a Sources, folder: PathBuf) -> Self {
        Self {
            packages: Packages::new(folder.clone(), sources.data_dir.clone()),
            sources,
            folder,
            stack: Vec::new(),
            known: BTreeMap::new(),
            workflows: 0,
            problems: Vec::new(),
            texts: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    /// Reads the main workflow; `own` is its file name, none for standard input.
    pub(super) fn main(&mut self, name: &str, own: Option<PathBuf>, bytes: &[u8]) -> Option<Bundle> {
        self.stack.extend(own);
        let checked = self.check(name, Path::new(""), bytes)?;
        self.bundle(name, Path::new(""), &checked)
    }

    pub(super) fn finish(self, bundle: Option<Bundle>) -> Loaded {
        let Self { mut problems, mut texts, mut files, packages, .. } = self;
        let found = packages.finish();
        problems.extend(found.problems);
        texts.extend(found.texts);
        files.extend(found.files);
        let loaded = Loaded { bundle: None, problems, texts, files, records: found.records, packages: found.pinned };
        Loaded { bundle: bundle.filter(|_| !loaded.has_errors()), ..loaded }
    }

    /// Reads and checks a file of `folder`, which is within the main one.
    fn check(&mut self, name: &str, folder: &Path, bytes: &[u8]) -> Option<Checked> {
        let (catalogue, packages) = (&self.sources.catalogue, &mut self.packages);
        let mut nodes = Vec::new();
        let (parsed, problems) = check_bytes(bytes, catalogue, |draft| {
            let found = packages.find(draft, folder, catalogue);
            nodes.clone_from(&found.types);
            found
        });
        self.texts.insert(name.to_owned(), String::from_utf8_lossy(bytes).into_owned());
        self.problems.extend(problems.into_iter().map(|problem| FileProblem { file: name.to_owned(), problem }));
        // What the file calls them is no part of the version.
        let nameless = |node: Arc<NodeType>| Arc::new(NodeType { aliases: Vec::new(), ..Arc::unwrap_or_clone(node) });
        Some(Checked { parsed: parsed?, nodes: nodes.into_iter().map(nameless).collect() })
    }

    /// The bundle of a workflow that was read. `folder` is the file's own folder within the main one.
    fn bundle(&mut self, name: &str, folder: &Path, checked: &Checked) -> Option<Bundle> {
        let Checked { parsed, nodes } = checked;
        self.workflows += 1;
        let mut children = BTreeMap::new();
        let mut whole = true;
        for reference in parsed.started_workflows() {
            if children.contains_key(&reference.workflow) {
                continue;
            }
            match self.child(folder, &reference) {
                Ok(Some(child)) => {
                    children.insert(reference.workflow, child);
                }
                Ok(None) => whole = false,
                Err((code, message, suggestion)) => {
                    whole = false;
                    self.problem(name, reference, code, message, suggestion);
                }
            }
        }
        whole.then(|| Bundle { definition: parsed.definition.clone(), children, nodes: nodes.clone() })
    }

    /// The bundle of what a node names; none when that file has problems of its own, which are told with it.
    fn child(&mut self, folder: &Path, reference: &StartedWorkflow) -> Result<Option<Bundle>, Refusal> {
        let file = resolve(folder, &reference.workflow)?;
        if self.stack.contains(&file) {
            let chain: Vec<String> = self.stack.iter().map(|file| format!("`{}`", file.display())).collect();
            let message = format!("`{}` starts itself without end: {} → `{0}`", file.display(), chain.join(" → "));
            return Err((ProblemCode::WorkflowCycle, message, "Repeat with a loop inside one workflow.".to_owned()));
        }
        if self.stack.len() >= DEPTH_MAX || self.workflows >= WORKFLOWS_MAX {
            let message = format!(
                "`{}` is one workflow too many: at most {DEPTH_MAX} levels and {WORKFLOWS_MAX} workflows",
                reference.workflow
            );
            return Err((ProblemCode::UnknownWorkflow, message, "Put parts of it under `trees:`.".to_owned()));
        }
        let path = self.folder.join(&file);
        let below = file.parent().map(Path::to_owned).unwrap_or_default();
        let name = path.display().to_string();
        if !self.known.contains_key(&file) {
            let (_, bytes) = read_bytes(&path).map_err(|error| unreadable(&name, &error))?;
            self.files.push(path);
            let checked = self.check(&name, &below, &bytes);
            self.known.insert(file.clone(), checked);
        }
        let Some(checked) = self.known.get(&file).cloned().flatten() else { return Ok(None) };
        self.stack.push(file);
        let bundle = self.bundle(&name, &below, &checked);
        self.stack.pop();
        Ok(bundle)
    }

    fn problem(&mut self, file: &str, at: StartedWorkflow, code: ProblemCode, message: String, suggestion: String) {
        let problem = Problem {
            severity: code.severity(),
            code: code.as_str().to_owned(),
            message,
            position: at.position,
            path: at.path,
            suggestion: Some(suggestion),
        };
        let found = FileProblem { file: file.to_owned(), problem };
        debug_assert_eq!(found.problem.severity, Severity::Error, "a workflow without its children cannot run");
        // A file that is named from several places is looked at each time; its problems are told once.
        if !self.problems.contains(&found) {
            self.problems.push(found);
        }
    }
}

/// Why a node's file cannot be used: code, message, suggestion.
type Refusal = (ProblemCode, String, String);

fn unreadable(name: &str, error: &super::LoadError) -> Refusal {
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let message = format!("the workflow `{name}` cannot be read: {reason}");
    (ProblemCode::UnknownWorkflow, message, "Write the file's path relative to this file.".to_owned())
}

/// The file that `workflow` names, relative to the main folder, seen from a file in `folder`.
fn resolve(folder: &Path, workflow: &str) -> Result<PathBuf, Refusal> {
    let refuse =
        |message: String, suggestion: &str| Err((ProblemCode::UnknownWorkflow, message, suggestion.to_owned()));
    if workflow.contains("${") || workflow.contains("{{") {
        let message = "`workflow` cannot be an expression: its file is fixed when the execution starts".to_owned();
        return refuse(message, "Write the file's name, and choose between several with a Switch.");
    }
    match resolve_within(folder, workflow) {
        Some(file) => Ok(file),
        None => {
            let message = format!("`{workflow}` is outside the folder of the workflow that is run");
            refuse(message, "Keep the files of a workflow in one folder.")
        }
    }
}

/// What `path` names, relative to the main folder, seen from a file in `folder`; none when that is outside.
pub(super) fn resolve_within(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut file = folder.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => file.push(name),
            Component::ParentDir if file.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use std::fs;

    fn starting(files: &[&str]) -> String {
        let nodes: Vec<String> = files
            .iter()
            .map(|file| format!("    - {{ type: SubWorkflow, props: {{ workflow: \"{file}\" }} }}\n"))
            .collect();
        format!("akao: 1\nid: w\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n{}", nodes.concat())
    }

    /// Loads `main.yaml` of a folder with the given files.
    fn load_files(files: &[(&str, String)]) -> Loaded {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let sources = Sources::of(akao_flow::control_types().into());
        let mut loaded = load(&folder.path().join("main.yaml"), &sources).expect("main.yaml can be read");
        let prefix = format!("{}/", folder.path().display());
        for found in &mut loaded.problems {
            found.file = found.file.replace(&prefix, "");
            found.problem.message = found.problem.message.replace(&prefix, "");
        }
        loaded
    }

    fn leaf() -> String {
        "type: Sequence\n".to_owned()
    }

    #[test]
    fn children_are_found_relative_to_the_file_that_names_them() {
        let loaded = load_files(&[
            ("main.yaml", starting(&["./parts/a.yaml", "b.yaml"])),
            ("parts/a.yaml", starting(&["../b.yaml", "deep/c.yaml"])),
            ("b.yaml", leaf()),
            ("parts/deep/c.yaml", leaf()),
        ]);
        assert_eq!(loaded.problems, []);
        let bundle = loaded.bundle.expect("no problems");
        let names = |bundle: &Bundle| bundle.children.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&bundle), ["./parts/a.yaml", "b.yaml"]);
        assert_eq!(names(&bundle.children["./parts/a.yaml"]), ["../b.yaml", "deep/c.yaml"]);
        assert_eq!(loaded.files.len(), 4);
    }

    #[test]
    fn what_cannot_be_a_child_is_a_problem_of_the_file_that_names_it() {
        let cases = [
            (vec![("main.yaml", starting(&["main.yaml"]))], "main.yaml", "workflow-cycle", "`main.yaml` starts itself"),
            (
                vec![("main.yaml", starting(&["a.yaml"])), ("a.yaml", starting(&["./main.yaml"]))],
                "a.yaml",
                "workflow-cycle",
                "`main.yaml` → `a.yaml` → `main.yaml`",
            ),
            (
                vec![("main.yaml", starting(&["no.yaml"]))],
                "main.yaml",
                "unknown-workflow",
                "`no.yaml` cannot be read: No such",
            ),
            (vec![("main.yaml", starting(&["../x.yaml"]))], "main.yaml", "unknown-workflow", "outside the folder"),
            (vec![("main.yaml", starting(&["/etc/passwd"]))], "main.yaml", "unknown-workflow", "outside the folder"),
            (
                vec![("main.yaml", starting(&["${input.f}"]))],
                "main.yaml",
                "unknown-workflow",
                "cannot be an expression",
            ),
            (
                vec![("main.yaml", starting(&["a.yaml"])), ("a.yaml", "type: Sequense".into())],
                "a.yaml",
                "unknown-type",
                "Sequense",
            ),
        ];
        for (files, file, code, message) in cases {
            let loaded = load_files(&files);
            assert!(loaded.bundle.is_none());
            let [found] = loaded.problems.as_slice() else { panic!("one problem, not {:?}", loaded.problems) };
            assert_eq!((found.file.as_str(), found.problem.code.as_str()), (file, code));
            assert!(found.problem.message.contains(message), "{}", found.problem.message);
        }
    }

    #[test]
    fn workflows_that_fan_out_are_bounded() {
        let mut files = vec![("main.yaml".to_owned(), starting(&["1a.yaml", "1b.yaml"]))];
        for level in 1..12 {
            let below = [format!("{}a.yaml", level + 1), format!("{}b.yaml", level + 1)];
            for side in ["a", "b"] {
                files.push((format!("{level}{side}.yaml"), starting(&[&below[0], &below[1]])));
            }
        }
        files.push(("12a.yaml".to_owned(), leaf()));
        files.push(("12b.yaml".to_owned(), leaf()));
        let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        let loaded = load_files(&files);
        assert!(loaded.bundle.is_none());
        assert!(loaded.problems.iter().all(|found| found.problem.message.contains("one workflow too many")));
    }
}
