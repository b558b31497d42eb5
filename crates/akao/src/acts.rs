//! What somebody does with packages and settings, at the command line or over the server, is told to the audit, with who did it.

use crate::{failure::Failure, wiring};
use akao_contract::Tenant;
use akao_nodes::{Audit, AuditEvent, AuditLog, Subject};
use serde_json::{Map, Value};
use std::path::Path;

/// Something that was done.
pub(crate) struct Act {
    /// The package, or the prefix of packages, that it is about; empty for all.
    about: String,
    event: AuditEvent,
}

impl Act {
    /// Something that somebody did to a package: a document whose `what` says it.
    pub(crate) fn on_package(id: &str, document: Value, by: &str) -> Self {
        let (act, details) = taken_apart(document);
        Self { about: id.to_owned(), event: AuditEvent::Package { act, by: by.to_owned(), details } }
    }

    /// A change of the settings: a document whose `what` says it.
    pub(crate) fn on_settings(about: &str, document: Value) -> Self {
        let (act, details) = taken_apart(document);
        Self { about: about.to_owned(), event: AuditEvent::Settings { act, by: who(), details } }
    }
}

/// Who runs this program.
pub(crate) fn who() -> String {
    format!("user {}", rustix::process::getuid().as_raw())
}

fn taken_apart(document: Value) -> (String, Map<String, Value>) {
    let Value::Object(mut details) = document else { return (String::new(), Map::new()) };
    let act = details.remove("what").and_then(|what| what.as_str().map(str::to_owned)).unwrap_or_default();
    (act, details)
}

/// Tells the audit of a data directory what was done.
///
/// # Errors
/// The audit cannot be written. What was done is done.
pub(crate) fn tell(root: &Path, acts: impl IntoIterator<Item = Act>) -> Result<(), Failure> {
    let mut acts = acts.into_iter().peekable();
    if acts.peek().is_none() {
        return Ok(());
    }
    let file = wiring::audit_file(root);
    let audit = AuditLog::append(file.clone())
        .map_err(|error| Failure::storage("the audit cannot be begun").because(&error))?;
    for Act { about, event } in acts {
        let tenant = Tenant::local().as_str().to_owned();
        audit.record(&Subject { tenant, package: about, version: None, process: None }, event);
    }
    audit.finish().map_err(|lost| {
        Failure::storage(format!("what was done is not in the audit: {lost} entries could not be written"))
            .hint(format!("Look at {} and at the room on its disk.", file.display()))
    })
}
