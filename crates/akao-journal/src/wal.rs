//! The check of the write-ahead log before it is used: has damage cut off commits that were acknowledged?
//!
//! After a crash SQLite takes the log up to the first frame whose checksum fails and silently drops what follows. That
//! is right for a torn end and wrong for a flipped bit in the middle. The two are told apart here: a commit is synced
//! before the next one is written, so a broken frame that is followed by a whole later commit was durable once.
//! Damage within the very last commit looks like a torn write and cannot be told apart.
//!
//! The layout is part of SQLite's documented file format (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).

use crate::{Damage, OpenError};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const MAGIC_LITTLE_ENDIAN: u32 = 0x377f_0682;
const MAGIC_BIG_ENDIAN: u32 = 0x377f_0683;
const PAGE_BYTES_MIN: u32 = 512;
const PAGE_BYTES_MAX: u32 = 65_536;

/// The path of the write-ahead log of a database.
pub(crate) fn path(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push("-wal");
    name.into()
}

/// Refuses a log in which damage hides acknowledged commits. Nothing is changed.
pub(crate) fn check(file: &Path) -> Result<(), OpenError> {
    let path = path(file);
    let opened = match File::open(&path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(OpenError::Io { path, source }),
    };
    match scan(&mut BufReader::with_capacity(1 << 16, opened)) {
        Ok(None) => Ok(()),
        Ok(Some(what)) => Err(Damage { file: path, table: None, row: None, execution: None, what }.into()),
        Err(source) => Err(OpenError::Io { path, source }),
    }
}

/// The running checksum of a log: two words over pairs of words.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sum(u32, u32);

impl Sum {
    fn add(mut self, big_endian: bool, bytes: &[u8]) -> Self {
        let word = |bytes: [u8; 4]| if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        for pair in bytes.as_chunks::<8>().0 {
            let [a, b, c, d, e, f, g, h] = *pair;
            self.0 = self.0.wrapping_add(word([a, b, c, d])).wrapping_add(self.1);
            self.1 = self.1.wrapping_add(word([e, f, g, h])).wrapping_add(self.0);
        }
        self
    }

    fn stored(bytes: &[u8], at: usize) -> Self {
        Self(number(bytes, at), number(bytes, at + 4))
    }
}

/// A big-endian number; zero beyond the end, which no caller reaches.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

/// What is wrong with a log, if acknowledged commits may be hidden by it.
fn scan(log: &mut impl Read) -> io::Result<Option<String>> {
    let mut header = [0; HEADER_BYTES];
    if !fill(log, &mut header)? || header == [0; HEADER_BYTES] {
        return Ok(None);
    }
    let magic = number(&header, 0);
    let (big_endian, page_bytes) = (magic == MAGIC_BIG_ENDIAN, number(&header, 8));
    let sum = Sum(0, 0).add(big_endian, &header[..24]);
    let known = big_endian || magic == MAGIC_LITTLE_ENDIAN;
    let sane = page_bytes.is_power_of_two() && (PAGE_BYTES_MIN..=PAGE_BYTES_MAX).contains(&page_bytes);
    if !known || !sane || sum != Sum::stored(&header, 24) {
        // The header is synced before the first frame, so that frames behind a broken one were acknowledged.
        let mut more = [0; FRAME_HEADER_BYTES];
        return Ok(fill(log, &mut more)?.then(|| "the header's checksum does not match".to_owned()));
    }
    scan_frames(log, &header, big_endian, page_bytes as usize, sum)
}

fn scan_frames(
    log: &mut impl Read,
    header: &[u8],
    big_endian: bool,
    page_bytes: usize,
    mut before: Sum,
) -> io::Result<Option<String>> {
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let mut broken: Option<u64> = None;
    let mut ended_after_broken = false;
    let mut number_of_frame = 0u64;
    while fill(log, &mut frame)? {
        let (head, page) = frame.split_at(FRAME_HEADER_BYTES);
        let stored = Sum::stored(head, 16);
        let whole = head[8..16] == header[16..24] && before.add(big_endian, &head[..8]).add(big_endian, page) == stored;
        match (whole, broken) {
            (false, None) => broken = Some(number_of_frame),
            (true, Some(at)) if ended_after_broken => {
                let offset = HEADER_BYTES as u64 + at * (FRAME_HEADER_BYTES + page_bytes) as u64;
                return Ok(Some(format!("frame {at} at byte {offset} is broken and acknowledged commits follow it")));
            }
            _ => {}
        }
        // A broken frame may itself have been the end of its commit; its claim is taken when its salts are right.
        let commit = head[8..16] == header[16..24] && number(head, 4) != 0;
        ended_after_broken |= broken.is_some() && commit;
        before = stored;
        number_of_frame += 1;
    }
    Ok(None)
}

/// Fills `buffer`; `false` when the file ends before.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
