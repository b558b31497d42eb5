//! Commands of the package manager: what they share, with each other and with the server. The data directory with its settings and
//! repositories is opened here, and what was done is told to the audit.

pub(crate) mod install;
pub(crate) mod lock;
pub(crate) mod pins;
pub(crate) mod reach;
pub(crate) mod repositories;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod switch;
pub(crate) mod uninstall;
pub(crate) mod update;
pub(crate) mod verify;

use crate::{
    acts::{self, Intent},
    cli::Context,
    exit::Exit,
    failure::Failure,
    operator::Operator,
    wiring,
};
use akao_contract::manifest::{PackageId, ResourceCaps};
use akao_install::{
    Event, Git, GitLimits, KillListChanges, OpenRepositories, PartlyKilled, Places, Planner, Settings, What,
    note_kill_list_looks, note_offers,
};
use akao_package::ArchiveLimits;
use jiff::Timestamp;
use serde_json::json;
use std::{
    error::Error,
    io::{BufRead, IsTerminal},
    path::Path,
};

/// The data directory as the package manager sees it.
pub(crate) struct Desk {
    pub(crate) places: Places,
    pub(crate) settings: Settings,
    pub(crate) now: Timestamp,
    caps: ResourceCaps,
    git: Git,
    limits: ArchiveLimits,
}

impl Desk {
    /// Opens the data directory; it need not exist.
    ///
    /// # Errors
    /// Its settings cannot be read: nothing is installed by half of them.
    pub(crate) fn open(context: &Context) -> Result<Self, Failure> {
        Self::at(&wiring::data_dir(context)?)
    }

    /// As [`Desk::open`], of this data directory.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn at(folder: &Path) -> Result<Self, Failure> {
        let caps = Operator::read(folder)?.caps();
        let places = Places::new(folder);
        let settings = Settings::read(&places).map_err(|error| refused(&error, error.suggestion()))?;
        let git =
            Git { program: "git".into(), environment: std::env::vars_os().collect(), limits: GitLimits::default() };
        Ok(Self { places, settings, now: Timestamp::now(), caps, git, limits: ArchiveLimits::default() })
    }

    /// Opens the repositories. One that cannot be reached is told and keeps only its own packages from being had.
    pub(crate) async fn repositories(&self, context: &Context) -> Result<OpenRepositories, Failure> {
        let opened = self.opened().await?;
        for (name, error) in opened.failed() {
            let failure = refused(error, error.suggestion());
            context.output.note(&format!("The repository `{name}` is not there: {}.", failure.full_message()));
        }
        Ok(opened)
    }

    /// As [`Desk::repositories`], for what changes packages: what their kill lists name is stopped first, however the command ends
    /// after it. A trial (`--dry-run`) changes nothing.
    pub(crate) async fn repositories_enforced(
        &self,
        trial: bool,
        context: &Context,
    ) -> Result<OpenRepositories, Failure> {
        let opened = self.repositories(context).await?;
        let own = self.settings.kill_list.as_ref();
        let due = KillListChanges::are_due(&self.places, own, &opened);
        if !trial && due.map_err(|error| refused(&error, error.suggestion()))? {
            self.enforce(&opened, context)?;
        }
        Ok(opened)
    }

    /// Opens the repositories; which of them cannot be reached, they say themselves.
    ///
    /// # Errors
    /// The list of them cannot be used.
    pub(crate) async fn opened(&self) -> Result<OpenRepositories, Failure> {
        let list = &self.settings.repositories;
        let opened = OpenRepositories::open(list, &self.places, reach::configured, self.now).await;
        opened.map_err(|error| refused(&error, error.suggestion()))
    }

    /// Holds what is installed against the kill lists, tells what came of it, and records it with what the repositories offer and
    /// when that was.
    ///
    /// # Errors
    /// A record cannot be written.
    pub(crate) fn enforce(&self, repositories: &OpenRepositories, context: &Context) -> Result<(), Failure> {
        let events = self.enforced(repositories, &acts::who())?;
        events.iter().for_each(|event| context.output.note(&show::sentence(event)));
        Ok(())
    }

    /// As [`Desk::enforce`], in somebody's name; what came of it.
    ///
    /// # Errors
    /// A record cannot be written, or what was done cannot be told to the audit.
    pub(crate) fn enforced(&self, repositories: &OpenRepositories, by: &str) -> Result<Vec<Event>, Failure> {
        let own = self.settings.kill_list.as_ref();
        let changes = KillListChanges::decide(&self.places, own, repositories, self.now);
        let changes = changes.map_err(|error| refused(&error, error.suggestion()))?;
        // What must not run is stopped also where that cannot be told; it is said afterwards.
        let announced = acts::announce(self.places.root(), stopping(&changes.events()), by);
        let (done, failed) = match changes.carry_out() {
            Ok(done) => (done, None),
            Err(PartlyKilled { done, source }) => (done, Some(refused(&source, source.suggestion()))),
        };
        let why = failed.as_ref().map_or(acts::NOTHING_TO_CHANGE.to_owned(), Failure::full_message);
        let told = announced.and_then(|announced| announced.ended(&done, &why));
        failed.map_or(told, Err)?;
        let noted = note_offers(&self.places, repositories)
            .and_then(|()| note_kill_list_looks(&self.places, &self.settings.repositories, repositories, self.now));
        noted.map_err(|error| refused(&error, error.suggestion()))?;
        Ok(done)
    }

    /// Makes plans with these repositories.
    pub(crate) fn planner<'a>(&'a self, repositories: &'a OpenRepositories) -> Planner<'a> {
        Planner {
            places: &self.places,
            settings: &self.settings,
            repositories,
            git: &self.git,
            caps: &self.caps,
            limits: &self.limits,
            now: self.now,
        }
    }

    /// Does something to packages: what is to be done is in the audit before it is, and what came of it afterwards.
    ///
    /// # Errors
    /// The audit cannot be written, then nothing was done; or it cannot be done.
    pub(crate) fn does(
        &self,
        intents: Vec<Intent>,
        work: impl FnOnce() -> Result<Vec<Event>, Failure>,
    ) -> Result<Vec<Event>, Failure> {
        let announced = acts::announce(self.places.root(), intents, &acts::who())?;
        match work() {
            Ok(events) => announced.ended(&events, acts::NOTHING_TO_CHANGE).map(|()| events),
            Err(failure) => {
                // Why it was not done is what there is to tell, whether or not the audit hears of it.
                let _ = announced.came_to_nothing(&failure.full_message());
                Err(failure)
            }
        }
    }
}

/// What a kill list is about to do, as the audit is told before.
fn stopping(events: &[Event]) -> Vec<Intent> {
    let intent = |event: &Event| {
        let (doing, details) = match &event.what {
            What::Blocked { version, reason } => ("blocking", json!({"version": version, "reason": reason})),
            What::Unblocked { version } => ("unblocking", json!({"version": version})),
            What::Disabled { reason } => ("disabling", json!({"reason": reason})),
            // A list does nothing else.
            _ => return None,
        };
        Some(Intent::new(event.id.as_str(), doing, details))
    };
    events.iter().filter_map(intent).collect()
}

/// Asks whoever sits at the terminal; `alone` is what is told when nobody does.
///
/// # Errors
/// Nobody is there, or the terminal fails.
pub(crate) fn ask(question: &str, alone: Failure, context: &Context) -> Result<String, Failure> {
    if context.output.json || !std::io::stdin().is_terminal() {
        return Err(alone);
    }
    eprint!("{question}");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::usage("no answer").because(&error))?;
    Ok(answer.trim().to_lowercase())
}

/// Whether an answer is a yes.
pub(crate) fn is_yes(answer: &str) -> bool {
    matches!(answer, "y" | "yes")
}

/// An error of the package manager as the user meets it.
pub(crate) fn refused(error: &dyn Error, suggestion: impl Into<String>) -> Failure {
    let failure = Failure::new("package", Exit::Failure, error.to_string());
    let failure = match error.source() {
        Some(source) => failure.because(source),
        None => failure,
    };
    let suggestion = suggestion.into();
    if suggestion.is_empty() { failure } else { failure.hint(suggestion) }
}

/// The id of a package, with a hint when it is none.
pub(crate) fn package_id(text: &str) -> Result<PackageId, Failure> {
    text.parse().map_err(|error: akao_contract::manifest::PackageIdError| {
        Failure::usage(format!("`{text}` is no id of a package"))
            .because(&error)
            .hint("See what is installed with `akao list-nodes`.")
    })
}
