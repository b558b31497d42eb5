//! The reference of the command line, from the declarations that also make `--help`.

use crate::cli::Cli;
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::fmt::Write as _;

/// The page as Markdown.
pub(super) fn page() -> String {
    let mut root = Cli::command().term_width(0);
    root.build();
    let mut page = "# Command line\n\nGenerated from the code by `cargo xtask generate`.\n\n## `akao`\n\n".to_owned();
    let _ = write!(page, "{}\n\n{}", about(&root), options(root.get_arguments().filter(|arg| arg.is_global_set())));
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        describe(command, "akao", &mut page);
    }
    page
}

/// A command and those below it. Global options are told once, at the top.
fn describe(command: &Command, path: &str, page: &mut String) {
    let path = format!("{path} {}", command.get_name());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let _ = write!(page, "\n## `{path}`\n\n{}\n\n```text\n{usage}\n```\n", about(command));
    let own = options(command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_hide_set()));
    if !own.is_empty() {
        let _ = write!(page, "\n{own}");
    }
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        describe(below, &path, page);
    }
}

fn about(command: &Command) -> String {
    command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default()
}

fn options<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    // What clap adds by itself; a command may have a `--version` of its own that takes one.
    let is_own = |arg: &&Arg| {
        !matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version)
    };
    let rows: Vec<String> = arguments.filter(is_own).map(row).collect();
    match rows.is_empty() {
        true => String::new(),
        false => format!("| option | meaning |\n|---|---|\n{}", rows.concat()),
    }
}

fn row(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut meaning = format!("{}.", help.replace('\n', " ").trim_end_matches('.'));
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    if !values.is_empty() && arg.get_action().takes_values() {
        let _ = write!(meaning, " One of {}.", values.join(", "));
    }
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        let _ = write!(meaning, " Default: {}.", defaults.join(", "));
    }
    format!("| `{}` | {} |\n", spelling(arg), meaning.replace('|', "\\|"))
}

fn spelling(arg: &Arg) -> String {
    let names: Vec<String> = arg
        .get_short()
        .map(|short| format!("-{short}"))
        .into_iter()
        .chain(arg.get_long().map(|long| format!("--{long}")))
        .collect();
    let value = arg.get_value_names().into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    match (names.is_empty(), arg.get_action().takes_values()) {
        (true, _) => value,
        (false, true) => format!("{} {value}", names.join(", ")).replace('|', "\\|"),
        (false, false) => names.join(", "),
    }
}
