//! An execution as it goes on, as plain lines for files and pipes, and as JSON lines for programs.

use super::{
    steps::{Place, Step, Steps},
    tree,
};
use crate::output::{Output, Style, plain};
use akao_contract::{Address, LogLevel, LogLine};
use akao_engine::Told;
use akao_flow::Note;
use std::collections::BTreeMap;

/// Runs of one node that are told line by line; later ones only when they fail.
const RUNS_TOLD_MAX: u64 = 20;

/// Writes a line for each leaf that ends, and for whatever waits.
#[derive(Default)]
pub(crate) struct Lines {
    untold: BTreeMap<Address, u64>,
}

impl Lines {
    /// Tells an event, after `steps` has taken it in.
    pub(crate) fn tell(&mut self, steps: &Steps, told: &Told, output: &Output) {
        for note in &told.notes {
            match note {
                Note::Ended { address, status, failure, attempts, .. } => {
                    let (Some(step), Some(place)) = (steps.all.get(address), steps.places.get(&address.place())) else {
                        continue;
                    };
                    let own = failure.as_ref().filter(|failure| failure.step == *address);
                    if attempts.is_none() && own.is_none() {
                        continue;
                    }
                    if place.runs() > RUNS_TOLD_MAX && own.is_none() {
                        *self.untold.entry(address.place()).or_default() += 1;
                        continue;
                    }
                    let (sign, style) = tree::sign(*status);
                    let (label, rest) = step.description();
                    let mut line = format!("{} {address} {}", output.err(style, sign), plain(label));
                    let took = format!("{} {}", plain(&rest), tree::duration(step.duration_ms().unwrap_or(0)));
                    line.push_str(&output.err(Style::Dim, &took));
                    if let Some(failure) = own {
                        line.push_str(&format!("  {}", plain(&failure.error.message).replace('\n', " ")));
                    }
                    output.note(&line);
                }
                Note::Waiting { address, what, until_ms } => {
                    let what = tree::limited(what, *until_ms, told.at);
                    output.note(&format!("… {address} waits for {}", plain(&what)));
                }
                Note::Held { address, reason, .. } => {
                    let label = steps.all.get(address).map(Step::label).unwrap_or_default();
                    output.note(&format!("‖ {address} {} is held: {reason}", plain(label)));
                }
                Note::Log { address, line } => {
                    if let Some(line) = log(steps, address, line, output) {
                        output.note(&line);
                    }
                }
                Note::Started { .. } | Note::Wrote { .. } | Note::Buffered { .. } => {}
            }
        }
    }

    /// Tells how much was not told.
    pub(crate) fn finish(&self, output: &Output) {
        for (place, count) in &self.untold {
            output.note(&format!("  {place} and {count} more runs"));
        }
    }
}

/// A line of a step's log for people; none when it is of little interest: for debugging, or one of a great many.
pub(crate) fn log(steps: &Steps, address: &Address, line: &LogLine, output: &Output) -> Option<String> {
    let serious = matches!(line.level, LogLevel::Warn | LogLevel::Error);
    let runs = steps.places.get(&address.place()).map_or(0, Place::runs);
    let wanted = match line.level {
        LogLevel::Debug => output.verbose > 0,
        LogLevel::Info => runs <= RUNS_TOLD_MAX || output.verbose > 0,
        LogLevel::Warn | LogLevel::Error => true,
    };
    let style = if line.level == LogLevel::Error { Style::Bad } else { Style::Warning };
    let word = if line.level == LogLevel::Error { "error: " } else { "warning: " };
    let word = if serious { output.err(style, word) } else { String::new() };
    wanted.then(|| format!("  {} {word}{}", output.err(Style::Dim, &address.to_string()), plain(&line.message)))
}
