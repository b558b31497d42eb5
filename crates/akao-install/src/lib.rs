//! The package manager: from a source to an installed package and back.
//!
//! A [`Source`] is fetched into a [`Candidate`], which nothing has been run of; a [`Planner`] says in a [`Plan`] what would be
//! written and what has to be agreed to; [`apply`] writes it, one record for each package. [`Installed`] reads the
//! records: by id, by node, by content. Settings, and which repositories there are, are files of the data directory too.
//!
//! Folders, time, the way to the network, and what `git` is started with are given by the caller. What happened is returned as
//! [`Event`]s; keeping an audit, asking people and printing are the caller's work.

mod apply;
mod candidate;
mod collect;
mod event;
mod file;
mod git;
mod index;
mod installed;
mod kill;
mod lock;
mod looked;
mod offered;
mod opened;
mod places;
mod plan;
mod planner;
mod record;
mod repositories;
mod settings;
mod source;
mod switch;
mod uninstall;
mod watch;

pub use apply::{Agreement, Applied, ApplyError, apply};
pub use candidate::{Candidate, CandidateError, PUBLISHER_KEY};
pub use collect::{CollectError, Finding, collect, verify};
pub use event::{Event, What};
pub use file::FileError;
pub use git::{Git, GitError, GitLimits, GitProtocol, GitSource, GitSourceError};
pub use index::installed_index;
pub use installed::{Found, Installed, LookupError};
pub use kill::{KillListChanges, PartlyKilled, take_kill_list};
pub use lock::{LockMakeError, LockNeed, make_lock};
pub use looked::{KillListLook, KillListLooks, note_kill_list_looks};
pub use offered::note_offers;
pub use opened::{OpenRepositories, OpenRepository};
pub use places::Places;
pub use plan::{Kept, Need, Plan, PlannedPackage, Standing};
pub use planner::{LockedDifference, PlanError, Planner, UpdateOptions};
pub use record::{
    Disabled, InstalledSource, InstalledVersion, Offered, RECORD_FORMAT, Record, RecordError, RecordedNeed,
};
pub use repositories::{RepositoryEntry, RepositoryList, RepositoryListError, RepositoryPlace};
pub use settings::{
    Settings, SettingsError, add_repository, change_policy, change_repositories, change_trust, kept_kill_list,
    read_policy, read_trust,
};
pub use source::{Source, SourceError};
pub use switch::{SwitchError, disable, enable, rollback};
pub use uninstall::{UninstallError, Use, uninstall};
pub use watch::Watcher;
