//! Packages of external nodes: the archive they travel in, who signed it and whether that is trusted, and the folders by
//! the digest of their content in which they are kept, which nobody changes.
//!
//! [`pack`] and [`Archive`] are the file; [`sign`] and [`Signature`] say who made it, [`trust`] whether that is enough;
//! [`Store`] is where packages are kept, [`Lock`] which ones a workflow means, [`difference`] what an update changes. Nothing of
//! a package is run here.

mod archive;
mod copy;
mod difference;
mod keys;
mod lock;
mod signature;
mod store;
pub mod trust;

pub use archive::{
    Archive, ArchiveError, ArchiveLimits, FILES_FORMAT, FILES_LIST, IGNORE_FILE, IgnoreError, META_FOLDER, NameProblem,
    PackError, PackOptions, Packed, PackedFile, PublishProblem, pack, publishable,
};
pub use difference::{Change, Difference, Effect, difference};
pub use keys::{KeyError, NewKey, PublicKey, SecretKey, new_key};
pub use lock::{LOCK_FILE, LOCK_FORMAT, Lock, LockError, LockedPackage, LockedSource};
pub use signature::{Purpose, SIGNATURE_ENDING, Signature, SignatureError, sign, sign_bytes};
pub use store::{Collected, Damage, DifferenceKind, Store, StoreError, Stored, StoredDifference};

/// A message of the TOML reader on one line, with the line it is about.
pub(crate) fn toml_message(error: &toml::de::Error, text: &str) -> String {
    let message = akao_contract::shortened(error.message().replace('\n', ", "), 300);
    match error.span() {
        Some(span) => {
            let before = text.get(..span.start).unwrap_or(text);
            format!("line {}: {message}", before.matches('\n').count() + 1)
        }
        None => message,
    }
}
