//! What a server that has nothing to do gives back.

use rustix::time::{ClockId, clock_gettime};
use std::{fs, time::Duration};

/// Between two looks at how much was done.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A server that used less of a processor than one part of so many has nothing to do.
const PART_OF_PROCESSOR: u32 = 50;

/// What may have been mapped again before it is worth another call, in bytes.
const MAPPED_AGAIN: u64 = 4 << 20;

/// Lets go of the program's pages whenever the server is at rest, for as long as this is waited for. What only its start or the
/// last work needed would count as its memory for as long as nothing else wants the room.
pub(super) async fn let_go_at_rest() {
    let (mut least, mut used) = (0, processor_time());
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        let now = processor_time();
        let is_at_rest = now.saturating_sub(used) < LOOK_AGAIN / PART_OF_PROCESSOR;
        used = now;
        if !is_at_rest || mapped_bytes() < least + MAPPED_AGAIN {
            continue;
        }
        match tokio::task::spawn_blocking(akao_sandbox::let_go_of_own_pages).await {
            Ok(Ok(bytes)) => tracing::debug!(bytes, "at rest: pages of the program that were mapped are let go of"),
            // It only counts as more memory than it needs.
            Ok(Err(error)) => tracing::debug!("pages of the program are kept: {error}"),
            Err(_) => return,
        }
        least = mapped_bytes();
    }
}

/// Resident pages of files, in bytes; none where the system does not say.
fn mapped_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(2).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}
