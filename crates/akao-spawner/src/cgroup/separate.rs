//! The older interface: a tree for each controller, or for some together.

use super::{Changes, Counted, PERIOD_US, keyed, make, number, quota_us, weight, write};
use crate::wire::Count;
use rustix::{fd::OwnedFd, io::Errno};

/// Our group in one tree.
pub(crate) struct Tree {
    /// Which of the controllers we use this tree has.
    pub(super) controllers: Vec<String>,
    pub(super) folder: OwnedFd,
}

impl Tree {
    /// The group `name` below.
    pub(super) fn below(&self, name: &str) -> Result<Self, Errno> {
        Ok(Self { controllers: self.controllers.clone(), folder: make(&self.folder, name)? })
    }
}

pub(super) fn with<'a>(trees: &'a [Tree], controller: &str) -> Option<&'a OwnedFd> {
    trees.iter().find(|tree| tree.controllers.iter().any(|one| one == controller)).map(|tree| &tree.folder)
}

/// The files in which is counted, each with the controller that has it.
pub(super) const FILES: [(Count, &str, &str); 4] = [
    (Count::Memory, "memory", "memory.usage_in_bytes"),
    (Count::MemoryPeak, "memory", "memory.max_usage_in_bytes"),
    (Count::PidsPeak, "pids", "pids.peak"),
    (Count::CpuNanoseconds, "cpuacct", "cpuacct.usage"),
];

pub(super) fn limit(trees: &[Tree], changes: &Changes) -> Result<(), Errno> {
    let tree = |controller| with(trees, controller).ok_or(Errno::NOENT);
    if let Some(bytes) = changes.memory_bytes {
        limit_memory(tree("memory")?, bytes)?;
    }
    if let Some(millis) = changes.cpu_millis {
        let processor = tree("cpu")?;
        write(processor, "cpu.cfs_period_us", PERIOD_US)?;
        write(processor, "cpu.cfs_quota_us", quota_us(millis))?;
        // The usual share is 1024, that of the unified interface 100.
        write(processor, "cpu.shares", (weight(millis) * 1024 / 100).max(2))?;
    }
    changes.pids.map_or(Ok(()), |pids| write(tree("pids")?, "pids.max", u64::from(pids) + 1))
}

fn limit_memory(group: &OwnedFd, bytes: u64) -> Result<(), Errno> {
    const MEMORY: &str = "memory.limit_in_bytes";
    // With swap, which exists only where that is accounted for. It may never be less than the limit without.
    const BOTH: &str = "memory.memsw.limit_in_bytes";
    if write(group, MEMORY, bytes) == Err(Errno::INVAL) {
        write(group, BOTH, bytes)?;
        return write(group, MEMORY, bytes);
    }
    match write(group, BOTH, bytes) {
        // Where swap is not accounted for, what is over the limit must not go there: the group keeps all in memory.
        Err(Errno::NOENT) => write(group, "memory.swappiness", 0),
        other => other,
    }
}

pub(super) fn counted(trees: &[Tree]) -> Counted {
    let memory = with(trees, "memory");
    let pids = with(trees, "pids");
    Counted {
        cpu_us: with(trees, "cpuacct").and_then(|group| number(group, "cpuacct.usage")).map(|ns| ns / 1000),
        memory_bytes_peak: memory.and_then(|group| number(group, "memory.max_usage_in_bytes")).unwrap_or(0),
        pids_peak: pids.and_then(|group| number(group, "pids.peak")).unwrap_or(0),
        memory_kills: memory.and_then(|group| keyed(group, "memory.oom_control", "oom_kill")).unwrap_or(0),
        pids_refused: pids.and_then(|group| keyed(group, "pids.events", "max")).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::read;
    use rustix::fs::{Mode, OFlags, open};

    /// A folder with the control files `names`, as empty plain files.
    fn folder(names: &[&str]) -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let group = open(folder.path(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        (folder, group)
    }

    #[test]
    fn memory_is_limited_with_swap_or_kept_out_of_it() {
        const ALONE: &str = "memory.limit_in_bytes";
        const BOTH: &str = "memory.memsw.limit_in_bytes";
        let (_kept, group) = folder(&[ALONE, BOTH, "memory.swappiness"]);
        limit_memory(&group, 1000).unwrap();
        let written = |name| read(&group, name).unwrap();
        assert_eq!([ALONE, BOTH, "memory.swappiness"].map(written), ["1000", "1000", ""]);
        let (_kept, group) = folder(&[ALONE, "memory.swappiness"]);
        limit_memory(&group, 1000).unwrap();
        let written = |name| read(&group, name).unwrap();
        assert_eq!([ALONE, "memory.swappiness"].map(written), ["1000", "0"]);
        let (_kept, group) = folder(&[ALONE]);
        assert_eq!(limit_memory(&group, 1000), Err(Errno::NOENT), "a limit that would not hold is none");
    }
}
