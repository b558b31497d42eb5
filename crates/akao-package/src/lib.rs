//! Packages of external nodes: the archive they travel in, and the folders by the digest of their content in which they are
//! kept, which nobody changes.
//!
//! [`pack`] and [`Archive`] are the file; [`Store`] is where packages are kept. Nothing of a package is run here.

mod archive;
mod copy;
mod keys;
mod signature;
mod store;

pub use archive::{
    Archive, ArchiveError, ArchiveLimits, FILES_FORMAT, FILES_LIST, IGNORE_FILE, IgnoreError, META_FOLDER, NameProblem,
    PackError, PackOptions, Packed, PackedFile, PublishProblem, pack, publishable,
};
pub use keys::{KeyError, NewKey, PublicKey, SecretKey, new_key};
pub use signature::{Purpose, SIGNATURE_ENDING, Signature, SignatureError, sign, sign_bytes};
pub use store::{Collected, Damage, DifferenceKind, Store, StoreError, Stored, StoredDifference};
