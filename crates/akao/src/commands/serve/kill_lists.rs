//! Kill lists while a server runs: those of the configured repositories are fetched again and again, and what is installed is held
//! against them and the operator's own, as `akao update` would. What cannot be had is told once and asked for sooner again; it
//! keeps nobody from working, and what it said before goes on holding.

use crate::{
    commands::packages::{Desk, show},
    failure::Failure,
    output::plain_line,
    packages::with_causes,
    wiring,
};
use akao_api::Exposition;
use akao_contract::{BareNumber, format_duration_ms, manifest::PackageId, parse_duration_ms};
use akao_install::{Event, Installed, OpenRepositories};
use akao_nodes::ExternalNodes;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::Handle;

/// Who stops what a list names, as the audit has it.
const BY: &str = "the server";

/// After a look that could not see everything, the next one comes no later than this.
const SOONER: Duration = Duration::from_secs(60 * 60);

/// The shortest time between two looks.
const EVERY_MS_MIN: u64 = 1_000;

/// A time is longer or shorter by up to this part of it, so that servers do not all ask a repository at once.
const JITTER_PART: u32 = 10;

/// What of a repository's name is told, where not even the settings can be read.
const SETTINGS: &str = "";

/// How often kill lists are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckKillLists {
    /// Only by commands.
    Never,
    /// At the start, and each time so long after the last look.
    Every(Duration),
}

impl FromStr for CheckKillLists {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let ms = parse_duration_ms(text, BareNumber::Refused)
            .map_err(|_| "write for example `1d`, or `never`".to_owned())?;
        match ms >= EVERY_MS_MIN {
            true => Ok(Self::Every(Duration::from_millis(ms))),
            false => Err(format!("at least {}, or `never`", format_duration_ms(EVERY_MS_MIN))),
        }
    }
}

/// What the looks have found until now.
#[derive(Debug, Clone, Default)]
pub(super) struct Found(Arc<Mutex<FoundInner>>);

#[derive(Debug, Default)]
struct FoundInner {
    looks: u64,
    /// When every list was known last, in Unix seconds.
    complete_at: Option<u64>,
    /// The repositories, with whether their list could be had by the last look.
    repositories: BTreeMap<String, bool>,
    /// Whether the last look came to its end.
    ended: bool,
    /// Installed versions that must not run.
    blocked: u64,
}

impl Found {
    /// Writes the figures.
    pub(super) fn write(&self, page: &mut Exposition) {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        page.counter("akao_kill_list_looks_total", "Looks at all kill lists since the start.", found.looks);
        let failed = u64::from(found.looks > 0 && !found.ended);
        page.gauge("akao_kill_list_look_failed", "1 when the last look could not be made at all.", failed);
        let at = found.complete_at.map(|at| (Vec::new(), at));
        page.gauges("akao_kill_lists_known_at_seconds", "When every kill list was had last, in Unix seconds.", at);
        let lists = found.repositories.iter().map(|(name, had)| (vec![("repository", name.as_str())], u64::from(!had)));
        page.gauges("akao_kill_list_missing", "1 for a repository whose kill list the last look did not get.", lists);
        page.gauge("akao_package_versions_blocked", "Installed versions that a kill list names.", found.blocked);
    }

    fn note(&self, look: &Result<Look, Failure>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.looks += 1;
        found.ended = look.is_ok();
        let Ok(look) = look else { return };
        found.repositories = look.repositories.iter().map(|(name, why)| (name.clone(), why.is_none())).collect();
        found.blocked = look.blocked;
        if look.is_complete() {
            found.complete_at = u64::try_from(wiring::now_ms() / 1_000).ok();
        }
    }
}

/// What one look saw.
struct Look {
    /// Each repository, with why its list could not be had.
    repositories: BTreeMap<String, Option<String>>,
    events: Vec<Event>,
    blocked: u64,
}

impl Look {
    fn is_complete(&self) -> bool {
        self.repositories.values().all(Option::is_none)
    }
}

/// What looks at kill lists while a server runs.
pub(super) struct KillLists {
    folder: PathBuf,
    nodes: Arc<ExternalNodes>,
    every: Duration,
    found: Found,
    /// What is wrong, by repository, as it was told last.
    told: BTreeMap<String, String>,
}

impl KillLists {
    /// One over a data directory whose nodes this process runs; none where only commands look.
    pub(super) fn new(check: CheckKillLists, folder: &Path, nodes: Arc<ExternalNodes>, found: Found) -> Option<Self> {
        let CheckKillLists::Every(every) = check else { return None };
        Some(Self { folder: folder.to_owned(), nodes, every, found, told: BTreeMap::new() })
    }

    /// Looks now, and again and again, for as long as this is waited for.
    pub(super) async fn run(mut self) {
        loop {
            let (folder, runtime) = (self.folder.clone(), Handle::current());
            let look = tokio::task::spawn_blocking(move || look(&folder, &runtime)).await;
            let look = look.unwrap_or_else(|broken| Err(Failure::internal("a look broke off").because(&broken)));
            self.found.note(&look);
            let is_complete = look.as_ref().is_ok_and(Look::is_complete);
            self.tell(look);
            let after = if is_complete { self.every } else { self.every.min(SOONER) };
            tokio::time::sleep(shaken(after, wiring::entropy().unwrap_or_default())).await;
        }
    }

    /// What changed counts from the next step on, and is told; what is wrong is told when it begins, changes and ends.
    fn tell(&mut self, look: Result<Look, Failure>) {
        let wrong: BTreeMap<String, String> = match look {
            Ok(look) => {
                let mut changed: Vec<PackageId> = look.events.iter().map(|event| event.id.clone()).collect();
                changed.dedup();
                self.nodes.forget(&changed);
                look.events.iter().for_each(|event| tracing::warn!("{}", show::sentence(event)));
                look.repositories.into_iter().filter_map(|(name, why)| Some((name, why?))).collect()
            }
            Err(failure) => BTreeMap::from([(SETTINGS.to_owned(), failure.full_message())]),
        };
        for (name, why) in &wrong {
            match (self.told.get(name) == Some(why), name.as_str()) {
                (true, _) => {}
                (false, SETTINGS) => tracing::warn!("kill lists cannot be looked at: {why}"),
                (false, name) => tracing::warn!("the kill list of the repository `{name}` cannot be had: {why}"),
            }
        }
        for name in self.told.keys().filter(|name| !wrong.contains_key(*name)) {
            match name.as_str() {
                SETTINGS => tracing::info!("kill lists can be looked at again"),
                name => tracing::info!("the kill list of the repository `{name}` is not missing any more"),
            }
        }
        self.told = wrong;
    }
}

/// Fetches the lists and holds what is installed against them. Blocks.
fn look(folder: &Path, runtime: &Handle) -> Result<Look, Failure> {
    let desk = Desk::at(folder)?;
    let repositories = runtime.block_on(desk.opened())?;
    let events = desk.enforced(&repositories, BY)?;
    let records = Installed::of(&desk.places).all().map_err(|error| Failure::storage(error.to_string()))?;
    let versions = records.iter().filter_map(|(_, record)| record.as_ref().ok()).flat_map(|record| &record.versions);
    let blocked = versions.filter(|version| version.blocked.is_some()).count() as u64;
    Ok(Look { repositories: states(&desk, &repositories), events, blocked })
}

/// Each configured repository, with why it could not be opened.
fn states(desk: &Desk, repositories: &OpenRepositories) -> BTreeMap<String, Option<String>> {
    let names = desk.settings.repositories.entries().iter().map(|entry| entry.name.clone());
    let why = |name: &String| {
        let failed = repositories.failed().iter().find(|(failed, _)| failed == name);
        failed.map(|(_, error)| plain_line(&with_causes(error)))
    };
    names.map(|name| (name.clone(), why(&name))).collect()
}

/// A time, longer or shorter by up to a part of it.
fn shaken(time: Duration, random: u128) -> Duration {
    let most = time / JITTER_PART;
    let within = u128::max(1, most.as_nanos().saturating_mul(2));
    let more = u64::try_from(random % within).unwrap_or(u64::MAX);
    (time - most).saturating_add(Duration::from_nanos(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_second_or_longer_or_never() {
        assert_eq!("1d".parse(), Ok(CheckKillLists::Every(Duration::from_secs(86_400))));
        assert_eq!("1s".parse(), Ok(CheckKillLists::Every(Duration::from_secs(1))));
        assert_eq!("never".parse(), Ok(CheckKillLists::Never));
        for (text, told) in [("999ms", "at least 1s"), ("1", "write for example"), ("daily", "write for example")] {
            let refused = text.parse::<CheckKillLists>().unwrap_err();
            assert!(refused.contains(told), "{text}: {refused}");
        }
    }

    #[test]
    fn looks_are_spread_by_a_tenth_in_both_directions() {
        let day = Duration::from_secs(86_400);
        let all: Vec<Duration> = (0..1_000u128).map(|at| shaken(day, u128::MAX / 1_000 * at)).collect();
        assert!(all.iter().all(|time| *time >= day * 9 / 10 && *time < day * 11 / 10), "{all:?}");
        assert!(all.iter().any(|time| *time < day * 95 / 100) && all.iter().any(|time| *time > day * 105 / 100));
        assert_eq!(shaken(Duration::ZERO, 7), Duration::ZERO);
    }
}
