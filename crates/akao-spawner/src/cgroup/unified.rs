//! The unified tree: one folder, all controllers.

use super::{Changes, Counted, PERIOD_US, keyed, number, quota_us, weight, write};
use crate::wire::Count;
use rustix::{fd::OwnedFd, io::Errno};

/// The files in which is counted.
pub(super) const FILES: [(Count, &str); 4] = [
    (Count::Memory, "memory.current"),
    (Count::MemoryPeak, "memory.peak"),
    (Count::PidsPeak, "pids.peak"),
    (Count::CpuStat, "cpu.stat"),
];

pub(super) fn limit(group: &OwnedFd, changes: &Changes) -> Result<(), Errno> {
    if let Some(bytes) = changes.memory_bytes {
        write(group, "memory.max", bytes)?;
        // What a sandbox may not hold in memory it may not hold on disk either; without swap the file does not exist.
        optional(write(group, "memory.swap.max", 0))?;
        optional(write(group, "memory.oom.group", 1))?;
    }
    if let Some(millis) = changes.cpu_millis {
        write(group, "cpu.max", format!("{} {PERIOD_US}", quota_us(millis)))?;
        write(group, "cpu.weight", weight(millis))?;
    }
    changes.pids.map_or(Ok(()), |pids| write(group, "pids.max", u64::from(pids) + 1))
}

fn optional(result: Result<(), Errno>) -> Result<(), Errno> {
    if result == Err(Errno::NOENT) { Ok(()) } else { result }
}

pub(super) fn counted(group: &OwnedFd) -> Counted {
    Counted {
        cpu_us: keyed(group, "cpu.stat", "usage_usec"),
        memory_bytes_peak: number(group, "memory.peak").unwrap_or(0),
        pids_peak: number(group, "pids.peak").unwrap_or(0),
        memory_kills: keyed(group, "memory.events", "oom_kill").unwrap_or(0),
        pids_refused: keyed(group, "pids.events", "max").unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cgroup::read, wire::Limits};
    use rustix::fs::{Mode, OFlags, open};

    /// A folder with the control files of a kernel, as plain files.
    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let group = open(folder.path(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        (folder, group)
    }

    fn everything() -> Changes {
        let limits = Limits { cpu_millis: 100, ..Limits::DEFAULT };
        Changes::between(None, &limits)
    }

    #[test]
    fn limits_are_written_as_the_kernel_reads_them() {
        let empty = ["memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "cpu.weight", "pids.max"];
        let (_kept, group) = folder(&empty.map(|name| (name, "")));
        limit(&group, &everything()).unwrap();
        let expected = [
            ("memory.max", "256000000"),
            ("memory.swap.max", "0"),
            ("memory.oom.group", "1"),
            ("cpu.max", "100000 1000000"),
            ("cpu.weight", "10"),
            ("pids.max", "65"),
        ];
        for (name, content) in expected {
            assert_eq!(read(&group, name).as_deref(), Some(content), "{name}");
        }
    }

    #[test]
    fn a_missing_controller_is_an_error_and_missing_swap_is_not() {
        let all = ["memory.max", "cpu.max", "cpu.weight", "pids.max"];
        let (_kept, group) = folder(&all.map(|name| (name, "")));
        assert_eq!(limit(&group, &everything()), Ok(()));
        let (_kept, group) = folder(&[("memory.max", ""), ("cpu.max", ""), ("cpu.weight", "")]);
        assert_eq!(limit(&group, &everything()), Err(Errno::NOENT));
    }

    #[test]
    fn only_what_differs_is_written() {
        let before = Limits::DEFAULT;
        let after = Limits { pids: before.pids + 1, files: 1, ..before };
        let changes = Changes::between(Some(&before), &after);
        assert_eq!(changes, Changes { memory_bytes: None, cpu_millis: None, pids: Some(after.pids) });
        let (_kept, group) = folder(&[("pids.max", "")]);
        assert_eq!(limit(&group, &changes), Ok(()));
    }

    #[test]
    fn what_the_kernel_counted_is_read_back() {
        let (_kept, group) = folder(&[
            ("cpu.stat", "usage_usec 1234\nuser_usec 1000\nsystem_usec 234\n"),
            ("memory.peak", "5000\n"),
            ("pids.peak", "7\n"),
            ("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n"),
            ("pids.events", "max 9\n"),
        ]);
        let expected =
            Counted { cpu_us: Some(1234), memory_bytes_peak: 5000, pids_peak: 7, memory_kills: 2, pids_refused: 9 };
        assert_eq!(counted(&group), expected);
        let (_kept, group) = folder(&[]);
        assert_eq!(counted(&group), Counted::default());
    }
}
