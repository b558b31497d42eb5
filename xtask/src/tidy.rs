//! `cargo xtask tidy`: what the compiler and clippy do not check.
//!
//! Each check is a function from what it reads to findings, so each is tested on its own. Findings fail the chore;
//! measurements (long files and functions, unwraps) are printed and never fail it.

mod cases;
mod commands;
mod layers;
mod licences;
mod links;
mod manifests;
mod measure;
mod named_tests;
mod rules;
mod source;
mod spdx;

use crate::{
    Chore, command,
    workspace::{Package, Workspace},
};
use source::SourceFile;
use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Folders that hold nothing of ours.
const SKIPPED_FOLDERS: [&str; 6] = ["target", ".git", ".akao", ".tools", "node_modules", "corpus"];
/// Files that are read as text.
const TEXT_EXTENSIONS: [&str; 9] = ["rs", "md", "toml", "yaml", "yml", "json", "sh", "py", "ts"];

/// The chore found something.
#[derive(Debug, thiserror::Error)]
#[error("tidy has findings: {0}")]
pub(crate) struct Untidy(usize);

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file, from the workspace's folder.
    path: String,
    /// The line, from one, where there is one.
    line: Option<usize>,
    /// What is wrong, as a lower-case fragment.
    message: String,
    /// What to do, as a sentence.
    help: String,
}

impl Finding {
    fn new(path: &str, line: Option<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into(), help: help.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        write!(f, "{}{line}: {}\n  help: {}", self.path, self.message, self.help)
    }
}

/// Runs every check and prints the findings and the measurements.
pub(crate) fn run(workspace: &Workspace) -> Chore {
    let paths = text_files(&workspace.root)?;
    let mut findings = files_findings(&workspace.root, &paths)?;
    findings.extend(graph_findings(workspace)?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    let sources = read_sources(&workspace.root, &paths)?;
    print!("{}", measure::report(&sources));
    println!("{} files, findings: {}", paths.len(), findings.len());
    if findings.is_empty() { Ok(()) } else { Err(Untidy(findings.len()).into()) }
}

/// The checks that read files only.
fn files_findings(root: &Path, paths: &[String]) -> io::Result<Vec<Finding>> {
    let commands = commands::Commands::read(root)?;
    let mut cases = cases::Cases::default();
    let mut named_tests = named_tests::NamedTests::default();
    let mut findings = Vec::new();
    for path in paths {
        let text = fs::read_to_string(root.join(path))?;
        cases.take(path, &text);
        named_tests.take(path, &text);
        findings.extend(rules::text_findings(path, &text));
        findings.extend(commands.findings(path, &text));
        if path.ends_with(".md") {
            findings.extend(links::findings(root, path, &text));
        }
        if path.ends_with(".rs") {
            findings.extend(rules::source_findings(&SourceFile::new(path, &text)));
        }
    }
    findings.extend(cases.findings());
    findings.extend(named_tests.findings());
    Ok(findings)
}

/// The checks that ask cargo: layers, what stands below the pure crates, manifests, licences, bans and sources.
fn graph_findings(workspace: &Workspace) -> Result<Vec<Finding>, Box<dyn std::error::Error>> {
    let metadata = workspace.metadata()?;
    let members: Vec<_> = metadata.members().collect();
    let mut findings = layers::findings(&members);
    for name in layers::PURE_CRATES {
        let tree = tree(workspace, &["--package", name, "--edges", "normal,build"])?;
        findings.extend(layers::forbidden_findings(name, &tree));
    }
    for member in &members {
        findings.extend(manifests::findings(&workspace.root, &member.name)?);
    }
    let policy = licences::Policy::read(&workspace.root)?;
    let tree = tree(workspace, &["--workspace", "--edges", "normal,build,dev"])?;
    findings.extend(licences::findings(&policy, &listed(&metadata.packages, &tree)));
    Ok(findings)
}

/// What `cargo tree` lists on any platform: a line `name vVERSION …` for each package that is really compiled.
/// `cargo metadata` also names packages that stand behind features nobody turned on.
fn tree(workspace: &Workspace, selection: &[&str]) -> Result<String, command::Error> {
    let tree = workspace.cargo().args(["tree", "--target", "all", "--prefix", "none", "--format", "{p}"]);
    tree.args(selection).read()
}

/// Those of `packages` that a tree lists.
fn listed(packages: &[Package], tree: &str) -> Vec<Package> {
    let names = |line: &str| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    };
    let found: BTreeSet<(String, String)> = tree.lines().filter_map(names).collect();
    let is_listed = |package: &&Package| found.contains(&(package.name.clone(), package.version.clone()));
    packages.iter().filter(is_listed).cloned().collect()
}

fn read_sources(root: &Path, paths: &[String]) -> io::Result<Vec<SourceFile>> {
    let rust = paths.iter().filter(|path| path.ends_with(".rs"));
    rust.map(|path| Ok(SourceFile::new(path, &fs::read_to_string(root.join(path))?))).collect()
}

/// Every text file of the project from its folder, with forward slashes, sorted.
pub(crate) fn text_files(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED_FOLDERS.iter().any(|skipped| name == *skipped) {
                open.push(path);
            } else if kind.is_file() && is_text(&path) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| TEXT_EXTENSIONS.iter().any(|known| extension == *known))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small project with one mistake of each kind that is found by reading files.
    #[test]
    fn every_mistake_in_a_tree_is_found() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let files = [
            ("crates/akao-flow/src/lib.rs", "use std::time::Instant;\n"),
            ("crates/akao-engine/src/lib.rs", "//! The engine.\nfn a() { std::env::var(\"A\"); }\n"),
            (
                "crates/akao/src/main.rs",
                "//! The program may read its environment.\nfn a() { std::env::var(\"A\"); }\n",
            ),
            ("README.md", "[a](missing.md) and [b](docs/there.md)\n"),
            ("docs/cli-reference.md", "## `akao run`\n"),
            ("docs/there.md", "Nothing but `akao walk`.\n"),
            ("target/debug/out.rs", "no header\n"),
        ];
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let paths = text_files(root.path()).expect("the tree is readable");
        let found = files_findings(root.path(), &paths).expect("the files are readable");
        let found: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.line)).collect();
        let expected = [
            ("README.md", Some(1)),
            ("crates/akao-engine/src/lib.rs", Some(2)),
            ("crates/akao-flow/src/lib.rs", Some(1)),
            ("crates/akao-flow/src/lib.rs", Some(1)),
            ("docs/there.md", Some(1)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn only_packages_that_are_compiled_are_looked_at() {
        let package =
            |name: &str, version: &str| Package { name: name.into(), version: version.into(), ..Package::default() };
        let packages = [package("a", "1.0.0"), package("a", "2.0.0"), package("b", "1.0.0"), package("c", "1.0.0")];
        let found = listed(&packages, "a v2.0.0\nb v1.0.0 (proc-macro)\n\na v2.0.0 (*)\n");
        let found: Vec<_> = found.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect();
        assert_eq!(found, [("a", "2.0.0"), ("b", "1.0.0")]);
    }

    #[test]
    fn a_finding_says_where_what_and_what_to_do() {
        let finding = Finding::new("a/b.rs", Some(3), "calls `dbg!`", "Take it out.");
        assert_eq!(finding.to_string(), "a/b.rs:3: calls `dbg!`\n  help: Take it out.");
    }
}
