//! Runs every example by the program, as a reader would, and compares the end with what the example promises.
//!
//! An example is a folder `examples/NAME` with `workflow.yaml`, `expect.json` and, where the workflow has inputs,
//! `input.json`. `expect.json` holds the `status`, and optionally the `outputs` (equal, as a whole), the `kind` of the
//! error and more `arguments` for `akao run`. Each example has a data directory of its own, made anew. A folder with a
//! `run.sh` has to be built first; a test of the program runs that (`crates/akao/tests/example_nodes.rs`).

use crate::{Chore, workspace::Workspace};
use serde::Deserialize;
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why an example could not be run, or what was wrong with its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The folder or a file in it could not be used.
    #[error("cannot read {path}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// `expect.json` is not what it should be.
    #[error("cannot parse {path}")]
    Expectation {
        /// The file.
        path: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// `examples/` has no folder with a workflow.
    #[error("examples/ holds no folder with a workflow.yaml")]
    Empty,
    /// Some examples ended otherwise than promised; each has been reported.
    #[error("{failed} of {all} examples did not keep their promise")]
    Broken {
        /// How many failed.
        failed: usize,
        /// How many there are.
        all: usize,
    },
}

/// What an example promises: the content of `expect.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    /// How the execution ends.
    status: String,
    /// Its outputs, compared as a whole.
    outputs: Option<Value>,
    /// The kind of its error.
    kind: Option<String>,
    /// More arguments for `akao run`, such as grants.
    #[serde(default)]
    arguments: Vec<String>,
}

/// Runs all examples; the program must have been built.
pub(crate) fn run_all(workspace: &Workspace) -> Chore {
    let folder = workspace.root.join("examples");
    if !folder.is_dir() {
        println!("There is no examples/ yet.");
        return Ok(());
    }
    let metadata = workspace.metadata()?;
    let program = metadata.program("akao");
    let examples = list(&folder)?;
    let mut failed = 0;
    for name in &examples {
        let data = metadata.target_directory.join("examples-data").join(name);
        match run_one(workspace, &program, name, &data)? {
            None => println!("kept    {name}"),
            Some(difference) => {
                failed += 1;
                println!("broken  {name}: {difference}");
            }
        }
    }
    match (examples.len(), failed) {
        (0, _) => Err(Error::Empty.into()),
        (_, 0) => Ok(()),
        (all, failed) => Err(Error::Broken { failed, all }.into()),
    }
}

/// The names of the folders that hold a workflow and nothing to build it, sorted.
fn list(folder: &Path) -> Result<Vec<String>, Error> {
    let io = |source| Error::Io { path: folder.display().to_string(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.join("workflow.yaml").is_file() && !path.join("run.sh").is_file() {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Runs one example in the empty data directory `data`; the answer says how its end differs from the promise.
fn run_one(
    workspace: &Workspace,
    program: &Path,
    name: &str,
    data: &Path,
) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let folder = PathBuf::from("examples").join(name);
    let expectation = read_expectation(&workspace.root, &folder.join("expect.json"))?;
    match fs::remove_dir_all(data) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(Error::Io { path: data.display().to_string(), source }.into());
        }
        _ => {}
    }
    let mut command = workspace.command(program).args(["run", "--json", "--data-dir"]).args([data]);
    let input = folder.join("input.json");
    if workspace.root.join(&input).is_file() {
        command = command.args(["--input", &format!("@{}", input.display())]);
    }
    let output = command.args(&expectation.arguments).args([folder.join("workflow.yaml")]).output()?;
    let difference = difference(&expectation, &String::from_utf8_lossy(&output.stdout));
    Ok(difference.map(|text| format!("{text}\n{}", String::from_utf8_lossy(&output.stderr).trim_end())))
}

fn read_expectation(root: &Path, path: &Path) -> Result<Expectation, Error> {
    let name = path.display().to_string();
    let text = fs::read_to_string(root.join(path)).map_err(|source| Error::Io { path: name.clone(), source })?;
    serde_json::from_str(&text).map_err(|source| Error::Expectation { path: name, source })
}

/// How the one line of JSON that `akao run --json` prints differs from the promise.
fn difference(expectation: &Expectation, stdout: &str) -> Option<String> {
    let Ok(end) = serde_json::from_str::<Value>(stdout) else {
        return Some(format!("standard output is not one JSON document: {stdout:?}"));
    };
    if end["status"] != expectation.status.as_str() {
        return Some(format!("status is {}, not \"{}\"; error: {}", end["status"], expectation.status, end["error"]));
    }
    if let Some(outputs) = expectation.outputs.as_ref().filter(|outputs| **outputs != end["outputs"]) {
        return Some(format!("outputs are {}, not {outputs}", end["outputs"]));
    }
    let kind = expectation.kind.as_ref().filter(|kind| end["error"]["kind"] != kind.as_str())?;
    Some(format!("error is {}, not of kind \"{kind}\"", end["error"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(json: &str) -> Expectation {
        serde_json::from_str(json).expect("a valid expectation")
    }

    #[test]
    fn an_end_is_compared_with_the_promise() {
        let success = r#"{"status": "success", "outputs": {"n": 1}}"#;
        let failure = r#"{"status": "failure", "kind": "timeout"}"#;
        let cases = [
            (success, r#"{"status":"success","outputs":{"n":1},"error":null}"#, None),
            (success, r#"{"status":"success","outputs":{"n":2}}"#, Some(r#"outputs are {"n":2}, not {"n":1}"#)),
            (success, r#"{"status":"success","outputs":{"n":1,"m":2}}"#, Some("outputs are")),
            (success, r#"{"status":"failure","error":{"kind":"user"}}"#, Some(r#"status is "failure", not "success""#)),
            (failure, r#"{"status":"failure","error":{"kind":"timeout"}}"#, None),
            (failure, r#"{"status":"failure","error":{"kind":"user"}}"#, Some(r#"not of kind "timeout""#)),
            (success, "", Some("not one JSON document")),
            (success, "{}\n{}", Some("not one JSON document")),
        ];
        for (promise, stdout, expected) in cases {
            let found = difference(&expectation(promise), stdout);
            match expected {
                None => assert_eq!(found, None, "{stdout}"),
                Some(part) => assert!(found.as_ref().is_some_and(|text| text.contains(part)), "{stdout}: {found:?}"),
            }
        }
    }

    #[test]
    fn an_unknown_key_in_a_promise_is_refused() {
        let error = serde_json::from_str::<Expectation>(r#"{"status": "success", "output": {}}"#).expect_err("a typo");
        assert!(error.to_string().contains("unknown field `output`"), "{error}");
    }

    #[test]
    fn only_folders_with_a_workflow_are_examples() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, file) in [("b", "workflow.yaml"), ("a", "workflow.yaml"), ("c", "notes.txt")] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
            fs::write(folder.path().join(name).join(file), "").expect("a file");
        }
        fs::write(folder.path().join("README.md"), "").expect("a file");
        fs::create_dir(folder.path().join("d")).expect("a folder");
        for file in ["workflow.yaml", "run.sh"] {
            fs::write(folder.path().join("d").join(file), "").expect("a file");
        }
        assert_eq!(list(folder.path()).expect("the folder is there"), ["a", "b"]);
    }
}
