//! Files, by volume: `project://reports/a.md` or a path relative to the project volume. Nothing outside a volume exists.

use akao_contract::StepContext;

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The execution has no volume of this name.
    #[error("there is no volume `{0}` here")]
    NoVolume(String),
    /// The path leaves its volume, or is not a path.
    #[error("`{path}` {reason}")]
    BadPath {
        /// The path as it was given.
        path: String,
        /// Why it is refused.
        reason: String,
    },
    /// A grant is missing.
    #[error("`{path}` needs the permission {permission}")]
    Denied {
        /// The path as it was given.
        path: String,
        /// The permission to grant.
        permission: String,
    },
    /// Nothing is there.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// The file is larger than the caller allowed.
    #[error("`{path}` is larger than {bytes_max} bytes")]
    TooLarge {
        /// The path as it was given.
        path: String,
        /// The bound.
        bytes_max: u64,
    },
    /// The storage failed.
    #[error("`{path}`: {source}")]
    Storage {
        /// The path as it was given.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
}

/// One file or folder found by a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeEntry {
    /// Path relative to the folder that was walked, with `/`.
    pub path: String,
    /// Whether it is a folder.
    pub directory: bool,
    /// Length of a file in bytes.
    pub bytes: u64,
    /// Levels below the folder that was walked; 1 for its own entries.
    pub depth: u32,
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy)]
pub struct WalkOptions {
    /// Whether it enters folders.
    pub recursive: bool,
    /// Whether names that start with a dot are listed.
    pub hidden: bool,
    /// Levels that it goes down.
    pub depth_max: u32,
    /// Entries after which it stops with an error.
    pub entries_max: usize,
}

/// Files of an execution's volumes. Symbolic links are never followed out of a volume.
pub trait Volumes: Send + Sync {
    /// Reads a whole file.
    fn read(&self, context: &StepContext, path: &str, bytes_max: u64) -> Result<Vec<u8>, VolumeError>;
    /// Writes a whole file: the old one or the new one is there, never half. Missing folders are made.
    fn write(&self, context: &StepContext, path: &str, bytes: &[u8]) -> Result<(), VolumeError>;
    /// Lists a folder, sorted by path. Links are listed as what they are not: they are left out. So is every path that `leaves_out`
    /// says, with all that is below it, none of which is looked at or counted.
    fn walk(
        &self,
        context: &StepContext,
        path: &str,
        options: WalkOptions,
        leaves_out: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<VolumeEntry>, VolumeError>;
    /// The host path of a file inside a volume, for libraries that open files by name; checked like `read` or `write`.
    fn host_path(&self, context: &StepContext, path: &str, write: bool) -> Result<std::path::PathBuf, VolumeError>;
}
