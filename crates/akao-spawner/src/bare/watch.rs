//! What a supervisor keeps an eye on: memory, processes and room, none of which the kernel bounds here.
//!
//! Processes are found by going down from the supervisor. One that starts another and ends meanwhile could be missed, so the way
//! is gone again until it shows nothing new; a tree that does not come to rest, like everything that cannot be read, is too much.

use super::{children, folders::Room};
use crate::{
    watch::{
        LOOKS_TO_MAPPINGS,
        usage::{self, Unreadable, numbers_in},
    },
    wire::Limits,
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, statat},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// What lies between two looks at memory and processes.
const INTERVAL: Duration = Duration::from_millis(50);
/// What lies at least between the end of one look and the next.
const PAUSE: Duration = Duration::from_millis(10);
/// At every so many looks the folders are counted as well.
const LOOKS_TO_ROOM: u32 = 10;
/// So many looks in a row must find too much, with a little time between them.
const LOOKS_MAX: u32 = 4;
const AGAIN: Duration = Duration::from_millis(3);
/// How often the tree of processes is gone through until it shows nothing new.
const WALKS_MAX: u32 = 8;

/// A limit that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    Memory,
    Pids,
    Disk,
}

/// What is watched and what was seen.
pub(super) struct Watch<'a> {
    limits: Limits,
    folders: &'a [OwnedFd],
    next_look: Instant,
    looks: u32,
    pub(super) memory_bytes_peak: u64,
    pub(super) pids_peak: u64,
}

impl<'a> Watch<'a> {
    pub(super) fn new(limits: Limits, folders: &'a [OwnedFd]) -> Self {
        let next_look = Instant::now() + INTERVAL;
        Self { limits, folders, next_look, looks: 0, memory_bytes_peak: 0, pids_peak: 0 }
    }

    /// How long to wait before the next look.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.next_look.saturating_duration_since(now)
    }

    /// Looks when it is time to, and says which limit is passed.
    pub(super) fn passed(&mut self, now: Instant) -> Option<Passed> {
        if now < self.next_look {
            return None;
        }
        self.looks += 1;
        let with_mappings = self.looks.is_multiple_of(LOOKS_TO_MAPPINGS);
        let with_room = self.looks.is_multiple_of(LOOKS_TO_ROOM);
        let mut passed = None;
        for again in 0..LOOKS_MAX {
            if again > 0 {
                std::thread::sleep(AGAIN);
            }
            passed = self.look(with_mappings, with_room);
            if passed.is_none() {
                break;
            }
        }
        self.next_look = (now + INTERVAL).max(Instant::now() + PAUSE);
        passed
    }

    fn look(&mut self, with_mappings: bool, with_room: bool) -> Option<Passed> {
        let Ok(pids) = below(std::process::id()) else { return Some(Passed::Memory) };
        let tasks: u64 = pids.iter().map(|pid| tasks(*pid)).sum();
        self.pids_peak = self.pids_peak.max(tasks);
        if tasks > u64::from(self.limits.pids) {
            return Some(Passed::Pids);
        }
        let Ok(places) = places(&pids) else { return Some(Passed::Memory) };
        let Ok(bytes) = memory(&places, self.limits.memory_bytes, with_mappings) else { return Some(Passed::Memory) };
        self.memory_bytes_peak = self.memory_bytes_peak.max(bytes);
        if bytes > self.limits.memory_bytes {
            return Some(Passed::Memory);
        }
        (with_room && self.is_full(&places)).then_some(Passed::Disk)
    }

    /// Whether the folders, and files that are open but have no name any more, hold more than they may.
    fn is_full(&self, places: &[PathBuf]) -> bool {
        let most = self.limits.disk_bytes;
        let mut room = Room::default();
        if self.folders.iter().any(|folder| room.add(folder, most).is_err()) {
            return true;
        }
        let mut seen = BTreeSet::new();
        for place in places {
            // An ended process has nothing open.
            for number in numbers_in(&place.join("fd")).unwrap_or_default() {
                let Ok(found) = statat(CWD, place.join(format!("fd/{number}")), AtFlags::empty()) else { continue };
                let nameless = found.st_nlink == 0 && FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
                if nameless && seen.insert((found.st_dev, found.st_ino)) {
                    room.bytes += found.st_blocks as u64 * 512;
                }
            }
        }
        room.exceeds(most)
    }

    /// Takes note of what the ended program had at once, and says whether that passed the limit: it may have taken more and
    /// been refused the rest between two looks.
    pub(super) fn ended(&mut self, resident_kib_max: u64) -> Option<Passed> {
        let bytes = resident_kib_max.saturating_mul(1024);
        self.memory_bytes_peak = self.memory_bytes_peak.max(bytes);
        (bytes > self.limits.memory_bytes).then_some(Passed::Memory)
    }

    /// Whether it was seen with as many processes as it may have, so that more were refused or about to be.
    pub(super) fn had_all_pids(&self) -> bool {
        self.pids_peak >= u64::from(self.limits.pids)
    }

    /// Whether so much stands in the folders by the end that the program met the limit.
    pub(super) fn ended_full(&self) -> bool {
        self.is_full(&[])
    }
}

fn memory(places: &[PathBuf], limit: u64, with_mappings: bool) -> Result<u64, Unreadable> {
    let kept = if with_mappings { usage::mappings(places)?.saturating_add(usage::locks(places)?) } else { 0 };
    let mut rough = kept;
    for place in places {
        rough = rough.saturating_add(usage::rough(place)?);
    }
    if rough > limit { Ok(kept.saturating_add(usage::exact(places)?)) } else { Ok(rough) }
}

/// Threads of a process; 0 of one that has ended.
fn tasks(process: u32) -> u64 {
    numbers_in(&Path::new("/proc").join(format!("{process}/task"))).map_or(1, |threads| threads.len() as u64)
}

/// The folders by which processes show what they use.
fn places(processes: &BTreeSet<u32>) -> Result<Vec<PathBuf>, Unreadable> {
    processes.iter().map(|pid| usage::place_of(Path::new("/proc").join(pid.to_string()))).collect()
}

/// Every process below one.
fn below(first: u32) -> Result<BTreeSet<u32>, Unreadable> {
    let mut seen = BTreeSet::new();
    for _ in 0..WALKS_MAX {
        let before = seen.len();
        let mut walked = BTreeSet::new();
        let mut waiting = vec![first];
        while let Some(pid) = waiting.pop() {
            for child in children(pid).map_err(|_| Unreadable)? {
                if walked.insert(child) {
                    seen.insert(child);
                    waiting.push(child);
                }
            }
        }
        if seen.len() == before {
            return Ok(seen);
        }
    }
    Err(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_program_that_ended_between_two_looks_tells_what_it_had() {
        let limits = Limits { memory_bytes: 2_048_000, ..Limits::DEFAULT };
        let mut watch = Watch::new(limits, &[]);
        assert_eq!(watch.ended(2_000), None);
        assert_eq!(watch.ended(2_001), Some(Passed::Memory), "refused the rest, as the kernel does at twice the limit");
        assert_eq!(watch.memory_bytes_peak, 2_049_024);
    }

    #[test]
    fn all_that_is_below_a_process_is_found() {
        let script = "sleep 60 & sh -c 'sleep 60 & echo ready; wait' & wait";
        let mut shell = Command::new("/bin/sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(shell.stdout.take().unwrap()), &mut line).unwrap();
        let found = below(shell.id()).unwrap();
        assert!(found.len() >= 3, "{found:?}");
        for pid in found.into_iter().chain([shell.id()]) {
            let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        shell.wait().unwrap();
        assert!(below(shell.id()).unwrap().is_empty(), "an ended process has nothing below it");
    }
}
