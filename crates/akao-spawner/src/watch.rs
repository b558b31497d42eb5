//! An eye on memory where no control group keeps it: process 1 adds up what its sandbox uses, some times a second. Where one
//! does, only locks on files are left to be looked at, which the kernel counts as nobody's memory.
//!
//! The sum counts memory shared between processes more than once, and every descriptor as if it were a full socket; so
//! when it is over the limit the exact, slower figures decide. What stands in `/workspace`, `/tmp` and `/dev/shm` counts
//! too. What cannot be read counts as too much: a program that could hide from the watch would have no limit.

pub(crate) mod usage;

use crate::wire::{Order, Workspace};
use rustix::fs::statfs;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use usage::Unreadable;

/// What lies between two looks where a control group counts memory.
const INTERVAL_GROUPED: Duration = Duration::from_secs(1);
/// What lies between two looks elsewhere.
const INTERVAL: Duration = Duration::from_millis(50);
/// What lies at least between the end of one look and the next, however long it took.
const PAUSE: Duration = Duration::from_millis(10);

/// So many looks in a row must find too much: a process that is about to run another program has its parent's memory, which
/// counts twice until then, and one that starts or ends while it is looked at cannot be read.
const LOOKS_MAX: u32 = 4;
/// What lies between two of them.
const AGAIN: Duration = Duration::from_millis(3);

/// At every so many looks mappings are counted as well, which takes longer than all else.
pub(crate) const LOOKS_TO_MAPPINGS: u32 = 4;

/// What is watched and what was seen.
pub(crate) struct Watch {
    limit: u64,
    /// Whether a control group counts all but locks.
    grouped: bool,
    /// The view of processes.
    processes: PathBuf,
    folders: Vec<&'static str>,
    next_look: Instant,
    looks: u32,
    memory_bytes_peak: u64,
    pids_peak: u64,
}

/// What one look found.
struct Seen {
    bytes: u64,
    pids: u64,
}

impl Watch {
    /// Watches what no control group does.
    pub(crate) fn new(order: &Order, grouped: bool) -> Self {
        let limit = order.limits.memory_bytes;
        let mut folders = vec!["/tmp", "/dev/shm"];
        if order.workspace != Workspace::Host {
            folders.push("/workspace");
        }
        let (next_look, processes) = (Instant::now() + interval(grouped), PathBuf::from("/proc"));
        Self { limit, grouped, processes, folders, next_look, looks: 0, memory_bytes_peak: 0, pids_peak: 0 }
    }

    /// How long to wait before the next look, which comes at its time whatever happens until then.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.next_look.saturating_duration_since(now)
    }

    /// Looks when it is time to, and says whether the limit is passed.
    pub(crate) fn exceeded(&mut self, now: Instant) -> bool {
        if now < self.next_look {
            return false;
        }
        self.looks = self.looks.wrapping_add(1);
        let exceeded = (0..LOOKS_MAX).all(|again| {
            if again > 0 {
                std::thread::sleep(AGAIN);
            }
            self.is_too_much()
        });
        self.next_look = (now + interval(self.grouped)).max(Instant::now() + PAUSE);
        exceeded
    }

    /// Looks once. What cannot be read is too much.
    fn is_too_much(&mut self) -> bool {
        let limit = self.limit;
        if self.grouped {
            let locks = usage::places(&self.processes).and_then(|places| usage::locks(&places));
            return locks.map_or(true, |bytes| bytes > limit);
        }
        let Ok(seen) = look(&self.processes, &self.folders, limit, self.looks.is_multiple_of(LOOKS_TO_MAPPINGS)) else {
            return true;
        };
        self.pids_peak = self.pids_peak.max(seen.pids);
        self.memory_bytes_peak = self.memory_bytes_peak.max(seen.bytes);
        seen.bytes > limit
    }

    /// Takes note of an ended process that had so much at once, and says whether the limit was passed.
    pub(crate) fn ended(&mut self, resident_kib_max: u64) -> bool {
        let bytes = resident_kib_max.saturating_mul(1024);
        self.memory_bytes_peak = self.memory_bytes_peak.max(bytes);
        !self.grouped && bytes > self.limit
    }

    /// Whether one of the places in memory takes no more bytes or no more names.
    pub(crate) fn is_full(&self) -> bool {
        self.folders
            .iter()
            .filter_map(|folder| statfs(*folder).ok())
            .any(|found| found.f_bfree == 0 || found.f_ffree == 0)
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

fn interval(grouped: bool) -> Duration {
    if grouped { INTERVAL_GROUPED } else { INTERVAL }
}

/// Adds up all that is used: roughly, and exactly when that is more than `limit`.
fn look(processes: &Path, folders: &[&str], limit: u64, with_mappings: bool) -> Result<Seen, Unreadable> {
    let mut kept = 0_u64;
    for folder in folders {
        let figures = statfs(*folder).map_err(|_| Unreadable)?;
        kept = kept.saturating_add((figures.f_blocks - figures.f_bfree) * figures.f_bsize as u64);
    }
    let places = usage::places(processes)?;
    let pids = places.len() as u64;
    if with_mappings {
        kept = kept.saturating_add(usage::mappings(&places)?).saturating_add(usage::locks(&places)?);
    }
    let mut rough = kept;
    for place in &places {
        rough = rough.saturating_add(usage::rough(place)?);
    }
    let bytes = if rough > limit { kept.saturating_add(usage::exact(&places)?) } else { rough };
    Ok(Seen { bytes, pids })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(processes: &Path, limit: u64) -> Watch {
        Watch {
            limit,
            grouped: false,
            processes: processes.to_owned(),
            folders: Vec::new(),
            next_look: Instant::now(),
            looks: 0,
            memory_bytes_peak: 0,
            pids_peak: 0,
        }
    }

    /// A view of processes with one process, `2`, whose files are `files`.
    fn view(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("1")).unwrap();
        let process = folder.path().join("2");
        std::fs::create_dir_all(process.join("fd")).unwrap();
        for (name, content) in files {
            std::fs::create_dir_all(process.join(name).parent().unwrap()).unwrap();
            std::fs::write(process.join(name), content).unwrap();
        }
        folder
    }

    const STATUS: &str =
        "State:\tS (sleeping)\nVmRSS:\t    3000 kB\nVmPTE:\t    500 kB\nVmSwap:\t    500 kB\nThreads:\t1\n";
    const ROLLUP: &str = "Rss: 3000 kB\nPss:                1000 kB\nSwapPss:              500 kB\n";

    #[test]
    fn what_is_seen_is_compared_with_the_limit() {
        let folder = view(&[("status", STATUS), ("smaps_rollup", ROLLUP)]);
        let mut of_four = watch(folder.path(), 4_096_000);
        assert!(!of_four.exceeded(Instant::now()));
        assert_eq!((of_four.memory_bytes_peak, of_four.pids_peak), (4_096_000, 1), "in memory, swapped, and tables");
        let mut of_three = watch(folder.path(), 3_000_000);
        assert!(!of_three.exceeded(Instant::now()), "the exact figures decide");
        assert_eq!(of_three.memory_bytes_peak, 2_048_000);
        assert!(watch(folder.path(), 2_000_000).exceeded(Instant::now()));
    }

    #[test]
    fn what_cannot_be_read_is_too_much() {
        let missing = Path::new("/no/such/view");
        assert!(watch(missing, u64::MAX).exceeded(Instant::now()));
        let strange = view(&[("status", "VmRSS:\tmuch kB\n")]);
        assert!(watch(strange.path(), u64::MAX).exceeded(Instant::now()));
        let folder = view(&[("status", STATUS)]);
        std::fs::create_dir(folder.path().join("2/smaps_rollup")).unwrap();
        assert!(watch(folder.path(), 3_000_000).exceeded(Instant::now()));
        // One that ended between the list and the look has nothing any more.
        let ended = view(&[]);
        assert!(!watch(ended.path(), 1000).exceeded(Instant::now()));
    }

    #[test]
    fn a_process_whose_first_thread_ended_is_seen_by_another() {
        let zombie = "State:\tZ (zombie)\nThreads:\t2\n";
        let folder = view(&[("status", zombie), ("task/2/status", zombie), ("task/5/status", STATUS)]);
        std::fs::create_dir(folder.path().join("2/task/5/fd")).unwrap();
        let mut watch = watch(folder.path(), u64::MAX);
        assert!(!watch.exceeded(Instant::now()));
        assert_eq!(watch.memory_bytes_peak, 4_096_000);
    }

    #[test]
    fn sockets_and_pipes_count_once_each() {
        let folder = view(&[("status", STATUS), ("smaps_rollup", ROLLUP)]);
        for (number, target) in ["socket:[7]", "socket:[7]", "pipe:[8]", "/dev/null"].iter().enumerate() {
            std::os::unix::fs::symlink(target, folder.path().join(format!("2/fd/{number}"))).unwrap();
        }
        let mut watch = watch(folder.path(), 3_000_000);
        assert!(!watch.exceeded(Instant::now()));
        assert_eq!(watch.memory_bytes_peak, 2_048_000 + usage::SOCKET_BYTES + usage::PIPE_BYTES);
    }

    #[test]
    fn mappings_count_at_some_of_the_looks() {
        let maps = "7f00-7f01 r--p 0 0 0\n".repeat(1000);
        let folder = view(&[("status", STATUS), ("smaps_rollup", ROLLUP), ("maps", &maps)]);
        let mut watch = watch(folder.path(), 2_100_000);
        for look in 1..LOOKS_TO_MAPPINGS {
            watch.next_look = Instant::now();
            assert!(!watch.exceeded(Instant::now()), "{look}");
        }
        watch.next_look = Instant::now();
        assert!(watch.exceeded(Instant::now()));
        assert_eq!(watch.memory_bytes_peak, 2_048_000 + 1000 * usage::MAPPING_BYTES);
    }

    #[test]
    fn only_locks_count_where_a_control_group_counts_the_rest() {
        let locks = "lock:\t1: POSIX  ADVISORY  WRITE 2 00:1:7 0 0\n".repeat(1008);
        let folder =
            view(&[("status", STATUS), ("smaps_rollup", ROLLUP), ("fdinfo/3", &locks), ("fdinfo/4", "pos:\t0\n")]);
        let of = |limit| Watch { grouped: true, ..watch(folder.path(), limit) };
        assert!(!of(1000 * usage::LOCK_BYTES).exceeded(Instant::now()));
        assert!(of(1000 * usage::LOCK_BYTES - 1).exceeded(Instant::now()));
    }

    #[test]
    fn a_look_comes_at_its_time_and_not_before() {
        let folder = view(&[("status", STATUS)]);
        let mut watch = watch(folder.path(), 1000);
        watch.next_look = Instant::now() + Duration::from_secs(60);
        assert!(!watch.exceeded(Instant::now()));
        let left = watch.wait(Instant::now() + Duration::from_secs(20));
        assert!(left <= Duration::from_secs(40), "the time of a look does not move: {left:?}");
        assert_eq!(watch.wait(Instant::now() + Duration::from_secs(90)), Duration::ZERO);
    }
}
