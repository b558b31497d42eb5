//! `akao audit`: what external nodes ran and what was denied to them, from the audit of the data directory; at a server what was
//! done in the tenant.

mod there;

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    live::steps::timestamp,
    output::{Style, plain_line, table},
    site::Site,
    wiring,
};
use akao_install::{Installed, Places};
use akao_nodes::{AuditEntry, AuditEvent, AuditLog};
use serde_json::{Value, json};

/// Arguments of `akao audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what was denied.
    #[arg(long)]
    denied: bool,
    /// Only entries of this package.
    #[arg(long, value_name = "ID")]
    package: Option<String>,
    /// Hold the whole audit against its chain instead: exit 0 when nothing was edited, removed, moved or cut off.
    #[arg(long, conflicts_with_all = ["denied", "package", "last"])]
    verify: bool,
    /// The last so many entries.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    last: usize,
}

/// Prints the entries, oldest first.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if let Some(remote) = Site::server_of(context)? {
        return there::run(&args, &remote, context);
    }
    let folder = wiring::data_dir(context)?;
    let file = wiring::audit_file(&folder);
    if args.verify {
        return verify(&file, context);
    }
    let entries = AuditLog::read(&file).map_err(|error| {
        Failure::storage("the audit cannot be read").because(&error).hint("Keep a copy of the file, then look at it.")
    })?;
    let wanted = |entry: &&AuditEntry| {
        let denied = matches!(entry.event, AuditEvent::Denied { .. });
        (!args.denied || denied) && args.package.as_ref().is_none_or(|id| *id == entry.subject.package)
    };
    let chosen: Vec<&AuditEntry> = entries.iter().filter(wanted).collect();
    let chosen = &chosen[chosen.len().saturating_sub(args.last)..];
    let output = &context.output;
    if output.json {
        let listed: Vec<Value> = chosen.iter().map(|entry| json!(entry)).collect();
        output.document(&json!({"file": file.display().to_string(), "entries": listed}))?;
    } else if chosen.is_empty() {
        output.note("Nothing of this kind is in the audit.");
    } else {
        let rows: Vec<Vec<String>> = chosen.iter().map(|entry| row(entry)).collect();
        output.text(&table(&["AT", "PACKAGE", "PROCESS", "WHAT", "DETAILS"], &rows))?;
    }
    Ok(Exit::Success)
}

/// Says whether the audit is as it was written.
fn verify(file: &std::path::Path, context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    if !AuditLog::is_there(file) {
        return no_audit(file, context);
    }
    let verified = AuditLog::verify(file).map_err(|error| {
        Failure::storage("the audit cannot be read").because(&error).hint("Look at the file's rights.")
    })?;
    let (name, sound) = (file.display().to_string(), verified.is_ok());
    if output.json {
        let found = verified.as_ref().map_or_else(
            |broken| json!({"problem": broken.to_string()}),
            |found| json!({"chained": found.chained, "unchained": found.unchained, "last": found.last}),
        );
        output.document(&json!({"file": name, "sound": sound, "found": found}))?;
    } else {
        match verified {
            Ok(found) => {
                let older = match found.unchained {
                    0 => String::new(),
                    some => format!(" after {some} of older versions, which have no chain"),
                };
                output.line(&format!("{} in the chain{older}", crate::output::count(found.chained, "line")))?;
                if let Some(last) = found.last {
                    output.line(&format!("the last one is {last}"))?;
                }
            }
            Err(broken) => {
                output.line(&format!("{} {name}: {broken}", output.out(Style::Bad, "damaged:")))?;
                output.note(
                    "hint: Keep a copy of the file and of the one that ends in `.head`, and ask who could write them.",
                );
            }
        }
    }
    Ok(if sound { Exit::Success } else { Exit::Failure })
}

/// There is none: nothing was done here yet, or somebody took both files away. What is installed has been told to one.
fn no_audit(file: &std::path::Path, context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    let installed = Installed::of(&Places::new(wiring::data_dir(context)?)).ids();
    let installed = installed.map_err(|error| Failure::storage(error.to_string()).hint(error.suggestion()))?;
    let problem = match installed.is_empty() {
        true => "there is no audit".to_owned(),
        false => format!("there is no audit, and {} installed", has_been(installed.len())),
    };
    if output.json {
        let name = file.display().to_string();
        output.document(&json!({"file": name, "sound": installed.is_empty(), "found": {"problem": problem}}))?;
    } else if installed.is_empty() {
        output.line(&format!("{problem}: nothing was done in this data directory yet"))?;
    } else {
        output.line(&format!("{} {}: {problem}", output.out(Style::Bad, "damaged:"), file.display()))?;
        output.note(
            "hint: Ask who could take the file and the one that ends in `.head` away, or put them back from a copy.",
        );
    }
    Ok(if installed.is_empty() { Exit::Success } else { Exit::Failure })
}

fn has_been(packages: usize) -> String {
    let verb = if packages == 1 { "is" } else { "are" };
    format!("{} {verb}", crate::output::count(packages as u64, "package"))
}

/// A value on one line.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// What is known among details, with its names, on one line.
fn told<'a>(details: impl Iterator<Item = (&'a String, &'a Value)>) -> String {
    let known = details.filter(|(_, value)| !value.is_null());
    known.map(|(name, value)| format!("{name} {}", shown(value))).collect::<Vec<_>>().join(", ")
}

fn row(entry: &AuditEntry) -> Vec<String> {
    let subject = &entry.subject;
    let package = match &subject.version {
        Some(version) => format!("{}@{version}", subject.package),
        None => subject.package.clone(),
    };
    let (what, details) = match &entry.event {
        AuditEvent::Started { tier, grants, digest, .. } => {
            let digest: String = digest.to_string().chars().take(15).collect();
            (
                "started",
                format!("{tier}, {digest}…{}", grants.iter().map(|grant| format!(", {grant}")).collect::<String>()),
            )
        }
        AuditEvent::Ended { cause, cpu_ms, memory_peak_bytes } => {
            ("ended", format!("{cause}, {cpu_ms} ms, {}", akao_contract::manifest::format_bytes(*memory_peak_bytes)))
        }
        AuditEvent::Denied { act, target, reason, count } => {
            let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
            ("denied", format!("{act} {target}: {reason}{times}"))
        }
        AuditEvent::Package { act, by, details } | AuditEvent::Settings { act, by, details } => {
            (act.as_str(), format!("by {by}: {}", told(details.iter())))
        }
        AuditEvent::Lost { count } => ("lost", format!("{count} entries could not be written")),
    };
    let process = subject.process.map(|process| process.to_string()).unwrap_or_default();
    [timestamp(entry.at_ms), package, process, what.to_owned(), details].iter().map(|cell| plain_line(cell)).collect()
}
