//! The command line: one enum of commands, the options that all of them have, and the way from arguments to an exit code.

use crate::{
    commands,
    exit::Exit,
    failure::Failure,
    output::{ColorChoice, Output},
    place, wiring,
};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind, parser::ValueSource};
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

/// Runs workflows: durably, on this machine, from files that you can read.
#[derive(Debug, Parser)]
#[command(name = "akao", version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Folder for executions and their data [default: the nearest .akao, else ~/.local/share/akao].
    #[arg(long, global = true, value_name = "FOLDER", env = "AKAO_DATA_DIR", hide_env_values = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Work at a server: its address, or the name of a context that `akao login` made.
    #[arg(long, global = true, value_name = "URL", env = "AKAO_SERVER", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// The least isolation under which external nodes run: T0, T1 or T2 [default: T1].
    #[arg(long, global = true, value_name = "TIER", env = "AKAO_SANDBOX_TIER", hide_env_values = true,
          value_parser = commands::doctor::parse_tier, hide_short_help = true)]
    pub(crate) sandbox_tier: Option<akao_sandbox::Tier>,
    /// When to colour the output.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// Print one JSON document on one line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing beside the result.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a workflow file and show how it goes.
    Run(commands::run::Args),
    /// Make a new workflow file.
    New(commands::new::Args),
    /// Run a workflow file again whenever it is saved.
    Dev(commands::dev::Args),
    /// Check workflow files and print every problem.
    Validate(commands::validate::Args),
    /// Print the JSON Schema of workflow files or of manifests.
    Schema(commands::schema::Args),
    /// Bring workflow files into the usual form.
    Fmt(commands::fmt::Args),
    /// Compare what two workflow files mean.
    Diff(commands::diff::Args),
    /// Draw a workflow.
    Graph(commands::graph::Args),
    /// Turn workflows of other programs into workflow files.
    Import(commands::import::Args),
    /// Serve workflows and their executions to a team, over HTTP.
    Serve(commands::serve::Args),
    /// Copy everything that a server needs, while it runs.
    Backup(commands::backup::Args),
    /// Make a data directory from a backup.
    Restore(commands::restore::Args),
    /// Keys by which secrets, people and the audit are sealed.
    #[command(subcommand)]
    Vault(commands::vault::Command),
    /// Who looks after a server: show it, or name somebody else when nobody can sign in as that any more.
    #[command(subcommand)]
    Operator(commands::operator::Command),
    /// List executions, look into them and steer them.
    #[command(subcommand)]
    Executions(commands::executions::Command),
    /// List and complete what waits for people.
    #[command(subcommand)]
    Tasks(commands::tasks::Command),
    /// Sign in to a server, so that commands can work there.
    Login(commands::login::Args),
    /// Sign out of a server.
    Logout(commands::login::LogoutArgs),
    /// Choose where commands work: this machine, or a server.
    #[command(subcommand)]
    Context(commands::context::Command),
    /// Install packages of nodes: shown first, nothing of them run.
    Install(commands::packages::install::Args),
    /// Take a package away.
    Uninstall(commands::packages::uninstall::Args),
    /// Bring packages to their newest version, showing what changes.
    Update(commands::packages::update::Args),
    /// Make the version of a package active that was so before.
    Rollback(commands::packages::switch::Args),
    /// Let workflows use a package again.
    Enable(commands::packages::switch::Args),
    /// Keep workflows from using a package.
    Disable(commands::packages::switch::DisableArgs),
    /// Hash everything that is installed again.
    Verify(commands::packages::verify::Args),
    /// Find packages in the repositories.
    Search(commands::packages::search::Args),
    /// Pin the packages that workflow files use.
    Lock(commands::packages::lock::Args),
    /// List the node types.
    ListNodes(commands::list_nodes::Args),
    /// Explain a node type.
    NodeInfo(commands::node_info::Args),
    /// Write nodes of your own: begin, run, test, check, link, pack and publish them.
    #[command(subcommand)]
    Node(commands::node::Command),
    /// Write nodes in TypeScript: begin, test, check and deploy them, and look after their versions.
    #[command(subcommand)]
    Sdk(commands::sdk::Command),
    /// Keys that sign packages and repositories, and whose keys are trusted.
    #[command(subcommand)]
    Key(commands::key::Command),
    /// Repositories of packages: make one, keep it valid, serve and copy it.
    #[command(subcommand)]
    Repo(commands::repo::Command),
    /// What is demanded of packages before they are installed: signatures, publishers, age.
    #[command(subcommand)]
    Policy(commands::policy::Command),
    /// The operator's own list of packages that must not run: made, signed, taken in.
    #[command(subcommand)]
    KillList(commands::kill_list::Command),
    /// Environments: packages that scripts may import.
    #[command(subcommand)]
    Env(commands::env::Command),
    /// Look at the sandbox of external nodes: explain it, try it, trace a program.
    #[command(subcommand)]
    Sandbox(commands::sandbox::Command),
    /// Show what external nodes ran and what was denied to them.
    Audit(commands::audit::Args),
    /// Check the data directory, or the machine's sandbox.
    Doctor(commands::doctor::Args),
    /// Print the completions of a shell.
    Completions(commands::completions::Args),
    /// Serve a data directory in the background.
    #[command(hide = true)]
    Owner(commands::owner::Args),
    /// Make the reference documents.
    #[command(hide = true, subcommand)]
    Docs(commands::docs::Command),
}

/// What every command is handed.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Where words go.
    pub(crate) output: Output,
    /// The data directory as it was named, if it was.
    pub(crate) data_dir: Option<PathBuf>,
    /// The server as it was named, if it was.
    pub(crate) server: Option<String>,
}

/// Reads the arguments, runs the command and presents what went wrong.
pub(crate) fn main() -> ExitCode {
    let cli = match parsed(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    let GlobalArgs { data_dir, server, sandbox_tier, color, json, quiet, verbose } = cli.global;
    if let Some(tier) = sandbox_tier {
        wiring::accept_tier(tier);
    }
    let context = Context { output: Output::new(color, json, quiet, verbose), data_dir, server };
    let exit = dispatch(cli.command, &context).unwrap_or_else(|failure| {
        context.output.failure(&failure);
        failure.exit
    });
    ExitCode::from(exit.code())
}

/// The arguments. A place that is named among them counts more than one that only a variable names; where variables name both, the
/// server is meant, and the data directory keeps what commands need on this machine.
fn parsed(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut Cli::command()))?;
    let is_said = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    if is_said("data_dir") {
        if is_said("server") {
            let message = "the argument '--data-dir <FOLDER>' cannot be used with '--server <URL>'";
            return Err(Cli::command().error(ErrorKind::ArgumentConflict, message));
        }
        cli.global.server = None;
    }
    Ok(cli)
}

/// Arguments that clap does not take: help and version are data, the rest is a usage error in the form that was asked for.
fn refused(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && json {
        let (message, hint) = on_one_line(&error.to_string());
        let failure = Failure::usage(message).hint(hint);
        Output::new(ColorChoice::Never, true, false, 0).failure(&failure);
    } else {
        // Nowhere is left to say that the stream is closed.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { Exit::Usage } else { Exit::Success }.code())
}

/// The message and the hint of what clap says over several lines: a paragraph that says what is wrong, and perhaps one with a
/// tip. The rest is about `--help`.
fn on_one_line(text: &str) -> (String, String) {
    let joined = |paragraph: &str| paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.trim_start_matches("error: ").split("\n\n");
    let message = joined(paragraphs.next().unwrap_or_default());
    let tip = paragraphs.map(joined).find_map(|paragraph| paragraph.strip_prefix("tip: ").map(str::to_owned));
    let hint = tip.map_or_else(String::new, |tip| format!("Note that {tip}. "));
    (message, format!("{hint}Run the command with `--help`."))
}

fn dispatch(command: Command, context: &Context) -> Result<Exit, Failure> {
    place::check(&command, context)?;
    match command {
        Command::Run(args) => commands::run::run(args, context),
        Command::New(args) => commands::new::run(args, context),
        Command::Dev(args) => commands::dev::run(args, context),
        Command::Validate(args) => commands::validate::run(args, context),
        Command::Schema(args) => commands::schema::run(args, context),
        Command::Fmt(args) => commands::fmt::run(args, context),
        Command::Diff(args) => commands::diff::run(args, context),
        Command::Graph(args) => commands::graph::run(args, context),
        Command::Import(args) => commands::import::run(args, context),
        Command::Serve(args) => commands::serve::run(&args, context),
        Command::Backup(args) => commands::backup::run(&args, context),
        Command::Restore(args) => commands::restore::run(&args, context),
        Command::Vault(command) => commands::vault::run(&command, context),
        Command::Operator(command) => commands::operator::run(&command, context),
        Command::Executions(command) => commands::executions::run(command, context),
        Command::Tasks(command) => commands::tasks::run(command, context),
        Command::Login(args) => commands::login::run(&args, context),
        Command::Logout(args) => commands::login::logout(&args, context),
        Command::Context(command) => commands::context::run(&command, context),
        Command::Install(args) => commands::packages::install::run(&args, context),
        Command::Uninstall(args) => commands::packages::uninstall::run(&args, context),
        Command::Update(args) => commands::packages::update::run(&args, context),
        Command::Rollback(args) => commands::packages::switch::run_rollback(&args, context),
        Command::Enable(args) => commands::packages::switch::run_enable(&args, context),
        Command::Disable(args) => commands::packages::switch::run_disable(&args, context),
        Command::Verify(args) => commands::packages::verify::run(&args, context),
        Command::Search(args) => commands::packages::search::run(&args, context),
        Command::Lock(args) => commands::packages::lock::run(&args, context),
        Command::ListNodes(args) => commands::list_nodes::run(args, context),
        Command::NodeInfo(args) => commands::node_info::run(args, context),
        Command::Node(command) => commands::node::run(command, context),
        Command::Sdk(command) => commands::sdk::run(command, context),
        Command::Key(command) => commands::key::run(command, context),
        Command::Repo(command) => commands::repo::run(command, context),
        Command::Policy(command) => commands::policy::run(&command, context),
        Command::KillList(command) => commands::kill_list::run(&command, context),
        Command::Env(command) => commands::env::run(command, context),
        Command::Sandbox(command) => commands::sandbox::run(command, context),
        Command::Audit(args) => commands::audit::run(args, context),
        Command::Doctor(args) => commands::doctor::run(args, context),
        Command::Completions(args) => commands::completions::run(args, context),
        Command::Owner(args) => commands::owner::run(args, context),
        Command::Docs(command) => commands::docs::run(command, context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clap_says_fits_on_one_line() {
        let told =
            |arguments: &[&str]| on_one_line(&Cli::try_parse_from(arguments).expect_err("a mistake").to_string());
        let (message, hint) = told(&["akao", "node-info"]);
        assert_eq!(message, "the following required arguments were not provided: <TYPE>");
        assert_eq!(hint, "Run the command with `--help`.");
        let (message, hint) = told(&["akao", "run", "w.yaml", "--events", "json"]);
        assert_eq!(message, "invalid value 'json' for '--events <FORMAT>' [possible values: jsonl]");
        assert_eq!(hint, "Note that a similar value exists: 'jsonl'. Run the command with `--help`.");
    }

    #[test]
    fn two_places_on_the_command_line_are_one_too_many() {
        let read = |arguments: &[&str]| parsed(arguments.iter().map(OsString::from));
        for arguments in [
            ["akao", "--data-dir", "d", "--server", "s", "executions", "list"],
            ["akao", "--data-dir", "d", "executions", "list", "--server", "s"],
        ] {
            let refused = read(&arguments).expect_err("two places");
            let (message, _) = on_one_line(&refused.to_string());
            assert!(message.contains("'--data-dir <FOLDER>' cannot be used with '--server <URL>'"), "{message}");
        }
        let here = read(&["akao", "executions", "list", "--data-dir", "d"]).expect("one place").global;
        assert_eq!((here.data_dir, here.server), (Some(PathBuf::from("d")), None));
        let there = read(&["akao", "executions", "list", "--server", "s"]).expect("one place").global;
        assert_eq!(there.server.as_deref(), Some("s"));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// One that has the name of an option of every command is read as that one, of whatever type it is.
    #[test]
    fn no_command_has_an_option_of_every_command_again() {
        fn check(command: &clap::Command, global: &[&str], checked: &mut usize) {
            for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
                assert!(!global.contains(&argument.get_id().as_str()), "{}: {}", command.get_name(), argument.get_id());
                *checked += 1;
            }
            command.get_subcommands().for_each(|command| check(command, global, checked));
        }
        let (command, mut checked) = (Cli::command(), 0);
        let global = command.get_arguments().filter(|argument| argument.is_global_set());
        let global: Vec<&str> = global.map(|argument| argument.get_id().as_str()).collect();
        check(&command, &global, &mut checked);
        assert!(global.contains(&"server") && checked > 100, "{global:?}, {checked}");
    }
}
