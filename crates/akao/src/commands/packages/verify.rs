//! `akao verify`: hashes everything that is installed again.

use super::{Desk, refused};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Style, plain_line},
};
use akao_install::{Finding, verify};
use akao_package::DifferenceKind;
use serde_json::{Value, json};

/// Arguments of `akao verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Exit 0 when everything is as it was installed, else 1.
pub(crate) fn run(_: &Args, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let findings = verify(&desk.places).map_err(|error| refused(&error, error.suggestion()))?;
    let output = &context.output;
    let exit = if findings.is_empty() { Exit::Success } else { Exit::Failure };
    if output.json {
        let found: Vec<Value> = findings.iter().map(to_json).collect();
        output.document(&json!({"sound": findings.is_empty(), "findings": found}))?;
        return Ok(exit);
    }
    for finding in &findings {
        let word = output.out(Style::Bad, "damaged:");
        match finding {
            Finding::Record { id, error } => {
                output.line(&format!("{word} {id}: {}", plain_line(&error.to_string())))?
            }
            Finding::Revoked { id, version, key, revocation } => {
                let (word, why) = (output.out(Style::Bad, "revoked:"), plain_line(&revocation.reason));
                output.line(&format!("{word} {id} {version} is signed by the key {key}, which was revoked: {why}"))?;
            }
            Finding::Damaged { versions, damage } => {
                output.line(&format!("{word} {} ({})", named(versions), damage.digest))?;
                for difference in &damage.differences {
                    output.line(&format!("  {}: {}", plain_line(&difference.path), how(&difference.kind)))?;
                }
            }
        }
    }
    match &hints(&findings)[..] {
        [] => output.line(&output.out(Style::Good, "everything is as it was installed"))?,
        hints => output.note(&format!("\nhint: {}", hints.join("\n      "))),
    }
    Ok(exit)
}

/// What to do, once for each kind of what was found.
fn hints(findings: &[Finding]) -> Vec<&'static str> {
    let is_any = |kind: fn(&Finding) -> bool| findings.iter().any(kind);
    let kinds = [
        (
            is_any(|finding| matches!(finding, Finding::Damaged { .. })),
            "A package that is damaged is not run. Install the same version again, which replaces it.",
        ),
        (
            is_any(|finding| matches!(finding, Finding::Record { .. })),
            "A package whose record cannot be used is not run. Uninstall it with `--force`, and install it again.",
        ),
        (
            is_any(|finding| matches!(finding, Finding::Revoked { .. })),
            "Update what a revoked key has signed to a version that is signed by another key, or disable or uninstall it.",
        ),
    ];
    kinds.into_iter().filter_map(|(is_found, hint)| is_found.then_some(hint)).collect()
}

fn named(versions: &[(akao_contract::manifest::PackageId, semver::Version)]) -> String {
    match versions {
        [] => "a content that is kept for executions".to_owned(),
        some => some.iter().map(|(id, version)| format!("{id} {version}")).collect::<Vec<_>>().join(", "),
    }
}

fn how(kind: &DifferenceKind) -> String {
    match kind {
        DifferenceKind::Edited => "its bytes are others".to_owned(),
        DifferenceKind::Missing => "it is missing".to_owned(),
        DifferenceKind::Extra => "it does not belong there".to_owned(),
        DifferenceKind::Mode => "its permissions are others".to_owned(),
        DifferenceKind::Unclear(why) => plain_line(why),
    }
}

fn to_json(finding: &Finding) -> Value {
    match finding {
        Finding::Record { id, error } => json!({"id": id, "record": error.to_string()}),
        Finding::Revoked { id, version, key, revocation } => {
            json!({"id": id, "version": version, "revoked": {"key": key, "at": revocation.at, "reason": revocation.reason}})
        }
        Finding::Damaged { versions, damage } => {
            let differences: Vec<Value> =
                damage.differences.iter().map(|one| json!({"path": one.path, "how": how(&one.kind)})).collect();
            let versions: Vec<Value> =
                versions.iter().map(|(id, version)| json!({"id": id, "version": version})).collect();
            json!({"versions": versions, "content": damage.digest, "differences": differences})
        }
    }
}
