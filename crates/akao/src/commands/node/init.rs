//! `akao node init`: a node to begin with. Its manifest, its code, the files of its SDK, its tests and its README.

mod files;

use crate::{cli::Context, commands::new::answer, exit::Exit, failure::Failure};
use akao_contract::manifest::PackageId;
use clap::ValueEnum;
use files::{Names, files_of};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{self, IsTerminal, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The publisher of nodes that nobody publishes.
const PUBLISHER: &str = "com.example";

/// The longest part of an id, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Arguments of `akao node init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the node; its folder is made here, or where a path says.
    name: Option<PathBuf>,
    /// The language it is written in.
    #[arg(short, long, value_enum)]
    lang: Option<Language>,
    /// Its id, a domain of yours in reverse and a name [default: com.example.NAME].
    #[arg(long)]
    id: Option<String>,
}

/// Languages with an SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    Python,
    Typescript,
    Javascript,
    Go,
    Rust,
    Shell,
}

impl Language {
    /// The name on the command line, which is also that of the template's folder.
    fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Typescript => "typescript",
            Self::Javascript => "javascript",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Shell => "shell",
        }
    }

    /// Whether there is nothing to run before `build.sh` has built it.
    fn is_built(self) -> bool {
        matches!(self, Self::Go | Self::Rust)
    }
}

/// What is to be made.
struct Plan {
    folder: PathBuf,
    name: String,
    id: PackageId,
    language: Language,
}

/// Makes the folder. What is not given is asked for on a terminal.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    let ask = io::stdin().is_terminal() && io::stderr().is_terminal() && !output.json && !output.quiet;
    let plan = plan(args, ask)?;
    let written = write(&plan)?;
    let Plan { folder, name, id, language } = &plan;
    if output.json {
        output.document(&json!({
            "folder": folder, "name": name, "id": id, "language": language.name(), "files": written,
        }))?;
        return Ok(Exit::Success);
    }
    output.note(&format!("Wrote {}: the node {id} in {}.", folder.display(), language.name()));
    output.note("Try it:\n");
    output.note(&format!("  cd {}", folder.display()));
    if language.is_built() {
        output.note("  ./build.sh");
    }
    output.note("  akao node run . --set name=Ada");
    output.note("  akao node test");
    output.note("\nREADME.md says what to change, and how a workflow uses it.");
    Ok(Exit::Success)
}

fn plan(args: Args, ask: bool) -> Result<Plan, Failure> {
    let usage = "Write `akao node init NAME --lang LANGUAGE`.";
    let given = match args.name {
        Some(name) => name,
        None if ask => answer("Name of the node", "my-node")?.into(),
        None => return Err(Failure::usage("the name of the node is missing").hint(usage)),
    };
    let language = match args.lang {
        Some(language) => language,
        None if ask => asked_language()?,
        None => {
            let hint = format!("Choose one with `--lang`: {}.", language_names());
            return Err(Failure::usage("the language is missing").hint(hint));
        }
    };
    let name = given.file_name().and_then(|name| fit(&name.to_string_lossy())).ok_or_else(|| {
        Failure::usage(format!("`{}` cannot be the name of a node", given.display()))
            .hint("Use letters, digits and hyphens, beginning with a letter.")
    })?;
    let id = args.id.unwrap_or_else(|| format!("{PUBLISHER}.{name}"));
    let id = id.parse().map_err(|error| {
        Failure::usage("the id cannot be used")
            .because(&error)
            .hint("An id is a domain of yours in reverse and a name, such as `com.example.greet`.")
    })?;
    Ok(Plan { folder: given.with_file_name(&name), name, id, language })
}

fn asked_language() -> Result<Language, Failure> {
    let told = answer(&format!("Language ({})", language_names()), Language::Python.name())?;
    Language::from_str(&told, true).map_err(|_| {
        Failure::usage(format!("there is no SDK for `{told}`")).hint(format!("Choose one of {}.", language_names()))
    })
}

fn language_names() -> String {
    Language::value_variants().iter().map(|language| language.name()).collect::<Vec<_>>().join(", ")
}

/// The name as it can stand in an id: lower case, with a hyphen for whatever else; nothing when no name is left.
fn fit(given: &str) -> Option<String> {
    let mut name = String::new();
    let mut before = ' ';
    for letter in given.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            name.push('-');
        }
        match letter {
            letter if letter.is_ascii_alphanumeric() || letter == '_' => name.push(letter.to_ascii_lowercase()),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
        before = letter;
    }
    let name = name.trim_matches(['-', '_']);
    (name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.len() <= NAME_BYTES_MAX)
        .then(|| name.to_owned())
}

/// Writes every file into the folder, which must be new or empty; returns their paths from it.
fn write(plan: &Plan) -> Result<Vec<&'static str>, Failure> {
    let folder = &plan.folder;
    make_folder(folder)?;
    let names = Names::new(&plan.name, plan.id.as_str());
    let mut written = Vec::new();
    for file in files_of(plan.language.name()) {
        let target = folder.join(file.path);
        write_file(&target, &file.filled(&names)).map_err(|error| {
            Failure::storage(format!("cannot write {}", target.display()))
                .because(&error)
                .hint(format!("Remove {} before you try again.", folder.display()))
        })?;
        written.push(file.path);
    }
    Ok(written)
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::storage(format!("cannot make {}", folder.display())).because(&error);
    let taken = |what: &str| Failure::usage(format!("{} {what}", folder.display())).hint("Choose another name.");
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(taken("is there already and holds files")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(taken("is a file")),
        Err(error) => Err(failed(error)),
    }
}

fn write_file(target: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create_new(target)?;
    file.write_all(bytes)?;
    if bytes.starts_with(b"#!") {
        // Whoever may read a script may run it.
        let mode = file.metadata()?.permissions().mode();
        file.set_permissions(fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit_for_ids_or_refused() {
        let cases = [
            ("greet", Some("greet")),
            ("Order Enricher", Some("order-enricher")),
            ("OrderEnricher2", Some("order-enricher2")),
            ("a__b", Some("a__b")),
            ("  a & b!", Some("a-b")),
            ("HTTP", Some("http")),
            ("2nd", None),
            ("", None),
            ("--", None),
            ("ä", None),
        ];
        for (given, expected) in cases {
            assert_eq!(fit(given).as_deref(), expected, "{given}");
        }
        assert_eq!(fit(&"a".repeat(NAME_BYTES_MAX + 1)), None);
    }

    #[test]
    fn a_plan_needs_name_language_and_a_sound_id() {
        let args = |name: &str, lang, id: Option<&str>| Args {
            name: (!name.is_empty()).then(|| name.into()),
            lang,
            id: id.map(str::to_owned),
        };
        let made = plan(args("nodes/My Node", Some(Language::Go), None), false).expect("a plan");
        assert_eq!((made.folder.as_path(), made.id.as_str()), (Path::new("nodes/my-node"), "com.example.my-node"));
        let made = plan(args("a", Some(Language::Go), Some("org.acme.b")), false).expect("a plan");
        assert_eq!((made.folder.as_path(), made.id.as_str()), (Path::new("a"), "org.acme.b"));
        for (args, message) in [
            (args("", Some(Language::Go), None), "the name of the node is missing"),
            (args("a", None, None), "the language is missing"),
            (args("..", Some(Language::Go), None), "`..` cannot be the name"),
            (args("a", Some(Language::Go), Some("a.b")), "the id cannot be used"),
        ] {
            let failure = plan(args, false).err().expect("a failure");
            assert!(failure.message.contains(message) && failure.hint.is_some(), "{failure:?}");
        }
    }
}
