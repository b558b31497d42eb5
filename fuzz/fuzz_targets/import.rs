//! Any text as a source of each dialect: it is refused, or becomes a workflow file that reads as the definition it was made
//! of and, when the report says that nothing is missing, passes the checks.

#![no_main]

use akao_flow::read;
use akao_fuzz::assert_inside;
use akao_import::{Dialect, ImportError, Source, import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for dialect in std::iter::once(None).chain(Dialect::ALL.map(Some)) {
        match import(&Source::new("source", text), dialect) {
            Ok(imported) => {
                let parsed = read(&imported.yaml).unwrap_or_else(|problems| panic!("{problems:?}\n{}", imported.yaml));
                assert_eq!(parsed.definition, imported.definition, "{}", imported.yaml);
                let _ = imported.report.to_text();
            }
            Err(ImportError::Xml { line, message, .. } | ImportError::Structure { line: Some(line), message, .. }) => {
                assert_inside(text, line, 1, &message);
            }
            Err(error) => drop(error.to_string()),
        }
    }
});
