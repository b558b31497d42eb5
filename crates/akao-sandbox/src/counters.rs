//! What a sandbox uses while it runs, from the files in which its control group counts.

use akao_spawner::wire::{Count, Usage};
use rustix::{fd::OwnedFd, io::pread};

/// The part of a file that is read: the counts that are looked for stand at its beginning.
const BYTES_READ: usize = 256;

/// The open files of one sandbox; none where it has no control group.
#[derive(Debug, Default)]
pub(crate) struct Counters(Vec<(Count, OwnedFd)>);

impl Counters {
    pub(crate) fn new(files: impl Iterator<Item = (Count, OwnedFd)>) -> Self {
        Self(files.collect())
    }

    /// Bytes of memory now.
    pub(crate) fn memory_now(&self) -> Option<u64> {
        self.read(Count::Memory)
    }

    /// All that was used so far; none where processor time is not counted.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let nanoseconds = || self.read(Count::CpuNanoseconds).map(|ns| ns / 1000);
        Some(Usage {
            cpu_us: self.read(Count::CpuStat).or_else(nanoseconds)?,
            memory_bytes_peak: self.read(Count::MemoryPeak).or_else(|| self.memory_now()).unwrap_or(0),
            pids_peak: self.read(Count::PidsPeak).unwrap_or(0),
        })
    }

    fn read(&self, count: Count) -> Option<u64> {
        let (_, file) = self.0.iter().find(|(one, _)| *one == count)?;
        let mut bytes = [0_u8; BYTES_READ];
        let length = pread(file, &mut bytes[..], 0).ok()?;
        let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
        match count {
            Count::CpuStat => text.lines().find_map(|line| line.strip_prefix("usage_usec "))?.trim().parse().ok(),
            Count::Memory | Count::MemoryPeak | Count::PidsPeak | Count::CpuNanoseconds => text.trim().parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, io::Write};

    fn counters(files: &[(Count, &str)]) -> Counters {
        let made = |(count, text): &(Count, &str)| {
            let mut file: File = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            (*count, OwnedFd::from(file))
        };
        Counters::new(files.iter().map(made))
    }

    #[test]
    fn both_interfaces_are_read() {
        let separate = counters(&[
            (Count::Memory, "4096\n"),
            (Count::MemoryPeak, "8192\n"),
            (Count::PidsPeak, "3\n"),
            (Count::CpuNanoseconds, "2500000\n"),
        ]);
        let unified = counters(&[
            (Count::Memory, "4096\n"),
            (Count::MemoryPeak, "8192\n"),
            (Count::PidsPeak, "3\n"),
            (Count::CpuStat, "usage_usec 2500\nuser_usec 2000\nsystem_usec 500\n"),
        ]);
        let expected = Usage { cpu_us: 2_500, memory_bytes_peak: 8_192, pids_peak: 3 };
        for counters in [separate, unified] {
            assert_eq!((counters.usage(), counters.memory_now()), (Some(expected), Some(4_096)));
        }
    }

    #[test]
    fn what_is_not_counted_is_not_told() {
        assert_eq!((Counters::default().usage(), Counters::default().memory_now()), (None, None));
        let broken = counters(&[(Count::CpuNanoseconds, "many\n"), (Count::Memory, "")]);
        assert_eq!((broken.usage(), broken.memory_now()), (None, None));
        let older = counters(&[(Count::CpuNanoseconds, "1000\n"), (Count::Memory, "7\n")]);
        assert_eq!(older.usage(), Some(Usage { cpu_us: 1, memory_bytes_peak: 7, pids_peak: 0 }));
    }
}
