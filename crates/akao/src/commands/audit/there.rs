//! `akao audit` at a server: what was done in the tenant, and whether that is as it was written.

use super::{Args, told};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    live::steps::timestamp,
    output::{Style, count, plain_line, table},
    remote::Remote,
};
use serde_json::{Value, json};

/// Prints the lines, oldest first.
pub(super) fn run(args: &Args, remote: &Remote, context: &Context) -> Result<Exit, Failure> {
    let (output, place) = (&context.output, format!("{}/api/v1/audit", remote.server.address()));
    if args.denied || args.package.is_some() {
        return Err(Failure::usage("the audit of a server tells what people did, not what external nodes did").hint(
            "Leave out `--denied` and `--package`; what nodes did is in the audit of the server's data directory.",
        ));
    }
    if args.verify {
        return verify(&place, remote, context);
    }
    let limit = u32::try_from(args.last).unwrap_or(u32::MAX);
    let mut lines = remote.items("/api/v1/audit", &[], limit)?;
    lines.truncate(args.last);
    lines.reverse();
    if output.json {
        output.document(&json!({"file": place, "entries": lines}))?;
    } else if lines.is_empty() {
        output.note("Nothing is in the audit.");
    } else {
        let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
        output.text(&table(&["AT", "BY", "WHAT", "DETAILS"], &rows))?;
    }
    Ok(Exit::Success)
}

fn row(line: &Value) -> Vec<String> {
    let at = line["at_ms"].as_i64().map(timestamp).unwrap_or_default();
    let what = if line["damaged"] == true { "damaged" } else { line["what"].as_str().unwrap_or_default() };
    let object = |name: &str| line[name].as_object().map(|details| told(details.iter())).unwrap_or_default();
    vec![at, plain_line(&object("by")), plain_line(what), plain_line(&object("details"))]
}

/// Says whether the audit is as it was written, in the shape of this machine's.
fn verify(place: &str, remote: &Remote, context: &Context) -> Result<Exit, Failure> {
    let (output, verified) = (&context.output, remote.verify_audit()?);
    let sound = verified["sound"] == true;
    let problem = verified["break"].as_str().unwrap_or_default();
    if output.json {
        let found = match sound {
            true => json!({"chained": verified["lines"], "unchained": 0, "last": verified["last"]}),
            false => json!({"problem": problem}),
        };
        output.document(&json!({"file": place, "sound": sound, "found": found}))?;
    } else if sound {
        let lines = verified["lines"].as_u64().unwrap_or_default();
        output.line(&format!("{} in the chain", count(lines, "line")))?;
        if let Some(last) = verified["last"].as_str() {
            output.line(&format!("the last one is {last}"))?;
        }
    } else {
        output.line(&format!("{} {place}: {}", output.out(Style::Bad, "damaged:"), plain_line(problem)))?;
        output.note("hint: Ask the operator of the server, who has backups, who could write its database.");
    }
    Ok(if sound { Exit::Success } else { Exit::Failure })
}
