//! What one hostile case costs, for the tests of this crate and of those above it that include this file.
//!
//! Time is the processor's time of the thread, so that a loaded machine does not count; of up to three runs the fastest is
//! taken, because the caches are shared too. Memory is the most that was allocated at once beside what was there before,
//! counted by the allocator. It counts for the whole process, so a program that includes this file has one test that
//! measures.

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};
use std::{fmt, time::Duration};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a case may allocate at once.
pub(crate) const MEMORY_BYTES_MAX: usize = 16 << 20;
/// What a case may take.
pub(crate) const TIME_MAX: Duration = Duration::from_millis(50);
/// How much longer a case may take here. The tests' profile is optimised little and checks each addition. With `--release`,
/// as in the nightly suite, only neighbours count: they share caches and cores, which doubles even the processor's time.
const TIME_FACTOR: u32 = if cfg!(debug_assertions) { 4 } else { 2 };
/// Runs of a case that takes too long the first time.
const RUNS_MAX: usize = 3;

/// The cost of one case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Processor time of the thread.
    pub(crate) time: Duration,
    /// Most bytes held at once.
    pub(crate) bytes: usize,
}

impl Cost {
    /// Whether the case cost more than it may: `times` as much time as the usual bound.
    pub(crate) fn is_too_high(&self, times: u32) -> bool {
        self.time > TIME_MAX * TIME_FACTOR * times || self.bytes > MEMORY_BYTES_MAX
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms, {} KiB", self.time.as_secs_f64() * 1e3, self.bytes / 1024)
    }
}

/// Runs a case and measures it.
pub(crate) fn measured<T>(mut case: impl FnMut() -> T) -> (T, Cost) {
    let (mut result, mut cost) = once(&mut case);
    for _ in 1..RUNS_MAX {
        if cost.time <= TIME_MAX * TIME_FACTOR {
            break;
        }
        drop(result);
        let again;
        (result, again) = once(&mut case);
        cost = Cost { time: cost.time.min(again.time), bytes: cost.bytes.max(again.bytes) };
    }
    (result, cost)
}

fn once<T>(case: &mut impl FnMut() -> T) -> (T, Cost) {
    let held = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let start = processor_time();
    let result = case();
    let time = processor_time().saturating_sub(start);
    (result, Cost { time, bytes: MEMORY.peak_usage().saturating_sub(held) })
}

fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("a clock of the processor is never negative")
}
