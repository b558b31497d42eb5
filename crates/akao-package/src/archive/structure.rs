//! The structure of an archive, checked as a whole before any of its data is read.
//!
//! An archive is a strict subset of ZIP with exactly one reading: entries without gaps from the first byte on, in the order of
//! their names; the directory; the end of the directory; nothing else. Each header field has one allowed value or is what the
//! other header says, so a reader that scans from the front and one that starts at the end see the same files.

use crate::archive::name::{self, Clash, Taken};
use crate::archive::{ArchiveError, ArchiveLimits};

/// Modes as they stand in a header: a regular file that all may read, and one that all may execute.
pub(crate) const MODE_FILE: u32 = 0o100_644;
pub(crate) const MODE_PROGRAM: u32 = 0o100_755;

pub(crate) const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
pub(crate) const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
pub(crate) const END_SIGNATURE: u32 = 0x0605_4b50;
const LOCATOR_SIGNATURE: u32 = 0x0706_4b50;

pub(crate) const LOCAL_BYTES: usize = 30;
pub(crate) const CENTRAL_BYTES: usize = 46;
pub(crate) const END_BYTES: usize = 22;

/// Version 2.0, made on Unix.
pub(crate) const MADE_BY: u16 = 0x0314;
pub(crate) const NEEDED: u16 = 20;
/// Names are UTF-8; nothing else is set.
pub(crate) const FLAGS: u16 = 0x0800;
/// 1980-01-01 00:00:00, the earliest there is.
pub(crate) const TIME: u16 = 0;
pub(crate) const DATE: u16 = 0x0021;

const FLAG_ENCRYPTED: u16 = 0x0001 | 0x0040 | 0x2000;
const FLAG_DESCRIPTOR: u16 = 0x0008;

/// How an entry's data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Stored,
    Deflate,
}

impl Method {
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflate => 8,
        }
    }
}

/// An entry whose headers agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) checksum: u32,
    pub(crate) bytes: u64,
    pub(crate) executable: bool,
    /// Where its data is in the archive.
    pub(crate) data: std::ops::Range<usize>,
}

/// Every entry, in order, and every folder above one.
#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) entries: Vec<Entry>,
    pub(crate) folders: Vec<String>,
}

/// Checks the structure of a whole archive.
pub(crate) fn check(archive: &[u8], limits: &ArchiveLimits) -> Result<Structure, ArchiveError> {
    if archive.len() as u64 > limits.archive_bytes_max {
        return Err(ArchiveError::TooLarge { bytes_max: limits.archive_bytes_max });
    }
    let end = End::read(archive, limits)?;
    let mut taken = Taken::default();
    let mut entries: Vec<Entry> = Vec::with_capacity(end.count);
    let (mut directory_at, mut data_at, mut total) = (end.directory, 0usize, 0u64);
    for _ in 0..end.count {
        let central = Central::read(archive, directory_at, end.at, limits)?;
        directory_at = central.after;
        take_name(&mut taken, &central.name, limits)?;
        if entries.last().is_some_and(|last| last.name.as_bytes() >= central.name.as_bytes()) {
            return Err(ArchiveError::Order { name: central.name });
        }
        total = total.saturating_add(central.bytes.into());
        if total > limits.bytes_max {
            return Err(ArchiveError::TooManyBytes { bytes_max: limits.bytes_max });
        }
        let entry = local(archive, central, data_at, end.directory, limits)?;
        data_at = entry.data.end;
        entries.push(entry);
    }
    if directory_at != end.at {
        return Err(ArchiveError::Directory { what: "it is longer than its entries" });
    }
    if data_at != end.directory {
        return Err(ArchiveError::Gap { name: "the directory".to_owned() });
    }
    let folders = taken.folders().map(str::to_owned).collect();
    Ok(Structure { entries, folders })
}

/// The end of the directory.
struct End {
    at: usize,
    directory: usize,
    count: usize,
}

impl End {
    fn read(archive: &[u8], limits: &ArchiveLimits) -> Result<Self, ArchiveError> {
        let at = archive.len().checked_sub(END_BYTES).ok_or(ArchiveError::NoEnd)?;
        if u32_at(archive, at) != END_SIGNATURE {
            return Err(misplaced_end(archive));
        }
        let (count_here, count) = (u16_at(archive, at + 8), u16_at(archive, at + 10));
        let (size, directory) = (u32_at(archive, at + 12), u32_at(archive, at + 16));
        let located = at >= 20 && u32_at(archive, at - 20) == LOCATOR_SIGNATURE;
        match () {
            () if located || count == u16::MAX || size == u32::MAX || directory == u32::MAX => {
                return Err(ArchiveError::Zip64);
            }
            () if u16_at(archive, at + 4) != 0 || u16_at(archive, at + 6) != 0 || count_here != count => {
                return Err(ArchiveError::Parts);
            }
            // What the comment's length counts would stand behind the file's last byte.
            () if u16_at(archive, at + 20) != 0 => return Err(ArchiveError::Directory { what: "it has a comment" }),
            () if count == 0 => return Err(ArchiveError::Empty),
            () if usize::from(count) > limits.entries_max => {
                return Err(ArchiveError::TooManyEntries { entries_max: limits.entries_max });
            }
            () => {}
        }
        let (size, directory) = (size as usize, directory as usize);
        match directory.checked_add(size) {
            Some(after) if after == at => Ok(Self { at, directory, count: count.into() }),
            Some(after) if after < at => Err(ArchiveError::Directory { what: "bytes stand between it and its end" }),
            _ => Err(ArchiveError::Directory { what: "it would reach behind its end" }),
        }
    }
}

/// Tells bytes behind an end from no end at all. An end with a comment is one that is not at the very end.
fn misplaced_end(archive: &[u8]) -> ArchiveError {
    let signature = END_SIGNATURE.to_le_bytes();
    let found = archive.windows(signature.len()).rposition(|window| window == signature);
    match found {
        Some(at) if at + END_BYTES <= archive.len() => {
            ArchiveError::Trailing { bytes: (archive.len() - at - END_BYTES) as u64 }
        }
        _ => ArchiveError::NoEnd,
    }
}

/// One header of the directory.
struct Central {
    name: String,
    method: Method,
    checksum: u32,
    compressed: u32,
    bytes: u32,
    executable: bool,
    offset: usize,
    after: usize,
}

impl Central {
    fn read(archive: &[u8], at: usize, end: usize, limits: &ArchiveLimits) -> Result<Self, ArchiveError> {
        let short = ArchiveError::Directory { what: "it ends within an entry" };
        if at + CENTRAL_BYTES > end {
            return Err(ArchiveError::Directory { what: "it has fewer entries than its end says" });
        }
        if u32_at(archive, at) != CENTRAL_SIGNATURE {
            return Err(ArchiveError::Directory { what: "an entry is missing" });
        }
        let half = |offset: usize| u16_at(archive, at + offset);
        let word = |offset: usize| u32_at(archive, at + offset);
        let name_end = at + CENTRAL_BYTES + usize::from(half(28));
        let raw = archive.get(at + CENTRAL_BYTES..name_end).filter(|_| name_end <= end).ok_or(short)?;
        let shown = shown(raw);
        refuse_flags(&shown, half(8))?;
        for (what, length) in [("an extra field", half(30)), ("a comment", half(32))] {
            if length != 0 {
                return Err(ArchiveError::Extra { name: shown, what });
            }
        }
        let executable = mode(&shown, word(38))?;
        let problem = |problem| ArchiveError::Name { name: shown.clone(), problem };
        let name = name::check(raw, limits).map_err(problem)?.to_owned();
        let method = method(&name, half(10))?;
        let fixed = [
            ("the maker", u32::from(half(4)), u32::from(MADE_BY)),
            ("the version", half(6).into(), NEEDED.into()),
            ("the flags", half(8).into(), FLAGS.into()),
            ("the time", half(12).into(), TIME.into()),
            ("the date", half(14).into(), DATE.into()),
            ("the disk", half(34).into(), 0),
            ("the internal attributes", half(36).into(), 0),
        ];
        for (field, found, expected) in fixed {
            if found != expected {
                return Err(ArchiveError::Fixed { name, field, expected, found });
            }
        }
        let (compressed, bytes, offset) = (word(20), word(24), word(42));
        if [compressed, bytes, offset].contains(&u32::MAX) {
            return Err(ArchiveError::Zip64);
        }
        let offset = offset as usize;
        Ok(Self { name, method, checksum: word(16), compressed, bytes, executable, offset, after: name_end })
    }
}

/// The header before the data, which says the same and stands where the entry before it ends.
fn local(
    archive: &[u8],
    central: Central,
    expected_at: usize,
    directory: usize,
    limits: &ArchiveLimits,
) -> Result<Entry, ArchiveError> {
    let (name, at) = (central.name.clone(), central.offset);
    match at.cmp(&expected_at) {
        std::cmp::Ordering::Less => return Err(ArchiveError::Overlap { name }),
        std::cmp::Ordering::Greater if expected_at == 0 => return Err(ArchiveError::Leading { bytes: at as u64 }),
        std::cmp::Ordering::Greater => return Err(ArchiveError::Gap { name }),
        std::cmp::Ordering::Equal => {}
    }
    let start = at + LOCAL_BYTES + central.name.len();
    if start > directory {
        return Err(ArchiveError::Truncated { name });
    }
    if u32_at(archive, at) != LOCAL_SIGNATURE {
        return Err(ArchiveError::NoEntry { name });
    }
    let half = |offset: usize| u32::from(u16_at(archive, at + offset));
    let fields = [
        ("version", half(4), NEEDED.into()),
        ("flags", half(6), FLAGS.into()),
        ("method", half(8), central.method.number().into()),
        ("time", half(10), TIME.into()),
        ("date", half(12), DATE.into()),
        ("checksum", u32_at(archive, at + 14), central.checksum),
        ("compressed size", u32_at(archive, at + 18), central.compressed),
        ("size", u32_at(archive, at + 22), central.bytes),
        ("length of the name", half(26), central.name.len() as u32),
        ("extra field", half(28), 0),
    ];
    if let Some((field, ..)) = fields.into_iter().find(|(_, found, expected)| found != expected) {
        return Err(ArchiveError::Mismatch { name, field });
    }
    if archive[at + LOCAL_BYTES..start] != *central.name.as_bytes() {
        return Err(ArchiveError::Mismatch { name, field: "name" });
    }
    let data = start..start + central.compressed as usize;
    if data.end > directory {
        return Err(ArchiveError::Truncated { name });
    }
    if central.method == Method::Stored && central.compressed != central.bytes {
        let what = if central.bytes > central.compressed { "fewer" } else { "more" };
        return Err(ArchiveError::Size { name, what });
    }
    if !limits.allows_ratio(central.bytes.into(), central.compressed.into()) {
        return Err(ArchiveError::Ratio { name, ratio_max: limits.ratio_max });
    }
    let Central { method, checksum, bytes, executable, .. } = central;
    Ok(Entry { name, method, checksum, bytes: bytes.into(), executable, data })
}

fn take_name(taken: &mut Taken, name: &str, limits: &ArchiveLimits) -> Result<(), ArchiveError> {
    let name = name.to_owned();
    match taken.file(&name) {
        // The list of files and its folder are not part of what is unpacked.
        Ok(()) if taken.len() > limits.entries_max + 2 => {
            Err(ArchiveError::TooManyEntries { entries_max: limits.entries_max })
        }
        Ok(()) => Ok(()),
        Err(Clash::Same) => Err(ArchiveError::Duplicate { name }),
        Err(Clash::Spelling(other)) => Err(ArchiveError::Spelling { name, other }),
        Err(Clash::FileAndFolder(other)) => Err(ArchiveError::FileAndFolder { name, other }),
    }
}

fn refuse_flags(name: &str, flags: u16) -> Result<(), ArchiveError> {
    let name = name.to_owned();
    match flags {
        flags if flags & FLAG_ENCRYPTED != 0 => Err(ArchiveError::Encrypted { name }),
        flags if flags & FLAG_DESCRIPTOR != 0 => Err(ArchiveError::DataDescriptor { name }),
        _ => Ok(()),
    }
}

fn method(name: &str, number: u16) -> Result<Method, ArchiveError> {
    match number {
        0 => Ok(Method::Stored),
        8 => Ok(Method::Deflate),
        method => Err(ArchiveError::Method { name: name.to_owned(), method }),
    }
}

/// Whether the file may be executed, by the mode in the upper half of the external attributes.
fn mode(name: &str, attributes: u32) -> Result<bool, ArchiveError> {
    let mode = attributes >> 16;
    let kind = match mode & 0o170_000 {
        _ if name.ends_with('/') => "a folder",
        0o100_000 if mode & 0o7000 != 0 => "a file that runs as its owner",
        0o100_000 => match attributes {
            _ if mode == MODE_FILE && attributes & 0xffff == 0 => return Ok(false),
            _ if mode == MODE_PROGRAM && attributes & 0xffff == 0 => return Ok(true),
            _ => "a file of another mode",
        },
        0o120_000 => "a link",
        0o040_000 => "a folder",
        0o010_000 => "a pipe",
        0o140_000 => "a socket",
        0o020_000 | 0o060_000 => "a device",
        _ => "of no kind",
    };
    Err(ArchiveError::Kind { name: name.to_owned(), kind })
}

/// A name as it may be shown: no longer than a line, and nothing in it that steers a terminal.
fn shown(raw: &[u8]) -> String {
    const SHOWN_MAX: usize = 120;
    let text = String::from_utf8_lossy(raw);
    let plain = |c: char| if akao_contract::steers_terminal(c) { '\u{fffd}' } else { c };
    let mut name: String = text.chars().take(SHOWN_MAX).map(plain).collect();
    if text.chars().count() > SHOWN_MAX {
        name.push('…');
    }
    name
}

/// Reads within what was checked to be there; what is not there reads as zero.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|half| half.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
}
