//! The interpreters, as a table. Another language is another row.

/// A file of an interpreter's package.
#[derive(Debug, Clone, Copy)]
pub struct PackageFile {
    /// Its path in the package.
    pub path: &'static str,
    /// What it holds.
    pub content: &'static [u8],
    /// Whether it is started by itself.
    pub is_program: bool,
}

/// What runs the scripts of one language.
#[derive(Debug, Clone, Copy)]
pub struct Interpreter {
    /// The node type in workflows.
    pub node_type: &'static str,
    /// The language as people call it.
    pub language: &'static str,
    /// The blackboard key that gets the result when a step names none.
    pub output_key: &'static str,
    /// The id of the package, and of its one node.
    pub package: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// The whole behaviour, as Markdown.
    pub description: &'static str,
    /// What the prop `script` is, for people.
    pub script: &'static str,
    /// A workflow that shows it, and what that ends with, as JSON.
    pub example: (&'static str, &'static str),
    /// Whether each run is a child of the interpreter's process, which is then handed what it ties children down with.
    pub forks: bool,
    /// The package; its manifest is among the files.
    pub files: &'static [PackageFile],
    /// The package that makes environments; none where scripts have no packages.
    pub environments: Option<EnvironmentMaker>,
}

/// What makes the environments of a language.
#[derive(Debug, Clone, Copy)]
pub struct EnvironmentMaker {
    /// How a command line asks for one: `--python`.
    pub option: &'static str,
    /// The package.
    pub files: &'static [PackageFile],
}

/// Text files beside this crate's sources.
macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(PackageFile { path: $name, content: include_bytes!(concat!("../", $folder, "/", $name)), is_program: false }),*]
    };
}

/// Every interpreter.
pub const INTERPRETERS: &[Interpreter] = &[PYTHON, JAVASCRIPT];

const JAVASCRIPT: Interpreter = Interpreter {
    node_type: "JavaScriptInterpreter",
    language: "JavaScript",
    output_key: "javascriptResult",
    package: "dev.akao.javascript",
    summary: "Runs inline JavaScript in a sandbox, each run in a fresh QuickJS.",
    description: include_str!("examples/javascript.md"),
    script: "The script. It sees its inputs as variables and returns, or sets `result`.",
    example: (include_str!("examples/javascript.yaml"), include_str!("examples/javascript.json")),
    forks: false,
    files: &[
        PackageFile { path: "_.yaml", content: include_bytes!("../javascript/_.yaml"), is_program: false },
        PackageFile {
            path: "akao-javascript",
            content: include_bytes!(env!("AKAO_JAVASCRIPT_FILE")),
            is_program: true,
        },
    ],
    environments: None,
};

const PYTHON: Interpreter = Interpreter {
    node_type: "PythonInterpreter",
    language: "Python",
    output_key: "pythonResult",
    package: "dev.akao.python",
    summary: "Runs inline Python in a sandbox, each run in a fresh process.",
    description: include_str!("examples/python.md"),
    script: "The script. It sees its inputs as variables and sets `result`, or returns.",
    example: (include_str!("examples/python.yaml"), include_str!("examples/python.json")),
    forks: true,
    files: files!("python":
        "_.yaml",
        "child.py",
        "environment.py",
        "folders.py",
        "kernel.py",
        "main.py",
        "output.py",
        "script.py",
        "server.py",
        "values.py",
        "wire.py",
    ),
    environments: Some(EnvironmentMaker { option: "--python", files: files!("python-packages": "_.yaml", "main.py") }),
};

impl Interpreter {
    /// The interpreter of a node type.
    pub fn of(node_type: &str) -> Option<&'static Self> {
        INTERPRETERS.iter().find(|interpreter| interpreter.node_type == node_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, path::Path};

    #[test]
    fn every_file_of_the_package_is_carried() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "__pycache__")
            .collect();
        let python = Interpreter::of("PythonInterpreter").unwrap();
        let carried: BTreeSet<String> = python.files.iter().map(|file| file.path.to_owned()).collect();
        assert_eq!(carried, there);
    }
}
