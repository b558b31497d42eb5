//! From a list of system calls to a program for the kernel's filter.
//!
//! The kernel runs the program once for every call number when it is installed, so its depth counts. Runs of equal
//! verdicts become ranges, and the ranges a binary tree: some eight comparisons instead of two hundred.

use crate::sys::Instruction;

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes through.
    Allow,
    /// It answers `EPERM`.
    Refuse,
    /// It answers `ENOSYS`, as if the kernel did not know it.
    Unknown,
    /// The first test that does not hold refuses it; when all hold it goes through.
    When(Vec<Test>),
}

/// A test of one argument's low 32 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// Argument, mask, and the values it may have under that mask.
    OneOf(u8, u32, Vec<u32>),
    /// Argument, mask, and the values it must not have under that mask.
    NoneOf(u8, u32, Vec<u32>),
    /// Two arguments, each with a mask, of which at most one may have bits under it.
    NotBoth((u8, u32), (u8, u32)),
}

/// The architecture as the kernel tells it to the filter.
#[cfg(target_arch = "x86_64")]
pub(super) const ARCHITECTURE: u32 = 0xC000_003E;
/// The architecture as the kernel tells it to the filter.
#[cfg(target_arch = "aarch64")]
pub(super) const ARCHITECTURE: u32 = 0xC000_00B7;

/// On x86-64, numbers with this bit are those of the x32 interface.
#[cfg(target_arch = "x86_64")]
const X32_BIT: u32 = 0x4000_0000;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;
const OFFSET_ARGUMENTS: u32 = 16;

const ANSWER_KILL: u32 = 0x8000_0000;
const ANSWER_ALLOW: u32 = 0x7fff_0000;
const ANSWER_ERROR: u32 = 0x0005_0000;

fn plain(code: u16, value: u32) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: 0, value }
}

fn branch(code: u16, value: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction { code, jump_true, jump_false, value }
}

fn refuse() -> Instruction {
    plain(RETURN, ANSWER_ERROR | libc::EPERM as u32)
}

fn unknown() -> Instruction {
    plain(RETURN, ANSWER_ERROR | libc::ENOSYS as u32)
}

/// The first program: the right architecture, its own numbers, and no `clone3`.
pub(super) fn guard() -> Vec<Instruction> {
    let mut program = vec![
        plain(LOAD, OFFSET_ARCHITECTURE),
        branch(JUMP_EQUAL, ARCHITECTURE, 1, 0),
        plain(RETURN, ANSWER_KILL),
        plain(LOAD, OFFSET_NUMBER),
    ];
    #[cfg(target_arch = "x86_64")]
    program.extend([branch(JUMP_AT_LEAST, X32_BIT, 0, 1), plain(RETURN, ANSWER_KILL)]);
    program.extend([branch(JUMP_EQUAL, libc::SYS_clone3 as u32, 0, 1), unknown(), plain(RETURN, ANSWER_ALLOW)]);
    program
}

/// The second program: `calls` as they say; all others are refused, and those from `newer` on do not exist, so that a C
/// library falls back to what there was before them.
pub(super) fn assemble(calls: &[(u32, Verdict)], newer: u32) -> Vec<Instruction> {
    let mut program = vec![plain(LOAD, OFFSET_NUMBER)];
    program.extend(tree(&ranges(calls, newer)));
    program
}

/// Verdicts by the first number each holds from; the first is 0.
fn ranges(calls: &[(u32, Verdict)], newer: u32) -> Vec<(u32, Verdict)> {
    let mut sorted = calls.to_vec();
    sorted.sort_by_key(|(number, _)| *number);
    sorted.dedup_by_key(|(number, _)| *number);
    let mut ranges: Vec<(u32, Verdict)> = Vec::new();
    let mut push = |from: u32, verdict: &Verdict| {
        if ranges.last().is_none_or(|(_, last)| last != verdict) {
            ranges.push((from, verdict.clone()));
        }
    };
    let mut next = 0;
    for (number, verdict) in &sorted {
        if *number > next {
            push(next, &Verdict::Refuse);
        }
        push(*number, verdict);
        next = number + 1;
    }
    push(next, &Verdict::Refuse);
    // Every listed number is smaller, which a test checks.
    push(newer.max(next), &Verdict::Unknown);
    ranges
}

/// A tree of comparisons over `ranges`, with the verdicts as its leaves.
fn tree(ranges: &[(u32, Verdict)]) -> Vec<Instruction> {
    if let [(_, verdict)] = ranges {
        return leaf(verdict);
    }
    page(ranges).unwrap_or_else(|| {
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let (low_code, high_code) = (tree(low), tree(high));
        let boundary = high[0].0;
        let mut program = match u8::try_from(low_code.len()) {
            Ok(over) => vec![branch(JUMP_AT_LEAST, boundary, over, 0)],
            // A conditional jump reaches 255 instructions; further on goes by an unconditional one.
            Err(_) => vec![branch(JUMP_AT_LEAST, boundary, 0, 1), plain(JUMP, low_code.len() as u32)],
        };
        program.extend(low_code);
        program.extend(high_code);
        program
    })
}

/// A tree whose comparisons jump to answers that they share: the kernel translates and tries every instruction while a
/// sandbox starts, and answers would be half of them. None where a jump would not reach.
fn page(ranges: &[(u32, Verdict)]) -> Option<Vec<Instruction>> {
    let mut page = Page::default();
    page.compare(ranges)?;
    page.close()
}

/// A tree in the making.
#[derive(Default)]
struct Page {
    code: Vec<Instruction>,
    /// Jumps to answers that are not placed yet: which comparison, whether when it holds, and the answer.
    open: Vec<(usize, bool, Instruction)>,
}

impl Page {
    /// The comparisons of two ranges or more.
    fn compare(&mut self, ranges: &[(u32, Verdict)]) -> Option<()> {
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let at = self.code.len();
        self.code.push(branch(JUMP_AT_LEAST, high[0].0, 0, 0));
        self.side(at, false, low)?;
        self.side(at, true, high)
    }

    /// What follows the comparison `at` on one of its sides.
    fn side(&mut self, at: usize, holds: bool, ranges: &[(u32, Verdict)]) -> Option<()> {
        if let [(_, verdict)] = ranges
            && let [answer] = leaf(verdict)[..]
        {
            self.open.push((at, holds, answer));
            return Some(());
        }
        self.lead(at, holds)?;
        match ranges {
            [(_, verdict)] => self.code.extend(leaf(verdict)),
            more => self.compare(more)?,
        }
        Some(())
    }

    /// Lets the comparison `at` jump to what comes next, where that is near enough.
    fn lead(&mut self, at: usize, holds: bool) -> Option<()> {
        let over = u8::try_from(self.code.len() - at - 1).ok()?;
        let comparison = &mut self.code[at];
        *(if holds { &mut comparison.jump_true } else { &mut comparison.jump_false }) = over;
        Some(())
    }

    /// Places each answer once, behind everything.
    fn close(mut self) -> Option<Vec<Instruction>> {
        while let Some(&(_, _, answer)) = self.open.first() {
            let (these, others) = std::mem::take(&mut self.open).into_iter().partition(|(_, _, one)| *one == answer);
            self.open = others;
            let these: Vec<_> = these;
            these.iter().try_for_each(|(at, holds, _)| self.lead(*at, *holds))?;
            self.code.push(answer);
        }
        Some(self.code)
    }
}

fn leaf(verdict: &Verdict) -> Vec<Instruction> {
    match verdict {
        Verdict::Allow => vec![plain(RETURN, ANSWER_ALLOW)],
        Verdict::Refuse => vec![refuse()],
        Verdict::Unknown => vec![unknown()],
        Verdict::When(tests) => {
            let mut program: Vec<Instruction> = tests.iter().flat_map(check).collect();
            program.push(plain(RETURN, ANSWER_ALLOW));
            program
        }
    }
}

/// Loads the low half of an argument, which comes first on both supported architectures, and keeps what is under `mask`.
fn masked(argument: u8, mask: u32) -> [Instruction; 2] {
    [plain(LOAD, OFFSET_ARGUMENTS + 8 * u32::from(argument)), plain(AND, mask)]
}

/// Refuses when the test does not hold, and goes on behind itself when it does.
fn check(test: &Test) -> Vec<Instruction> {
    let (argument, mask, values, wanted) = match test {
        Test::OneOf(argument, mask, values) => (argument, mask, values, true),
        Test::NoneOf(argument, mask, values) => (argument, mask, values, false),
        Test::NotBoth(first, second) => {
            let [load, and] = masked(first.0, first.1);
            let [load_second, and_second] = masked(second.0, second.1);
            // The first jump leads behind the refusal, past the look at the second argument.
            let (no_first, no_second) = (branch(JUMP_EQUAL, 0, 4, 0), branch(JUMP_EQUAL, 0, 1, 0));
            return vec![load, and, no_first, load_second, and_second, no_second, refuse()];
        }
    };
    let mut program = masked(*argument, *mask).to_vec();
    for (index, value) in values.iter().enumerate() {
        // One past the remaining comparisons: behind the refusal for wanted values, onto it for unwanted ones, which
        // have one more instruction in between.
        program.push(branch(JUMP_EQUAL, *value, (values.len() - index) as u8, 0));
    }
    if !wanted {
        program.push(plain(JUMP, 1));
    }
    program.push(refuse());
    program
}

#[cfg(test)]
mod tests;
