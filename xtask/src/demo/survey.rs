//! Act one: a survey of this repository, from its start to its reports.

use super::{
    Error, Stage, cannot_use,
    claims::Claims,
    count,
    program::{PAYLOAD, Program, Progress, SIGNAL, text},
};
use serde_json::Value;
use std::fs;

/// What act two compares with.
pub(super) struct Survey {
    /// The execution's id.
    pub(super) execution: String,
    /// How many leaves it recorded.
    pub(super) leaves: usize,
    /// What it gave.
    pub(super) outputs: Value,
}

/// Steps that do something, from the document of `akao executions show`: those with attempts.
pub(super) fn leaves(shown: &Value) -> impl Iterator<Item = &Value> {
    shown["steps"].as_array().into_iter().flatten().filter(|step| !step["attempts"].is_null())
}

/// Plays the act; `members` is the number of the workspace's crates as cargo knows it.
pub(super) fn play(
    program: &Program,
    stage: &Stage,
    progress: Progress,
    members: usize,
    claims: &mut Claims,
) -> Result<Survey, Box<dyn std::error::Error>> {
    let words = claims.words;
    words.heading("Act one: a survey of this repository");
    words.line("The workflow reads the sources, manifests and examples that lie here, judges");
    words.line("them, and waits for a reviewer. The demo answers from a second process:");
    words.line("");
    let start = program.start(&[]);
    words.command(&program.data_line());
    words.command(&program.line(&start));
    words.command(&program.line(&["executions", "signal", "ID", SIGNAL, "--payload", PAYLOAD]));
    words.line("");
    let mut child = program.begin(&start, progress)?;
    let execution = program.answer(&mut child, &start)?;
    let shown = program.json(&["executions", "show", &execution])?;
    let survey = Survey { execution, leaves: leaves(&shown).count(), outputs: shown["outputs"].clone() };
    summary(stage, &survey, claims);
    check(stage, members, &survey, &shown, claims)?;
    Ok(survey)
}

fn summary(stage: &Stage, survey: &Survey, claims: &Claims) {
    let (outputs, words) = (&survey.outputs, claims.words);
    let totals = |name: &str| text(&outputs["totals"][name]);
    let findings = format!("{} errors, {} warnings", text(&outputs["errors"]), text(&outputs["warnings"]));
    words.line("");
    words.line(&format!("decision  {} ({})", words.strong(&text(&outputs["decision"])), findings));
    words.line(&format!(
        "numbers   {} crates, {} files, {} lines, {} dependencies, {} steps",
        totals("crates"),
        totals("files"),
        totals("lines"),
        totals("dependencies"),
        survey.leaves,
    ));
    words.line(&format!("reviewer  {}: {}", text(&outputs["review"]["by"]), text(&outputs["review"]["word"])));
    words.line(&format!("reports   {}", stage.shown(&stage.report("tour.md"))));
    words.line(&format!("          {}", stage.shown(&stage.report("tour.html"))));
    words.line("");
}

fn check(stage: &Stage, members: usize, survey: &Survey, shown: &Value, claims: &mut Claims) -> Result<(), Error> {
    let outputs = &survey.outputs;
    let totals = &outputs["totals"];
    claims.equal("it ended in success", &text(&shown["status"]), &"success".to_owned());
    let counted = count::crates(&stage.root)?;
    let expected = (Some(members as u64), Some(counted.files), Some(counted.lines));
    let found = (totals["crates"].as_u64(), totals["files"].as_u64(), totals["lines"].as_u64());
    claims.equal("its crates, files and lines are those that the demo counts itself", &found, &expected);
    let missing = leaves(shown).filter(|step| step["error"]["kind"] == "not_found").count();
    let text_missing = format!("{missing} files that it looked for are not there, and Recovery went on without");
    claims.check(&text_missing, (missing == 0).then(|| "no step that failed so".to_owned()));
    let payload: Value = serde_json::from_str(PAYLOAD).unwrap_or_default();
    claims.equal("the reviewer's word came from the second process", &outputs["review"], &payload);
    let decision = text(&outputs["decision"]);
    for name in ["tour.md", "tour.html"] {
        let path = stage.report(name);
        let report = fs::read_to_string(&path).map_err(|source| cannot_use(&path, source))?;
        let says_it = report.contains(&decision) && report.contains(&text(&payload["word"]));
        claims.check(&format!("{name} tells the decision and the word"), (!says_it).then_some(report));
    }
    Ok(())
}
