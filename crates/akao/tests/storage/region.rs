//! A disk of which only the first bytes of each file can be used, by a filter of system calls: it needs no mount and no right.
//!
//! Beyond the bound the kernel refuses to move to a place, to write or to read there with the given error, for the calling
//! thread and every process that it starts.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::{collections::BTreeMap, thread};

/// Runs `work` on a thread for whose processes files cannot be written beyond `bytes`.
pub(crate) fn with_files_that_end_at<T: Send>(bytes: u64, errno: i32, work: impl FnOnce() -> T + Send) -> T {
    let from_start = number(2, SeccompCmpOp::Eq, 0);
    let seek = vec![number(1, SeccompCmpOp::Gt, bytes), from_start];
    let write = vec![number(3, SeccompCmpOp::Gt, bytes)];
    filtered(vec![(libc::SYS_lseek, seek), (libc::SYS_pwrite64, write)], errno, work)
}

/// Runs `work` on a thread for whose processes files cannot be read beyond `bytes`.
pub(crate) fn with_files_unreadable_beyond<T: Send>(bytes: u64, errno: i32, work: impl FnOnce() -> T + Send) -> T {
    filtered(vec![(libc::SYS_pread64, vec![number(3, SeccompCmpOp::Gt, bytes)])], errno, work)
}

fn number(argument: u8, compare: SeccompCmpOp, value: u64) -> SeccompCondition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, compare, value).expect("a condition")
}

/// Runs `work` on a thread of its own, where the given calls end with an error.
fn filtered<T: Send>(calls: Vec<(i64, Vec<SeccompCondition>)>, errno: i32, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            fail(calls, errno.unsigned_abs());
            work()
        });
        thread.join().expect("the thread ends")
    })
}

fn fail(calls: Vec<(i64, Vec<SeccompCondition>)>, errno: u32) {
    let rule = |conditions| vec![SeccompRule::new(conditions).expect("a rule")];
    let rules: BTreeMap<_, _> = calls.into_iter().map(|(call, conditions)| (call, rule(conditions))).collect();
    let machine = std::env::consts::ARCH.try_into().expect("an architecture that has filters");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), machine);
    let program: BpfProgram = filter.expect("a filter").try_into().expect("a filter of few rules");
    seccompiler::apply_filter(&program).expect("a kernel with filters of system calls");
}
