//! The tree of an execution as text: one line for each node of the definition that was reached, with the counts of its
//! runs where there were several, so that a loop over a hundred thousand items stays readable.

use super::steps::{Place, Step, Steps};
use crate::output::{Style, plain};
use akao_contract::{Address, NodeStatus, format_duration_ms};

/// What a status looks like. The sign differs too, so that colour is not needed.
pub(crate) fn sign(status: NodeStatus) -> (&'static str, Style) {
    match status {
        NodeStatus::Running => ("●", Style::Active),
        NodeStatus::Success => ("✓", Style::Good),
        NodeStatus::Failure => ("✗", Style::Bad),
        NodeStatus::Skipped => ("–", Style::Dim),
        NodeStatus::Cancelled => ("⊘", Style::Warning),
    }
}

/// Milliseconds for people: `340ms`, `1.5s`, `2m3s`.
pub(crate) fn duration(ms: i64) -> String {
    let ms = u64::try_from(ms).unwrap_or(0);
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        _ => format_duration_ms(ms / 1_000 * 1_000),
    }
}

/// One line of the tree.
pub(crate) struct Line {
    /// Where the latest run of the node stands.
    pub(crate) address: Address,
    /// Whether something of it goes on or went wrong.
    pub(crate) lively: bool,
    /// The text, coloured if that was asked for.
    pub(crate) text: String,
}

/// The lines of the tree. `frame` is the sign of what runs.
pub(crate) fn lines(steps: &Steps, frame: &str, now_ms: i64, colored: bool) -> Vec<Line> {
    let line = |(place, counts): (&Address, &Place)| {
        let step = steps.all.get(&counts.last)?;
        let lively = counts.running > 0 || counts.failure > 0 || step.held.is_some();
        let indent = "  ".repeat(place.segments.len());
        let text = format!("{indent}{}", describe(step, counts, frame, now_ms, colored));
        Some(Line { address: counts.last.clone(), lively, text })
    };
    steps.places.iter().filter_map(line).collect()
}

fn describe(step: &Step, counts: &Place, frame: &str, now_ms: i64, colored: bool) -> String {
    let status = overall(step, counts);
    let (mut sign, style) = sign(status);
    if status == NodeStatus::Running {
        sign = match (&step.held, &step.waiting) {
            (Some(_), _) => "‖",
            (None, Some(_)) => "…",
            (None, None) => frame,
        };
    }
    let (label, mut rest) = step.description();
    let mut text = format!("{} {}", style.paint(sign, colored), plain(label));
    if counts.runs() > 1 {
        rest.push_str(&format!(" ×{}{}", counts.runs(), tally(counts)));
    } else if step.begun {
        let ended = step.ended_ms.unwrap_or(now_ms);
        rest.push_str(&format!(" {}", duration(ended.saturating_sub(step.started_ms))));
        if let Some(attempts) = step.attempts.filter(|attempts| *attempts > 1) {
            rest.push_str(&format!(" {attempts} attempts"));
        }
    }
    text.push_str(&Style::Dim.paint(&plain(&rest), colored));
    let words = [
        step.held.as_ref().map(|reason| format!("held: {reason}")),
        step.waiting.as_ref().map(|what| format!("waits for {}", limited(what, step.waiting_until_ms, now_ms))),
        step.progress.clone(),
        step.failure
            .as_ref()
            .filter(|failure| failure.step == counts.last)
            .map(|failure| failure.error.message.clone()),
    ];
    for word in words.into_iter().flatten() {
        text.push_str(&format!("  {}", plain(&word).replace('\n', " ")));
    }
    text
}

/// What is waited for, and how long it can take from now on.
pub(crate) fn limited(what: &str, until_ms: Option<i64>, now_ms: i64) -> String {
    match until_ms.map(|until| until.saturating_sub(now_ms).max(0)) {
        Some(left) if what == "timer" => format!("timer, {} left", duration(left)),
        Some(left) => format!("{what}, at most {}", duration(left)),
        None => what.to_owned(),
    }
}

/// The status that says most about all runs of a node.
fn overall(step: &Step, counts: &Place) -> NodeStatus {
    if counts.running > 0 {
        NodeStatus::Running
    } else if counts.failure > 0 {
        NodeStatus::Failure
    } else {
        step.status
    }
}

fn tally(counts: &Place) -> String {
    let of = [
        (NodeStatus::Running, counts.running),
        (NodeStatus::Success, counts.success),
        (NodeStatus::Failure, counts.failure),
        (NodeStatus::Skipped, counts.skipped),
        (NodeStatus::Cancelled, counts.cancelled),
    ];
    of.iter().filter(|(_, count)| *count > 0).map(|(status, count)| format!(" {}{count}", sign(*status).0)).collect()
}
