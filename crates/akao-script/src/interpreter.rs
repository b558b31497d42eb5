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
    /// The page about its scripts.
    pub guide: &'static str,
    /// A workflow that shows it, and what that ends with, as JSON.
    pub example: (&'static str, &'static str),
    /// Whether each run is a child of the interpreter's process, which is then handed what it ties children down with.
    pub forks: bool,
    /// Whether a script may reach what its execution was granted of the network.
    pub fetches: bool,
    /// The package, and its id, where a script was granted some of the network; none where the host sends what scripts fetch.
    pub networked: Option<(&'static str, &'static [PackageFile])>,
    /// The package; its manifest is among the files.
    pub files: &'static [PackageFile],
    /// What it is, where Akao carries it; none where the machine has it.
    pub carried: Option<Carried>,
    /// The package that makes environments; none where scripts have no packages.
    pub environments: Option<EnvironmentMaker>,
    /// What else runs scripts of the language, where a step says so.
    pub runtimes: &'static [ScriptRuntime],
}

/// An interpreter that Akao carries.
#[derive(Debug, Clone, Copy)]
pub struct Carried {
    /// Its name.
    pub name: &'static str,
    /// The version of the language that it knows.
    pub version: &'static str,
    /// What scripts have of it beside the language.
    pub helpers: &'static [&'static str],
}

/// Another way to run scripts of a language.
#[derive(Debug, Clone, Copy)]
pub struct ScriptRuntime {
    /// How a step names it: `runtime: node`.
    pub name: &'static str,
    /// The id of the package, and of its one node.
    pub package: &'static str,
    /// The package; its manifest is among the files.
    pub files: &'static [PackageFile],
    /// What it needs of memory beside its script, in bytes.
    pub own_bytes: u64,
    /// What only it has, by the names by which scripts import it.
    pub modules: &'static [&'static str],
}

/// What makes the environments of a language.
#[derive(Debug, Clone, Copy)]
pub struct EnvironmentMaker {
    /// How a command line asks for one: `--python`.
    pub option: &'static str,
    /// The package.
    pub files: &'static [PackageFile],
    /// A script that loads the modules of its input `modules` as runs will, and says what came of it.
    pub load: &'static str,
    /// Whether the modules are put together as one file, of which scripts have them.
    pub bundles: bool,
}

/// Text files beside this crate's sources.
macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(PackageFile { path: $name, content: include_bytes!(concat!("../", $folder, "/", $name)), is_program: false }),*]
    };
}

/// A text file: its path in the package, and where it stands, from this file.
macro_rules! file {
    ($path:literal, $from:literal) => {
        PackageFile { path: $path, content: include_bytes!($from), is_program: false }
    };
}

/// Files of a package in JavaScript, with the SDK that they are written with.
macro_rules! with_sdk {
    ($($file:expr),* $(,)?) => {
        &[
            $($file,)*
            file!("akao/context.js", "../../../sdk/typescript/dist/context.js"),
            file!("akao/errors.js", "../../../sdk/typescript/dist/errors.js"),
            file!("akao/index.js", "../../../sdk/typescript/dist/index.js"),
            file!("akao/node.js", "../../../sdk/typescript/dist/node.js"),
            file!("akao/package.json", "../../../sdk/typescript/dist/package.json"),
            file!("akao/serve.js", "../../../sdk/typescript/dist/serve.js"),
            file!("akao/session.js", "../../../sdk/typescript/dist/session.js"),
            file!("akao/wire.js", "../../../sdk/typescript/dist/wire.js"),
        ]
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
    guide: "docs/scripting-javascript.md",
    example: (include_str!("examples/javascript.yaml"), include_str!("examples/javascript.json")),
    forks: false,
    fetches: true,
    networked: None,
    files: &[
        PackageFile { path: "_.yaml", content: include_bytes!("../javascript/_.yaml"), is_program: false },
        PackageFile {
            path: "akao-javascript",
            content: include_bytes!(env!("AKAO_JAVASCRIPT_FILE")),
            is_program: true,
        },
    ],
    carried: Some(Carried {
        name: "QuickJS",
        version: "ES2023",
        helpers: &[
            "AbortController",
            "AbortSignal",
            "Headers",
            "Request",
            "Response",
            "TextDecoder",
            "TextEncoder",
            "URL",
            "URLSearchParams",
            "atob",
            "btoa",
            "clearInterval",
            "clearTimeout",
            "console",
            "crypto",
            "fetch",
            "performance",
            "progress",
            "queueMicrotask",
            "setInterval",
            "setTimeout",
            "structuredClone",
        ],
    }),
    environments: Some(EnvironmentMaker {
        option: "--node",
        files: with_sdk!(
            file!("_.yaml", "../javascript-packages/_.yaml"),
            file!("main.mjs", "../javascript-packages/main.mjs"),
        ),
        load: include_str!("environment/load.js"),
        bundles: true,
    }),
    runtimes: &[NODE],
};

/// How a step says that its script runs in what the language has anyway.
pub(crate) const USUAL_RUNTIME: &str = "quickjs";

const NODE: ScriptRuntime = ScriptRuntime {
    name: "node",
    package: "dev.akao.javascript-node",
    files: &[
        file!("_.yaml", "../javascript-node/_.yaml"),
        file!("main.mjs", "../javascript-node/main.mjs"),
        file!("runner.cjs", "../javascript-node/runner.cjs"),
        file!("values.cjs", "../javascript-node/values.cjs"),
        file!("wire.mjs", "../javascript-node/wire.mjs"),
        // What is the same in both.
        file!("classify.js", "../../akao-javascript/src/helpers/classify.js"),
        file!("imports.js", "../../akao-javascript/src/helpers/imports.js"),
        file!("progress.js", "../../akao-javascript/src/helpers/progress.js"),
    ],
    // V8 with what Node.js loads, and the thread of the script.
    own_bytes: 192_000_000,
    modules: &[
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "crypto",
        "dns",
        "events",
        "fs",
        "fs/promises",
        "http",
        "http2",
        "https",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "querystring",
        "readline",
        "stream",
        "string_decoder",
        "timers",
        "tls",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "worker_threads",
        "zlib",
    ],
};

/// What runs bundles of TypeScript nodes: the program that runs inline JavaScript as well.
pub const BUNDLES: &[PackageFile] = JAVASCRIPT.files;

/// The program in the package of [`BUNDLES`].
pub const BUNDLES_PROGRAM: &str = "akao-javascript";

/// What compiles TypeScript.
pub const COMPILER: &[PackageFile] = &[
    PackageFile { path: "_.yaml", content: include_bytes!("../typescript/_.yaml"), is_program: false },
    PackageFile { path: "akao-typescript", content: include_bytes!(env!("AKAO_TYPESCRIPT_FILE")), is_program: true },
];

const PYTHON: Interpreter = Interpreter {
    node_type: "PythonInterpreter",
    language: "Python",
    output_key: "pythonResult",
    package: "dev.akao.python",
    summary: "Runs inline Python in a sandbox, each run in a fresh process.",
    description: include_str!("examples/python.md"),
    script: "The script. It sees its inputs as variables and sets `result`, or returns.",
    guide: "docs/scripting.md",
    example: (include_str!("examples/python.yaml"), include_str!("examples/python.json")),
    forks: true,
    fetches: true,
    networked: Some((
        "dev.akao.python-networked",
        &[
            file!("_.yaml", "../python-networked/_.yaml"),
            file!("child.py", "../python/child.py"),
            file!("environment.py", "../python/environment.py"),
            file!("folders.py", "../python/folders.py"),
            file!("kernel.py", "../python/kernel.py"),
            file!("main.py", "../python/main.py"),
            file!("output.py", "../python/output.py"),
            file!("script.py", "../python/script.py"),
            file!("server.py", "../python/server.py"),
            file!("values.py", "../python/values.py"),
            file!("wire.py", "../python/wire.py"),
        ],
    )),
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
    carried: None,
    environments: Some(EnvironmentMaker {
        option: "--python",
        files: files!("python-packages": "_.yaml", "main.py"),
        load: include_str!("environment/load.py"),
        bundles: false,
    }),
    runtimes: &[],
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
        let networked = python.networked.map(|(_, files)| files).unwrap();
        let same = networked.iter().filter(|file| file.path != "_.yaml");
        assert!(
            same.clone().count() + 1 == there.len()
                && same.into_iter().all(|one| {
                    python.files.iter().any(|file| file.path == one.path && file.content == one.content)
                })
        );
    }
}
