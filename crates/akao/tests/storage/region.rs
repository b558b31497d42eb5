//! A disk of which only the first bytes of each file can be used, by a filter of system calls: it needs no mount and no right.
//!
//! SQLite moves to a place in a file before it reads or writes there; beyond the bound the kernel refuses that with the
//! given error, for the calling thread and every process that it starts.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::{collections::BTreeMap, thread};

/// Runs `work` on a thread for whose processes files cannot be used beyond `bytes`.
pub(crate) fn with_files_that_end_at<T: Send>(bytes: u64, errno: i32, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            fail_beyond(bytes, errno.unsigned_abs());
            work()
        });
        thread.join().expect("the thread ends")
    })
}

fn fail_beyond(bytes: u64, errno: u32) {
    let number = |argument, compare, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, compare, value).expect("a condition")
    };
    let from_start = number(2, SeccompCmpOp::Eq, 0);
    let seek = vec![number(1, SeccompCmpOp::Gt, bytes), from_start];
    let write = vec![number(3, SeccompCmpOp::Gt, bytes)];
    let rule = |conditions| vec![SeccompRule::new(conditions).expect("a rule")];
    let rules = BTreeMap::from([(libc::SYS_lseek, rule(seek)), (libc::SYS_pwrite64, rule(write))]);
    let machine = std::env::consts::ARCH.try_into().expect("an architecture that has filters");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), machine);
    let program: BpfProgram = filter.expect("a filter").try_into().expect("a filter of few rules");
    seccompiler::apply_filter(&program).expect("a kernel with filters of system calls");
}
