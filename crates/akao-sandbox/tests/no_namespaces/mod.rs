//! Plays a machine that lets nobody make a namespace, as a container with its usual settings does: by a filter of system calls.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

/// From here on neither this thread nor what it starts makes a namespace.
pub(crate) fn deny() {
    let namespaces = (libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET) as u64;
    let any_of = |flag: u64| {
        let compare = SeccompCmpOp::MaskedEq(flag);
        SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Qword, compare, flag).unwrap()]).unwrap()
    };
    let flags = (0..64).map(|bit| 1 << bit).filter(|flag| namespaces & flag != 0);
    let denied = BTreeMap::from([(libc::SYS_unshare, Vec::new()), (libc::SYS_clone, flags.map(any_of).collect())]);
    // Its flags stand in memory, where no filter reads them.
    let unknown = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    for (calls, errno) in [(denied, libc::EPERM), (unknown, libc::ENOSYS)] {
        let machine = std::env::consts::ARCH.try_into().unwrap();
        let answer = SeccompAction::Errno(errno.unsigned_abs());
        let filter = SeccompFilter::new(calls, SeccompAction::Allow, answer, machine).unwrap();
        let program: BpfProgram = filter.try_into().unwrap();
        seccompiler::apply_filter(&program).unwrap();
    }
}
