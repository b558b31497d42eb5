//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/` for a while each, on stable Rust.
//!
//! `cargo fuzz` builds them with coverage and without a sanitiser, which needs no nightly compiler: what is fuzzed has
//! no unsafe code of its own. What was learnt is kept in `fuzz/corpus`; an input that fails is left in `fuzz/artifacts`, and
//! `cargo fuzz` prints the command that repeats it.

use crate::{Chore, cargo_tool::CargoTool, workspace::Workspace};

const TOOL: CargoTool = CargoTool { program: "cargo-fuzz", version: "0.13.2" };
/// Memory that one input may take.
const MEMORY_MIB_MAX: u32 = 2048;
/// Time that one input may take.
const INPUT_SECONDS_MAX: u32 = 10;

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The targets to run; all of them when none is named.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A name that is no target's.
    #[error("there is no fuzz target `{0}`; the targets are {1}")]
    NoTarget(String, String),
    /// The folder of what a target has learnt cannot be made.
    #[error("cannot make {path}")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A target and what helps the fuzzer with it.
struct Target {
    name: &'static str,
    /// The file in `fuzz/dictionaries`, without its ending.
    dictionary: Option<&'static str>,
    /// Folders of the repository with examples of its input, besides `fuzz/seeds/NAME`.
    seeds: &'static [&'static str],
}

const INVALID: &str = "crates/akao-flow/tests/invalid";

const TARGETS: &[Target] = &[
    Target { name: "archive", dictionary: Some("archive"), seeds: &["fuzz/seeds/archive"] },
    Target { name: "bodies", dictionary: Some("json"), seeds: &["fuzz/seeds/bodies"] },
    Target { name: "export", dictionary: Some("json"), seeds: &["fuzz/seeds/export"] },
    Target { name: "expression", dictionary: Some("expression"), seeds: &["fuzz/seeds/expression"] },
    Target { name: "http", dictionary: Some("http"), seeds: &["fuzz/seeds/http"] },
    Target { name: "import", dictionary: Some("import"), seeds: &["examples/import"] },
    Target { name: "journal", dictionary: None, seeds: &[] },
    Target { name: "names", dictionary: Some("names"), seeds: &["fuzz/seeds/names"] },
    Target { name: "nodes", dictionary: Some("nodes"), seeds: &["fuzz/seeds/nodes"] },
    Target { name: "repository", dictionary: Some("repository"), seeds: &["fuzz/seeds/repository"] },
    Target { name: "rpc", dictionary: Some("json"), seeds: &[] },
    Target { name: "snapshot", dictionary: None, seeds: &[] },
    Target {
        name: "template",
        dictionary: Some("expression"),
        seeds: &["fuzz/seeds/template", "fuzz/seeds/expression"],
    },
    Target { name: "workflow", dictionary: Some("workflow"), seeds: &["examples", INVALID] },
    Target { name: "yaml", dictionary: Some("yaml"), seeds: &["examples", INVALID] },
];

/// Runs the targets that are named, or all.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Chore {
    let chosen = chosen(&args.targets)?;
    TOOL.ensure(workspace)?;
    TOOL.command(workspace).args(["build", "--sanitizer", "none"]).run()?;
    for target in chosen {
        println!("\nfuzz target {}, {} s", target.name, args.seconds);
        run_target(workspace, target, args.seconds)?;
    }
    Ok(())
}

/// Runs every target for the given time.
pub(crate) fn run_all(workspace: &Workspace, seconds: u32) -> Chore {
    run(workspace, &Args { targets: vec![], seconds })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Target>, Error> {
    let known = |name: &String| {
        TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            Error::NoTarget(name.clone(), names.join(", "))
        })
    };
    if names.is_empty() { Ok(TARGETS.iter().collect()) } else { names.iter().map(known).collect() }
}

fn run_target(workspace: &Workspace, target: &Target, seconds: u32) -> Chore {
    let corpus = format!("fuzz/corpus/{}", target.name);
    let make = std::fs::create_dir_all(workspace.root.join(&corpus));
    make.map_err(|source| Error::Folder { path: corpus.clone(), source })?;
    let mut options = vec![
        format!("-max_total_time={seconds}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        "-print_final_stats=1".to_owned(),
    ];
    if target.seeds.is_empty() {
        // Without an example of how long an input is, the fuzzer would begin with a few bytes and stay there.
        options.extend(["-len_control=0".to_owned(), "-max_len=1024".to_owned()]);
    }
    options.extend(target.dictionary.map(|name| format!("-dict=fuzz/dictionaries/{name}.dict")));
    let fuzzer = TOOL.command(workspace).args(["run", "--sanitizer", "none", target.name, &corpus]);
    Ok(fuzzer.args(target.seeds).args(["--"]).args(&options).run()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn every_target_has_its_program_and_what_it_names() {
        let workspace = Workspace::find().expect("the tests run inside the workspace");
        let manifest = workspace::read_toml(&workspace.root, "fuzz/Cargo.toml").expect("the manifest of the targets");
        let programs = manifest["bin"].as_array().expect("the targets are programs");
        let programs: Vec<&str> = programs.iter().filter_map(|program| program["name"].as_str()).collect();
        assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), programs);
        for target in TARGETS {
            let dictionary = target.dictionary.map(|name| format!("fuzz/dictionaries/{name}.dict"));
            for path in dictionary.iter().map(String::as_str).chain(target.seeds.iter().copied()) {
                assert!(workspace.root.join(path).exists(), "{} names {path}", target.name);
            }
        }
    }

    #[test]
    fn an_unknown_target_is_named_with_the_known_ones() {
        let error = chosen(&["yml".to_owned()]).err().expect("there is no such target").to_string();
        assert!(error.starts_with("there is no fuzz target `yml`; the targets are archive, bodies, "), "{error}");
        assert_eq!(chosen(&[]).expect("no name is every name").len(), TARGETS.len());
    }
}
