//! Where the bytes of a repository come from: a folder, or an HTTP server through the way out that the program gives.
//!
//! A fetcher knows nothing of signatures and is not trusted. Every name it is asked for is `metadata/…` or `targets/…`, and
//! every answer is bounded in size by who asks and in time by the client.

mod egress;
mod folder;

pub use egress::{EgressFetch, PlaceError};
pub use folder::FolderFetch;
pub(crate) use folder::open_file;

use bytes::Bytes;
use futures_util::Stream;
use std::{future::Future, pin::Pin};

/// A boxed future, so that fetchers can be used as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A file as it arrives.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>> + Send + Sync>>;

/// Why a file did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// There is no such file.
    #[error("`{0}` is not there")]
    Absent(String),
    /// It is larger than it may be.
    #[error("`{name}` is larger than {bytes_max} bytes")]
    Large {
        /// The file.
        name: String,
        /// The bound.
        bytes_max: u64,
    },
    /// It did not come in time.
    #[error("`{0}` did not arrive in time")]
    Slow(String),
    /// Anything else.
    #[error("`{name}` cannot be fetched: {reason}")]
    Failed {
        /// The file.
        name: String,
        /// Why.
        reason: String,
    },
}

/// A source of files.
pub trait Fetch: Send + Sync {
    /// What people know it by: a folder or a URL.
    fn place(&self) -> String;

    /// Begins to fetch a file by its name within the repository, such as `metadata/timestamp.json`. It may stop after
    /// `bytes_max`; who asked checks again.
    fn fetch<'a>(&'a self, name: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Body, FetchError>>;
}

/// Whether a name can be one of a repository's files: two parts of letters, digits and `.`, `-`, `_`, `~`, not hidden.
pub(crate) fn is_file_name(name: &str) -> bool {
    let Some((folder, file)) = name.split_once('/') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~');
    matches!(folder, "metadata" | "targets") && !file.is_empty() && !file.starts_with('.') && file.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::is_file_name;

    #[test]
    fn a_file_of_a_repository_is_named_plainly() {
        for name in ["metadata/timestamp.json", "targets/00.com.example.x-1.0.0-beta.1.akao"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in [
            "",
            "metadata",
            "metadata/",
            "/metadata/a",
            "metadata/../a",
            "metadata/a/b",
            "metadata/.hidden",
            "other/a",
            "metadata/a%2fb",
            "metadata/a\\b",
            "metadata/a\0",
            "targets/é",
            "metadata/..",
            "../metadata/a",
        ] {
            assert!(!is_file_name(name), "{name}");
        }
    }
}
