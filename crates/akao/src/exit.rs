//! The exit codes: one table for every command, documented in `docs/cli.md`.

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; the execution succeeded or was skipped; `diff` found nothing.
    Success,
    /// The execution failed; `diff` found differences; what was asked for is not there or not possible now.
    Failure,
    /// The command line, the workflow file or the input is not valid.
    Usage,
    /// The execution was cancelled, by Ctrl-C or by somebody else.
    Cancelled,
    /// A defect, damaged data, or a quarantined execution.
    Internal,
}

impl Exit {
    /// Every exit, in the order of the codes.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] = [Self::Success, Self::Failure, Self::Usage, Self::Cancelled, Self::Internal];

    /// The code that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Cancelled => 3,
            Self::Internal => 4,
        }
    }

    /// The exit of an execution that ended this way. One that has not ended yet is a success: it goes on elsewhere.
    pub(crate) fn of(status: akao_contract::ExecutionStatus) -> Self {
        use akao_contract::ExecutionStatus as Status;
        match status {
            Status::Queued | Status::Running | Status::Waiting | Status::Paused => Self::Success,
            Status::Success | Status::Skipped => Self::Success,
            Status::Failure => Self::Failure,
            Status::Cancelled => Self::Cancelled,
            Status::Quarantined => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_documentation() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4]);
    }
}
