//! A snapshot of an execution that is under way, with some of its numbers, texts and lists changed: it is refused, or the
//! machine answers every question and takes whatever happens next. Without a change it goes on as the machine would have.

#![no_main]

use akao_flow::{Machine, Reaction};
use akao_fuzz::program::{Happening, PROGRAMS, ask, follow, start};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// How much of one input is looked at, so that a run stays short.
const HAPPENINGS_MAX: usize = 24;
const CHANGES_MAX: usize = 6;

#[derive(Debug, Arbitrary)]
struct Case {
    program: u8,
    before: Vec<Happening>,
    changes: Vec<Change>,
    after: Vec<Happening>,
}

/// A value of the snapshot, counted in its order, and what becomes of it.
#[derive(Debug, Arbitrary)]
struct Change {
    place: u16,
    to: To,
}

#[derive(Debug, Arbitrary)]
enum To {
    Near(i8),
    Number(u32),
    Large,
    Nothing,
    Text,
    Empty,
    /// What stands at another place.
    Like(u16),
    Gone,
}

fuzz_target!(|case: Case| {
    let program = &PROGRAMS[usize::from(case.program) % PROGRAMS.len()];
    let mut reaction = Reaction::default();
    let mut machine = Machine::start(Arc::clone(program), start(), true, &mut reaction);
    let before = &case.before[..case.before.len().min(HAPPENINGS_MAX)];
    let after = &case.after[..case.after.len().min(HAPPENINGS_MAX)];
    follow(&mut machine, before);
    ask(&machine);
    let bytes = machine.snapshot();
    let mut snapshot: Value = serde_json::from_slice(&bytes).expect("a snapshot is JSON");
    for change in case.changes.iter().take(CHANGES_MAX) {
        apply(change, &mut snapshot["state"]);
    }
    let Ok(mut restored) = Machine::restore(Arc::clone(program), snapshot.to_string().as_bytes(), true) else {
        assert!(!case.changes.is_empty(), "a machine's own snapshot is refused");
        return;
    };
    ask(&restored);
    follow(&mut restored, after);
    ask(&restored);
    restored.snapshot();
    if case.changes.is_empty() {
        follow(&mut machine, after);
        assert_eq!(restored.snapshot(), machine.snapshot());
    }
});

/// Every value inside, as JSON pointers, in order.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                found.push(format!("{at}/{index}"));
                places(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let place = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                found.push(place.clone());
                places(item, &place, found);
            }
        }
        _ => {}
    }
}

fn apply(change: &Change, state: &mut Value) {
    let mut found = Vec::new();
    places(state, "", &mut found);
    if found.is_empty() {
        return;
    }
    let place = &found[usize::from(change.place) % found.len()];
    let number = state.pointer(place).and_then(Value::as_i64).unwrap_or_default();
    let value = match &change.to {
        To::Near(by) => json!(number.saturating_add(i64::from(*by))),
        To::Number(number) => json!(number),
        To::Large => json!(u64::MAX),
        To::Nothing => Value::Null,
        To::Text => json!("a"),
        To::Empty => json!([]),
        To::Like(other) => state.pointer(&found[usize::from(*other) % found.len()]).cloned().unwrap_or_default(),
        To::Gone => return remove(state, place),
    };
    if let Some(found) = state.pointer_mut(place) {
        *found = value;
    }
}

fn remove(state: &mut Value, place: &str) {
    let (above, last) = place.rsplit_once('/').unwrap_or_default();
    match state.pointer_mut(above) {
        Some(Value::Array(items)) => {
            if let Some(at) = last.parse().ok().filter(|at| *at < items.len()) {
                items.remove(at);
            }
        }
        Some(Value::Object(map)) => drop(map.shift_remove(&last.replace("~1", "/").replace("~0", "~"))),
        _ => {}
    }
}
