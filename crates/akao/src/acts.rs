//! What somebody does with packages and settings, at the command line or over the server, is told to the audit, with who did it.
//! What is to be done is told before anything of it is, so that no end of the program keeps it from being known.

use crate::{failure::Failure, wiring};
use akao_contract::Tenant;
use akao_install::Event;
use akao_nodes::{Audit, AuditEvent, AuditLog, Subject};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Something that was done.
struct Act {
    /// The package, or the prefix of packages, that it is about; empty for all.
    about: String,
    event: AuditEvent,
}

impl Act {
    /// Something that somebody did to a package: a document whose `what` says it.
    fn on_package(id: &str, document: Value, by: &str) -> Self {
        let (act, details) = taken_apart(document);
        Self { about: id.to_owned(), event: AuditEvent::Package { act, by: by.to_owned(), details } }
    }

    /// A change of the settings: a document whose `what` says it.
    fn on_settings(about: &str, document: Value, by: &str) -> Self {
        let (act, details) = taken_apart(document);
        Self { about: about.to_owned(), event: AuditEvent::Settings { act, by: by.to_owned(), details } }
    }
}

/// Something that is about to be done.
pub(crate) struct Intent {
    /// To what.
    on: On,
    /// The package, or the prefix of packages; empty for all.
    about: String,
    /// What, as it stands in the audit.
    doing: &'static str,
    details: Value,
}

/// A change of the settings that was made.
pub(crate) struct Changed {
    /// The package or the prefix that it was about, where that was not known before.
    pub(crate) about: Option<String>,
    /// What was done: a document whose `what` says it.
    pub(crate) document: Value,
}

impl From<Value> for Changed {
    fn from(document: Value) -> Self {
        Self { about: None, document }
    }
}

/// What something is done to.
#[derive(Clone, Copy)]
enum On {
    Package,
    Settings,
}

impl Intent {
    /// Doing something to a package, with an object that says more.
    pub(crate) fn new(id: &str, doing: &'static str, details: Value) -> Self {
        Self { on: On::Package, about: id.to_owned(), doing, details }
    }

    /// Changing the settings: about which package or prefix, and an object that says more.
    pub(crate) fn on_settings(about: &str, doing: &'static str, details: Value) -> Self {
        Self { on: On::Settings, about: about.to_owned(), doing, details }
    }

    fn document(&self) -> Value {
        let mut document = self.details.clone();
        document["what"] = json!(self.doing);
        document
    }

    /// What the audit is told of it: a document whose `what` says it.
    fn act(&self, document: Value, by: &str) -> Act {
        match self.on {
            On::Package => Act::on_package(&self.about, document, by),
            On::Settings => Act::on_settings(&self.about, document, by),
        }
    }
}

/// What the audit knows is about to be done. One of its ends is to be told.
#[must_use]
pub(crate) struct Announced {
    root: PathBuf,
    by: String,
    intents: Vec<Intent>,
}

/// Tells the audit what is about to be done, and waits until it is on the disk. In a data directory that is not there nothing can
/// be done, and nothing is told.
///
/// # Errors
/// The audit cannot be written. Then it must not be done.
pub(crate) fn announce(root: &Path, intents: Vec<Intent>, by: &str) -> Result<Announced, Failure> {
    let announced = Announced { root: root.to_owned(), by: by.to_owned(), intents };
    if announced.intents.is_empty() || !root.exists() {
        return Ok(Announced { intents: Vec::new(), ..announced });
    }
    let folder = wiring::audit_file(root).parent().unwrap_or(root).to_owned();
    let refused = |failure: Failure| {
        let hint = failure.hint.clone();
        let refused = Failure::storage(format!(
            "nothing was changed, since that could not be told to the audit: {}",
            failure.full_message()
        ));
        refused.hint(
            hint.unwrap_or_else(|| format!("Look at the rights of {} and at the room on its disk.", folder.display())),
        )
    };
    wiring::make_data_dir(&folder).map_err(refused)?;
    let acts = announced.intents.iter().map(|intent| intent.act(intent.document(), by));
    tell(root, acts).map_err(refused)?;
    Ok(announced)
}

impl Announced {
    /// Tells what was done, and of what came to nothing that it did. Of several things about one package the first ones were done.
    ///
    /// # Errors
    /// As of [`tell`].
    pub(crate) fn ended(self, events: &[Event], otherwise: &str) -> Result<(), Failure> {
        let document = |event: &Event| serde_json::to_value(&event.what).unwrap_or_default();
        let done = events.iter().map(|event| Act::on_package(event.id.as_str(), document(event), &self.by));
        let is_left = |(at, intent): &(usize, &Intent)| {
            let before = self.intents.iter().take(*at).filter(|before| before.about == intent.about).count();
            events.iter().filter(|event| event.id.as_str() == intent.about).count() <= before
        };
        let left = self.intents.iter().enumerate().filter(is_left).map(|(_, intent)| {
            intent.act(json!({"what": "not_done", "wanted": intent.doing, "reason": otherwise}), &self.by)
        });
        tell(&self.root, done.chain(left))
    }

    /// Tells that all of it was done.
    ///
    /// # Errors
    /// As of [`tell`].
    pub(crate) fn done(self, changed: &Changed) -> Result<(), Failure> {
        let act = |intent: &Intent| {
            let act = intent.act(changed.document.clone(), &self.by);
            Act { about: changed.about.clone().unwrap_or(act.about), ..act }
        };
        tell(&self.root, self.intents.iter().map(act))
    }

    /// Tells that nothing was done.
    ///
    /// # Errors
    /// As of [`tell`].
    pub(crate) fn came_to_nothing(self, reason: &str) -> Result<(), Failure> {
        self.ended(&[], reason)
    }
}

/// Changes the settings of a data directory, which is made where there is none. What is to be changed is in the audit before it is,
/// and what came of it afterwards: what `work` gives beside its result, such as a document whose `what` says it.
///
/// # Errors
/// The audit cannot be written before, then nothing was changed; or it cannot be changed; or the audit cannot be written
/// afterwards.
pub(crate) fn change_settings<T, C: Into<Changed>>(
    root: &Path,
    intent: Intent,
    work: impl FnOnce() -> Result<(T, C), Failure>,
) -> Result<T, Failure> {
    wiring::make_data_dir(root)?;
    let announced = announce(root, vec![intent], &who())?;
    match work() {
        Ok((done, changed)) => announced.done(&changed.into()).map(|()| done),
        Err(failure) => {
            // Why it was not changed is what there is to tell, whether or not the audit hears of it.
            let _ = announced.came_to_nothing(&failure.full_message());
            Err(failure)
        }
    }
}

/// Why something was not done that needed nothing to be done.
pub(crate) const NOTHING_TO_CHANGE: &str = "nothing had to be changed";

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
fn tell(root: &Path, acts: impl IntoIterator<Item = Act>) -> Result<(), Failure> {
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
