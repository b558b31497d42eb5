//! Manifests of external nodes and the folders they stand in.
//!
//! [`check`] reads the text of a `_.yaml` into [`akao_contract::manifest::Manifest`] and tells every problem at once, with
//! its place and what to do. [`read_folder`] does the same for a package's folder and looks for its command;
//! [`digest_folder`] names the folder's content. [`explain`] says what a node would see and may do. Nothing here runs the
//! package's code.

mod code;
mod digest;
mod explain;
mod folder;
mod list;
mod read;

pub use code::ManifestCode;
pub use digest::{DigestError, FolderDigest, FolderLimits, digest_folder, list_folder};
pub use explain::{Asked, Explanation, LimitHeld, Seen, explain};
pub use folder::{Folder, FolderError, read_folder};
pub use list::{EntryKind, FolderEntry, FolderList};
pub use read::{MANIFEST_BYTES_MAX, Parsed, check, check_bytes, read};

use akao_contract::manifest::Manifest;

/// The manifest as the text of a `_.yaml`, which reads back as the same manifest.
pub fn print(manifest: &Manifest) -> String {
    // The vocabulary's types have no maps with keys that are not texts, which is all that could fail.
    akao_yaml::to_string(&serde_json::to_value(manifest).unwrap_or_default())
}
