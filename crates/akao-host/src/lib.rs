//! The host side of the ports of `akao-step`: blobs on disk, rooted volumes, given secrets, checked egress.
//!
//! Everything here touches the machine, so everything here is bounded and checked: a path never leaves its volume, a
//! connection is only made to an address that was checked, a secret's value is only read when a step asks for it. This
//! crate does not decide what is granted; grants come with every call.

mod blobs;
mod bounded;
mod egress;
mod secrets;
mod volumes;

pub use akao_step::{MASK, MASKED_BYTES_MIN, SecretMask};
pub use blobs::{DiskBlobs, StoredBlob};
pub use bounded::BoundedBlobs;
pub use egress::{
    AddressClass, CheckedEgress, EgressOptions, GrantError, Resolver, SystemResolver, check_grant, classify,
};
pub use secrets::{GivenSecrets, SpecError};
pub use volumes::ProjectVolumes;
