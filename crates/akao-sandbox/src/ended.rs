//! How a sandbox ended, as its owner is told.

use akao_spawner::wire::{self, Exit, Usage};

/// The end of a sandbox. There is exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why it ended.
    pub cause: Cause,
    /// What it used.
    pub usage: Usage,
    /// How often a process or thread was refused; known where control groups hold the limits.
    pub pids_refused: u64,
}

/// Why a sandbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The program ended by itself, with this code.
    Exited(i32),
    /// The program was ended by this signal.
    Signalled(i32),
    /// It needed more memory than its limit.
    Memory,
    /// It failed after it was refused a process or thread, or had more than it may where nothing refuses them.
    Pids,
    /// It failed while its folders took no more, or wrote a file beyond the limit.
    Disk,
    /// The wall limit passed.
    Deadline,
    /// Its owner killed it.
    Killed,
    /// Something outside ended its first process.
    Lost,
}

impl Ended {
    /// The end that the spawner reports; `killed` says whether the owner asked for it.
    pub(crate) fn new(report: &wire::Ended, killed: bool) -> Self {
        let failed = report.exit != Some(Exit::Code(0));
        let cause = match report.exit {
            _ if report.memory_exceeded && failed => Cause::Memory,
            None if report.deadline => Cause::Deadline,
            None if killed => Cause::Killed,
            None => Cause::Lost,
            Some(_) if failed && report.pids_refused > 0 => Cause::Pids,
            Some(_) if failed && report.disk_full => Cause::Disk,
            Some(Exit::Code(code)) => Cause::Exited(code),
            Some(Exit::Signal(signal)) => Cause::Signalled(signal),
        };
        Self { cause, usage: report.usage, pids_refused: report.pids_refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_report_has_one_cause() {
        let report = |exit, memory_exceeded, deadline, pids_refused| wire::Ended {
            exit,
            memory_exceeded,
            deadline,
            pids_refused,
            disk_full: false,
            usage: Usage::default(),
        };
        let cases = [
            (report(Some(Exit::Code(0)), false, false, 0), false, Cause::Exited(0)),
            (report(Some(Exit::Code(0)), true, false, 3), false, Cause::Exited(0)),
            (report(Some(Exit::Code(3)), false, false, 0), true, Cause::Exited(3)),
            (report(Some(Exit::Code(3)), false, false, 1), false, Cause::Pids),
            (report(Some(Exit::Code(3)), true, false, 1), false, Cause::Memory),
            (report(Some(Exit::Signal(9)), true, false, 0), false, Cause::Memory),
            (report(Some(Exit::Signal(11)), false, false, 0), false, Cause::Signalled(11)),
            (report(None, true, true, 0), true, Cause::Memory),
            (report(None, false, true, 0), true, Cause::Deadline),
            (report(None, false, false, 0), true, Cause::Killed),
            (report(None, false, false, 0), false, Cause::Lost),
        ];
        for (report, killed, cause) in cases {
            assert_eq!(Ended::new(&report, killed).cause, cause, "{report:?}");
        }
        let full =
            |exit, pids_refused| wire::Ended { disk_full: true, ..report(Some(exit), false, false, pids_refused) };
        let cases = [
            (full(Exit::Code(0), 0), Cause::Exited(0)),
            (full(Exit::Code(1), 0), Cause::Disk),
            (full(Exit::Signal(25), 0), Cause::Disk),
            (full(Exit::Code(1), 2), Cause::Pids),
        ];
        for (report, cause) in cases {
            assert_eq!(Ended::new(&report, false).cause, cause, "{report:?}");
        }
    }
}
