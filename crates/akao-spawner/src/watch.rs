//! An eye on memory where no control group keeps it: process 1 adds up what its sandbox uses, some times a second.
//!
//! The sum counts memory shared between processes more than once, so when it is over the limit the exact, slower
//! figures decide. What stands in `/workspace`, `/tmp` and `/dev/shm` counts too.

use crate::wire::{Order, Workspace};
use rustix::{fs::statfs, param::page_size};
use std::fs;

/// Milliseconds between two looks.
const INTERVAL_MS: u64 = 50;

/// What is watched and what was seen.
pub(crate) struct Watch {
    limit: Option<u64>,
    folders: Vec<&'static str>,
    memory_bytes_peak: u64,
    pids_peak: u64,
}

impl Watch {
    /// Watches unless a control group does.
    pub(crate) fn new(order: &Order, grouped: bool) -> Self {
        let limit = (!grouped).then_some(order.limits.memory_bytes);
        let mut folders = vec!["/tmp", "/dev/shm"];
        if order.workspace != Workspace::Host {
            folders.push("/workspace");
        }
        Self { limit, folders, memory_bytes_peak: 0, pids_peak: 0 }
    }

    /// How long to wait before the next look.
    pub(crate) fn interval_ms(&self) -> Option<u64> {
        self.limit.map(|_| INTERVAL_MS)
    }

    /// Looks, and says whether the limit is passed.
    pub(crate) fn exceeded(&mut self) -> bool {
        let Some(limit) = self.limit else { return false };
        let processes = processes();
        self.pids_peak = self.pids_peak.max(processes.len() as u64);
        let kept: u64 = self.folders.iter().map(|folder| used(folder)).sum();
        let rough: u64 = processes.iter().map(|pid| resident(*pid)).sum();
        let used = match kept + rough > limit {
            false => kept + rough,
            true => {
                kept + processes.iter().map(|pid| proportional(*pid).unwrap_or_else(|| resident(*pid))).sum::<u64>()
            }
        };
        self.memory_bytes_peak = self.memory_bytes_peak.max(used);
        used > limit
    }

    /// Takes note of an ended process that had so much at once, and says whether the limit was passed.
    pub(crate) fn ended(&mut self, resident_kib_max: u64) -> bool {
        let bytes = resident_kib_max.saturating_mul(1024);
        self.memory_bytes_peak = self.memory_bytes_peak.max(bytes);
        self.limit.is_some_and(|limit| bytes > limit)
    }

    /// The most that was seen, 0 when nothing is watched.
    pub(crate) fn memory_bytes_peak(&self) -> u64 {
        self.memory_bytes_peak
    }

    /// The most processes that were seen, 0 when nothing is watched.
    pub(crate) fn pids_peak(&self) -> u64 {
        self.pids_peak
    }
}

/// All processes inside but this one.
fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| *pid != 1).collect()
}

/// Bytes of a process in memory, shared ones in full.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    pages * page_size() as u64
}

/// Bytes of a process in memory, shared ones by its share.
fn proportional(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes that a file system in memory holds.
fn used(folder: &str) -> u64 {
    statfs(folder).map_or(0, |figures| (figures.f_blocks - figures.f_bfree) * figures.f_bsize as u64)
}
