//! Makes syncing fail for the calling thread and every process that it starts, by a filter of system calls.
//!
//! The kernel then answers `fsync` and `fdatasync` with an input/output error, as a disk does that could not keep what it
//! was given. A filter cannot be taken away again, so a test lets a thread of its own die with it. Where a commit succeeds
//! under the filter, it was not synced.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

/// Lets syncs of this thread fail from now on: of one file descriptor, or of all.
pub(crate) fn fail_syncs(of: Option<u32>) {
    let rules = of.map_or_else(Vec::new, |descriptor| {
        let same = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, descriptor.into())
            .expect("a condition");
        vec![SeccompRule::new(vec![same]).expect("a rule")]
    });
    let calls = [libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sync_file_range, libc::SYS_msync];
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.into_iter().map(|call| (call, rules.clone())).collect();
    let failing = SeccompAction::Errno(libc::EIO.unsigned_abs());
    let machine = std::env::consts::ARCH.try_into().expect("an architecture that has filters");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, failing, machine).expect("a filter");
    let program: BpfProgram = filter.try_into().expect("a filter of few rules");
    seccompiler::apply_filter(&program).expect("a kernel with filters of system calls");
}
