//! The test files of a project: which there are, which of them are a node's, and what is most likely not meant in those. They are
//! compiled together, as for `akao sdk test`, and nothing of them is run here.

use super::project::{NodeFile, walk};
use crate::{failure::Failure, wiring};
use akao_contract::{StepError, Tenant};
use akao_custom::{Compiled, Lint, Options, Sources};
use akao_step::Allowances;
use serde_json::json;
use std::{collections::BTreeSet, path::Path, sync::Arc};

/// How the name of a file with tests ends.
const ENDING: &str = ".test.ts";

/// The file that imports the tests; it is never written.
const ENTRY: &str = "akao-tests.ts";

/// Every file with tests in a project's `src`.
pub(super) fn all(root: &Path) -> Vec<String> {
    walk(root, "src", &|name| name.ends_with(ENDING))
}

/// Compiles files with tests together. `more` is what stands behind the imports.
pub(super) async fn compile(
    project: &NodeFile,
    files: &[String],
    more: &str,
    data_dir: &Path,
    options: Options,
) -> Result<Result<(Compiled, Sources), StepError>, Failure> {
    let import = |file: &String| format!("import {};\n", json!(format!("./{}", file.trim_end_matches(".ts"))));
    let imports: String = files.iter().map(import).collect();
    let nodes = Arc::new(wiring::external_nodes(data_dir, wiring::blobs(data_dir), Allowances::default())?);
    let compiler = wiring::compiler(data_dir, Arc::clone(&nodes));
    let sources = Sources::of_file(ENTRY, &format!("{imports}{more}"));
    let compiled = compiler.compile_project(&Tenant::local(), sources, options, |path| project.read(path)).await;
    nodes.shutdown().await;
    Ok(compiled)
}

/// What was found in the tests of a node.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is most likely not meant.
    pub(super) lints: Vec<Lint>,
    /// What keeps tests from being run.
    pub(super) broken: Vec<String>,
}

/// Looks through the tests of a node: the file beside it that is called like it, and those that import it, also by way of others.
pub(super) async fn look(node: &NodeFile, compiled: &Compiled, data_dir: &Path) -> Result<Found, Failure> {
    let beside = node.path.strip_suffix(".ts").map(|stem| format!("{stem}{ENDING}"));
    let beside = beside.filter(|path| node.root.join(path).is_file());
    let files: BTreeSet<String> = all(&node.root).into_iter().chain(beside.clone()).collect();
    if files.is_empty() {
        return Ok(Found::default());
    }
    let files: Vec<String> = files.into_iter().collect();
    let tests = match compile(node, &files, "", data_dir, Options::default()).await? {
        Ok((tests, _)) => tests,
        // The node itself is none the worse for it.
        Err(error) => {
            let broken = format!("the tests cannot be looked through: {}", error.message);
            return Ok(Found { broken: vec![broken], ..Found::default() });
        }
    };
    Ok(of_node(node, compiled, &files, beside.as_ref(), &tests))
}

/// Of what was found in all tests, what is the node's.
fn of_node(node: &NodeFile, compiled: &Compiled, files: &[String], beside: Option<&String>, tests: &Compiled) -> Found {
    // What a node imports is its own code, and was looked through as that.
    let is_code = |file: &String| compiled.modules.iter().any(|module| module.name == *file);
    let is_own = |file: &&String| Some(*file) == beside || tests.reached(file).contains(node.path.as_str());
    let own: BTreeSet<&String> = files.iter().filter(is_own).filter(|file| !is_code(file)).collect();
    let lints = tests.lints.iter().filter(|lint| own.contains(&lint.file)).cloned().collect();
    let broken = tests.problems.iter().filter(|problem| own.contains(&problem.file));
    Found { lints, broken: broken.map(|problem| format!("{problem}; `akao sdk test` does not run it")).collect() }
}
