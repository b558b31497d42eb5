//! Why platform data cannot be read or written.

use std::path::PathBuf;

/// Why platform data cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or opened.
    #[error("{} cannot be opened", .file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is a database of something else.
    #[error("{} is not a platform database of Akao", .0.display())]
    Foreign(PathBuf),
    /// The file was written by a later version.
    #[error("{} has schema {found}; this version knows {known}", .file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// Something with that name is there already.
    #[error("there is one already")]
    Taken,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile")]
    Changed,
    /// A stored value is not what was written.
    #[error("column {column} of `{table}` holds something else than was written")]
    Damaged {
        /// The table, or the statement.
        table: &'static str,
        /// The column, from 0.
        column: usize,
    },
    /// A statement about a tenant's data that does not ask for the tenant. A defect of this crate.
    #[error("a statement does not ask for its tenant: {0}")]
    Unscoped(String),
    /// The database refused.
    #[error("the platform database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// A sentence: what to do. None where only a defect explains it.
    pub fn suggestion(&self) -> Option<&'static str> {
        match self {
            Self::Open { .. } | Self::Database(_) => Some("Check the disk and the permissions of the data directory."),
            Self::Foreign(_) => Some("Choose another data directory."),
            Self::Newer { .. } => Some("Use the version of Akao that wrote it, or a later one."),
            Self::Damaged { .. } => Some("Restore the file from a backup."),
            Self::Taken | Self::Changed | Self::Unscoped(_) => None,
        }
    }
}
