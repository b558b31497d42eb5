//! `akao node test`: the cases of a node's folder, run in the real sandbox.
//!
//! `tests/*.yaml` holds lists of cases: inputs with what is expected of them. They are the same for every language, and what
//! they run is what a workflow runs: the package as it stands, with the limits and the grants that are written down.

mod cases;

use super::{
    absolute, read_package,
    stand::{Done, Given, Stand},
};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Output, Style, count, plain},
    wiring,
};
use akao_contract::Outcome;
use akao_nodes::Pinned;
use akao_step::StepEvent;
use cases::{Case, CaseFile, Expected, read_cases};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Arguments of `akao node test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's folder [default: the current one].
    folder: Option<PathBuf>,
    /// Run only cases whose name holds this text.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// How one case went.
struct CaseResult {
    file: PathBuf,
    name: String,
    took: Duration,
    /// What is wrong; nothing when it passed.
    wrong: Vec<String>,
    /// What the node wrote, to look at when it failed.
    lines: Vec<String>,
}

/// Runs the cases. Exit 0 when all pass, 1 when one fails, 2 when they cannot be run.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let folder = absolute(args.folder.clone())?;
    let package = read_package(&folder, context)?;
    let files = read_cases(&folder)?;
    let chosen = |case: &Case| args.only.as_ref().is_none_or(|only| case.name.contains(only.as_str()));
    if !files.iter().flat_map(|file| &file.cases).any(chosen) {
        let hint = match &args.only {
            Some(_) => "Leave `--only` out to run all.".to_owned(),
            None => format!("Write {}; docs/node-development.md shows one.", folder.join("tests/cases.yaml").display()),
        };
        return Err(Failure::usage("there are no cases to run").hint(hint));
    }
    let runtime = wiring::runtime()?;
    let done = runtime.block_on(all(&package, &files, chosen, context));
    runtime.shutdown_background();
    done
}

async fn all(
    package: &Pinned,
    files: &[CaseFile],
    chosen: impl Fn(&Case) -> bool,
    context: &Context,
) -> Result<Exit, Failure> {
    let stand = Stand::new(package.clone(), None, context)?;
    let mut results = Vec::new();
    for file in files {
        for case in file.cases.iter().filter(|case| chosen(case)) {
            let result = one(&stand, file, case).await?;
            if !context.output.json {
                show(&result, &context.output)?;
            }
            results.push(result);
        }
    }
    stand.end().await;
    let failed = results.iter().filter(|result| !result.wrong.is_empty()).count();
    let passed = results.len() - failed;
    if context.output.json {
        let cases: Vec<Value> = results.iter().map(to_json).collect();
        context.output.document(&json!({"passed": passed, "failed": failed, "cases": cases}))?;
    } else {
        context.output.note(&format!("{} of {} passed.", passed, count(results.len() as u64, "case")));
    }
    Ok(if failed == 0 { Exit::Success } else { Exit::Failure })
}

async fn one(stand: &Stand, file: &CaseFile, case: &Case) -> Result<CaseResult, Failure> {
    let started = Instant::now();
    let in_case = |failure: Failure| Failure {
        message: format!("{}: case `{}`: {}", file.path.display(), case.name, failure.message),
        ..failure
    };
    let node = stand.node(case.node.as_deref()).map_err(in_case)?;
    let given: Given = case.given(&file.path).map_err(in_case)?;
    // Inputs that do not fit are given to the node as they are: how it answers those may be what is tested.
    let mut parameters = case.input.clone();
    akao_flow::with_defaults(&node.props, &mut parameters);
    let done = stand.call(&node, parameters, &given, |_| {}).await;
    let wrong = differences(&case.expect, &done);
    Ok(CaseResult {
        file: file.path.clone(),
        name: case.name.clone(),
        took: started.elapsed(),
        wrong,
        lines: lines(&done),
    })
}

fn lines(done: &Done) -> Vec<String> {
    let logged = done.events.iter().filter_map(|event| match event {
        StepEvent::Log(line) => Some(line.message.clone()),
        StepEvent::Progress { .. } => None,
    });
    let detail = done.outcome.error.as_ref().and_then(|error| error.detail.get("lines")).and_then(Value::as_array);
    let told = detail.into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned));
    logged.chain(told).collect()
}

/// Everything in which a call differs from what is expected.
fn differences(expected: &Expected, done: &Done) -> Vec<String> {
    let mut wrong = Vec::new();
    let Outcome { outputs, error, .. } = &done.outcome;
    match (&expected.error, error) {
        (None, None) => {}
        (None, Some(error)) => wrong.push(format!("it failed: {}: {}", error.kind, error.message)),
        (Some(_), None) => wrong.push(format!("it should fail, and gave {}", json!(outputs))),
        (Some(expected), Some(error)) => {
            if expected.kind.is_some_and(|kind| kind != error.kind) {
                wrong.push(format!("the error is `{}`: {}", error.kind, error.message));
            }
            if let Some(text) = &expected.message
                && !error.message.contains(text.as_str())
            {
                wrong.push(format!("the error's message is {:?}, without {text:?}", error.message));
            }
        }
    }
    if error.is_none() {
        if let Some(exact) = &expected.outputs
            && exact != outputs
        {
            wrong.push(format!("the outputs are {}, not {}", json!(outputs), json!(exact)));
        }
        for (name, value) in &expected.contains {
            match outputs.get(name) {
                Some(found) if holds(found, value) => {}
                found => wrong.push(format!("the output `{name}` is {}, without {value}", json!(found))),
            }
        }
    }
    let logged = lines(done);
    for text in &expected.logs {
        if !logged.iter().any(|line| line.contains(text.as_str())) {
            wrong.push(format!("no line holds {text:?}"));
        }
    }
    wrong
}

/// Whether a value is another one, or an object that holds all of its members.
fn holds(found: &Value, part: &Value) -> bool {
    match (found, part) {
        (Value::Object(found), Value::Object(part)) => {
            part.iter().all(|(name, part)| found.get(name).is_some_and(|found| holds(found, part)))
        }
        _ => found == part,
    }
}

fn show(result: &CaseResult, output: &Output) -> Result<(), Failure> {
    let took = result.took.as_millis();
    if result.wrong.is_empty() {
        return output.line(&format!("{} {} {took}ms", output.out(Style::Good, "✓"), plain(&result.name)));
    }
    output.line(&format!("{} {} {took}ms", output.out(Style::Bad, "✗"), plain(&result.name)))?;
    for wrong in &result.wrong {
        output.line(&format!("    {}", plain(wrong)))?;
    }
    for line in &result.lines {
        output.line(&format!("    | {}", plain(line)))?;
    }
    Ok(())
}

fn to_json(result: &CaseResult) -> Value {
    json!({
        "file": result.file, "name": result.name, "passed": result.wrong.is_empty(),
        "duration_ms": u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX),
        "wrong": result.wrong, "lines": result.lines,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_contract::{ErrorKind, StepError};

    fn done(outcome: Outcome) -> Done {
        Done { outcome, events: Vec::new() }
    }

    fn success(outputs: Value) -> Done {
        let Value::Object(outputs) = outputs else { panic!("outputs are an object") };
        done(Outcome { outputs, ..Outcome::success() })
    }

    fn expected(text: &str) -> Expected {
        serde_json::from_str(text).expect("an expectation")
    }

    #[test]
    fn every_difference_is_told() {
        let failure = || done(Outcome::failure(StepError::new(ErrorKind::Input, "the name is empty")));
        let cases = [
            (expected(r#"{"outputs": {"a": 1}}"#), success(json!({"a": 1})), None),
            (expected(r#"{"outputs": {"a": 1}}"#), success(json!({"a": 2})), Some("the outputs are")),
            (expected(r#"{"contains": {"a": {"b": 1}}}"#), success(json!({"a": {"b": 1, "c": 2}, "d": 1})), None),
            (expected(r#"{"contains": {"a": {"b": 2}}}"#), success(json!({"a": {"b": 1}})), Some("`a` is")),
            (expected(r#"{"error": {"kind": "input", "message": "name"}}"#), failure(), None),
            (expected(r#"{"error": {"kind": "user"}}"#), failure(), Some("the error is `input`")),
            (expected(r#"{"error": {"message": "age"}}"#), failure(), Some("without \"age\"")),
            (expected(r#"{"error": {}}"#), success(json!({})), Some("it should fail")),
            (expected("{}"), failure(), Some("it failed: input")),
            (expected(r#"{"logs": ["hello"]}"#), success(json!({})), Some("no line holds")),
        ];
        for (expected, done, wrong) in cases {
            let found = differences(&expected, &done);
            match wrong {
                None => assert_eq!(found, [""; 0], "{expected:?}"),
                Some(text) => assert!(found.len() == 1 && found[0].contains(text), "{found:?}"),
            }
        }
    }
}
