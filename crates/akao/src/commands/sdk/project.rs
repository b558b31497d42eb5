//! A project of nodes: which of its files a command is about, and how its other files are read.

use crate::failure::Failure;
use akao_custom::{Compiled, NodeName, pascal};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The modules from which a value may be imported as a type alone: they are always there.
pub(super) const COMPATIBLE: [&str; 5] =
    ["@wayfarer-ai/btree", "@q1k-oss/", "@temporalio/workflow", "workflow-sdk", "@akao/sdk"];

/// A node's file within the folder of its project.
#[derive(Debug)]
pub(super) struct NodeFile {
    /// The project's folder: the nearest with a `package.json`, else the file's own.
    pub(super) root: PathBuf,
    /// The file from there, with `/`.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
    /// The node's name.
    pub(super) name: NodeName,
    /// Whether somebody said the name; else it is a guess until the file was compiled.
    is_named: bool,
}

/// Finds what was meant: a file, a name, or the only node of the folder.
pub(super) fn find(given: Option<&str>, name: Option<&str>) -> Result<NodeFile, Failure> {
    let file = match given {
        Some(given) if Path::new(given).is_file() => PathBuf::from(given),
        Some(given) => named(given)?,
        None => only()?,
    };
    let file = std::path::absolute(&file).map_err(|error| unreadable(&file, &error))?;
    let text = read_text(&file).map_err(|error| unreadable(&file, &error))?;
    let root = file.ancestors().skip(1).find(|folder| folder.join("package.json").is_file());
    let root = root.or(file.parent()).unwrap_or(Path::new("/")).to_owned();
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let given = given.filter(|given| given.parse::<NodeName>().is_ok() && !Path::new(given).is_file());
    let said = name.or(given);
    // Who says no more than what the file is called leaves it to the file which node is meant.
    let is_named = name.is_some() || given.is_some_and(|given| given != stem);
    let name = said.map_or_else(|| pascal(stem), str::to_owned);
    let name = name.parse::<NodeName>().map_err(|error: akao_custom::NameError| {
        Failure::usage(error.to_string()).hint("Name the node with `--name`.")
    })?;
    let path = file.strip_prefix(&root).ok().and_then(Path::to_str).unwrap_or_default().replace('\\', "/");
    Ok(NodeFile { root, path, text, name, is_named })
}

/// The file of a node that is named: where `akao sdk init` makes it, or called like the node itself.
fn named(name: &str) -> Result<PathBuf, Failure> {
    let node: NodeName = name.parse().map_err(|_| no_file(name))?;
    let files = [node.kebab(), name.to_owned()];
    let mut places =
        files.iter().flat_map(|file| ["src", "."].map(|folder| Path::new(folder).join(format!("{file}.ts"))));
    places.find(|place| place.is_file()).ok_or_else(|| no_file(name))
}

fn no_file(given: &str) -> Failure {
    Failure::not_found(format!("there is no node `{given}` here"))
        .hint(format!("Name a `.ts` file, or begin one with `akao sdk init {given}`."))
}

/// The only node of the folder.
fn only() -> Result<PathBuf, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir("src").into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_node =
            name.ends_with(".ts") && ![".test.ts", ".schema.ts", ".d.ts"].iter().any(|end| name.ends_with(end));
        found.extend((is_node && path.is_file()).then_some(path));
    }
    found.sort();
    match &found[..] {
        [only] => Ok(only.clone()),
        [] => Err(Failure::usage("there is no node in `src`").hint("Begin one with `akao sdk init SendSlackMessage`.")),
        several => {
            let names: Vec<String> = several.iter().map(|path| format!("`{}`", path.display())).collect();
            Err(Failure::usage("there are several nodes").hint(format!("Name one: {}.", names.join(", "))))
        }
    }
}

fn read_text(file: &Path) -> std::io::Result<String> {
    if fs::metadata(file)?.len() > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(file)
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}", file.display())).because(error)
}

/// The files below a folder of a project whose names fit, from the project's folder, in order.
pub(super) fn walk(root: &Path, below: &str, fits: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(below)).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{below}/{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && name != "node_modules" => found.extend(walk(root, &path, fits)),
            Ok(kind) if kind.is_file() && fits(&name) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

impl NodeFile {
    /// The project itself, without a node.
    pub(super) fn of_project(root: &Path) -> Result<Self, Failure> {
        let name = "Project"
            .parse::<NodeName>()
            .map_err(|error: akao_custom::NameError| Failure::internal(error.to_string()))?;
        Ok(Self { root: root.to_owned(), path: String::new(), text: String::new(), name, is_named: true })
    }

    /// Takes the name that the file itself gives the node, where nobody said one: `SendSMS` cannot be guessed of `send-sms`.
    pub(super) fn settle(&mut self, compiled: &Compiled) {
        let stem = Path::new(&self.path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if self.is_named {
            return;
        }
        if let Some(name) = compiled.name_in(stem) {
            self.name = name;
        } else if !compiled.exports.contains("default") && !compiled.exports.contains(self.name.as_str()) {
            // One that is no class, and was named by what its file is called.
            let guess = pascal(stem).parse::<NodeName>().ok();
            if let Some(guess) = guess.filter(|guess| compiled.exports.contains(guess.as_str())) {
                self.name = guess;
            }
        }
    }

    /// A file of the project, or of an npm package in it or above it; none where it is not there or leads out of it.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return None;
        }
        // Packages of several projects may stand in a folder above them. One may also be linked from elsewhere; that is the
        // developer's own doing, while what comes with a project's files may be somebody else's.
        let is_package = path.starts_with("node_modules/");
        let above = if is_package { usize::MAX } else { 1 };
        let file = self.root.ancestors().take(above).map(|folder| folder.join(path)).find(|file| file.is_file())?;
        (is_package || self.is_within(&file)).then(|| read_text(&file).ok()).flatten()
    }

    /// Whether a file lies in the project, wherever links on the way to it lead.
    fn is_within(&self, file: &Path) -> bool {
        let real = self.root.canonicalize().and_then(|root| Ok((root, file.canonicalize()?)));
        real.is_ok_and(|(root, file)| file.starts_with(root))
    }

    /// What the project's `package.json` says.
    pub(super) fn package(&self, key: &str) -> Option<Value> {
        let package: Value = serde_json::from_str(&self.read("package.json")?).ok()?;
        package.get(key).cloned()
    }
}
