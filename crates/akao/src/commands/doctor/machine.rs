//! `akao doctor sandbox`: which tier this machine reaches, what failed on the way to a better one, and the cure. It is found
//! by really making a sandbox.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Style, table},
    wiring,
};
use akao_sandbox::{ControlGroups, Launcher, Options, Tier, TierReport};
use serde_json::{Value, json};
use std::time::Instant;

/// Arguments of `akao doctor sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The least that must be reached for exit code 0 [default: that of `--sandbox-tier`, else T1].
    #[arg(long, value_name = "TIER", value_parser = parse_tier)]
    minimum: Option<Tier>,
}

/// A tier by its name, in any letters.
pub(crate) fn parse_tier(text: &str) -> Result<Tier, String> {
    let tiers = [Tier::T0, Tier::T1, Tier::T2, Tier::T3];
    let found = tiers.into_iter().find(|tier| tier.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "the tiers are T0, T1, T2 and T3".to_owned())
}

/// Says what was found. Exit 0 when the minimum is reached, else 1.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let started = Instant::now();
    let launcher = start()?;
    let (report, took) = (launcher.tier(), started.elapsed());
    let minimum = args.minimum.map_or_else(|| wiring::least_tier(context), Ok)?;
    let reached = report.tier <= minimum;
    let output = &context.output;
    if output.json {
        output.document(&to_json(report, minimum))?;
        return Ok(exit(reached));
    }
    let style = if reached { Style::Good } else { Style::Bad };
    let rows = vec![
        vec!["tier".to_owned(), format!("{}: {}", report.tier, means(report, minimum))],
        vec!["runs as".to_owned(), if report.rootless { "a user without rights" } else { "root" }.to_owned()],
        vec!["control groups".to_owned(), groups(&report.control_groups)],
        vec![
            "Landlock".to_owned(),
            match report.landlock_abi {
                0 => "not there".to_owned(),
                abi => format!("version {abi}"),
            },
        ],
        vec!["found in".to_owned(), format!("{} ms", took.as_millis())],
    ];
    output.text(&table(&["WHAT", "FOUND"], &rows))?;
    for finding in &report.findings {
        let call = finding.failure.map(|failure| {
            format!(" (step `{}`, error {})", failure.stage.name(), std::io::Error::from_raw_os_error(failure.errno))
        });
        output.line(&format!(
            "\n{} {}{}",
            output.out(Style::Warning, "missing:"),
            finding.what,
            call.unwrap_or_default()
        ))?;
        output.line(&format!("  {}", finding.cure))?;
    }
    let words = match (reached, report.findings.is_empty()) {
        (true, true) => "everything is there".to_owned(),
        (true, false) => format!("external nodes run; {} is reached", report.tier),
        (false, _) => format!("{} is reached and {} is asked for", report.tier, minimum),
    };
    output.line(&format!("\n{}", output.out(style, &words)))?;
    Ok(exit(reached))
}

/// A launcher on whatever this machine is.
pub(crate) fn start() -> Result<Launcher, Failure> {
    let options = Options { minimum: Tier::T3, ..Options::default() };
    Launcher::start(options).map_err(|error| {
        Failure::internal("the sandbox's helper cannot be started")
            .because(&error)
            .hint("Report this with the output of `akao doctor sandbox --json` and the kernel's version (`uname -r`).")
    })
}

fn exit(reached: bool) -> Exit {
    if reached { Exit::Success } else { Exit::Failure }
}

/// What a tier means for external nodes.
fn means(report: &TierReport, minimum: Tier) -> &'static str {
    match report.tier {
        Tier::T0 => "external nodes run, with every limit held by the kernel",
        Tier::T1 => "external nodes run; memory is watched and processor time is not limited",
        Tier::T2 if report.runs_programs && minimum >= Tier::T2 => {
            "external nodes without network run, of one tenant at a time; memory, processes and room are watched"
        }
        Tier::T2 if report.runs_programs => {
            "external nodes are refused; without network, of one tenant at a time, they run with `--sandbox-tier T2`"
        }
        Tier::T2 | Tier::T3 => "external nodes are refused",
    }
}

fn groups(groups: &ControlGroups) -> String {
    match groups {
        ControlGroups::Unified => "version 2".to_owned(),
        ControlGroups::Separate => "version 1".to_owned(),
        ControlGroups::Missing(reason) => format!("not usable: {reason}"),
    }
}

/// The report for programs.
pub(crate) fn to_json(report: &TierReport, minimum: Tier) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let failure = finding.failure.map(|failure| json!({"step": failure.stage.name(), "errno": failure.errno}));
            json!({"what": finding.what, "failure": failure, "cure": finding.cure})
        })
        .collect();
    json!({
        "tier": report.tier.name(), "minimum": minimum.name(), "reached": report.tier <= minimum,
        "rootless": report.rootless, "runs_on_request": report.tier == Tier::T2 && report.runs_programs, "control_groups": groups(&report.control_groups),
        "landlock": report.landlock_abi, "findings": findings,
    })
}
