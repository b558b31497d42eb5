//! Any text as a source of each dialect: it is refused, or becomes a file that holds the definition it was made of. What the
//! author wrote wrongly may still be wrong in it; what can be read as a workflow reads as that definition.

#![no_main]

use akao_flow::read;
use akao_fuzz::assert_inside;
use akao_import::{Dialect, ImportError, Source, import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for dialect in std::iter::once(None).chain(Dialect::ALL.map(Some)) {
        match import(&Source::new("source", text), dialect) {
            Ok(imported) => {
                let value = akao_yaml::to_value(&imported.yaml).expect("what was written is YAML");
                assert_eq!(serde_json::to_value(&imported.definition).ok(), Some(value), "{}", imported.yaml);
                if let Ok(parsed) = read(&imported.yaml) {
                    assert_eq!(parsed.definition, imported.definition, "{}", imported.yaml);
                }
                let _ = imported.report.to_text();
            }
            Err(ImportError::Xml { line, message, .. } | ImportError::Structure { line: Some(line), message, .. }) => {
                assert_inside(text, line, 1, &message);
            }
            Err(error) => drop(error.to_string()),
        }
    }
});
