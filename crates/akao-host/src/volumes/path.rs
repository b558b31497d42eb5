//! Paths as workflows write them, and what is opened by them.

use akao_step::VolumeError;
use cap_std::fs::{Dir, File};
use std::{
    io,
    path::{Component, Path, PathBuf},
};

/// The volume of a path without a scheme.
const DEFAULT_VOLUME: &str = "project";

/// Where an engine may keep its own data inside a project; no volume shows it.
pub(super) const RESERVED_FOLDER: &str = ".akao";

/// A path taken apart: the volume's name and the place inside it, without `.` and `..`.
#[derive(Debug)]
pub(super) struct VolumePath<'a> {
    pub(super) given: &'a str,
    pub(super) volume: &'a str,
    pub(super) inside: PathBuf,
}

impl<'a> VolumePath<'a> {
    /// The path of a file, which names something inside the volume.
    pub(super) fn parse(given: &'a str) -> Result<Self, VolumeError> {
        let path = Self::parse_folder(given)?;
        match path.inside.as_os_str().is_empty() || given.ends_with('/') {
            true => Err(path.bad("names a folder where a file is wanted")),
            false => Ok(path),
        }
    }

    /// The path of a folder; an empty one is the volume itself.
    pub(super) fn parse_folder(given: &'a str) -> Result<Self, VolumeError> {
        let (volume, rest) = given.split_once("://").unwrap_or((DEFAULT_VOLUME, given));
        let mut path = Self { given, volume, inside: PathBuf::new() };
        if given.contains('\0') {
            return Err(path.bad("holds a zero character"));
        }
        // `project:///etc/passwd` is as absolute as `/etc/passwd`.
        if rest.starts_with('/') {
            return Err(path.bad("is absolute; write a path relative to the volume, such as `reports/a.md`"));
        }
        for component in Path::new(rest).components() {
            match component {
                Component::Normal(name) => path.inside.push(name),
                Component::CurDir => {}
                Component::ParentDir => return Err(path.bad("holds `..`; a path never leaves its volume")),
                Component::RootDir | Component::Prefix(_) => return Err(path.bad("is absolute")),
            }
        }
        refuse_reserved(&path, &path.inside)?;
        Ok(path)
    }

    pub(super) fn bad(&self, reason: &str) -> VolumeError {
        VolumeError::BadPath { path: self.given.to_owned(), reason: reason.to_owned() }
    }

    /// An error of the file system, said in the terms of volumes.
    pub(super) fn storage(&self, error: io::Error) -> VolumeError {
        match error.kind() {
            io::ErrorKind::NotFound => VolumeError::NotFound(self.given.to_owned()),
            io::ErrorKind::NotADirectory => self.bad("goes through a file as if it were a folder"),
            // How `cap-std` says that a symbolic link leads out.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => self.bad("leads out of its volume"),
            _ => VolumeError::Storage { path: self.given.to_owned(), source: error },
        }
    }
}

/// Refuses the engine's own folder, wherever it stands in a path.
pub(super) fn refuse_reserved(path: &VolumePath<'_>, inside: &Path) -> Result<(), VolumeError> {
    match inside.components().any(|component| component.as_os_str() == RESERVED_FOLDER) {
        true => Err(path.bad("is inside `.akao`, which belongs to the engine")),
        false => Ok(()),
    }
}

/// Opens an ordinary file. Without the check a pipe would wait for ever and a device would never end.
pub(super) fn open_file(dir: &Dir, path: &VolumePath<'_>) -> Result<File, VolumeError> {
    if !dir.metadata(&path.inside).map_err(|error| path.storage(error))?.is_file() {
        return Err(path.bad("is not an ordinary file"));
    }
    dir.open(&path.inside).map_err(|error| path.storage(error))
}

/// The folder of a file, made when it is missing, and the file's name.
pub(super) fn make_parent(dir: &Dir, path: &VolumePath<'_>) -> Result<(Dir, PathBuf), VolumeError> {
    let name = path.inside.file_name().ok_or_else(|| path.bad("names no file"))?;
    let parent = path.inside.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = match parent {
        None => dir.try_clone(),
        Some(parent) => dir.create_dir_all(parent).and_then(|()| dir.open_dir(parent)),
    };
    Ok((folder.map_err(|error| path.storage(error))?, name.into()))
}
