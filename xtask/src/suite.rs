//! `cargo xtask test`: every check and test of the project, as a table of steps.
//!
//! Steps run in the order of the table, each printing its commands. A failed step does not stop the others, except those
//! that need it. The last line counts the steps; the exit code says whether all of them passed.

#[path = "../../crates/akao-script/carried.rs"]
mod carried;
mod sdk;
mod steps;

use crate::{Chore, setup, workspace::Workspace};
use clap::ValueEnum;
use std::time::{Duration, Instant};
use steps::{STEPS, Step};

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the steps of these groups, and what they need.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Group>,
    /// Also the long suites, and more cases in the property tests.
    #[arg(long)]
    nightly: bool,
}

/// Steps that are asked for together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// Formatting, layers, licences, forbidden calls, file headers, links.
    Tidy,
    /// Lints, the build and all Rust tests.
    Rust,
    /// Documentation of the code, and the workflows shown in documents.
    Docs,
    /// The SDKs: each by its own language's tests, and all of them by the golden transcripts.
    Sdk,
    /// The workflows under `examples/`, run by the program.
    Examples,
    /// The console: its own checks, and journeys in a real browser.
    Web,
}

/// The suite found something.
#[derive(Debug, thiserror::Error)]
#[error("the suite failed at: {0}")]
pub(crate) struct Failed(String);

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    Passed,
    Failed,
    /// Not run, because the named step failed.
    Skipped(&'static str),
}

/// Runs the chosen steps and prints the summary.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Chore {
    setup::ensure(workspace)?;
    let mut endings: Vec<(&'static str, Ending, Duration)> = Vec::new();
    for step in chosen(&args.only, args.nightly) {
        println!("\n==> {}: {}", step.name, step.purpose);
        let started = Instant::now();
        let ended =
            |name: &&'static str| endings.iter().any(|(done, ending, _)| done == name && *ending == Ending::Passed);
        let ending = match step.needs.iter().find(|name| !ended(name)) {
            Some(name) => Ending::Skipped(name),
            None => ending_of((step.run)(workspace, args.nightly)),
        };
        endings.push((step.name, ending, started.elapsed()));
    }
    let failed = print_summary(&endings);
    if failed.is_empty() { Ok(()) } else { Err(Failed(failed.join(", ")).into()) }
}

fn ending_of(result: Chore) -> Ending {
    match result {
        Ok(()) => Ending::Passed,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(cause) = error.source() {
                eprintln!("  caused by: {cause}");
            }
            Ending::Failed
        }
    }
}

/// The steps of `groups` (all of them when empty) with what they need, in the table's order.
fn chosen(groups: &[Group], nightly: bool) -> Vec<&'static Step> {
    let mut wanted: Vec<&str> = STEPS
        .iter()
        .filter(|step| (groups.is_empty() || groups.contains(&step.group)) && (nightly || !step.nightly_only))
        .map(|step| step.name)
        .collect();
    // A step stands after what it needs, so one pass from the end finds needs of needs too.
    for step in STEPS.iter().rev() {
        if wanted.contains(&step.name) {
            wanted.extend(step.needs);
        }
    }
    STEPS.iter().filter(|step| wanted.contains(&step.name)).collect()
}

/// Prints one line a step and the counts; returns the names of the failed steps.
fn print_summary(endings: &[(&'static str, Ending, Duration)]) -> Vec<&'static str> {
    println!();
    for (name, ending, took) in endings {
        let (word, why) = match ending {
            Ending::Passed => ("passed ", String::new()),
            Ending::Failed => ("failed ", String::new()),
            Ending::Skipped(needed) => ("skipped", format!(" (needs {needed})")),
        };
        println!("{word} {:>8.1} s  {name}{why}", took.as_secs_f64());
    }
    let count = |wanted: fn(&Ending) -> bool| endings.iter().filter(|(_, ending, _)| wanted(ending)).count();
    let skipped = count(|ending| matches!(ending, Ending::Skipped(_)));
    let counts = format!("{} passed, {} failed", count(|e| *e == Ending::Passed), count(|e| *e == Ending::Failed));
    println!("{counts}{}", if skipped > 0 { format!(", {skipped} skipped") } else { String::new() });
    endings.iter().filter(|(_, ending, _)| *ending == Ending::Failed).map(|(name, ..)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(groups: &[Group], nightly: bool) -> Vec<&'static str> {
        chosen(groups, nightly).iter().map(|step| step.name).collect()
    }

    #[test]
    fn a_group_brings_what_its_steps_need() {
        let cases: &[(&[Group], bool, &[&str])] = &[
            (&[Group::Tidy], false, &["format", "tidy"]),
            (&[Group::Examples], false, &["build", "examples", "demo"]),
            (&[Group::Tidy, Group::Docs], false, &["format", "tidy", "build", "documents", "generated documents"]),
        ];
        for (groups, nightly, expected) in cases {
            assert_eq!(names(groups, *nightly), *expected, "{groups:?}");
        }
    }

    #[test]
    fn without_a_choice_everything_runs_but_the_long_suites() {
        let usual = names(&[], false);
        let all: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names(&[], true), all);
        assert!(STEPS.iter().all(|step| usual.contains(&step.name) != step.nightly_only));
    }

    #[test]
    fn every_step_stands_after_what_it_needs() {
        for (index, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                let usual = STEPS[..index].iter().any(|earlier| earlier.name == *need && !earlier.nightly_only);
                assert!(usual, "{} needs {need}, which does not stand before it", step.name);
            }
        }
    }

    #[test]
    fn the_summary_names_what_failed() {
        let second = Duration::from_secs(1);
        let endings =
            [("a", Ending::Passed, second), ("b", Ending::Failed, second), ("c", Ending::Skipped("b"), second)];
        assert_eq!(print_summary(&endings), ["b"]);
    }
}
