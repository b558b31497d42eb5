//! What stands in a stopped thread's memory, and what its descriptors and folders are. Everything here may be wrong or
//! gone, which is no error: it is then not told.

use crate::{calls::PathArgument, observed::tidy};
use rustix::process::Pid;
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::FileExt,
    },
    path::{Path, PathBuf},
};

/// The longest path that the kernel takes.
const PATH_BYTES_MAX: usize = 4096;
/// What may be read at once without meeting the end of what is mapped.
const PAGE_BYTES: u64 = 4096;

/// A stopped thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    thread: i32,
}

impl Memory {
    pub(crate) fn of(thread: Pid) -> Self {
        Self { thread: thread.as_raw_nonzero().get() }
    }

    fn file(self) -> Option<File> {
        File::open(format!("/proc/{}/mem", self.thread)).ok()
    }

    /// Up to `count` bytes at an address; fewer where the memory ends.
    pub(crate) fn bytes(self, address: u64, count: usize) -> Option<Vec<u8>> {
        let mut found = vec![0; count];
        let length = self.file()?.read_at(&mut found, address).ok()?;
        found.truncate(length);
        Some(found)
    }

    /// A number of eight bytes at an address.
    pub(crate) fn number(self, address: u64) -> Option<u64> {
        Some(u64::from_ne_bytes(self.bytes(address, 8)?.try_into().ok()?))
    }

    /// A text that ends with a zero.
    fn text(self, address: u64) -> Option<OsString> {
        let file = self.file()?;
        let mut text = Vec::new();
        while text.len() < PATH_BYTES_MAX {
            let from = address.checked_add(text.len() as u64)?;
            let room = PAGE_BYTES - from % PAGE_BYTES;
            let mut part = vec![0; usize::try_from(room).ok()?];
            let length = file.read_at(&mut part, from).ok().filter(|length| *length > 0)?;
            let part = &part[..length];
            if let Some(end) = part.iter().position(|byte| *byte == 0) {
                text.extend(&part[..end]);
                return Some(OsString::from_vec(text));
            }
            text.extend(part);
        }
        None
    }

    /// The path that an argument names, from the top; without looking at what stands there.
    pub(crate) fn path(self, argument: PathArgument, arguments: &[u64; 6]) -> Option<PathBuf> {
        let address = arguments[argument.path];
        let text = if address == 0 { OsString::new() } else { self.text(address)? };
        let path = Path::new(&text);
        if path.is_absolute() {
            return Some(tidy(path));
        }
        let base = match argument.folder {
            // Descriptors are 32 bits wide, whatever stands above them.
            Some(folder) if low(arguments[folder]) != libc::AT_FDCWD => self.descriptor(low(arguments[folder]))?,
            _ if text.is_empty() => return None,
            _ => self.folder()?,
        };
        Some(tidy(&base.join(path)))
    }

    /// The folder that its paths start from.
    pub(crate) fn folder(self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/cwd", self.thread)).ok()
    }

    /// What a descriptor stands for, as the kernel says it: a path from the top for files.
    pub(crate) fn descriptor(self, descriptor: i32) -> Option<PathBuf> {
        let found = fs::read_link(format!("/proc/{}/fd/{descriptor}", self.thread)).ok()?;
        let bytes = found.as_os_str().as_bytes();
        Some(match bytes.strip_suffix(b" (deleted)") {
            Some(rest) if rest.starts_with(b"/") => PathBuf::from(OsStr::from_bytes(rest)),
            _ => found,
        })
    }

    /// The file of the program that it runs.
    pub(crate) fn program(self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/exe", self.thread)).ok()
    }

    /// Whether its program is one of 32 bits, whose calls have other numbers.
    pub(crate) fn is_foreign(self) -> bool {
        let mut head = [0; 5];
        let read = File::open(format!("/proc/{}/exe", self.thread)).and_then(|file| file.read_exact_at(&mut head, 0));
        read.is_ok() && head == *b"\x7fELF\x01"
    }

    /// The process that it is a thread of.
    pub(crate) fn process(self) -> Option<i32> {
        let status = fs::read(format!("/proc/{}/status", self.thread)).ok()?;
        let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Tgid:"))?;
        std::str::from_utf8(line).ok()?.trim().parse().ok()
    }
}

/// The lower 32 bits of a register, as descriptors and flags are passed.
pub(crate) fn low(register: u64) -> i32 {
    let [a, b, c, d, ..] = register.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// The real path of what stood at `path`, which may be gone or be a link itself: its folder is looked at, its name is not.
pub(crate) fn real(path: &Path) -> PathBuf {
    match (path.parent().and_then(|folder| folder.canonicalize().ok()), path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
