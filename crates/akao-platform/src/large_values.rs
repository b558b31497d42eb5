//! Large values of executions, as bytes. An execution gives what its own history names and nothing else: that a value is somewhere
//! in the tenant is no reason to show it to whoever knows its digest.

use crate::{Actor, Code, Error, Platform};
use akao_contract::{BlobRef, Digest};
use akao_engine::export;
use akao_step::{BlobContent, BlobError};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A large value, ready to be read.
pub struct LargeValue {
    /// How the history names it.
    pub reference: BlobRef,
    /// Its length.
    pub bytes: u64,
    /// Its bytes, from the first one on.
    pub content: BlobContent,
}

impl Platform {
    /// A large value that an execution's history names. Its bytes were held against the digest. Blocks.
    ///
    /// # Errors
    /// There is no such execution, its history does not name the value, the value was removed, or what is stored is damaged.
    pub fn large_value(&self, actor: &Actor, id: &str, digest: &str) -> Result<LargeValue, Error> {
        let row = self.execution(actor, id)?;
        let missing = || {
            let digest = akao_contract::shortened(digest.to_owned(), 80);
            Error::not_found(format_args!("value `{digest}` in execution `{}`", row.id))
        };
        let digest: Digest = digest.parse().map_err(|_| missing())?;
        let named = self.journal(|reader| Ok(export::reference(reader, row.id, &digest)))?;
        let named = named.map_err(|problem| {
            tracing::error!("the record of {} cannot be read: {problem}", row.id);
            Error::new(Code::Quarantined, "the record of the execution is damaged")
        })?;
        let reference = named.ok_or_else(missing)?;
        let open = || self.parts().blobs.open(&row.tenant, &digest);
        let checked = open().and_then(|mut content| whole(&mut content, &digest));
        match checked.and_then(|bytes| Ok(LargeValue { reference, bytes, content: open()? })) {
            Err(BlobError::NotFound(_)) => Err(missing()),
            other => other.map_err(|problem| Error::internal(&problem)),
        }
    }
}

/// Reads to the end and answers the length, if the bytes have the digest.
fn whole(content: &mut impl Read, digest: &Digest) -> Result<u64, BlobError> {
    let (mut hash, mut piece, mut bytes) = (Sha256::new(), vec![0; PIECE_BYTES], 0);
    loop {
        let length = match content.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        match piece.get(..length) {
            Some([]) | None => break,
            Some(read) => hash.update(read),
        }
        bytes += length as u64;
    }
    if Digest::from_bytes(hash.finalize().into()) == *digest { Ok(bytes) } else { Err(BlobError::Damaged(*digest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_held_against_their_digest() {
        for bytes in [Vec::new(), vec![7; 10], vec![7; 3 * PIECE_BYTES + 1]] {
            let digest = Digest::of(&bytes);
            assert_eq!(whole(&mut bytes.as_slice(), &digest).unwrap(), bytes.len() as u64);
            assert!(matches!(whole(&mut &b"other"[..], &digest), Err(BlobError::Damaged(_))));
        }
    }
}
