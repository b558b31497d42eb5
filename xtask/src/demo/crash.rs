//! Act two: the same survey, killed in the middle, and what the journal says about it afterwards.

use super::{
    Error,
    claims::Claims,
    program::{Program, Progress, text},
    survey::{Survey, leaves},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
};

const SIGKILL: i32 = 9;
/// Width of the lists of steps, so that they fit a narrow terminal.
const LIST_WIDTH: usize = 76;

/// What the journal holds of an execution.
struct Record {
    /// The lines of `akao executions events`.
    events: Vec<String>,
    /// The document of `akao executions show`.
    shown: Value,
}

impl Record {
    fn read(program: &Program, execution: &str) -> Result<Self, Error> {
        let events = program.read(&["executions", "events", execution])?.lines().map(str::to_owned).collect();
        Ok(Self { events, shown: program.json(&["executions", "show", execution])? })
    }

    /// The leaves by their addresses.
    fn steps(&self) -> BTreeMap<String, &Value> {
        let steps = self.shown["steps"].as_array().into_iter().flatten();
        steps.map(|step| (text(&step["address"]), step)).collect()
    }

    /// How often each step was begun and ended.
    fn runs(&self) -> BTreeMap<(String, String), usize> {
        let mut runs = BTreeMap::new();
        for note in self.events.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if note["note"] == "started" || note["note"] == "ended" {
                *runs.entry((text(&note["note"]), text(&note["address"]))).or_default() += 1;
            }
        }
        runs
    }
}

/// Plays the act.
pub(super) fn play(program: &Program, survey: &Survey, claims: &mut Claims) -> Result<(), Box<dyn std::error::Error>> {
    let words = claims.words;
    words.heading("Act two: killed in the middle");
    words.line("The same workflow again. As soon as a third of its steps is recorded, the");
    words.line("program gets SIGKILL: no time to tidy up, no word of farewell.");
    words.line("");
    let key = format!("after-{}", survey.execution);
    let start = program.start(&["--idempotency-key", &key]);
    words.command(&program.line(&start));
    let ended = run_and_kill(program, &start, survey.leaves / 3)?;
    let execution = program.newest().map(|newest| text(&newest["execution"])).unwrap_or_default();
    let before = Record::read(program, &execution)?;
    words.line(&format!("{ended}. The journal of execution {execution} holds:"));
    let recorded: Vec<&Value> = leaves(&before.shown).collect();
    list("recorded", &recorded, claims);
    let open: Vec<&Value> = before.steps().into_values().filter(|step| is_open_leaf(step)).collect();
    list("begun", &open, claims);
    words.line("");
    claims.equal("the program died of the signal", &ended.signal(), &Some(SIGKILL));
    let in_the_middle = !recorded.is_empty() && recorded.len() < survey.leaves && before.shown["status"] != "success";
    let found = || format!("{} of {} steps", recorded.len(), survey.leaves);
    claims.check("it died in the middle", (!in_the_middle).then(found));

    words.line("\nThe same command again, word for word. The key makes it the same execution:\n");
    words.command(&program.line(&start));
    let mut child = program.begin(&start, Progress::Drawn)?;
    let answered = program.answer(&mut child, &start)?;
    let after = Record::read(program, &answered)?;
    words.line("");
    claims.equal("it is the same execution", &answered, &execution);
    check(program, survey, (&before, &after), claims)
}

fn run_and_kill(program: &Program, start: &[&str], steps: usize) -> Result<ExitStatus, Box<dyn std::error::Error>> {
    let start = [start, &["--events", "jsonl"]].concat();
    let mut child = program.begin(&start, Progress::Events)?;
    let mut recorded = 0;
    let events = child.stdout.take().map(BufReader::new);
    for line in events.into_iter().flat_map(BufRead::lines) {
        // Events are told once they are durable, so what was counted here must be found again.
        let note: Value = serde_json::from_str(&line?)?;
        recorded += usize::from(note["note"] == "ended" && !note["attempts"].is_null());
        if recorded >= steps {
            break;
        }
    }
    child.kill()?;
    Ok(child.wait()?)
}

/// Leaves are told from composites by their type's work; one that is open has no attempts yet.
fn is_open_leaf(step: &Value) -> bool {
    let composite = ["Sequence", "Recovery", "Retry", "Graph", "ForEach", "ReactiveSequence", "ForceFailure"];
    step["status"] == "running" && !composite.contains(&text(&step["type"]).as_str())
}

/// Lists steps by their node, with how many runs of each.
fn list(title: &str, steps: &[&Value], claims: &Claims) {
    let mut nodes: Vec<(String, usize)> = Vec::new();
    for step in steps {
        let id = text(&step["id"]);
        match nodes.iter_mut().find(|(known, _)| *known == id) {
            Some((_, runs)) => *runs += 1,
            None => nodes.push((id, 1)),
        }
    }
    let mut line = format!("  {:<3} {title:<9}", steps.len());
    for (id, runs) in nodes {
        let word = if runs > 1 { format!("{id} ×{runs}") } else { id };
        if line.chars().count() + word.chars().count() + 2 > LIST_WIDTH {
            claims.words.line(&line);
            line = " ".repeat(15);
        }
        line.push_str("  ");
        line.push_str(&word);
    }
    claims.words.line(&line);
}

fn check(
    program: &Program,
    survey: &Survey,
    (before, after): (&Record, &Record),
    claims: &mut Claims,
) -> Result<(), Box<dyn std::error::Error>> {
    let recorded: Vec<(String, &Value)> =
        before.steps().into_iter().filter(|(_, step)| !step["attempts"].is_null()).collect();
    let kept = before.events.iter().zip(&after.events).take_while(|(old, new)| old == new).count();
    let text_kept = format!("the first {} events of the journal are the same, byte for byte", before.events.len());
    claims.equal(&text_kept, &kept, &before.events.len());
    let (runs_before, runs_after, steps_after) = (before.runs(), after.runs(), after.steps());
    let again = recorded.iter().find(|(address, step)| {
        let same_runs = ["started", "ended"].iter().all(|note| {
            let key = ((*note).to_owned(), address.clone());
            runs_before.get(&key) == runs_after.get(&key)
        });
        !same_runs || steps_after.get(address) != Some(step)
    });
    let text_again = format!("none of the {} recorded steps was run again", recorded.len());
    claims.check(&text_again, again.map(|(address, _)| format!("{address} has changed")));
    let more = leaves(&after.shown).count() - recorded.len();
    let text_more = format!("the other {more} steps followed, and it ended in success");
    claims.equal(&text_more, &text(&after.shown["status"]), &"success".to_owned());
    let same = ["decision", "totals", "errors", "warnings", "review"];
    let of = |outputs: &Value| same.map(|name| text(&outputs[name]));
    claims.equal("its decision and numbers are those of act one", &of(&after.shown["outputs"]), &of(&survey.outputs));
    let execution = text(&after.shown["execution"]);
    let replayed = program.json(&["executions", "replay", &execution])?;
    claims.equal("a replay of its journal takes the same decisions", &replayed["equal"], &Value::Bool(true));
    Ok(())
}
