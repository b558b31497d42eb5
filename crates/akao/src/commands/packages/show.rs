//! Plans and what came of them, for people and for programs.

use crate::{
    cli::Context,
    failure::Failure,
    output::{Style, plain_line},
};
use akao_install::{Event, Kept, Plan, PlannedPackage, What};
use akao_package::trust::{SignatureState, Verdict};
use serde_json::{Value, json};

/// Newer versions that are named when they were not taken.
const SKIPPED_SHOWN: usize = 3;

/// Shows a plan on standard error: who published it, what it asks for, what changes.
pub(super) fn plan(plan: &Plan, context: &Context) -> Result<(), Failure> {
    for package in &plan.packages {
        one(package, context);
    }
    for kept in &plan.kept {
        kept_as_it_is(kept, context);
    }
    Ok(())
}

fn one(package: &PlannedPackage, context: &Context) {
    let output = &context.output;
    let from = package.installed.as_ref().filter(|from| **from != package.version);
    let change = from.map(|from| format!(" (now {from})")).unwrap_or_default();
    output.always(&format!(
        "{} {}{change}  {}",
        output.err(Style::Strong, package.id.as_str()),
        package.version,
        plain_line(package.name())
    ));
    for (name, value) in facts(package) {
        row(name, &value, context);
    }
    asks(package, context);
    let limits: Vec<String> =
        package.explanation.limits.iter().map(|held| format!("{} {}", held.limit.as_str(), held.held)).collect();
    row("limits", &limits.join(", "), context);
    if let Some(difference) = package.difference.as_ref().filter(|_| !package.already) {
        output.always("  changes");
        difference.to_string().lines().for_each(|line| output.always(&format!("    {}", plain_line(line))));
    }
    skipped(&package.skipped, context);
    if !package.left_out.is_empty() {
        row("left out", &package.left_out.join(", "), context);
    }
    warnings(package, context);
    verdict(package, context);
    output.always("");
}

fn row(name: &str, value: &str, context: &Context) {
    context.output.always(&format!("  {name:<12}{}", plain_line(value)));
}

/// What it is and where it comes from, as far as there is something to say.
fn facts(package: &PlannedPackage) -> Vec<(&'static str, String)> {
    let does = package.description().and_then(|text| text.lines().next()).unwrap_or_default();
    let facts = [
        ("does", does.to_owned()),
        ("from", package.source.to_string()),
        ("publisher", format!("{}: {}", package.id.publisher(), package.standing)),
        ("signature", signature(package)),
        ("content", package.content.to_string()),
        ("needed by", package.needed_by.join(", ")),
        ("needs", package.needs.join(", ")),
        ("provides", package.provides.join(", ")),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// What speaks against it and does not keep it from being installed.
fn warnings(package: &PlannedPackage, context: &Context) {
    let deprecated = package.warning.iter().map(|text| format!("it is deprecated: {text}"));
    let look_alikes = package.look_alikes.iter().map(akao_repository::LookAlike::sentence);
    for text in deprecated.chain(look_alikes) {
        let word = context.output.err(Style::Warning, "  warning:");
        context.output.always(&format!("{word} {}", plain_line(&text)));
    }
}

/// Why it is refused, or what has to be agreed to.
fn verdict(package: &PlannedPackage, context: &Context) {
    let output = &context.output;
    if let Verdict::Refuse { why, cure } = &package.verdict {
        let why = plain_line(&why.to_string());
        output.always(&format!("{} {why}", output.err(Style::Bad, "  refused:")));
        return output.always(&format!("    {cure}"));
    }
    if package.already {
        output.always(match (package.takes_key(), package.switches()) {
            (false, false) => "  It is installed already.",
            (true, false) => "  It is installed already; the key that has signed it is recorded.",
            (false, true) => "  It is installed already, and becomes the version that is used.",
            (true, true) => {
                "  It is installed already, and becomes the version that is used; the key that has signed it is recorded."
            }
        });
    }
    for need in package.consents() {
        output.always(&format!("{} {}", output.err(Style::Warning, "  agree:"), plain_line(&need.to_string())));
    }
}

fn asks(package: &PlannedPackage, context: &Context) {
    let output = &context.output;
    if package.explanation.asks.is_empty() {
        return output.always("  asks for    nothing");
    }
    output.always("  asks for");
    for asked in &package.explanation.asks {
        let (sign, rest) = match asked.complete {
            true => (output.err(Style::Good, "✓"), "granted before"),
            false => (output.err(Style::Warning, "–"), "not granted yet"),
        };
        output.always(&format!("    {sign} {}: {rest}", plain_line(&asked.permission.to_string())));
    }
}

fn signature(package: &PlannedPackage) -> String {
    match &package.signature {
        SignatureState::Absent => "none".to_owned(),
        SignatureState::Valid { key } => format!("holds, by the key {}", key.fingerprint()),
        SignatureState::Invalid { error } => format!("does not hold: {error}"),
        SignatureState::UnknownKey { number } => format!("by a key that is not known here, number {number}"),
    }
}

fn skipped(skipped: &[akao_repository::Skipped], context: &Context) {
    for newer in skipped.iter().take(SKIPPED_SHOWN) {
        context.output.always(&format!("  not {}: {}", newer.version, plain_line(&newer.why.to_string())));
    }
    let more = skipped.len().saturating_sub(SKIPPED_SHOWN);
    if more > 0 {
        context.output.always(&format!("  and {more} more"));
    }
}

fn kept_as_it_is(kept: &Kept, context: &Context) {
    let id = context.output.err(Style::Strong, kept.id.as_str());
    // Why nothing fits together is several lines.
    let mut why = kept.why.lines().map(plain_line);
    context.output.always(&format!("{id} {} stays: {}", kept.version, why.next().unwrap_or_default()));
    why.for_each(|line| context.output.always(&format!("  {line}")));
    skipped(&kept.skipped, context);
}

/// Says what was done, and what to do next.
pub(super) fn done(plan: &Plan, events: &[Event], context: &Context) {
    let output = &context.output;
    if events.is_empty() {
        return output.note("Nothing had to be changed.");
    }
    for event in events {
        output.note(&sentence(event));
    }
    for package in plan.packages.iter().filter(|package| package.requested && !package.already) {
        for node in &package.explanation.nodes {
            output.note(&format!("Workflows may say `type: {node}` now."));
        }
    }
}

/// What was done, as a sentence.
pub(crate) fn sentence(event: &Event) -> String {
    plain_line(&told(event))
}

fn told(event: &Event) -> String {
    let id = &event.id;
    match &event.what {
        What::Installed { version, .. } => format!("{id} {version} is installed."),
        What::Repaired { version, .. } => {
            format!("the content of {id} {version} was damaged or missing, and is as it was installed again.")
        }
        What::Granted { version, grants, .. } => {
            let grants: Vec<String> = grants.iter().map(ToString::to_string).collect();
            format!("{id} {version} was granted {}.", grants.join(", "))
        }
        What::Activated { version, from: Some(from), rollback: true } => {
            format!("{id} is {version} again, and was {from}.")
        }
        What::Activated { version, from: Some(from), .. } => format!("{id} is {version} now, and was {from}."),
        What::Activated { version, from: None, .. } => format!("{id} is {version} now."),
        What::Pinned { key } => format!("{id} is bound to the key {key} from now on."),
        What::Uninstalled { versions, .. } => {
            let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
            format!("{id} {} is not installed any more.", versions.join(", "))
        }
        What::Disabled { reason } => format!("{id} is disabled: {reason}."),
        What::Enabled => format!("{id} is enabled."),
        What::Blocked { version, reason } => format!("{id} {version} must not run: {reason}."),
        What::Unblocked { version } => format!("{id} {version} may run again."),
    }
}

/// A plan for programs.
pub(super) fn to_json(plan: &Plan) -> Value {
    let packages: Vec<Value> = plan.packages.iter().map(package_json).collect();
    let kept: Vec<Value> = plan.kept.iter().map(kept_json).collect();
    json!({ "packages": packages, "kept": kept })
}

fn package_json(package: &PlannedPackage) -> Value {
    let needs: Vec<String> = package.consents().iter().map(ToString::to_string).collect();
    let look_alikes: Vec<Value> =
        package.look_alikes.iter().map(|found| json!({"known": found.known, "why": found.sentence()})).collect();
    let refused = package.refusal().map(|(why, cure)| json!({"why": why.to_string(), "cure": cure}));
    json!({
        "id": package.id, "version": package.version, "name": package.name(), "description": package.description(),
        "content": package.content, "archive": package.archive, "source": package.source,
        "requested": package.requested, "needed_by": package.needed_by, "needs": package.needs,
        "provides": package.provides, "signature": signature_json(package),
        "publisher": {"id": package.id.publisher(), "standing": package.standing.word()},
        "asks": package.explanation.asks, "limits": package.explanation.limits,
        "installed": package.installed, "already": package.already, "activates": package.activates,
        "difference": package.difference, "agree": needs, "refused": refused, "look_alikes": look_alikes,
        "deprecated": package.warning,
        "skipped": skipped_json(&package.skipped), "left_out": package.left_out,
    })
}

/// What its signature is worth, with the key's fingerprint, or the number of one that is not known.
pub(crate) fn signature_json(package: &PlannedPackage) -> Value {
    let (state, key) = match &package.signature {
        SignatureState::Absent => ("absent", None),
        SignatureState::Valid { key } => ("valid", Some(key.fingerprint().to_string())),
        SignatureState::Invalid { .. } => ("invalid", None),
        SignatureState::UnknownKey { number } => ("unknown_key", Some(number.clone())),
    };
    json!({"state": state, "key": key})
}

fn kept_json(kept: &Kept) -> Value {
    json!({"id": kept.id, "version": kept.version, "why": kept.why, "skipped": skipped_json(&kept.skipped)})
}

fn skipped_json(skipped: &[akao_repository::Skipped]) -> Vec<Value> {
    skipped.iter().map(|newer| json!({"version": newer.version, "why": newer.why.to_string()})).collect()
}
