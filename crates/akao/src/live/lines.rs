//! An execution as it goes on, as plain lines for files and pipes, and as JSON lines for programs.

use super::{steps::Steps, tree};
use crate::output::{Output, Style, plain};
use akao_contract::Address;
use akao_engine::Told;
use akao_flow::Note;
use serde_json::{Value, json};
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
                    let mut line = format!("{} {} {}", output.err(style, sign), address, plain(&step.id));
                    let took = format!(" {} {}", step.node_type, tree::duration(step.duration_ms().unwrap_or(0)));
                    line.push_str(&output.err(Style::Dim, &took));
                    if let Some(failure) = own {
                        line.push_str(&format!("  {}", plain(&failure.error.message).replace('\n', " ")));
                    }
                    output.note(&line);
                }
                Note::Waiting { address, what, .. } => {
                    output.note(&format!("… {address} waits for {}", plain(what)));
                }
                Note::Held { address, id, reason } => {
                    output.note(&format!("‖ {address} {} is held: {reason}", plain(id.as_str())));
                }
                Note::Log { address, line } => {
                    output.detail(&format!("  {address} {}", plain(&line.message)));
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

/// The notes of an event as JSON, each with the event's number and time and its own number within the event. An event
/// without notes is one line too, so that the numbers have no gap.
pub(crate) fn events(told: &Told) -> Vec<Value> {
    if told.notes.is_empty() {
        return vec![json!({"seq": told.seq, "at": told.at, "index": 0, "note": "none"})];
    }
    let line = |(index, note): (usize, &Note)| {
        let mut line = json!({"seq": told.seq, "at": told.at, "index": index});
        if let (Value::Object(line), Ok(Value::Object(note))) = (&mut line, serde_json::to_value(note)) {
            line.extend(note);
        }
        line
    };
    told.notes.iter().enumerate().map(line).collect()
}
