//! `akao sdk init`: a node with its schema, its test, and what an editor needs.

use crate::{cli::Context, exit::Exit, failure::Failure};
use akao_custom::NodeName;
use serde_json::json;
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

/// The types of what a node finds, written beside it for editors.
pub(super) const TYPES: &str = include_str!("../../../../../sdk/workflow-sdk/akao.d.ts");

const SOURCE: &str = include_str!("template/node.ts");
const TEST: &str = include_str!("template/node.test.ts");
const SCHEMA: &str = include_str!("template/node.schema.ts");

/// Arguments of `akao sdk init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's name, such as SendSlackMessage.
    name: String,
    /// The project's folder.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

/// Writes the files; none is written over.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let name: NodeName = args.name.parse().map_err(|error: akao_custom::NameError| {
        Failure::usage(error.to_string()).hint("Write for example `akao sdk init SendSlackMessage`.")
    })?;
    if let Some(reason) = no_class(name.as_str()) {
        let failure = Failure::usage(format!("`{name}` cannot be the name of a class: {reason}"));
        return Err(failure.hint("Choose a name such as SendSlackMessage."));
    }
    let kebab = name.kebab();
    let fill = |template: &str| template.replace("NodeName", name.as_str()).replace("node-name", &kebab);
    let package = json!({
        "name": kebab, "version": "1.0.0", "private": true, "type": "module",
        "scripts": { "test": "akao sdk test", "validate": "akao sdk validate", "deploy": "akao sdk deploy" },
    });
    let own = [
        (format!("src/{kebab}.ts"), fill(SOURCE)),
        (format!("src/{kebab}.schema.ts"), fill(SCHEMA)),
        (format!("src/{kebab}.test.ts"), fill(TEST)),
    ];
    let shared = [
        ("package.json".to_owned(), format!("{package:#}\n")),
        ("tsconfig.json".to_owned(), format!("{:#}\n", tsconfig())),
        ("types/akao.d.ts".to_owned(), TYPES.to_owned()),
    ];
    if let Some((taken, _)) = own.iter().find(|(path, _)| args.folder.join(path).exists()) {
        return Err(Failure::usage(format!("{taken} is there already")).hint("Choose another name."));
    }
    let mut written = Vec::new();
    for (path, text) in own.iter().chain(&shared) {
        if write(&args.folder.join(path), text)? {
            written.push(path.clone());
        }
    }
    if context.output.json {
        context.output.document(&json!({"name": name.as_str(), "files": written}))?;
    } else {
        written.iter().for_each(|path| context.output.note(path));
        context.output.note("Next: `akao sdk test`, then `akao sdk deploy`.");
    }
    Ok(Exit::Success)
}

/// Words of the language, which are names of nothing else; all code is strict.
const RESERVED: &str = "arguments await break case catch class const continue debugger default delete do else enum eval export \
    extends false finally for function if implements import in instanceof interface let new null package private protected public \
    return static super switch this throw true try typeof undefined var void while with yield any boolean never number object \
    string symbol unknown";

/// Names that the files mean something else by.
const TAKEN: [&str; 16] = [
    "ActionNode",
    "Error",
    "JSON",
    "NodeConfiguration",
    "NodeStatus",
    "Promise",
    "Props",
    "Response",
    "TemporalContext",
    "description",
    "fetch",
    "mockFetch",
    "permissions",
    "props",
    "runNode",
    "schema",
];

/// Why a name is that of no class in the files.
fn no_class(name: &str) -> Option<&'static str> {
    let is_reserved = RESERVED.split_whitespace().any(|word| word == name);
    let is_taken = TAKEN.contains(&name) || ["describe", "expect", "it"].contains(&name);
    match () {
        () if is_reserved => Some("it is a word of the language"),
        () if name.contains('-') => Some("it holds a hyphen"),
        () if is_taken => Some("it means something else in the node's files"),
        () => None,
    }
}

/// How the TypeScript compiler checks a node.
pub(super) fn tsconfig() -> serde_json::Value {
    json!({
        "compilerOptions": {
            "target": "es2022", "lib": ["es2023"], "module": "esnext", "moduleResolution": "bundler", "strict": true,
            "noEmit": true, "skipLibCheck": true, "resolveJsonModule": true, "types": [],
        },
        "include": ["src", "types"],
    })
}

/// Writes a file that is not there; says whether it did.
fn write(file: &Path, text: &str) -> Result<bool, Failure> {
    let failed = |error: &io::Error| Failure::storage(format!("cannot write {}", file.display())).because(error);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut made) => made.write_all(text.as_bytes()).map(|()| true).map_err(|error| failed(&error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(&error)),
    }
}
