//! `WaitAction`: waits durably, without holding a process.
//!
//! - `waitMs` (default 1000) or `duration`: how long. `until`: an absolute time instead, as Unix milliseconds or RFC 3339
//!   text in UTC (`2026-01-31T12:00:00Z`); a time that has passed ends at once.
//! - It ends in success. The wait goes on over restarts. Halt: the wait is forgotten.

use super::{
    ControlProps, State,
    declare::{declare, duration},
    props,
};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, ErrorKind, NodeType, StepError};
use serde_json::{Map, Value, json};

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: wait-example\nversion: 1.0.0\nroot:\n  type: WaitAction\n  props: { waitMs: 5 }\n";
    let properties = json!({
        "waitMs": duration("How long to wait; 1000 when nothing else is given."),
        "duration": duration("Another name of `waitMs`."),
        "until": { "type": ["string", "integer"], "description": "When to go on: Unix milliseconds or RFC 3339 text in UTC." },
    });
    declare(include_str!("wait_action.rs"), Category::Waiting, properties, (0, Some(0)), example, json!({}))
}

fn fire_at_ms(now_ms: i64, props: &Map<String, Value>) -> Result<i64, StepError> {
    let wrong = |value: &Value| {
        let message =
            format!("prop `until` must be Unix milliseconds or a time such as `2026-01-31T12:00:00Z`, found {value}");
        StepError::new(ErrorKind::Input, message)
    };
    match props.get("until") {
        None | Some(Value::Null) => {
            let wait = props::duration_ms(props, &["duration", "waitMs"])?.unwrap_or(1_000);
            Ok(now_ms.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)))
        }
        Some(value @ Value::String(text)) => rfc3339_ms(text).ok_or_else(|| wrong(value)),
        Some(value) => value.as_i64().ok_or_else(|| wrong(value)),
    }
}

/// Reads `YYYY-MM-DDThh:mm:ss[.fff]Z` as Unix milliseconds. Other offsets are refused, so that no time zone data is needed.
fn rfc3339_ms(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix('z'))?;
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut days = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (days.next()?.ok()?, days.next()?.ok()?, days.next()?.ok()?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = clock.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && fraction.len() <= 9
        && fraction.bytes().all(|b| b.is_ascii_digit());
    if !in_range {
        return None;
    }
    let millis: i64 = format!("{:0<3}", fraction.get(..fraction.len().min(3))?).parse().ok()?;
    // Days from the civil calendar, counted in years that begin in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + millis)
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    match control.read(run, frame).and_then(|props| fire_at_ms(run.now_ms, &props)) {
        Ok(fire_at_ms) if fire_at_ms <= run.now_ms => run.end(frame, End::SUCCESS),
        Ok(fire_at_ms) => {
            let timer = run.timer_at(frame, fire_at_ms);
            *run.state_of(frame) = State::Timer(timer);
            run.note_waiting(frame, "timer", Some(fire_at_ms));
        }
        Err(error) => run.fail(frame, error),
    }
}

#[cfg(test)]
mod tests {
    use super::rfc3339_ms;

    #[test]
    fn absolute_times_are_read_in_utc() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-01-31T12:00:00Z", Some(1_769_860_800_000)),
            ("2024-02-29T23:59:59.5Z", Some(1_709_251_199_500)),
            ("2026-01-31T12:00:00+01:00", None),
            ("2026-13-01T00:00:00Z", None),
            ("tomorrow", None),
            ("2026-01-31T12:00:00.é0Z", None),
        ];
        for (text, expected) in cases {
            assert_eq!(rfc3339_ms(text), expected, "{text}");
        }
    }
}
