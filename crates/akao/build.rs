//! Puts the templates of nodes and the files of the SDKs into the program, so that `akao node init` needs nothing beside it.
//!
//! Which files of an SDK a node carries is told in sdk/README.md. Tests, caches and what plays the transcripts stay out.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// Files of an SDK: for which language, in which folder of `sdk/`, with which endings, to which folder of the node.
struct Part {
    language: &'static str,
    from: &'static str,
    endings: &'static [&'static str],
    to: &'static str,
}

const fn part(language: &'static str, from: &'static str, endings: &'static [&'static str], to: &'static str) -> Part {
    Part { language, from, endings, to }
}

const PARTS: [Part; 9] = [
    part("python", "python/src/akao", &[".py"], "akao"),
    part("javascript", "typescript/dist", &[".js", ".d.ts", "package.json"], "akao"),
    part("typescript", "typescript/dist", &[".js", ".d.ts", "package.json"], "akao"),
    part("go", "go", &["go.mod", ".go"], "akao"),
    part("go", "go/akaotest", &[".go"], "akao/akaotest"),
    part("rust", "rust", &["Cargo.toml"], "akao"),
    part("rust", "rust/src", &[".rs"], "akao/src"),
    // The versions that the SDK was tested with; cargo adds the node itself.
    part("rust", "rust", &["Cargo.lock"], ""),
    part("shell", "shell", &[".sh", ".jq"], ""),
];

/// The template of what is the same in every language.
const EVERY: &str = "every";

/// One file of a new node.
struct Entry {
    language: String,
    /// Where it goes.
    path: String,
    /// Where it is.
    file: PathBuf,
    /// Whether names are filled in.
    is_template: bool,
}

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate stands"));
    let mut entries = Vec::new();
    let templates = root.join("templates/node");
    // The folder, because a new template is named nowhere else.
    println!("cargo:rerun-if-changed={}", templates.display());
    for language in listed(&templates).iter().filter(|language| name_of(language) != EVERY) {
        let name = name_of(language);
        add_template(language, &name, "", &mut entries);
        add_template(&templates.join(EVERY), &name, "", &mut entries);
    }
    for part in PARTS {
        let folder = root.join("../../sdk").join(part.from);
        for file in listed(&folder).into_iter().filter(|file| belongs(file, part.endings)) {
            // File by file: beside them tests leave caches, and a new file is always named in one that changes.
            println!("cargo:rerun-if-changed={}", file.display());
            let path = joined(part.to, &name_of(&file));
            entries.push(Entry { language: part.language.to_owned(), path, file, is_template: false });
        }
    }
    println!("cargo:rerun-if-changed=build.rs");
    let mut table = String::from("&[\n");
    for Entry { language, path, file, is_template } in entries {
        table.push_str(&format!(
            "    NodeFile {{ language: {language:?}, path: {path:?}, bytes: include_bytes!({file:?}), is_template: {is_template} }},\n"
        ));
    }
    table.push(']');
    let out = env::var("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("node_files.rs"), table).expect("the output folder is writable");
}

/// Adds every file below `folder`; `below` is the way to it from the template's folder.
fn add_template(folder: &Path, language: &str, below: &str, entries: &mut Vec<Entry>) {
    for file in listed(folder) {
        let path = joined(below, &name_of(&file));
        match file.is_dir() {
            true => add_template(&file, language, &path, entries),
            false => entries.push(Entry { language: language.to_owned(), path, file, is_template: true }),
        }
    }
}

/// The entries of a folder by name.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths
}

/// Whether a file is one that nodes carry.
fn belongs(file: &Path, endings: &[&str]) -> bool {
    let name = name_of(file);
    file.is_file() && endings.iter().any(|ending| name.ends_with(ending)) && !name.ends_with("_test.go")
}

fn name_of(path: &Path) -> String {
    path.file_name().and_then(OsStr::to_str).expect("files of the repository have plain names").to_owned()
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
