//! What the processes of a sandbox use, read from the view of processes.

use rustix::io::Errno;
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// What a socket counts: the most that its buffer holds by the kernel's own limits. What it does hold nobody tells.
pub(crate) const SOCKET_BYTES: u64 = 425_984;
/// What a pipe counts: the size it is made with, which the filter of system calls keeps it at.
pub(crate) const PIPE_BYTES: u64 = 64 * 1024;

/// What a mapping counts: the kernel's records of it, of its place among others, and of what it would hold.
pub(crate) const MAPPING_BYTES: u64 = 320;

/// What a lock on a range of a file counts.
pub(crate) const LOCK_BYTES: u64 = 192;
/// So many lines are told of a descriptor besides its locks: at most, of those kinds that can be opened many times.
const DESCRIPTOR_LINES: u64 = 8;

/// Something could not be read that must be known.
#[derive(Debug)]
pub(crate) struct Unreadable;

/// What a file of a process says; nothing when that process has ended meanwhile.
fn told<T>(result: io::Result<T>) -> Result<Option<T>, Unreadable> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => Ok(None),
        Err(_) => Err(Unreadable),
    }
}

/// The names in `folder` that are numbers.
pub(crate) fn numbers_in(folder: &Path) -> Result<Vec<u32>, Unreadable> {
    let Some(entries) = told(fs::read_dir(folder))? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries {
        let Some(entry) = told(entry)? else { break };
        found.extend(entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(found)
}

/// One folder for each process but the first: its own, or that of a thread which lives on where the first one ended.
pub(crate) fn places(processes: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    if !processes.is_dir() {
        return Err(Unreadable);
    }
    let mut places = Vec::new();
    for pid in numbers_in(processes)?.into_iter().filter(|pid| *pid != 1) {
        places.push(place_of(processes.join(pid.to_string()))?);
    }
    Ok(places)
}

/// The folder by which the process whose own folder this is shows what it uses.
pub(crate) fn place_of(own: PathBuf) -> Result<PathBuf, Unreadable> {
    Ok(if has_ended(&own)? { living_thread(&own)?.unwrap_or(own) } else { own })
}

fn living_thread(process: &Path) -> Result<Option<PathBuf>, Unreadable> {
    let threads = process.join("task");
    for thread in numbers_in(&threads)? {
        let place = threads.join(thread.to_string());
        if !has_ended(&place)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// Whether the process or thread of this folder has given its memory back, which is said of no living one.
fn has_ended(place: &Path) -> Result<bool, Unreadable> {
    let status = told(fs::read_to_string(place.join("status")))?;
    Ok(status.is_none_or(|status| !status.lines().any(|line| line.starts_with("VmRSS:"))))
}

/// What was read of a process, or nothing when it could not be because the process ended meanwhile.
fn unless_ended<T: Default>(place: &Path, read: Result<T, Unreadable>) -> Result<T, Unreadable> {
    match read {
        // What an ended process leaves belongs to nobody inside, so reading it is refused.
        Err(Unreadable) if has_ended(place)? => Ok(T::default()),
        read => read,
    }
}

/// The bytes of the lines `names` of a file of a process; a line that is not there says 0.
fn kilobytes(file: &Path, names: &[&str]) -> Result<u64, Unreadable> {
    let Some(text) = told(fs::read_to_string(file))? else { return Ok(0) };
    let mut sum = 0_u64;
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        if names.contains(&name) {
            let number = value.trim().strip_suffix(" kB").and_then(|number| number.parse::<u64>().ok());
            sum = sum.saturating_add(number.ok_or(Unreadable)?.saturating_mul(1024));
        }
    }
    Ok(sum)
}

/// Bytes that a process uses at most: memory shared with others in full, and every descriptor as a socket.
pub(crate) fn rough(place: &Path) -> Result<u64, Unreadable> {
    let memory = kilobytes(&place.join("status"), &["VmRSS", "VmSwap", "VmPTE"])?;
    let descriptors = unless_ended(place, numbers_in(&place.join("fd")))?.len() as u64;
    Ok(memory.saturating_add(descriptors.saturating_mul(SOCKET_BYTES)))
}

/// Bytes that the kernel keeps for the mappings of the processes, none of which need to hold anything.
pub(crate) fn mappings(places: &[PathBuf]) -> Result<u64, Unreadable> {
    let mut count = 0_u64;
    for place in places {
        count += unless_ended(place, lines(&place.join("maps")))?;
    }
    Ok(count.saturating_mul(MAPPING_BYTES))
}

/// Bytes that the kernel keeps for the locks that processes hold on files, which it counts as nobody's, a control group's
/// neither. They are told with the descriptor by which they were set; what is watched by a descriptor is told likewise.
pub(crate) fn locks(places: &[PathBuf]) -> Result<u64, Unreadable> {
    let mut count = 0_u64;
    for place in places {
        let folder = place.join("fdinfo");
        for number in unless_ended(place, numbers_in(&folder))? {
            let lines = unless_ended(place, lines(&folder.join(number.to_string())))?;
            count += lines.saturating_sub(DESCRIPTOR_LINES);
        }
    }
    Ok(count.saturating_mul(LOCK_BYTES))
}

/// How many lines a file of a process has.
fn lines(path: &Path) -> Result<u64, Unreadable> {
    let Some(mut file) = told(fs::File::open(path))? else { return Ok(0) };
    let (mut count, mut bytes) = (0_u64, [0_u8; 16 * 1024]);
    while let Some(read @ 1..) = told(file.read(&mut bytes))? {
        count += bytes[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    Ok(count)
}

/// Bytes that the processes use together: memory by each one's share, and each socket and pipe once.
pub(crate) fn exact(places: &[PathBuf]) -> Result<u64, Unreadable> {
    let mut bytes = 0_u64;
    let (mut sockets, mut pipes) = (BTreeSet::new(), BTreeSet::new());
    for place in places {
        let share = kilobytes(&place.join("smaps_rollup"), &["Pss", "SwapPss"]);
        let tables = kilobytes(&place.join("status"), &["VmPTE"])?;
        bytes = bytes.saturating_add(unless_ended(place, share)?).saturating_add(tables);
        for target in unless_ended(place, descriptors(place))? {
            if target.starts_with("socket:") {
                sockets.insert(target);
            } else if target.starts_with("pipe:") {
                pipes.insert(target);
            }
        }
    }
    let held = sockets.len() as u64 * SOCKET_BYTES + pipes.len() as u64 * PIPE_BYTES;
    Ok(bytes.saturating_add(held))
}

/// What the descriptors of a process stand for.
fn descriptors(place: &Path) -> Result<Vec<String>, Unreadable> {
    let folder = place.join("fd");
    let mut targets = Vec::new();
    for number in numbers_in(&folder)? {
        let target = told(fs::read_link(folder.join(number.to_string())))?;
        targets.extend(target.map(|target| target.to_string_lossy().into_owned()));
    }
    Ok(targets)
}
