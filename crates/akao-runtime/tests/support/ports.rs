//! Ports in memory.

use akao_contract::{BlobRef, Digest, Tenant};
use akao_step::{BlobError, BlobStore};
use std::{collections::BTreeMap, sync::Mutex};

/// Blobs in a map.
#[derive(Default)]
pub(crate) struct MemoryBlobs(pub(crate) Mutex<BTreeMap<(Tenant, Digest), Vec<u8>>>);

impl BlobStore for MemoryBlobs {
    fn put(&self, tenant: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        let digest = Digest::of(bytes);
        self.0.lock().unwrap().insert((tenant.clone(), digest), bytes.to_vec());
        Ok(BlobRef { digest, bytes: bytes.len() as u64, media_type: media_type.to_owned(), items: None })
    }

    fn get(&self, tenant: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let blobs = self.0.lock().unwrap();
        blobs.get(&(tenant.clone(), *digest)).cloned().ok_or(BlobError::NotFound(*digest))
    }
}
