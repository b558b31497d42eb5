//! Writes an archive: every byte of its headers follows from the files alone.

use crate::archive::ArchiveLimits;
use crate::archive::structure::{
    CENTRAL_BYTES, CENTRAL_SIGNATURE, DATE, END_SIGNATURE, FLAGS, LOCAL_SIGNATURE, MADE_BY, MODE_FILE, MODE_PROGRAM,
    Method, NEEDED, TIME,
};

/// How hard deflate tries. It is part of the format in so far as changing it changes the bytes of every package.
const LEVEL: u8 = 6;

/// An archive that is being written.
#[derive(Default)]
pub(crate) struct Writer {
    archive: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Writer {
    /// Adds a file. Names come sorted, and sizes within the limits, which are far below what the fields hold.
    pub(crate) fn file(&mut self, name: &str, bytes: &[u8], executable: bool, limits: &ArchiveLimits) {
        let deflated = miniz_oxide::deflate::compress_to_vec(bytes, LEVEL);
        // What would be refused as too dense when it is read is stored as it is.
        let dense = !limits.allows_ratio(bytes.len() as u64, deflated.len() as u64);
        let (method, data) = if deflated.len() < bytes.len() && !dense {
            (Method::Deflate, &deflated[..])
        } else {
            (Method::Stored, bytes)
        };
        let offset = self.archive.len() as u32;
        let mut common = Vec::with_capacity(CENTRAL_BYTES);
        for half in [NEEDED, FLAGS, method.number(), TIME, DATE] {
            common.extend(half.to_le_bytes());
        }
        for word in [crc32fast::hash(bytes), data.len() as u32, bytes.len() as u32] {
            common.extend(word.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        self.archive.extend(LOCAL_SIGNATURE.to_le_bytes());
        self.archive.extend(&common);
        self.archive.extend(name.as_bytes());
        self.archive.extend(data);
        let mode = if executable { MODE_PROGRAM } else { MODE_FILE };
        self.directory.extend(CENTRAL_SIGNATURE.to_le_bytes());
        self.directory.extend(MADE_BY.to_le_bytes());
        self.directory.extend(&common);
        // No comment, the first disk, no internal attributes.
        self.directory.extend([0; 6]);
        self.directory.extend((mode << 16).to_le_bytes());
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count += 1;
    }

    /// Bytes so far, with the directory and the end.
    pub(crate) fn len(&self) -> u64 {
        (self.archive.len() + self.directory.len() + super::structure::END_BYTES) as u64
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let Self { mut archive, directory, count } = self;
        let offset = archive.len() as u32;
        archive.extend(&directory);
        archive.extend(END_SIGNATURE.to_le_bytes());
        archive.extend([0; 4]);
        archive.extend(count.to_le_bytes());
        archive.extend(count.to_le_bytes());
        archive.extend((directory.len() as u32).to_le_bytes());
        archive.extend(offset.to_le_bytes());
        archive.extend([0; 2]);
        archive
    }
}
