//! Large values on disk, no more of them for a tenant than it may have.
//!
//! What a tenant has is counted when it is first asked for, and kept up to date with what is stored here. What others remove,
//! such as a collector, is noticed a little later by whoever asks, and by who stores when the bound is met: it is counted again
//! before anything is refused.

use crate::DiskBlobs;
use akao_contract::{BlobRef, Digest, Tenant};
use akao_step::{Allowances, BlobContent, BlobError, BlobStore};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Counting walks the tenant's folder; a tenant at its bound does not have that done for each of its steps.
const COUNT_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct BoundedBlobs {
    blobs: DiskBlobs,
    allowances: Allowances,
    counted: Mutex<BTreeMap<Tenant, Counted>>,
    count_again_after: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    bytes: u64,
    at: Instant,
}

impl BoundedBlobs {
    /// Blobs in a folder, within what tenants may have.
    pub fn new(blobs: DiskBlobs, allowances: Allowances) -> Self {
        Self { blobs, allowances, counted: Mutex::default(), count_again_after: COUNT_AGAIN_AFTER }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Tenant, Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes a tenant has.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn bytes(&self, tenant: &Tenant) -> Result<u64, BlobError> {
        let known = self.lock().get(tenant).copied();
        match known.filter(|counted| counted.at.elapsed() < self.count_again_after) {
            Some(counted) => Ok(counted.bytes),
            None => self.count(tenant),
        }
    }

    fn count(&self, tenant: &Tenant) -> Result<u64, BlobError> {
        let bytes = self.blobs.list(tenant)?.iter().map(|blob| blob.bytes).sum();
        self.lock().insert(tenant.clone(), Counted { bytes, at: Instant::now() });
        Ok(bytes)
    }

    /// Counts bytes that are about to be stored.
    ///
    /// # Errors
    /// The tenant would have more than it may.
    fn reserve(&self, tenant: &Tenant, bytes: u64) -> Result<(), BlobError> {
        let Some(bytes_max) = self.allowances.blob_bytes_max(tenant) else {
            if let Some(counted) = self.lock().get_mut(tenant) {
                counted.bytes += bytes;
            }
            return Ok(());
        };
        if !self.lock().contains_key(tenant) {
            self.count(tenant)?;
        }
        let fits = || {
            let mut tenants = self.lock();
            let Some(counted) = tenants.get_mut(tenant) else { return (true, false) };
            let fits = counted.bytes.saturating_add(bytes) <= bytes_max;
            counted.bytes += if fits { bytes } else { 0 };
            (fits, counted.at.elapsed() >= self.count_again_after)
        };
        match fits() {
            (true, _) => return Ok(()),
            (false, true) => drop(self.count(tenant)?),
            (false, false) => return Err(BlobError::Full { bytes_max }),
        }
        if fits().0 { Ok(()) } else { Err(BlobError::Full { bytes_max }) }
    }

    fn release(&self, tenant: &Tenant, bytes: u64) {
        if let Some(counted) = self.lock().get_mut(tenant) {
            counted.bytes = counted.bytes.saturating_sub(bytes);
        }
    }
}

impl BlobStore for BoundedBlobs {
    fn put(&self, tenant: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        // What is there already takes no more room.
        let more = if self.blobs.holds(tenant, &Digest::of(bytes)) { 0 } else { bytes.len() as u64 };
        if more > 0 {
            self.reserve(tenant, more)?;
        }
        self.blobs.put(tenant, bytes, media_type).inspect_err(|_| self.release(tenant, more))
    }

    fn get(&self, tenant: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        self.blobs.get(tenant, digest)
    }

    fn open(&self, tenant: &Tenant, digest: &Digest) -> Result<BlobContent, BlobError> {
        self.blobs.open(tenant, digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_step::Allowance;

    #[test]
    fn a_tenant_stores_no_more_than_it_may_and_the_same_again_at_any_time() {
        let folder = tempfile::tempdir().unwrap();
        let (allowances, tenant) = (Allowances::default(), "acme".parse::<Tenant>().unwrap());
        let blobs = BoundedBlobs::new(DiskBlobs::new(folder.path()), allowances.clone());
        let put = |bytes: &[u8]| blobs.put(&tenant, bytes, "text/plain").map(drop);
        put(&[1; 60]).unwrap();
        allowances.set(&tenant, Allowance { storage_bytes: Some(110), ..Allowance::default() });
        allowances.stores_beside(&tenant, 10);
        put(&[1; 60]).unwrap();
        assert!(matches!(put(&[2; 60]), Err(BlobError::Full { bytes_max: 100 })));
        put(&[3; 40]).unwrap();
        assert_eq!(blobs.bytes(&tenant).unwrap(), 100);
        assert!(blobs.put(&"globex".parse().unwrap(), &[2; 60], "text/plain").is_ok(), "others have their own");
        allowances.set(&tenant, Allowance::default());
        put(&[4; 60]).unwrap();
        assert_eq!(blobs.bytes(&tenant).unwrap(), 160);
    }

    #[test]
    fn what_others_remove_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let (allowances, tenant) = (Allowances::default(), "acme".parse::<Tenant>().unwrap());
        let mut blobs = BoundedBlobs::new(DiskBlobs::new(folder.path()), allowances.clone());
        allowances.set(&tenant, Allowance { storage_bytes: Some(100), ..Allowance::default() });
        let first = blobs.put(&tenant, &[1; 60], "text/plain").unwrap();
        DiskBlobs::new(folder.path()).remove(&tenant, &first.digest).unwrap();
        assert_eq!(blobs.bytes(&tenant).unwrap(), 60, "it was counted a moment ago");
        assert!(matches!(blobs.put(&tenant, &[2; 60], "text/plain"), Err(BlobError::Full { .. })));
        blobs.count_again_after = Duration::ZERO;
        assert_eq!(blobs.bytes(&tenant).unwrap(), 0);
        blobs.put(&tenant, &[2; 60], "text/plain").unwrap();
        assert_eq!(blobs.bytes(&tenant).unwrap(), 60);
    }
}
