//! Any text as an exported execution: it is refused with the line, or is replayed to the recorded decisions or to the first
//! that differs.

#![no_main]

use akao_engine::export::Export;
use akao_fuzz::catalogue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(export) = Export::parse(text) {
        let _ = export.replay(catalogue());
    }
});
