//! The probe: `akao-probe ACT [ARGUMENT…]` tries one thing and prints one line with what came of it.
//!
//! The line is `done`, perhaps with a detail, or `denied` with the kernel's name for the error. The program judges
//! nothing: which outcome is right depends on where it runs, and stands in the table of cases of `akao-sandbox`.

mod calls;
mod files;
mod kernel;
mod outcome;
mod processes;
mod resources;
mod sockets;

use outcome::{Outcome, Tried};
use std::{env, process::ExitCode};

/// An act: its name, and what does it.
type Act = (&'static str, fn(&[String]) -> Tried);

/// Acts that belong to no topic.
const GENERAL: &[Act] = &[("nothing", |_| Ok(String::new())), ("environment", environment), ("arguments", arguments)];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()).collect();
    let Some((name, rest)) = arguments.split_first() else { return list() };
    let Some(act) = all().find(|(known, _)| known == name).map(|(_, act)| act) else {
        eprintln!("no act is called `{name}`");
        return ExitCode::from(2);
    };
    let outcome = Outcome::from(act(rest));
    println!("{outcome}");
    ExitCode::from(outcome.code())
}

fn all() -> impl Iterator<Item = Act> {
    [GENERAL, files::ACTS, calls::ACTS, processes::ACTS, resources::ACTS, sockets::ACTS].into_iter().flatten().copied()
}

fn list() -> ExitCode {
    for (name, _) in all() {
        println!("{name}");
    }
    ExitCode::from(2)
}

/// The names of all variables, sorted.
fn environment(_: &[String]) -> Tried {
    let mut names: Vec<String> = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names.join(" "))
}

fn arguments(arguments: &[String]) -> Tried {
    Ok(arguments.join(" "))
}
