//! The data of one entry: inflated into exactly as many bytes as its header says, and held against its checksum.

use crate::archive::ArchiveError;
use crate::archive::structure::{Entry, Method};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
};
use std::borrow::Cow;

/// The bytes of an entry. What is stored is not copied.
///
/// # Errors
/// The data is not what its header says: other bytes, more, fewer, or not deflate to its last byte.
pub(crate) fn content<'a>(archive: &'a [u8], entry: &Entry) -> Result<Cow<'a, [u8]>, ArchiveError> {
    let data = &archive[entry.data.clone()];
    let bytes = match entry.method {
        Method::Stored => Cow::Borrowed(data),
        Method::Deflate => Cow::Owned(inflate(data, entry)?),
    };
    if crc32fast::hash(&bytes) != entry.checksum {
        return Err(ArchiveError::Checksum { name: entry.name.clone() });
    }
    Ok(bytes)
}

/// The structure's check bounds the size that the header says; no more than that is ever written.
fn inflate(data: &[u8], entry: &Entry) -> Result<Vec<u8>, ArchiveError> {
    let name = || entry.name.clone();
    let size = usize::try_from(entry.bytes).map_err(|_| ArchiveError::Data { name: name() })?;
    let mut bytes = vec![0u8; size];
    let mut state = Box::<DecompressorOxide>::default();
    let (status, read, written) = decompress(&mut state, data, &mut bytes, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
    match status {
        TINFLStatus::Done if written < size => Err(ArchiveError::Size { name: name(), what: "fewer" }),
        // What stands behind the end of the data would be seen by nobody.
        TINFLStatus::Done if read < data.len() => Err(ArchiveError::Data { name: name() }),
        TINFLStatus::Done => Ok(bytes),
        TINFLStatus::HasMoreOutput => Err(ArchiveError::Size { name: name(), what: "more" }),
        _ => Err(ArchiveError::Data { name: name() }),
    }
}
