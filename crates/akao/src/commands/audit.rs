//! `akao audit`: what external nodes ran and what was denied to them, from the audit of the data directory.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    live::steps::timestamp,
    output::{plain, table},
    wiring,
};
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
    /// The last so many entries.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    last: usize,
}

/// Prints the entries, oldest first.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let folder = wiring::data_dir(context)?;
    let file = wiring::audit_file(&folder);
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
        AuditEvent::Lost { count } => ("lost", format!("{count} entries could not be written")),
    };
    let process = subject.process.map(|process| process.to_string()).unwrap_or_default();
    vec![timestamp(entry.at_ms), package, process, what.to_owned(), plain(&details)]
}
