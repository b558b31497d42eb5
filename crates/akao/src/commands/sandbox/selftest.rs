//! `akao sandbox selftest`: the probe tries on this machine what a sandbox must prevent, case by case of the catalogue.

use crate::{
    cli::Context,
    commands::doctor::{parse_tier, start, to_json},
    exit::Exit,
    failure::Failure,
    output::{Style, plain, table},
    wiring,
};
use akao_sandbox::{
    Tier,
    selftest::{self, CASES, CaseReport, Verdict},
};
use serde_json::{Value, json};

/// Arguments of `akao sandbox selftest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Try only cases of this number of the catalogue; may be given again.
    #[arg(long = "case", value_name = "NUMBER")]
    cases: Vec<u8>,
    /// The least tier that must be reached for exit code 0 [default: that of `--sandbox-tier`, else T1].
    #[arg(long, value_name = "TIER", value_parser = parse_tier)]
    minimum: Option<Tier>,
}

/// Tries the cases. Exit 0 when none is broken and the minimum is reached, else 1.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let launcher = start()?;
    let tier = launcher.tier();
    let minimum = args.minimum.map_or_else(|| wiring::least_tier(context), Ok)?;
    let reached = tier.tier <= minimum;
    let output = &context.output;
    let chosen: Vec<_> =
        CASES.iter().filter(|case| args.cases.is_empty() || args.cases.contains(&case.number)).collect();
    if chosen.is_empty() {
        let known: Vec<String> = CASES.iter().map(|case| case.number.to_string()).collect();
        return Err(Failure::usage("there is no case of this number").hint(format!("There are {}.", known.join(", "))));
    }
    let mut reports = Vec::with_capacity(chosen.len());
    for (at, case) in chosen.iter().enumerate() {
        if !output.json {
            output.progress(&format!("{} of {}: {}", at + 1, chosen.len(), case.name));
        }
        reports.push(selftest::report(&launcher, case));
    }
    output.progress("");
    let count = |wanted: fn(&Verdict) -> bool| reports.iter().filter(|report| wanted(&report.verdict)).count();
    let broken = count(|verdict| *verdict == Verdict::Broken);
    let not_claimed = count(|verdict| matches!(verdict, Verdict::NotClaimed(_)));
    let holds = reports.len() - broken - not_claimed;
    if output.json {
        let cases: Vec<Value> = reports.iter().map(case_json).collect();
        output.document(&json!({
            "machine": to_json(tier, minimum), "holds": holds, "broken": broken, "not_claimed": not_claimed,
            "cases": cases,
        }))?;
    } else {
        let rows: Vec<Vec<String>> = reports.iter().map(row).collect();
        output.text(&table(&["CASE", "VERDICT", "TRIED", "EXPECTED", "OBSERVED"], &rows))?;
        let words =
            format!("{holds} hold, {broken} broken, {not_claimed} not claimed; this machine reaches {}", tier.tier);
        let style = if broken == 0 && reached { Style::Good } else { Style::Bad };
        output.line(&output.out(style, &words))?;
        if !reached {
            output.note(&format!("{} is asked for; `akao doctor sandbox` says what is missing.", minimum));
        }
    }
    Ok(if broken == 0 && reached { Exit::Success } else { Exit::Failure })
}

fn verdict(report: &CaseReport) -> (&'static str, &str) {
    match &report.verdict {
        Verdict::Holds => ("holds", ""),
        Verdict::Broken => ("broken", ""),
        Verdict::NotClaimed(reason) => ("not claimed", reason),
    }
}

fn row(report: &CaseReport) -> Vec<String> {
    let (word, reason) = verdict(report);
    let observed = if reason.is_empty() { report.observed.clone() } else { reason.to_owned() };
    let short = |text: &str| {
        let text = plain(text).replace('\n', " ");
        if text.chars().count() > 60 { text.chars().take(59).chain(['…']).collect() } else { text }
    };
    vec![report.case.to_string(), word.to_owned(), report.name.to_owned(), short(&report.expected), short(&observed)]
}

fn case_json(report: &CaseReport) -> Value {
    let (word, reason) = verdict(report);
    json!({
        "case": report.case, "name": report.name, "expected": report.expected, "observed": report.observed,
        "verdict": word.replace(' ', "_"), "reason": (!reason.is_empty()).then_some(reason),
    })
}
