//! Reads what is installed, one record at a time: looking up a package costs the same whether there are ten or a thousand.

use crate::{
    FileError, Places, Record, RecordError,
    file::{self, lock},
    places::RECORD_ENDING,
    record::InstalledVersion,
};
use akao_contract::{Digest, Permission, manifest::PackageId};
use akao_repository::Request;
use semver::{Version, VersionReq};
use std::{fs, fs::File, io, path::Path};

/// What is installed in a data directory.
#[derive(Debug, Clone)]
pub struct Installed {
    places: Places,
}

/// A version that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The package.
    pub package: PackageId,
    /// The version of it.
    pub version: InstalledVersion,
}

/// Why a node cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No installed package holds it.
    #[error("the node `{node}` is not installed")]
    Absent {
        /// The node.
        node: PackageId,
        /// The versions that were asked for.
        range: VersionReq,
    },
    /// The package is installed, and no version of it is what was asked for.
    #[error("no installed version of `{package}` is within {range}; there are {}", listed(.installed))]
    Version {
        /// The package.
        package: PackageId,
        /// What was asked for.
        range: VersionReq,
        /// What is there.
        installed: Vec<Version>,
    },
    /// The package is installed, and the version that is meant has no such node.
    #[error("`{package}` {version} has no node `{node}`")]
    Node {
        /// The package.
        package: PackageId,
        /// Its version.
        version: Version,
        /// The node.
        node: PackageId,
    },
    /// The package is disabled.
    #[error("`{package}` is disabled: {reason}")]
    Disabled {
        /// The package.
        package: PackageId,
        /// Why.
        reason: String,
    },
    /// The version must not run.
    #[error("`{package}` {version} must not run: {reason}")]
    Blocked {
        /// The package.
        package: PackageId,
        /// The version.
        version: Version,
        /// Why.
        reason: String,
    },
    /// The record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn listed(versions: &[Version]) -> String {
    versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
}

/// A package with its range, as sources are written.
fn named(id: &PackageId, range: &VersionReq) -> String {
    Request { id: id.clone(), range: range.clone() }.to_string()
}

impl LookupError {
    /// What would have to be installed, as a source; none when installing does not help.
    pub fn to_install(&self) -> Option<String> {
        match self {
            Self::Absent { node: id, range } | Self::Version { package: id, range, .. } => Some(named(id, range)),
            _ => None,
        }
    }

    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Absent { node, range } => format!("Install `{}`.", named(node, range)),
            Self::Version { package, range, .. } => format!("Install `{}`.", named(package, range)),
            Self::Node { package, .. } => format!("See which nodes `{package}` has, and use one of those."),
            Self::Disabled { package, .. } => format!("Enable it by `akao enable {package}`."),
            Self::Blocked { package, .. } => format!("Take another version by `akao update {package}`."),
            Self::Record(error) => error.suggestion(),
        }
    }
}

impl Installed {
    /// What is installed there.
    pub fn of(places: &Places) -> Self {
        Self { places: places.clone() }
    }

    /// The record of a package, with `disabled` set only while it is disabled. None when it is not installed.
    ///
    /// # Errors
    /// The record cannot be used.
    pub fn record(&self, id: &PackageId) -> Result<Option<Record>, RecordError> {
        if let Some(mut record) = read(&self.places.external_record(id), id)? {
            // What was noted before a move that did not happen says nothing.
            record.disabled = None;
            return Ok(Some(record));
        }
        let Some(mut record) = read(&self.places.disabled_record(id), id)? else { return Ok(None) };
        record.disabled.get_or_insert_with(|| crate::Disabled {
            at: jiff::Timestamp::UNIX_EPOCH,
            reason: "its record was moved there by hand".to_owned(),
        });
        Ok(Some(record))
    }

    /// The record of the package that a node is in: that of the same id, or the nearest one above it.
    ///
    /// # Errors
    /// The record cannot be used.
    pub fn package_of(&self, node: &PackageId) -> Result<Option<Record>, RecordError> {
        for id in above(node) {
            if let Some(record) = self.record(&id)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The version that a node's id with a range means: see [`Record::matching`].
    ///
    /// # Errors
    /// It is not installed, disabled, must not run, or has no such node; the suggestion names what helps.
    pub fn find(&self, node: &PackageId, range: &VersionReq) -> Result<Found, LookupError> {
        let absent = || LookupError::Absent { node: node.clone(), range: range.clone() };
        let record = self.package_of(node)?.ok_or_else(absent)?;
        let package = record.id.clone();
        // What a list names is disabled with it, and enabling it would not help.
        let killed = record.active_version().filter(|_| record.disabled.is_some());
        if let Some((reason, version)) =
            killed.and_then(|active| Some((active.blocked.clone()?, active.version.clone())))
        {
            return Err(LookupError::Blocked { package, version, reason });
        }
        if let Some(disabled) = record.disabled {
            return Err(LookupError::Disabled { package, reason: disabled.reason });
        }
        let Some(version) = record.matching(range).cloned() else {
            let within = |version: &&InstalledVersion| *range == VersionReq::STAR || range.matches(&version.version);
            let blocked =
                record.versions.iter().rev().filter(within).find_map(|version| {
                    version.blocked.as_ref().map(|reason| (version.version.clone(), reason.clone()))
                });
            return Err(match blocked {
                Some((version, reason)) => LookupError::Blocked { package, version, reason },
                None => {
                    let installed = record.versions.iter().map(|version| version.version.clone()).collect();
                    LookupError::Version { package, range: range.clone(), installed }
                }
            });
        };
        if !version.nodes.contains(node) && *node != package {
            return Err(LookupError::Node { package, version: version.version, node: node.clone() });
        }
        Ok(Found { package, version })
    }

    /// What was granted to the content that a node is pinned to; none when that is not installed. A package that is
    /// disabled, or a version that must not run, has been granted nothing.
    ///
    /// # Errors
    /// The record cannot be used.
    pub fn grants(&self, node: &PackageId, content: &Digest) -> Result<Option<Vec<Permission>>, RecordError> {
        let Some(record) = self.package_of(node)? else { return Ok(None) };
        let Some(version) = record.content(content) else { return Ok(None) };
        let may_run = record.disabled.is_none() && version.blocked.is_none();
        Ok(Some(if may_run { version.grants.clone() } else { Vec::new() }))
    }

    /// Why the content that a node is pinned to must not run any more, because a kill list names it.
    ///
    /// # Errors
    /// The record cannot be used.
    pub fn blocked(&self, node: &PackageId, content: &Digest) -> Result<Option<String>, RecordError> {
        let record = self.package_of(node)?;
        Ok(record.and_then(|record| record.content(content).and_then(|version| version.blocked.clone())))
    }

    /// The ids of all packages, disabled ones too, sorted. No record is read.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn ids(&self) -> Result<Vec<PackageId>, FileError> {
        let mut ids = Vec::new();
        for folder in [self.places.external(), self.places.disabled()] {
            let failed = FileError::new(&folder, "read");
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let name = entry.map_err(&failed)?.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(RECORD_ENDING)).map(str::parse);
                ids.extend(id.and_then(Result::ok));
            }
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Every record by its id, or why it cannot be used.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn all(&self) -> Result<Vec<(PackageId, Result<Record, RecordError>)>, FileError> {
        let read = |id: PackageId| self.record(&id).transpose().map(|record| (id, record));
        Ok(self.ids()?.into_iter().filter_map(read).collect())
    }

    /// Waits until nobody else changes what is installed.
    pub(crate) fn lock(&self) -> Result<Guard, FileError> {
        Ok(Guard { places: self.places.clone(), _file: lock(&self.places.lock())? })
    }
}

/// An id and the ids above it that can be packages, nearest first.
pub(crate) fn above(id: &PackageId) -> impl Iterator<Item = PackageId> {
    let texts =
        std::iter::successors(Some(id.to_string()), |id| id.rsplit_once('.').map(|(above, _)| above.to_owned()));
    texts.map_while(|text| text.parse().ok())
}

fn read(path: &Path, id: &PackageId) -> Result<Option<Record>, RecordError> {
    file::read(path)?.map(|text| Record::from_text(&text, id, path)).transpose()
}

/// The right to change what is installed, held by one process at a time.
#[derive(Debug)]
pub(crate) struct Guard {
    places: Places,
    _file: File,
}

impl Guard {
    /// Writes a record to where it stands: among the disabled ones if it is disabled.
    pub(crate) fn write(&self, record: &Record) -> Result<(), FileError> {
        let path = match record.disabled {
            None => self.places.external_record(&record.id),
            Some(_) => self.places.disabled_record(&record.id),
        };
        file::write(&path, &record.to_text())
    }

    /// Disables a package: the reason is noted first, and the move is the moment at which it counts.
    pub(crate) fn disable(&self, record: &Record, disabled: crate::Disabled) -> Result<(), FileError> {
        let (from, to) = (self.places.external_record(&record.id), self.places.disabled_record(&record.id));
        file::write(&from, &Record { disabled: Some(disabled), ..record.clone() }.to_text())?;
        file::move_to(&from, &to)
    }

    /// Enables a package: the move is the moment at which it counts; the reason that is left says nothing any more.
    pub(crate) fn enable(&self, record: &Record) -> Result<(), FileError> {
        let (from, to) = (self.places.disabled_record(&record.id), self.places.external_record(&record.id));
        file::move_to(&from, &to)?;
        file::write(&to, &Record { disabled: None, ..record.clone() }.to_text())
    }

    /// Removes new records that killed processes have not given their names. Nobody else writes while this is held.
    pub(crate) fn sweep(&self) -> Result<(), FileError> {
        for folder in [self.places.external(), self.places.disabled()] {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with('.') {
                    file::remove(&entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// Removes a record.
    pub(crate) fn remove(&self, id: &PackageId) -> Result<(), FileError> {
        file::remove(&self.places.disabled_record(id))?;
        file::remove(&self.places.external_record(id))?;
        Ok(())
    }
}
