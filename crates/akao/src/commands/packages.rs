//! Commands of the package manager: what they share. The data directory with its settings and repositories is opened
//! here, and what was done is told to the audit.

pub(crate) mod install;
pub(crate) mod lock;
pub(crate) mod repositories;
pub(crate) mod search;
mod show;
pub(crate) mod switch;
pub(crate) mod uninstall;
pub(crate) mod update;
pub(crate) mod verify;

use crate::{cli::Context, exit::Exit, failure::Failure, operator::Operator, wiring};
use akao_contract::{
    Permission, Tenant,
    manifest::{PackageId, ResourceCaps},
};
use akao_host::{CheckedEgress, EgressOptions};
use akao_install::{
    Event, Git, GitLimits, OpenRepositories, Places, Planner, RepositoryEntry, Settings, enforce_kill_list,
};
use akao_nodes::{Audit, AuditEvent, AuditLog, Subject};
use akao_package::ArchiveLimits;
use jiff::Timestamp;
use serde_json::Value;
use std::{
    error::Error,
    io::{BufRead, IsTerminal},
    sync::Arc,
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
        let folder = wiring::data_dir(context)?;
        let caps = Operator::read(&folder)?.caps();
        let places = Places::new(&folder);
        let settings = Settings::read(&places).map_err(|error| refused(&error, error.suggestion()))?;
        let git =
            Git { program: "git".into(), environment: std::env::vars_os().collect(), limits: GitLimits::default() };
        Ok(Self { places, settings, now: Timestamp::now(), caps, git, limits: ArchiveLimits::default() })
    }

    /// Opens the repositories. One that cannot be reached is told and keeps only its own packages from being had.
    pub(crate) async fn repositories(&self, context: &Context) -> Result<OpenRepositories, Failure> {
        let egress = Arc::new(CheckedEgress::new(EgressOptions::default()));
        let fetch = |entry: &RepositoryEntry| entry.fetch(Arc::clone(&egress) as _, &host_of(entry));
        let opened = OpenRepositories::open(&self.settings.repositories, &self.places, fetch, self.now).await;
        let opened = opened.map_err(|error| refused(&error, error.suggestion()))?;
        for (name, error) in opened.failed() {
            let failure = refused(error, error.suggestion());
            context.output.note(&format!("The repository `{name}` is not there: {}.", failure.full_message()));
        }
        Ok(opened)
    }

    /// Holds what is installed against the kill lists, tells what came of it, and records it.
    ///
    /// # Errors
    /// A record cannot be written.
    pub(crate) fn enforce(&self, repositories: &OpenRepositories, context: &Context) -> Result<(), Failure> {
        let own = self.settings.kill_list.as_ref();
        let events = enforce_kill_list(&self.places, own, repositories, self.now);
        let events = events.map_err(|error| refused(&error, error.suggestion()))?;
        events.iter().for_each(|event| context.output.note(&show::sentence(event)));
        self.audit(&events)
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

    /// Tells the audit what was done, and by which user of this machine.
    pub(crate) fn audit(&self, events: &[Event]) -> Result<(), Failure> {
        if events.is_empty() {
            return Ok(());
        }
        let audit = AuditLog::append(wiring::audit_file(self.places.root()))
            .map_err(|error| Failure::storage("the audit cannot be begun").because(&error))?;
        let by = format!("user {}", rustix::process::getuid().as_raw());
        for event in events {
            let subject = Subject {
                tenant: Tenant::local().as_str().to_owned(),
                package: event.id.to_string(),
                version: None,
                process: None,
            };
            let mut details = match serde_json::to_value(&event.what) {
                Ok(Value::Object(details)) => details,
                _ => serde_json::Map::new(),
            };
            let act = details.remove("what").and_then(|what| what.as_str().map(str::to_owned)).unwrap_or_default();
            audit.record(&subject, AuditEvent::Package { act, by: by.clone(), details });
        }
        audit.finish().map_err(|lost| {
            Failure::storage(format!("what was done is not in the audit: {lost} entries could not be written")).hint(
                format!("Look at {} and at the room on its disk.", wiring::audit_file(self.places.root()).display()),
            )
        })
    }
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

/// What whoever configured a repository has granted with it: its own host.
pub(crate) fn host_of(entry: &RepositoryEntry) -> Vec<Permission> {
    entry.url.as_deref().map(host_of_url).unwrap_or_default()
}

/// The permission to reach the host of a URL.
pub(crate) fn host_of_url(url: &str) -> Vec<Permission> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = if scheme == "http" { 80 } else { 443 };
    let named = if has_port { host.to_owned() } else { format!("{host}:{port}") };
    format!("network.http={named}").parse().into_iter().collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_granted_its_own_host_alone() {
        for (url, granted) in [
            ("https://packages.example.com/akao/", "network.http=packages.example.com:443"),
            ("http://127.0.0.1:8080/", "network.http=127.0.0.1:8080"),
            ("http://packages.example.com", "network.http=packages.example.com:80"),
            ("http://[::1]:8080/", "network.http=[::1]:8080"),
        ] {
            let permissions: Vec<String> = host_of_url(url).iter().map(ToString::to_string).collect();
            assert_eq!(permissions, [granted], "{url}");
        }
        assert!(host_of_url("packages").is_empty());
    }
}
