//! Where values above 64 KiB and files live. The key is (tenant, digest): deduplication never tells tenants about each other.

use akao_contract::{BlobRef, Digest, Tenant};
use std::io::{Cursor, Read};

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Nothing is stored under this digest for this tenant.
    #[error("there is no blob {0}")]
    NotFound(Digest),
    /// The stored bytes no longer have the digest they are stored under.
    #[error("blob {0} is damaged: its bytes do not match its digest")]
    Damaged(Digest),
    /// The tenant has as much as it may have.
    #[error("the tenant's storage is full: {bytes_max} bytes are allowed")]
    Full {
        /// What it may have.
        bytes_max: u64,
    },
    /// The storage failed.
    #[error("blob storage failed: {0}")]
    Storage(#[from] std::io::Error),
}

/// The bytes of a blob, read from the first one on.
pub type BlobContent = Box<dyn Read + Send>;

/// Content-addressed storage of immutable bytes. When `put` returns, the bytes survive power loss.
pub trait BlobStore: Send + Sync {
    /// Stores bytes and returns the reference.
    fn put(&self, tenant: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError>;
    /// Reads bytes back, checked against the digest.
    fn get(&self, tenant: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError>;
    /// Opens bytes to be read piece by piece, for whoever passes them on. A store that can do so holds no more than a piece in
    /// memory, and then leaves it to the reader to hold them against the digest.
    fn open(&self, tenant: &Tenant, digest: &Digest) -> Result<BlobContent, BlobError> {
        Ok(Box::new(Cursor::new(self.get(tenant, digest)?)))
    }
}
