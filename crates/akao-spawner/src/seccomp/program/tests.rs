//! The programs are run here by an interpreter of their own and compared with the tables they came from.

use super::*;
use crate::{
    seccomp::{Key, table},
    wire::Profile,
};

/// Every kind of order there is.
fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    for profile in [Profile::Base, Profile::Node, Profile::Jvm, Profile::Python] {
        for bits in 0..16 {
            let (network, allow_exec, grouped) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
            keys.push(Key { profile, network, allow_exec, grouped, bare: bits & 8 != 0 });
        }
    }
    keys
}

/// What the kernel would answer to a call, by running `program`.
fn run(program: &[Instruction], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(architecture.to_le_bytes());
    data.extend(0_u64.to_le_bytes());
    for argument in arguments {
        data.extend(argument.to_le_bytes());
    }
    let (mut at, mut value) = (0_usize, 0_u32);
    loop {
        let instruction = program[at];
        at += 1;
        match instruction.code {
            LOAD => {
                let from = instruction.value as usize;
                value = u32::from_le_bytes(data[from..from + 4].try_into().unwrap());
            }
            AND => value &= instruction.value,
            JUMP => at += instruction.value as usize,
            JUMP_EQUAL | JUMP_AT_LEAST => {
                let holds = match instruction.code {
                    JUMP_EQUAL => value == instruction.value,
                    _ => value >= instruction.value,
                };
                at += usize::from(if holds { instruction.jump_true } else { instruction.jump_false });
            }
            RETURN => return instruction.value,
            code => panic!("unknown instruction {code:#x}"),
        }
    }
}

fn holds(test: &Test, arguments: [u64; 6]) -> bool {
    match test {
        Test::OneOf(argument, mask, values) => values.contains(&(arguments[usize::from(*argument)] as u32 & mask)),
        Test::NoneOf(argument, mask, values) => !values.contains(&(arguments[usize::from(*argument)] as u32 & mask)),
        Test::NotBoth(first, second) => {
            [first, second].iter().any(|(argument, mask)| arguments[usize::from(*argument)] as u32 & mask == 0)
        }
    }
}

fn expected(number: u32, verdict: Option<&Verdict>, arguments: [u64; 6]) -> u32 {
    match verdict {
        None if number >= table::NEWER_FROM => ANSWER_ERROR | libc::ENOSYS as u32,
        Some(Verdict::Allow) => ANSWER_ALLOW,
        Some(Verdict::When(tests)) if tests.iter().all(|test| holds(test, arguments)) => ANSWER_ALLOW,
        Some(Verdict::Unknown) => ANSWER_ERROR | libc::ENOSYS as u32,
        _ => ANSWER_ERROR | libc::EPERM as u32,
    }
}

/// Arguments that meet and miss every test of the tables, among them values with upper halves set.
fn arguments_tried() -> Vec<[u64; 6]> {
    let interesting: Vec<u64> = (0..18)
        .chain([0xffff_ffff, 0x5412, 0x541c, 0x5413, 0x1_0000_5412, 262, 1 << 28, 0x8000_0000, 0x0001_0000])
        .chain([0x80001, 0x80802, 0x7e02_0000])
        .collect();
    let mut tried = Vec::new();
    for a in &interesting {
        for b in [0, 1, 2, 3, 8, 0x5412, 0x541c, 0x1_0000_5412, 0x80002, 22, 0o100, 0o4755, 0o20_600] {
            for c in [0, 1, 6, 17, 132, 262, 0o2755, 0o60_644, 0o102, 0o20_200_001] {
                for d in [0, 0o644, 0o6000, 0x21] {
                    tried.push([*a, b, c, d, 0, 0]);
                }
            }
        }
    }
    tried
}

#[test]
fn no_call_stands_in_the_table_twice() {
    for key in keys() {
        let mut numbers: Vec<u32> = table::calls(key).iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        // Of two rows the program would take one, and a reader perhaps the other.
        let twice: Vec<u32> = numbers.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        assert_eq!(twice, [], "{key:?}");
    }
}

#[test]
fn every_number_and_argument_gets_the_verdict_of_the_table() {
    for key in keys() {
        let calls = table::calls(key);
        assert!(calls.iter().all(|(number, _)| *number < table::NEWER_FROM));
        let program = assemble(&calls, table::NEWER_FROM);
        assert!(program.len() < 4096, "{} instructions", program.len());
        for number in 0..700 {
            let verdict = calls.iter().find(|(listed, _)| *listed == number).map(|(_, verdict)| verdict);
            let tried = match verdict {
                Some(Verdict::When(_)) => arguments_tried(),
                _ => vec![[0; 6]],
            };
            for arguments in tried {
                let answer = run(&program, ARCHITECTURE, number, arguments);
                let wanted = expected(number, verdict, arguments);
                assert_eq!(answer, wanted, "{key:?} call {number} {arguments:x?}");
            }
        }
        for number in [0x4000_0000, u32::MAX] {
            assert_eq!(run(&program, ARCHITECTURE, number, [0; 6]), ANSWER_ERROR | libc::ENOSYS as u32);
        }
    }
}

/// What the kernel would answer to a call under the list of a profile.
fn answer(profile: Profile, number: libc::c_long, arguments: [u64; 6]) -> u32 {
    answer_for(Key { profile, network: true, allow_exec: true, grouped: true, bare: false }, number, arguments)
}

fn answer_for(key: Key, number: libc::c_long, arguments: [u64; 6]) -> u32 {
    run(&assemble(&table::calls(key), table::NEWER_FROM), ARCHITECTURE, number as u32, arguments)
}

const REFUSED: u32 = ANSWER_ERROR | libc::EPERM as u32;

#[test]
fn no_call_gives_a_file_a_bit_that_gains_rights() {
    let (make, temporary) = (libc::O_CREAT as u64, libc::O_TMPFILE as u64);
    // The call, its arguments with a mode of 0, and which one the mode is.
    let mut cases = vec![
        (libc::SYS_openat, [0, 0, make, 0, 0, 0], 3),
        (libc::SYS_openat, [0, 0, temporary, 0, 0, 0], 3),
        (libc::SYS_mkdirat, [0; 6], 2),
        (libc::SYS_mknodat, [0; 6], 2),
        (libc::SYS_fchmod, [0; 6], 1),
        (libc::SYS_fchmodat, [0; 6], 2),
        (452, [0; 6], 2),
    ];
    #[cfg(target_arch = "x86_64")]
    cases.extend([
        (libc::SYS_open, [0, make, 0, 0, 0, 0], 2),
        (libc::SYS_creat, [0; 6], 1),
        (libc::SYS_mkdir, [0; 6], 1),
        (libc::SYS_mknod, [0; 6], 1),
        (libc::SYS_chmod, [0; 6], 1),
    ]);
    for profile in [Profile::Base, Profile::Node, Profile::Jvm, Profile::Python] {
        for (number, mut arguments, mode) in cases.clone() {
            for (value, expected) in
                [(0o777, ANSWER_ALLOW), (0o1777, ANSWER_ALLOW), (0o4755, REFUSED), (0o2755, REFUSED), (0o6000, REFUSED)]
            {
                // The kernel reads the low half only, so nothing above it hides the bits.
                arguments[mode] = value | 0xdead_0000_0000_0000;
                assert_eq!(answer(profile, number, arguments), expected, "{profile:?} {number} {value:o}");
            }
        }
        // Where nothing is made the mode is whatever stood in the register.
        assert_eq!(answer(profile, libc::SYS_openat, [0, 0, 0, 0o6000, 0, 0]), ANSWER_ALLOW);
        let absent = ANSWER_ERROR | libc::ENOSYS as u32;
        assert_eq!(answer(profile, libc::SYS_openat2, [0; 6]), absent, "its mode stands in memory");
    }
}

#[test]
fn process_1_is_out_of_reach_and_others_are_not() {
    // The call and which argument names the process.
    let by_number = [
        (libc::SYS_sched_setaffinity, 0),
        (libc::SYS_sched_setscheduler, 0),
        (libc::SYS_sched_setparam, 0),
        (libc::SYS_sched_setattr, 0),
        (libc::SYS_setpriority, 1),
        (libc::SYS_kill, 0),
        (libc::SYS_tkill, 0),
        (libc::SYS_tgkill, 0),
        (libc::SYS_rt_sigqueueinfo, 0),
        (libc::SYS_rt_tgsigqueueinfo, 0),
        (libc::SYS_pidfd_open, 0),
    ];
    for (number, which) in by_number {
        for (process, expected) in [(0, ANSWER_ALLOW), (2, ANSWER_ALLOW), (1, REFUSED), (0x1_0000_0001, REFUSED)] {
            let mut arguments = [0; 6];
            arguments[which] = process;
            assert_eq!(answer(Profile::Base, number, arguments), expected, "{number} {process}");
        }
    }
    for process in [1, 2, u64::from(u32::MAX)] {
        assert_eq!(answer(Profile::Base, libc::SYS_prlimit64, [process, 0, 0, 0, 0, 0]), REFUSED, "{process}");
    }
    assert_eq!(answer(Profile::Base, libc::SYS_prlimit64, [0; 6]), ANSWER_ALLOW);
    for kind in [libc::PRIO_PGRP, libc::PRIO_USER] {
        assert_eq!(answer(Profile::Base, libc::SYS_setpriority, [kind as u64, 0, 0, 0, 0, 0]), REFUSED);
    }
    assert_eq!(answer(Profile::Base, libc::SYS_ioprio_set, [0; 6]), REFUSED);
}

#[test]
fn requests_that_outlast_the_sandbox_are_refused() {
    // Those of terminals, then those of files.
    let requests = [0x5412, 0x541c, 0x5423, 0x4008_6602, 0x401c_5820, 0x800c_6613, 0xc050_6617, 0x4080_6685];
    for request in requests {
        for upper in [0_u64, 0xffff_ffff_0000_0000] {
            let arguments = [0, request | upper, 0, 0, 0, 0];
            assert_eq!(answer(Profile::Base, libc::SYS_ioctl, arguments), REFUSED, "{request:x}");
        }
    }
    // What a terminal is, how much there is to read, and not to wait.
    for request in [0x5401, 0x541b, 0x5421] {
        assert_eq!(answer(Profile::Base, libc::SYS_ioctl, [0, request, 0, 0, 0, 0]), ANSWER_ALLOW, "{request:x}");
    }
    let option = |option: i32| answer(Profile::Base, libc::SYS_setsockopt, [3, 6, option as u64, 0, 0, 0]);
    assert_eq!(option(libc::TCP_ULP), REFUSED);
    assert_eq!(option(libc::TCP_NODELAY), ANSWER_ALLOW);
}

#[test]
fn memory_that_only_a_watch_counts_cannot_be_hidden_from_it() {
    let grouped = Key { profile: Profile::Base, network: true, allow_exec: true, grouped: true, bare: false };
    let watched = Key { grouped: false, ..grouped };
    let shared = (libc::MAP_SHARED | libc::MAP_ANONYMOUS) as u64;
    let validated = (libc::MAP_SHARED_VALIDATE | libc::MAP_ANONYMOUS) as u64;
    let thread = (libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD) as u64;
    let cases = [
        (libc::SYS_mmap, [0, 4096, 3, shared, 0, 0]),
        (libc::SYS_mmap, [0, 4096, 3, validated, 0, 0]),
        (libc::SYS_memfd_create, [0; 6]),
        (libc::SYS_fcntl, [0, libc::F_SETPIPE_SZ as u64, 1, 0, 0, 0]),
        (libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 0, 0, 0, 0, 0]),
    ];
    for (number, arguments) in cases {
        assert_eq!(answer_for(watched, number, arguments), REFUSED, "{number}");
        assert_eq!(answer_for(grouped, number, arguments), ANSWER_ALLOW, "{number} where all is counted");
    }
    let (private, file) = ((libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64, libc::MAP_SHARED as u64);
    for flags in [private, file, libc::MAP_PRIVATE as u64] {
        assert_eq!(answer_for(watched, libc::SYS_mmap, [0, 4096, 3, flags, 0, 0]), ANSWER_ALLOW, "{flags:x}");
    }
    let usual = thread | libc::CLONE_FILES as u64;
    for key in [watched, grouped] {
        assert_eq!(answer_for(key, libc::SYS_clone, [usual, 0, 0, 0, 0, 0]), ANSWER_ALLOW, "{key:?}");
        assert_eq!(
            answer_for(key, libc::SYS_clone, [thread, 0, 0, 0, 0, 0]),
            REFUSED,
            "locks that nobody counts, {key:?}"
        );
    }
    for key in keys() {
        let large = private | libc::MAP_HUGETLB as u64;
        assert_eq!(answer_for(key, libc::SYS_mmap, [0, 4096, 3, large, 0, 0]), REFUSED, "{key:?}");
        assert_eq!(answer_for(key, libc::SYS_memfd_create, [0, 4, 0, 0, 0, 0]), REFUSED, "{key:?}");
        assert_eq!(answer_for(key, libc::SYS_vmsplice, [0; 6]), REFUSED, "{key:?}");
    }
}

#[test]
fn the_guard_kills_foreign_numbers_and_hides_clone3() {
    let guard = guard();
    let clone3 = libc::SYS_clone3 as u32;
    let cases = [
        (ARCHITECTURE, 0, ANSWER_ALLOW),
        (ARCHITECTURE, 500, ANSWER_ALLOW),
        (ARCHITECTURE, clone3, ANSWER_ERROR | libc::ENOSYS as u32),
        (0x4000_0003, 0, ANSWER_KILL),
        (0x4000_0028, 0, ANSWER_KILL),
        #[cfg(target_arch = "x86_64")]
        (ARCHITECTURE, X32_BIT, ANSWER_KILL),
        #[cfg(target_arch = "x86_64")]
        (ARCHITECTURE, X32_BIT + 1, ANSWER_KILL),
    ];
    for (architecture, number, answer) in cases {
        assert_eq!(run(&guard, architecture, number, [0; 6]), answer, "{architecture:x} {number:x}");
    }
}

#[test]
fn few_comparisons_decide() {
    let calls =
        table::calls(Key { profile: Profile::Base, network: true, allow_exec: true, grouped: true, bare: false });
    let ranges = ranges(&calls, table::NEWER_FROM);
    assert!(ranges.len() < 160, "{} ranges", ranges.len());
    let tests = |verdict: &Verdict| if leaf(verdict).len() > 1 { leaf(verdict).len() } else { 0 };
    let inline: usize = ranges.iter().map(|(_, verdict)| tests(verdict)).sum();
    let length = assemble(&calls, table::NEWER_FROM).len();
    assert!(
        length <= ranges.len() + inline + 16,
        "{length} instructions for {} ranges, {inline} of them tests",
        ranges.len()
    );
}
