//! Repositories: where packages are published, found and fetched from.
//!
//! [`Folder`] is a repository from the side of who publishes, [`Repository`] from the side of who installs, [`serve`] offers
//! a folder over HTTP, and any web server or a plain folder will do as well. Metadata follows The Update Framework, so that
//! neither a server nor a mirror has to be trusted. [`Search`], [`LookAlikes`] and [`resolve`] work on the signed index.
//!
//! Archives are opaque here, and so are the publishers' signatures: reading and checking them is `akao-package`'s work.
//! Time, folders, keys and the way to the network are given by the caller.

mod client;
mod fetch;
mod folder;
mod index;
mod key;
mod kill;
mod lookalike;
mod metadata;
mod mirror;
mod record;
mod resolve;
mod route;
mod search;
mod server;
#[cfg(test)]
mod testing;

pub use client::{
    Access, Cached, DownloadError, Downloaded, Limits, OpenError, Repository, TrustedRoot, cached, offered_root,
};
pub use fetch::{Body, BoxFuture, EgressFetch, Fetch, FetchError, FolderFetch, PlaceError};
pub use folder::{
    ARCHIVE_BYTES_MAX, Cleared, Deprecation, Folder, FolderError, NewRepository, Publication, Published, Refreshed,
    SIGNATURE_BYTES_MAX,
};
pub use index::{Index, PART_BYTES_MAX, PART_UNPACKED_BYTES_MAX, PARTS_MAX, PartError, part_of};
pub use key::{KeyError, PublicKey, SigningKey};
pub use kill::{KILL_LIST_BYTES_MAX, Kill, KillList, KillListError};
pub use lookalike::{LookAlike, LookAlikes, Resemblance};
pub use metadata::{Holders, Identity, Kind, RoleName, Roles, SignError};
pub use mirror::{MirrorError, Mirrored};
pub use record::{Content, Facts, Need, Package, RecordError, Release, Remark};
pub use resolve::{Chosen, Locked, PACKAGES_MAX, Policy, Request, RequestError, ResolveError, Skipped, Why, resolve};
pub use route::{Catalogue, RouteError, Routes};
pub use search::{HITS_MAX, Hit, QUERY_CHARACTERS_MAX, Search};
pub use server::{Online, ServeError, Settings, serve};
