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
    /// It is a database of something else.
    #[error("{0} is not a platform database of Akao")]
    Foreign(String),
    /// It was written by a later version.
    #[error("{place} has schema {found}; this version knows {known}")]
    Newer {
        /// The file, or the database.
        place: String,
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
    /// A sealed value does not open: it was moved, edited, or sealed with another key.
    #[error("column `{column}` of `{table}` does not open: it was moved, edited, or sealed with another key")]
    Sealed {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A key cannot be had.
    #[error("{message}")]
    Key {
        /// What is wrong.
        message: String,
        /// A sentence: what to do.
        suggestion: &'static str,
    },
    /// The database is not there, or does not let one in.
    #[error("{place} cannot be reached")]
    Unreachable {
        /// The database.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database went away, or does not answer any more.
    #[error("the platform database does not answer")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database is not set up as it has to be.
    #[error("{message}")]
    Setup {
        /// What is wrong.
        message: String,
        /// A sentence: what to do.
        suggestion: &'static str,
    },
    /// A text that one of the databases cannot keep.
    #[error("a text holds the character NUL, which cannot be kept")]
    Unstorable,
    /// A statement about a tenant's data that does not ask for the tenant. A defect of this crate.
    #[error("a statement does not ask for its tenant: {0}")]
    Unscoped(String),
    /// The database refused.
    #[error("the platform database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// A key cannot be had.
    pub fn key(message: impl Into<String>, suggestion: &'static str) -> Self {
        Self::Key { message: message.into(), suggestion }
    }

    /// A sentence: what to do. None where only a defect explains it.
    pub fn suggestion(&self) -> Option<&'static str> {
        match self {
            Self::Open { .. } | Self::Database(_) => Some("Check the disk and the permissions of the data directory."),
            Self::Foreign(_) => Some("Choose another data directory, or another database."),
            Self::Newer { .. } => Some("Use the version of Akao that wrote it, or a later one."),
            Self::Damaged { .. } | Self::Sealed { .. } => Some("Restore it from a backup."),
            Self::Key { suggestion, .. } | Self::Setup { suggestion, .. } => Some(suggestion),
            Self::Unreachable { .. } | Self::Lost(_) => {
                Some("Check that the database runs, and the address, user and password of `--store`.")
            }
            Self::Taken | Self::Changed | Self::Unstorable | Self::Unscoped(_) => None,
        }
    }
}
