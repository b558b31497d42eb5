//! `akao sdk validate`: types by the TypeScript compiler itself, with what it finds unused; what is most likely not meant, by the
//! compiler that makes the bundle, also in the node's tests; and what a reviewer would be shown.

use super::{
    deploy,
    init::TYPES,
    project::{self, NodeFile},
    schema, test_files,
};
use crate::{cli::Context, exit::Exit, failure::Failure, output::plain, wiring};
use akao_contract::Tenant;
use akao_custom::{Draft, Lint, Options, Weight};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The version of the compiler, so that everybody is told the same.
const TYPESCRIPT: &str = "5.9.3";

/// The file of what a node finds.
const TYPES_FILE: &str = "akao.d.ts";

/// Arguments of `akao sdk validate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's file or name [default: the only one in `src`].
    node: Option<String>,
    /// The node's name, where it is not that of its file.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Leave the types unchecked, for instance where npm reaches no registry.
    #[arg(long)]
    no_types: bool,
}

/// Checks a node and says what is wrong with it.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut file = project::find(args.node.as_deref(), args.name.as_deref())?;
    let data_dir = wiring::data_dir(context)?;
    wiring::make_data_dir(&data_dir)?;
    let mut told = if args.no_types { Told::default() } else { check_types(&file, &data_dir, context)? };
    let tenant = Tenant::local();
    let runtime = wiring::runtime()?;
    let (compiled, sources) = runtime.block_on(deploy::looked_at(&file, &data_dir, &tenant, Options::default()))?;
    file.settle(&compiled);
    told.lint(&compiled.lints);
    let tests = runtime.block_on(test_files::look(&file, &compiled, &data_dir))?;
    told.lint(&tests.lints);
    told.warnings.extend(tests.broken);
    let Told { mut problems, warnings } = told;
    let schema = match compiled.problems.is_empty() {
        true => runtime.block_on(schema::read(&file, &compiled, &data_dir))?,
        false => None,
    };
    let version = semver::Version::new(1, 0, 0);
    let draft = Draft {
        tenant: &tenant,
        name: &file.name,
        version: &version,
        description: None,
        schema: schema.as_ref(),
        compiled: &compiled,
        sources: &sources,
    };
    let folder = tempfile::tempdir().map_err(|error| Failure::storage("cannot make a folder").because(&error))?;
    problems.extend(compiled.problems.iter().map(|problem| match &problem.suggestion {
        Some(suggestion) => format!("{problem}. {suggestion}"),
        None => problem.to_string(),
    }));
    if compiled.problems.is_empty() {
        // As it would be deployed: what cannot be written as a package, or not run, is told now.
        problems.extend(draft.write(folder.path()).err().map(|error| error.to_string()));
    }
    let alarms = compiled.scan.iter().filter(|finding| finding.weight == Weight::Alarm);
    problems.extend(alarms.map(|found| format!("{}:{}:{}: {}", found.file, found.line, found.column, found.reason)));
    if context.output.json {
        let valid = problems.is_empty();
        let document = json!({"valid": valid, "problems": problems, "warnings": warnings, "scan": compiled.scan});
        context.output.document(&document)?;
    } else {
        problems.iter().for_each(|problem| context.output.note(&plain(problem)));
        warnings.iter().for_each(|warning| context.output.note(&plain(&format!("warning: {warning}"))));
        for found in compiled.scan.iter().filter(|finding| finding.weight != Weight::Alarm) {
            context.output.note(&plain(&format!("note: {}:{}: {}", found.file, found.line, found.reason)));
        }
        let ended = if problems.is_empty() { "is valid" } else { "is not valid" };
        context.output.note(&format!("{} {ended}.", file.name));
    }
    Ok(if problems.is_empty() { Exit::Success } else { Exit::Usage })
}

/// What the compiler says, line by line.
#[derive(Debug, Default)]
struct Told {
    /// What makes a node invalid.
    problems: Vec<String>,
    /// What runs, and is most likely not meant.
    warnings: Vec<String>,
}

impl Told {
    fn of(text: &str, file: &NodeFile) -> Self {
        let mut told = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match code(line) {
                Some(code) if WARNINGS.contains(&code) => told.warnings.push(line.to_owned()),
                Some("TS2307") if is_zod(line) => {
                    told.warnings.push(format!("{line} {NO_TYPES_OF_ZOD}"));
                }
                Some("TS1361") if is_value_all_the_same(line, file) => {}
                _ => told.problems.push(line.to_owned()),
            }
        }
        told
    }

    /// Adds what the linter says. What the compiler said of the same place with other words is said once.
    fn lint(&mut self, lints: &[Lint]) {
        let is_said = |line: &String| {
            let (place, code) = (place(line), code(line));
            let is_same = |lint: &&Lint| place == Some((lint.file.as_str(), lint.line));
            lints
                .iter()
                .filter(is_same)
                .any(|lint| TOLD_TWICE.iter().any(|(rule, as_code)| lint.rule == *rule && code == Some(as_code)))
        };
        self.problems.retain(|line| !is_said(line));
        self.warnings.retain(|line| !is_said(line));
        for lint in lints {
            let list = if lint.error { &mut self.problems } else { &mut self.warnings };
            list.push(lint.to_string());
        }
    }
}

/// What the linter and the compiler both find, by the rule of the one and the number of the other.
const TOLD_TWICE: [(&str, &str); 7] = [
    ("no-unreachable", "TS7027"),
    ("no-dupe-keys", "TS1117"),
    ("no-dupe-class-members", "TS2300"),
    ("no-dupe-class-members", "TS2393"),
    ("use-isnan", "TS2845"),
    ("valid-typeof", "TS2367"),
    ("no-unsafe-negation", "TS2358"),
];

/// The file and line of `a.ts(1,2): error TS2322: …`.
fn place(line: &str) -> Option<(&str, u32)> {
    let (before, _) = line.split_once("): error ")?;
    let (file, place) = before.rsplit_once('(')?;
    Some((file, place.split(',').next()?.parse().ok()?))
}

/// What the compiler is asked to look for beside types: what is never used or never reached, and cases that run into the next.
const CHECKS: [(&str, bool); 4] = [
    ("noUnusedLocals", true),
    ("allowUnreachableCode", false),
    ("allowUnusedLabels", false),
    ("noFallthroughCasesInSwitch", true),
];

/// How it says so.
const WARNINGS: [&str; 8] = ["TS6133", "TS6138", "TS6192", "TS6196", "TS6198", "TS7027", "TS7028", "TS7029"];

/// A node that uses zod is run with it all the same.
const NO_TYPES_OF_ZOD: &str =
    "It is there when the node runs; its types are checked after `npm install --save-dev zod`.";

/// Whether the compiler misses zod.
fn is_zod(line: &str) -> bool {
    ["'zod'", "'zod/v4'"].iter().any(|name| line.contains(name))
}

/// The number of `a.ts(1,2): error TS2322: …`.
fn code(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(": error ")?;
    rest.split_once(':').map(|(code, _)| code)
}

/// Whether the compiler misses the value of a name that is imported as a type alone, from a module with which that works.
fn is_value_all_the_same(line: &str, file: &NodeFile) -> bool {
    let path = line.split_once('(').map(|(path, _)| path);
    let name = line.split('\'').nth(1);
    let (Some(path), Some(name)) = (path, name) else { return false };
    let text = if path == file.path { Some(file.text.clone()) } else { file.read(path) };
    let text = text.unwrap_or_default();
    text.split("import").skip(1).any(|statement| {
        let Some((names, from)) = statement.split_once("from") else { return false };
        let is_named = names.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').any(|word| word == name);
        let module = from.trim_start().get(1..).unwrap_or_default();
        is_named && project::COMPATIBLE.iter().any(|known| module.starts_with(known))
    })
}

/// How the compiler is run: as the project's own `tsconfig.json` says, else as `akao sdk init` would write it.
fn config(file: &NodeFile, types: &Path) -> Value {
    let own = file.root.join("tsconfig.json");
    let mut config = match own.is_file() {
        // What only matters to a compiler that writes files is nothing that is checked here.
        true => json!({
            "extends": own,
            "compilerOptions": {
                "noEmit": true, "skipLibCheck": true, "composite": false, "incremental": false, "declaration": false,
                "declarationMap": null, "declarationDir": null, "isolatedDeclarations": null, "emitDeclarationOnly": null,
                "tsBuildInfoFile": null, "outFile": null, "rootDir": "/",
            },
        }),
        false => {
            let mut config = super::init::tsconfig();
            config["compilerOptions"]["typeRoots"] = json!([]);
            // Nodes of the btree family are written like that, and nobody has said otherwise.
            config["compilerOptions"]["useUnknownInCatchVariables"] = json!(false);
            config
        }
    };
    for (check, on) in CHECKS {
        config["compilerOptions"][check] = json!(on);
    }
    let declared = project::walk(&file.root, "types", &|name| name.ends_with(".d.ts") && name != TYPES_FILE);
    let declared = declared.iter().map(|path| file.root.join(path));
    config["files"] =
        [file.root.join(&file.path), types.to_owned()].into_iter().chain(declared).map(|path| json!(path)).collect();
    config["include"] = json!([]);
    config
}

/// What the TypeScript compiler says.
fn check_types(file: &NodeFile, data_dir: &Path, context: &Context) -> Result<Told, Failure> {
    let compiler = compiler(file, data_dir, context)?;
    let folder = tempfile::tempdir().map_err(|error| Failure::storage("cannot make a folder").because(&error))?;
    let failed = |error: std::io::Error| Failure::storage("cannot write what the compiler needs").because(&error);
    let types = folder.path().join(TYPES_FILE);
    fs::write(&types, TYPES).map_err(failed)?;
    let config_file = folder.path().join("tsconfig.json");
    fs::write(&config_file, config(file, &types).to_string()).map_err(failed)?;
    let run = Command::new("node")
        .arg(&compiler)
        .arg("-p")
        .arg(&config_file)
        .args(["--pretty", "false"])
        .current_dir(&file.root)
        .output();
    let run = run.map_err(|error| {
        Failure::usage("the TypeScript compiler needs Node.js").because(&error).hint("Install it, or say `--no-types`.")
    })?;
    let told = String::from_utf8_lossy(&run.stdout);
    match run.status.success() || !told.trim().is_empty() {
        true => Ok(Told::of(&told, file)),
        false => Err(Failure::internal(format!(
            "the TypeScript compiler broke off: {}",
            String::from_utf8_lossy(&run.stderr)
        ))),
    }
}

/// The project's own compiler, else the one that npm fetches once into the data directory.
fn compiler(file: &NodeFile, data_dir: &Path, context: &Context) -> Result<PathBuf, Failure> {
    const PROGRAM: &str = "node_modules/typescript/lib/tsc.js";
    let kept = data_dir.join("nodes").join("typescript").join(TYPESCRIPT);
    for place in [file.root.join(PROGRAM), kept.join(PROGRAM)] {
        if place.is_file() {
            return Ok(place);
        }
    }
    context.output.note(&format!("Fetching the TypeScript compiler {TYPESCRIPT} by npm, once."));
    fs::create_dir_all(&kept).map_err(|error| Failure::storage("cannot make a folder").because(&error))?;
    let wanted = format!("typescript@{TYPESCRIPT}");
    let arguments = ["install", "--prefix", ".", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", &wanted];
    let fetched = Command::new("npm").args(arguments).current_dir(&kept).output();
    let hint = "Install it in the project with `npm install --save-dev typescript`, or say `--no-types`.";
    match fetched {
        Ok(done) if done.status.success() && kept.join(PROGRAM).is_file() => Ok(kept.join(PROGRAM)),
        Ok(done) => {
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            Err(Failure::usage(format!("npm does not fetch {wanted}: {}", plain(told.trim()))).hint(hint))
        }
        Err(error) => Err(Failure::usage("npm is not to be had").because(&error).hint(hint)),
    }
}
