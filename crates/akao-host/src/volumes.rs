//! [`Volumes`] over host folders: `project://reports/a.md`, or `reports/a.md` in the volume named `project`.
//!
//! Each volume is opened as a directory handle and every path is resolved beneath it by `cap-std`, so neither `..` nor a
//! symbolic link leads out, also not one that is swapped in meanwhile. The folder `.akao`, where an engine may keep its
//! own data, is not part of any volume.

mod path;
mod walk;

use akao_contract::StepContext;
use akao_step::{VolumeEntry, VolumeError, Volumes, WalkOptions};
use cap_std::{ambient_authority, fs::Dir};
use path::VolumePath;
use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Largest file that is written, in bytes (1 GiB).
const WRITE_BYTES_MAX: u64 = 1 << 30;

/// The volumes that an execution's context names, as host folders.
#[derive(Debug, Default)]
pub struct ProjectVolumes {
    /// Makes the names of temporary files unique within the process.
    next: AtomicU64,
}

impl ProjectVolumes {
    /// Volumes of whatever context is given with each call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes beside the target, flushes and renames: readers see the old file or the new one.
    fn replace(&self, folder: &Dir, name: &Path, bytes: &[u8]) -> io::Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".akao-write-{}-{number}", std::process::id());
        // Before anything is changed: a folder that cannot be synced refuses the write.
        let entries = folder.open(".")?;
        let written = (|| {
            let mut file = folder.create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            folder.rename(&temporary, folder, name)
        })();
        written.inspect_err(|_| drop(folder.remove_file(&temporary)))?;
        entries.sync_all()
    }
}

/// A volume's folder as a handle, and where it is on the host.
fn open_volume(context: &StepContext, path: &VolumePath<'_>) -> Result<(Dir, PathBuf), VolumeError> {
    let no_volume = || VolumeError::NoVolume(path.volume.to_owned());
    let folder = context.volumes.get(path.volume).ok_or_else(no_volume)?;
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).map_err(|error| path.storage(error))?;
    Ok((dir, PathBuf::from(folder)))
}

impl Volumes for ProjectVolumes {
    fn read(&self, context: &StepContext, path: &str, bytes_max: u64) -> Result<Vec<u8>, VolumeError> {
        let path = VolumePath::parse(path)?;
        let (dir, _) = open_volume(context, &path)?;
        let file = path::open_file(&dir, &path)?;
        let too_large = || VolumeError::TooLarge { path: path.given.to_owned(), bytes_max };
        if file.metadata().map_err(|error| path.storage(error))?.len() > bytes_max {
            return Err(too_large());
        }
        // The file may grow while it is read, so the bound holds for the bytes that come.
        let mut bytes = Vec::new();
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| path.storage(error))?;
        if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(bytes) }
    }

    fn write(&self, context: &StepContext, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        let path = VolumePath::parse(path)?;
        let (dir, _) = open_volume(context, &path)?;
        if bytes.len() as u64 > WRITE_BYTES_MAX {
            return Err(VolumeError::TooLarge { path: path.given.to_owned(), bytes_max: WRITE_BYTES_MAX });
        }
        let (folder, name) = path::make_parent(&dir, &path)?;
        if folder.symlink_metadata(&name).is_ok_and(|data| data.is_dir()) {
            return Err(path.bad("is a folder"));
        }
        self.replace(&folder, &name, bytes).map_err(|error| path.storage(error))
    }

    fn walk(
        &self,
        context: &StepContext,
        path: &str,
        options: WalkOptions,
        leaves_out: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<VolumeEntry>, VolumeError> {
        let path = VolumePath::parse_folder(path)?;
        let (dir, _) = open_volume(context, &path)?;
        let folder = match path.inside.as_os_str().is_empty() {
            true => dir,
            false => dir.open_dir(&path.inside).map_err(|error| path.storage(error))?,
        };
        walk::walk(&folder, &path, options, leaves_out)
    }

    fn host_path(&self, context: &StepContext, path: &str, write: bool) -> Result<PathBuf, VolumeError> {
        let path = VolumePath::parse(path)?;
        let (dir, root) = open_volume(context, &path)?;
        let checked = if write {
            let (folder, name) = path::make_parent(&dir, &path)?;
            match folder.symlink_metadata(&name) {
                Ok(data) if !data.is_file() => return Err(path.bad("is not an ordinary file")),
                _ => {}
            }
            let parent = path.inside.parent().unwrap_or(Path::new(""));
            dir.canonicalize(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
                .map(|parent| parent.join(&name))
        } else {
            path::open_file(&dir, &path)?;
            dir.canonicalize(&path.inside)
        };
        let checked = checked.map_err(|error| path.storage(error))?;
        path::refuse_reserved(&path, &checked)?;
        let root = root.canonicalize().map_err(|error| path.storage(error))?;
        Ok(root.join(checked))
    }
}
