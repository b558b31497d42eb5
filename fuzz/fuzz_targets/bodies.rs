//! Any bytes as the body of a frame of the journal: what is read is written and read back the same, and its events are taken
//! by a machine in any order. Recorded fingerprints are not looked at; no fuzzer could guess them.

#![no_main]

use akao_engine::read_entries;
use akao_flow::{Event, Machine, Reaction, fingerprint};
use akao_fuzz::program::{PROGRAMS, start};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|input: (u8, &[u8])| {
    let Ok(entries) = read_entries(input.1) else { return };
    let written = serde_json::to_vec(&entries).expect("entries are JSON");
    assert_eq!(read_entries(&written).ok().as_ref(), Some(&entries));

    let program = &PROGRAMS[usize::from(input.0) % PROGRAMS.len()];
    let mut reaction = Reaction::default();
    let mut machine = match entries.first().map(|entry| &entry.event) {
        Some(Event::Started(start)) => Machine::start(Arc::clone(program), (**start).clone(), true, &mut reaction),
        _ => Machine::start(Arc::clone(program), start(), true, &mut reaction),
    };
    for entry in &entries {
        reaction.clear();
        machine.apply(entry.at, entry.event.clone(), &mut reaction);
        fingerprint(&reaction.commands);
    }
    let snapshot = machine.snapshot();
    let restored = Machine::restore(Arc::clone(program), &snapshot, true).expect("a machine's own snapshot");
    assert_eq!(restored.snapshot(), snapshot);
});
